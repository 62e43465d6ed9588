"""Which calls of a script can wait for ever, each with the exact words that bound it?"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from agentkit.core.shelltree import read_shell_bytes
from agentkit.depmap.bounds import judge
from agentkit.depmap.boundsfix import write_fix
from agentkit.depmap.boundsgap import Gap
from agentkit.depmap.boundsshell import DEV_TCP, IsFifo, looks_like_fifo
from agentkit.depmap.boundswrappers import BOUNDED, find_bound
from agentkit.depmap.calls import BUILTIN, FUNCTION, HOLE, PROGRAM, Call, Loop, Place, Redirected, Script, Wrapper
from agentkit.depmap.disk import Disk
from agentkit.depmap.interpreter import LONGEST_TEXT
from agentkit.depmap.lintloops import judge_loop
from agentkit.depmap.values import HOLE_VARIABLE
from agentkit.depmap.wait import PARTLY, UNBOUNDED, Wait

LONGEST_LOOP = 16_384
# `exec tclsh "$0" "$@"`
FOREIGN = re.compile(r"exec\s+(?:\S*/)?(?:tclsh|wish|expect|expectk|perl|python|ruby|guile)[\w.]*\s.*\$\{?0")
VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)")


def lint(script: Script, disk: Disk, origin: str | None = None) -> list[Wait]:
    """Return the waits of a script without a bound, in the order of its lines.

    `origin` is the subject of all of them, such as `job:/etc/crontab#7`; without it each is that of its function or
    file. A command that is called in several ways is told once, by the worst of them.
    """
    waits = _Waits(origin, _Texts(disk))
    is_fifo = _know_fifos(script, disk)
    deaf = frozenset(call.wrappers for call in script.calls if _ignores_term(call))
    fed = _find_fed(script.calls)
    end = _find_end(script)
    for call in _follow_descriptors(script.calls):
        if call.place.file == script.path and call.place.line > end:
            continue
        if call.words and call.words[0] == script.path:
            continue  # It starts itself anew.
        # cron gives its jobs /dev/null to read.
        has_input = origin is not None or not script.is_whole or (call.place.file, call.place.function) in fed
        verdict = judge(call, is_fifo, has_input=has_input, deaf=deaf)
        if verdict is not None:
            waits.keep(call.place, call.text, Gap(verdict.type, verdict.why), verdict.fix)
    _lint_loops(script, deaf, waits)
    _lint_wait(script.calls, waits)
    return _number(sorted(waits.found.values(), key=lambda wait: (wait.file, wait.line or 0)))


@dataclass(slots=True)
class _Waits:
    """What is found: of each command at each place the worst.

    A text that is put together, as for eval, may be one of many: of these the first is told for each program.
    """

    origin: str | None
    texts: _Texts
    found: dict[tuple[Place, str], Wait] = field(default_factory=dict)

    def keep(self, place: Place, text: str, gap: Gap, fix: str) -> None:
        own = f"func:{place.file}#{place.function}" if place.function else f"file:{place.file}"
        command = _clean(text)
        content = self.texts.read(place.file)
        key = command if content is None or command in content else gap.why
        before = self.found.get((place, key))
        if before is None or (before.type == PARTLY and gap.type == UNBOUNDED):
            subject, told = self.origin or own, _show(fix)
            command = _show(command)
            self.found[place, key] = Wait(gap.type, subject, command, place.file, place.line, command, gap.why, told)


@dataclass(slots=True)
class _Texts:
    """The texts of files, each read once."""

    disk: Disk
    held: dict[str, str | None] = field(default_factory=dict)

    def read(self, path: str) -> str | None:
        """Return the text of a file; None where there is none."""
        if path not in self.held:
            content = self.disk.read(path)
            self.held[path] = None if content is None else content.decode(errors="surrogateescape")
        return self.held[path]


def _show(text: str) -> str:
    """Return a text in which what is not known is three dots."""
    return text.replace(HOLE, "…").replace(f"${{{HOLE_VARIABLE}}}", "…")


def _clean(text: str) -> str:
    """Return the text of a command without the sign that joins it to what stands before it."""
    return text.strip().lstrip("|&").strip()


def _number(waits: list[Wait]) -> list[Wait]:
    """Return the waits, with a number behind the key of what stands more than once in one subject."""
    counts: dict[tuple[str, str, str], int] = {}
    numbered = []
    for wait in waits:
        key = (wait.type, wait.subject, wait.key)
        counts[key] = counts.get(key, 0) + 1
        numbered.append(wait if counts[key] == 1 else replace(wait, key=f"{wait.key} #{counts[key]}"))
    return numbered


def _find_fed(calls: Iterable[Call]) -> frozenset[tuple[str, str | None]]:
    """Return the functions (None: the top of a file) in which a group, a loop or the shell has its input redirected."""
    fed: set[tuple[str, str | None]] = set()
    for call in calls:
        is_around = not call.words or call.words == ("exec",) or call.kind == FUNCTION
        if is_around and any(each.operator == "<" and (each.descriptor or 0) == 0 for each in call.redirects):
            fed.add((call.place.file, call.place.function))
            if call.kind == FUNCTION and call.target is not None:
                fed.add((call.target, call.words[0]))
    return frozenset(fed)


def _follow_descriptors(calls: Iterable[Call]) -> Iterator[Call]:
    """Yield the calls; one that reads from a descriptor which `exec` joined to the network reads from the network."""
    joined: dict[str, Redirected] = {}
    for call in calls:
        if call.words[:1] == ("exec",):
            joined.update({str(each.descriptor): each for each in call.redirects if each.target.startswith(DEV_TCP)})
        if joined and any(each.operator == "<&" and each.target in joined for each in call.redirects):
            redirects = [
                Redirected(None, "<", joined[each.target].target)
                if each.operator == "<&" and each.target in joined
                else each
                for each in call.redirects
            ]
            call = replace(call, redirects=tuple(redirects))  # noqa: PLW2901  # the call as it acts
        yield call


def _find_end(script: Script) -> float:
    """Return the line at which the shell hands the rest of the file to another language, as Tcl's scripts do."""
    lines = [
        call.place.line
        for call in script.calls
        if call.place.file == script.path and FOREIGN.match(call.text) and call.place.function is None
    ]
    return min(lines, default=float("inf"))


