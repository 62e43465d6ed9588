"""Do the labels of a case agree with what its script really starts?"""

import os
import shutil
from pathlib import Path

from tests.depmap.edgecases.reading import FORBIDDEN, WANTED, Case, Label, read_function
from tests.system.straced import HIDDEN, Trace, run_straced
from tests.system.stracedroom import lay_fakes

# These are themselves in a run; everything else that a label names does nothing, or is a stand-in of stracedroom.
REAL = frozenset(
    {
        *("awk", "basename", "bash", "busybox", "cat", "dash", "dirname", "echo", "env", "false", "find", "flock"),
        *("grep", "head", "id", "mkdir", "mktemp", "nice", "nohup", "printf", "readlink", "realpath", "run-parts"),
        *("sed", "seq", "setsid", "sh", "sleep", "sort", "stdbuf", "tail", "tee", "test", "timeout", "touch", "tr"),
        *("true", "uname", "wc", "which", "xargs"),
    }
)


def run_case(case: Case, folder: Path) -> Trace:
    """Run the case's script where only stand-ins can be started, and return what it did."""
    targets = {label.target for label in case.labels if label.kind in ("exec", "check") and "*" not in label.target}
    names = {target.removeprefix("cmd:") for target in targets}
    own = {os.path.normpath(name) for name in case.files}
    lay_fakes(folder, [name for name in names if _needs_stand_in(name, own)])
    script = case.lay_out(folder)
    if case.has_root:
        shutil.copytree(folder / "root", folder / ".over", dirs_exist_ok=True)
    return run_straced(script, folder)


def _needs_stand_in(name: str, own: set[str]) -> bool:
    if os.path.normpath(name) in own or name.startswith("file:") or (name.endswith(".sh") and "/" not in name):
        return False
    if "/" not in name:
        return name not in REAL
    return name.startswith("/") and os.path.basename(name) not in REAL


def find_disagreements(case: Case, folder: Path, trace: Trace) -> list[str]:
    """Return what a run started and no label tells, and what a label wants and the run did not start."""
    faults = []
    seen = {
        (_name(start.where.file, folder), start.where.function, os.path.basename(start.program), start.via)
        for start in trace.started
    }
    labels = [label for label in case.labels if label.kind == "exec" and label.form != FORBIDDEN]
    unknown = {(label.file, label.function) for label in case.labels if label.kind == "unknown"}
    for file, function, program, via in sorted(seen, key=str):
        told = any(_is(label, file, function, program, via) for label in labels)
        is_hidden = via in HIDDEN and program in ("sh", "bash")
        if not told and not is_hidden and (file, function) not in unknown:
            faults.append(f"started and not labelled: {file} {function}() {program} via {via}")
    wanted = [label for label in labels if label.form == WANTED]
    faults.extend(
        f"labelled and not started: {label.text}" for label in wanted if not any(_is(label, *place) for place in seen)
    )
    for label in case.labels:
        started = label.kind == "exec" and label.form == FORBIDDEN and "*" not in label.target and label.line is None
        if started and any(_is(label, *place) for place in seen) and not _is_tolerated(case, label):
            faults.append(f"forbidden and started: {label.text}")
    calls = {
        (_name(source.file, folder), source.function, _name(target.file, folder), target.function)
        for source, target in trace.calls
    }
    called = [label for label in case.labels if label.kind == "call" and label.form != FORBIDDEN]
    told_calls = {(label.file, label.function, *read_function(label)) for label in called if label.target != "*"}
    faults.extend(f"called and not labelled: {call}" for call in sorted(calls - told_calls, key=str))
    faults.extend(
        f"labelled and not called: {label.text}"
        for label in called
        if label.form == WANTED and (label.file, label.function, *read_function(label)) not in calls
    )
    return faults


def _is_tolerated(case: Case, label: Label) -> bool:
    names = [os.path.basename(other.target) for other in case.labels if other.kind == "exec" and other != label]
    return os.path.basename(label.target) in names


def _is(label: Label, file: str, function: str | None, program: str, via: str | None) -> bool:
    # A wrapper that starts a shell for its text: the text's programs stand behind the wrapper itself.
    is_behind = label.via in ("*", via) or (label.via in HIDDEN and via in ("sh", "bash"))
    is_named = label.target == "*" or os.path.basename(label.target) == program
    return is_behind and is_named and (label.file, label.function) == (file, function)


def _name(file: str, folder: Path) -> str:
    """Return a file's name in the case."""
    return file.removeprefix(f"{folder}/root").removeprefix(f"{folder}/")
