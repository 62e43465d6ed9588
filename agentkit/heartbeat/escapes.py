"""What goes its own way: a lock that sends a job home, a command that starts another and leaves, output kept back?"""

from __future__ import annotations

import os

from agentkit.core.launchers import read_step
from agentkit.core.shelltree import Redirect, Word
from agentkit.heartbeat.edits import Edit
from agentkit.heartbeat.shellscope import NULL, Scope
from agentkit.heartbeat.silence import Reason
from agentkit.heartbeat.wrapped import split_run

# Words that make a command stay: in place of which of its own, or behind its name.
STAYS = {"setsid": b" --wait", "systemd-run": b" --wait --pipe"}
LEAVES = {
    "docker": ("-d", "--detach"),
    "podman": ("-d", "--detach"),
    "start-stop-daemon": ("-b", "--background"),
}


def mind_lock(words: tuple[str, ...], scope: Scope) -> None:
    """Say so when a lock that is held makes the job stay away without a word."""
    name = os.path.basename(words[0])
    step = read_step(words)
    own = words if step is None else step.own
    letters = {letter for word in own[1:] if word.startswith("-") and word[1:2] != "-" for letter in word[1:]}
    if name == "flock":
        waits_not = "n" in letters or bool({"--nb", "--nonblock", "--nonblocking"} & set(own))
        waits_not = waits_not or _has_zero(own, "w", ("--wait", "--timeout"))
        hides = _has_zero(own, "E", ("--conflict-exit-code",))
    elif name == "setlock":
        waits_not, hides = "n" in letters, "x" in letters
    else:
        waits_not, hides = name in ("lckdo", "run-one"), False
    if waits_not and (hides or not scope.is_inside) and not scope.is_voiced:
        scope.say("lock", f"`{name}` goes home without a word when another run holds its lock")


def _has_zero(own: tuple[str, ...], letter: str, names: tuple[str, ...]) -> bool:
    """Tell whether an option has the value 0: `-E 0`, `-nE0`, `--wait=0`."""
    for word, following in zip(own, (*own[1:], ""), strict=True):
        name, given, value = word.partition("=")
        if name not in names:
            name, given, value = word.partition(letter)
            if not given or not name.startswith("-") or name.startswith("--"):
                continue
        value = value or following
        if value and not value.strip("0."):
            return True
    return False


def mend_detached(words: tuple[str, ...], origins: tuple[Word | None, ...], scope: Scope) -> None:
    """Make a command that goes its own way stay, where an option or its absence does that."""
    name, first = os.path.basename(words[0]), origins[0]
    edits = scope.frame.edits
    if first is not None and name in STAYS:
        edits.append(Edit(first.end, first.end, STAYS[name]))
        return
    for word, origin in zip(words[1:], origins[1:], strict=True):
        if origin is None:
            continue
        if name == "screen" and word.startswith("-d"):
            edits.append(Edit(origin.start, origin.end, word.replace("-d", "-D", 1).encode(errors="surrogateescape")))
            return
        if word in LEAVES.get(name, ()):
            edits.append(Edit(origin.start, origin.end + 1, b""))
            return


def mind_tee(words: tuple[str, ...], redirects: tuple[Redirect, ...], scope: Scope) -> None:
    """Say so when what a wrapper keeps was meant for a file."""
    run = split_run(words)
    targets = [one.target for one in redirects if ">" in one.operator and one.descriptor in (None, 1)]
    files = [target for target in targets if target and target != NULL and not target.isdigit()]
    if run is not None and files and "--tee" not in run[1]:
        text = f"the wrapper keeps what the program prints, and {files[0]} stays empty: --tee passes it on"
        scope.found.worth_knowing.setdefault("no-tee", Reason("no-tee", text))