def _ignores_term(call: Call) -> bool:
    if call.kind != BUILTIN or call.words[:2] != ("trap", "") or not call.wrappers:
        return False
    return bool({"TERM", "SIGTERM", "15"} & {word.upper() for word in call.words[2:]})


def _know_fifos(script: Script, disk: Disk) -> IsFifo:
    """Return what tells a fifo: the script makes it, it lies on the disk, or it is called so.

    A fifo of which the script opens the other end in the background is taken for one that opens.
    """
    made: set[str] = set()
    variables: set[str] = set()
    for call in script.calls:
        name = call.words[0].rpartition("/")[2] if call.words else ""
        if call.kind == PROGRAM and (name == "mkfifo" or (name == "mknod" and call.words[-1:] == ("p",))):
            made.update(word for word in call.words[1:] if not word.startswith("-"))
            variables.update(VARIABLE.findall(call.text))
    served = {
        word
        for call in script.calls
        if call.is_background
        for word in (*call.words, *(each.target for each in call.redirects))
        if word.strip(HOLE)
    }
    served_variables = {name for call in script.calls if call.is_background for name in VARIABLE.findall(call.text)}

    def is_fifo(name: str, text: str) -> bool:
        if name.strip(HOLE) == "":
            used = set(VARIABLE.findall(text))
            return HOLE in name and bool(used & variables) and not used & variables & served_variables
        if name in served:
            return False
        return name in made or looks_like_fifo(name) or (name.startswith("/") and _is_fifo_on_disk(disk, name))

    return is_fifo


def _is_fifo_on_disk(disk: Disk, name: str) -> bool:
    try:
        return HOLE not in name and stat.S_ISFIFO(os.stat(disk.here(name)).st_mode)
    except (OSError, ValueError):
        return False


def _lint_loops(script: Script, deaf: frozenset[tuple[Wrapper, ...]], waits: _Waits) -> None:
    leaving = frozenset(
        call.place.function
        for call in script.calls
        if call.place.function and call.kind == BUILTIN and call.words[:1] == ("exit",)
    )
    seen: set[tuple[Place, int]] = set()
    for call in script.calls:
        if call.is_remote or find_bound(call.wrappers, call, deaf) == BOUNDED:
            continue
        for loop in call.loops:
            if (loop.place, loop.number) in seen:
                continue
            seen.add((loop.place, loop.number))
            text = _read_loop(loop, waits.texts)
            gap = judge_loop(text, leaving)
            if gap is not None:
                waits.keep(loop.place, text, gap, write_fix(gap, call))


def _read_loop(loop: Loop, texts: _Texts) -> str:
    """Return the whole text of a loop, of which a long one has only its beginning at hand."""
    if len(loop.text) < LONGEST_TEXT:
        return loop.text
    content = texts.read(loop.place.file)
    raw = b"" if content is None else content.encode(errors="surrogateescape")
    begin = loop.text.encode(errors="surrogateescape")
    if raw[loop.number : loop.number + len(begin)] != begin:
        return loop.text
    whole = raw[loop.number : loop.number + LONGEST_LOOP]
    parts = read_shell_bytes(whole).body.parts
    return whole[: parts[0].end].decode(errors="surrogateescape") if parts else loop.text


def _lint_wait(calls: Iterable[Call], waits: _Waits) -> None:
    """Name a `wait` for what was started in the background and has no bound itself."""
    sent = [wait for call in calls if call.is_background and (wait := waits.found.get((call.place, _clean(call.text))))]
    for call in calls:
        if call.kind != BUILTIN or call.words[:1] != ("wait",) or call.wrappers:
            continue
        left = [wait for wait in sent if wait.file == call.place.file and (wait.line or 0) <= call.place.line]
        if left:
            worst = min(left, key=lambda wait: wait.type != UNBOUNDED)
            why = f"it waits for `{worst.command}` of line {worst.line}, which has no bound of its own"
            waits.keep(call.place, call.text, Gap(worst.type, why), f"{worst.fix} & wait")
