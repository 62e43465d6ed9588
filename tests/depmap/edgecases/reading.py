"""What do the labelled cases say: which files, which edges are wanted, which are wrong?"""

import fnmatch
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).parent
WANTED, UNSEEN, TOLERATED, FORBIDDEN = "wanted", "unseen", "tolerated", "forbidden"
_PREFIXES = {"~": UNSEEN, "maybe ": TOLERATED, "not ": FORBIDDEN}
EXACT = frozenset({"exec", "call", "source", "unknown"})
SCRIPT = "main.sh"
ROOT = "root"  # the folder that holds the files whose names begin with a slash
_LABEL = re.compile(
    r"(?:(?P<file>[^\s:()]*[./][^\s:()]*):)?(?:(?P<function>[^\s()]+)\(\))?(?:(?<=[:)]) )?(?P<kind>[a-z]+)"
    r"(?: (?P<target>(?!@\d+$).*?))?(?: via (?P<via>\S+))?(?: @(?P<line>\d+))?"
)
_FUNCTION = re.compile(r"(?:(?P<file>[^\s:()]*[./][^\s:()]*):)?(?P<name>[^\s()]+)\(\)")


@dataclass(frozen=True, slots=True)
class Label:
    """One edge that is wanted or not; names of files are those of the case."""

    form: str
    file: str
    function: str | None
    kind: str
    target: str
    via: str | None
    line: int | None
    text: str


@dataclass(slots=True)
class Case:
    """A folder of files, of which SCRIPT is mapped, and what is to come of it."""

    name: str
    files: dict[str, bytes] = field(default_factory=dict)
    labels: list[Label] = field(default_factory=list)
    is_run: bool = True

    @property
    def has_root(self) -> bool:
        """Tell whether it is mapped as a machine's root folder."""
        return any(name.startswith("/") for name in self.files)

    def lay_out(self, folder: Path) -> Path:
        """Write its files under `folder` and return the script's path."""
        for name, content in self.files.items():
            path = folder / ROOT / name.lstrip("/") if name.startswith("/") else folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            path.chmod(0o755)
        return folder / SCRIPT


def read_cases() -> list[Case]:
    """Return all cases of this folder, in the order of the files' names."""
    from tests.depmap.edgecases.odd import make_odd_cases

    cases = [case for path in sorted(FOLDER.glob("*.cases")) for case in read_text(path.read_text())]
    return [*cases, *make_odd_cases()]


def read_text(text: str) -> Iterator[Case]:
    """Yield the cases of a text."""
    for part in re.split(r"^=== ", text, flags=re.MULTILINE)[1:]:
        head, _, rest = part.partition("\n")
        files, _, labels = rest.rpartition("\n=>\n") if "\n=>\n" in rest else ("", "", rest)
        name, _, option = head.partition(" [")
        sources = re.split(r"^--- (\S+)\n", files + "\n", flags=re.MULTILINE)
        yield make_case(
            name,
            {SCRIPT: sources[0], **dict(zip(sources[1::2], sources[2::2], strict=True))},
            labels.splitlines(),
            is_run=option != "no run]",
        )


def make_case(name: str, files: dict[str, str | bytes], labels: Iterable[str], *, is_run: bool = True) -> Case:
    """Return a case; a script of text without a first line `#!` gets one, if its name ends in .sh."""
    case = Case(name, is_run=is_run)
    for file, content in files.items():
        head = "#!/bin/bash\n" if file == SCRIPT and isinstance(content, str) and content[:2] != "#!" else ""
        case.files[file] = (head + content).encode() if isinstance(content, str) else content
    case.labels = [read_label(line.strip()) for line in labels if line.strip() and not line.startswith("#")]
    return case


