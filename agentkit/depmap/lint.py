"""Which calls of a script can wait for ever, each with the exact words that bound it?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from agentkit.core.hiding import hide_secrets
from agentkit.core.shellgrammar import read_shell_bytes
from agentkit.depmap.bounds import judge
from agentkit.depmap.boundsfix import write_fix
from agentkit.depmap.boundsgap import Gap
from agentkit.depmap.boundswrappers import BOUNDED, TIMEOUTS, find_bound
from agentkit.depmap.callnotes import LONGEST_TEXT
from agentkit.depmap.calls import BUILTIN, Call, Loop, Place, Script, Wrapper
from agentkit.depmap.disk import Disk
from agentkit.depmap.frames import show_holes
from agentkit.depmap.lintaround import (
    Texts,
    complete,
    find_end,
    find_fed,
    find_shared,
    follow_descriptors,
    ignores_term,
    know_fifos,
)
from agentkit.depmap.lintloops import judge_loop
from agentkit.depmap.wait import PARTLY, UNBOUNDED, Wait

LONGEST_LOOP = 16_384


def lint(script: Script, disk: Disk, origin: str | None = None) -> list[Wait]:
    """Return the waits of a script without a bound, in the order of its lines.

    `origin` is the subject of all of them, such as `job:/etc/crontab#7`; without it each is that of its function or
    file. A command that is called in several ways is told once, by the worst of them.
    """
    waits = _Waits(origin, Texts(disk))
    is_fifo = know_fifos(script, disk)
    deaf = frozenset(call.wrappers for call in script.calls if ignores_term(call))
    fed = find_fed(script.calls)
    end, shared = find_end(script), find_shared(script)
    calls = [call for call in script.calls if call.place.file != script.path or call.place.line <= end]
    for call in follow_descriptors(calls):
        if call.words and call.words[0] == script.path:
            continue  # It starts itself anew.
        # cron gives its jobs /dev/null to read.
        has_input = origin is not None or not script.is_whole or (call.place.file, call.place.function) in fed
        call = complete(call, shared, waits.texts)  # noqa: PLW2901  # the call as it acts
        verdict = judge(call, is_fifo, has_input=has_input, deaf=deaf)
        if verdict is not None:
            waits.keep(call.place, call.text, Gap(verdict.type, verdict.why), verdict.fix)
    _lint_deaf(calls, deaf, waits)
    _lint_loops(calls, deaf, waits)
    _lint_wait(calls, waits)
    return number_waits(sorted(waits.found.values(), key=lambda wait: (wait.file, wait.line or 0)))


@dataclass(slots=True)
class _Waits:
    """What is found: of each command at each place the worst.

    A text that is put together, as for eval, may be one of many: of these the first is told for each program.
    """

    origin: str | None
    texts: Texts
    found: dict[tuple[Place, str], Wait] = field(default_factory=dict)

    def keep(self, place: Place, text: str, gap: Gap, fix: str) -> None:
        own = f"func:{place.file}#{place.function}" if place.function else f"file:{place.file}"
        command = _clean(text) or _clean(fix)
        content = self.texts.read(place.file)
        key = command if content is None or command in content else gap.why
        before = self.found.get((place, key))
        if before is None or (before.type == PARTLY and gap.type == UNBOUNDED):
            subject, told = self.origin or own, hide_secrets(show_holes(fix))
            command = hide_secrets(show_holes(command))
            self.found[place, key] = Wait(gap.type, subject, command, place.file, place.line, command, gap.why, told)


def _clean(text: str) -> str:
    """Return the text of a command without the sign that joins it to what stands before it."""
    return text.strip().lstrip("|&").strip()


def number_waits(waits: list[Wait]) -> list[Wait]:
    """Return the waits, with a number behind the key of what stands more than once in one subject."""
    counts: dict[tuple[str, str, str], int] = {}
    numbered = []
    for wait in waits:
        key = (wait.type, wait.subject, wait.key)
        counts[key] = counts.get(key, 0) + 1
        numbered.append(wait if counts[key] == 1 else replace(wait, key=f"{wait.key} #{counts[key]}"))
    return numbered


def _lint_loops(calls: list[Call], deaf: frozenset[tuple[Wrapper, ...]], waits: _Waits) -> None:
    leaving = frozenset(
        call.place.function
        for call in calls
        if call.place.function and call.kind == BUILTIN and call.words[:1] == ("exit",)
    )
    seen: set[tuple[Place, int]] = set()
    for call in calls:
        if call.is_remote or find_bound(call.wrappers, call, deaf) == BOUNDED:
            continue
        for loop in call.loops:
            if (loop.place, loop.number) in seen:
                continue
            seen.add((loop.place, loop.number))
            if loop.word in ("for", "select") and "((" not in loop.text[:8]:
                continue  # It ends with its list.
            text = _read_loop(loop, waits.texts)
            gap = judge_loop(text, leaving)
            if gap is not None:
                waits.keep(loop.place, text, gap, write_fix(gap, call))


def _read_loop(loop: Loop, texts: Texts) -> str:
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


def _lint_deaf(calls: Sequence[Call], deaf: frozenset[tuple[Wrapper, ...]], waits: _Waits) -> None:
    """Name a timeout before a shell that takes no notice of it."""
    traps = [call for call in calls if call.wrappers in deaf and ignores_term(call)]
    for call in calls:
        wrapper = Wrapper("timeout", call.words)
        # The same words may stand before another shell that hears it: the trap has to be in this one's text.
        inside = range(call.place.line, call.place.line + call.text.count("\n") + 1)
        around = (trap.wrappers for trap in traps if trap.place.file == call.place.file and trap.place.line in inside)
        inner = next((each for each in around if each[: len(call.wrappers)] == call.wrappers), ())[len(call.wrappers) :]
        if not inner or inner[0].name not in TIMEOUTS or call.words[: len(inner[0].words)] != inner[0].words:
            continue
        gap = find_bound((wrapper, *inner[1:]), call, frozenset({(wrapper, *inner[1:])}))
        if isinstance(gap, Gap):
            waits.keep(call.place, call.text, gap, write_fix(gap, call))


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