def read_label(line: str) -> Label:
    """Return a label; raises AssertionError where it is none."""
    form, text = WANTED, line
    for prefix, meaning in _PREFIXES.items():
        if line.startswith(prefix):
            form, text = meaning, line[len(prefix) :].strip()
    found = _LABEL.fullmatch(text)
    assert found, f"no label: {line!r}"
    number = found["line"]
    return Label(
        form,
        found["file"] or SCRIPT,
        found["function"],
        found["kind"],
        found["target"] or "*",
        found["via"],
        int(number) if number else None,
        line,
    )


@dataclass(frozen=True, slots=True)
class Claim:
    """An edge as the map says it, its paths those of the case's folder."""

    source: str
    kind: str
    target: str
    via: str | None
    line: int | None
    path: str | None = None

    def __str__(self) -> str:
        behind = f" via {self.via}" if self.via else ""
        return f"{self.source} {self.kind} {self.target}{behind} @{self.line}"


def judge(case: Case, folder: Path, edges: Iterable[dict[str, object]]) -> list[str]:
    """Return what is wrong with the edges that were said of a case laid out in `folder`; nothing if it is right."""
    claims = [_read_claim(edge, folder) for edge in edges]
    faults = []
    for label in case.labels:
        hits = [claim for claim in claims if matches(label, claim)]
        if label.form in (WANTED, UNSEEN) and not hits:
            faults.append(f"missing: {label.text}")
        if label.form == FORBIDDEN:
            faults.extend(f"forbidden: {claim}" for claim in hits)
    allowed = [label for label in case.labels if label.form != FORBIDDEN]
    for claim in dict.fromkeys(claims):
        known = any(matches(label, claim) for label in allowed)
        if claim.kind in EXACT and not known and not _is_other_script(case, claim):
            faults.append(f"surplus: {claim}")
    return faults


def matches(label: Label, claim: Claim) -> bool:
    """Tell whether an edge is the one that a label means."""
    place = f"func:{_path(label.file)}#{label.function}" if label.function else f"file:{_path(label.file)}"
    return (
        claim.kind == label.kind
        and claim.source == place
        and any(fnmatch.fnmatchcase(claim.target, target) for target in _targets(label))
        and (label.kind != "exec" or label.via in ("*", claim.via))
        and (label.line is None or claim.line == label.line)
    )


def _targets(label: Label) -> list[str]:
    target = label.target
    if label.kind == "exec":
        # A script of the case may be named as it is written, or by its whole path.
        is_file = "/" in target or target.endswith(".sh")
        return [f"cmd:{target}", f"cmd:./{target}", f"cmd:{_path(target)}"] if is_file else [f"cmd:{target}"]
    if label.kind == "call":
        file, name = read_function(label)
        return [f"func:{_path(file)}#{name}"]
    if label.kind == "source":
        return [f"file:{_path(target)}"]
    if label.kind == "unknown":
        return [f"unknown:*{target}*"]
    return [target]


def read_function(label: Label) -> tuple[str, str]:
    """Return the file and the name of the function that a label of a call means."""
    found = _FUNCTION.fullmatch(label.target)
    assert found, f"no function: {label.text!r}"
    return found["file"] or label.file, found["name"]


def _path(name: str) -> str:
    return name if name.startswith(("/", "*")) else f"/case/{os.path.normpath(name)}"


def _read_claim(edge: dict[str, object], folder: Path) -> Claim:
    line = edge["line"]
    assert line is None or isinstance(line, int)
    via = edge["via"]
    path = edge["path"]
    return Claim(
        _shorten(str(edge["from"]), folder),
        str(edge["edge"]),
        _shorten(str(edge["to"]), folder),
        None if via is None else os.path.basename(str(via)),
        line,
        None if path is None else _shorten(str(path), folder),
    )


def _shorten(name: str, folder: Path) -> str:
    return name.replace("/opt/case/", "/case/").replace(f"{folder}/", "/case/")


def _is_other_script(case: Case, claim: Claim) -> bool:
    """Tell whether an edge starts in a file of which nothing is labelled, such as a crontab."""
    labelled = {_path(label.file) for label in case.labels} | {_path(SCRIPT)}
    file = claim.source.partition(":")[2].partition("#")[0]
    return file not in labelled
