"""How do systemd's timers stand: who is told when one fails, what ends it, will it run at all?"""

from __future__ import annotations

import os
import shlex
import subprocess

from agentkit.core.asides import say_count
from agentkit.core.timers import Timer, read_timers
from agentkit.heartbeat.coveredline import Line
from agentkit.heartbeat.hearing import listen_to_words
from agentkit.heartbeat.linejudging import COVERED, DEAD, NO_LIMIT, SILENT, UNKNOWN
from agentkit.heartbeat.silence import Reason, Silence

RUNNING = "/run/systemd/system"
LIMIT_S = 5.0
# Faults by which one setting counts for nothing, while the others do.
PARTIAL = frozenset({"bad-calendar", "bad-span"})
FIXES = {
    "masked": "systemctl unmask UNIT",
    "never": "correct OnCalendar= (systemd-analyze calendar EXPRESSION)",
    "no-command": "give the service an ExecStart=, then systemctl daemon-reload",
    "no-schedule": "correct OnCalendar= (systemd-analyze calendar EXPRESSION)",
    "no-service": "write the service, or name it by Unit=",
    "not-found": "systemctl disable UNIT",
    "refused": "systemd-analyze verify UNIT",
    "unreadable": "look as root: sudo agentkit heartbeat coverage",
}
Checks = list[tuple[tuple[str, ...], dict[str, str]]]


def find_timer_lines(root: str, *, now: float) -> tuple[list[Line], Checks, tuple[str, ...]]:
    """Return how each enabled timer stands, the words of each `heartbeat check` that one runs, and what is left out."""
    timers = read_timers(root, now=now)
    is_here = os.path.realpath(root) == "/"
    if is_here and timers and not os.path.isdir(RUNNING):
        counted = say_count(len(timers), "enabled timer")
        return [], [], (f"{counted} left out: systemd does not run here, so that nothing starts them",)
    failed = _find_failed() if is_here and timers else frozenset()
    lines: list[Line] = []
    checks: Checks = []
    for timer in timers:
        heard = [listen_to_words(split_command_line(command.text), {}) for command in timer.commands]
        checks.extend((words, {}) for silence in heard for words in silence.checks)
        lines.append(_judge(timer, heard, failed))
    return lines, checks, ()


def split_command_line(text: str) -> tuple[str, ...]:
    """Return the words of an `ExecStart=` (systemd.service(5), command lines), `$$` as the `$` that it means."""
    try:
        words = shlex.split(text)
    except ValueError:
        words = text.split()
    return tuple(word.replace("$$", "$") for word in words)


def _judge(timer: Timer, heard: list[Silence], failed: frozenset[str]) -> Line:
    faults = [Reason(code, text) for code, text in timer.faults]
    fatal = [reason for reason in faults if reason.code not in PARTIAL]
    if fatal:
        state = UNKNOWN if fatal[0].code == "unreadable" else DEAD
        unit = timer.service if fatal[0].code in ("masked", "no-command", "refused") else timer.name
        fix = FIXES.get(fatal[0].code, FIXES["refused"]).replace("UNIT", shlex.quote(unit))
        return _write(timer, state, (*fatal, *(reason for reason in faults if reason not in fatal)), fix)
    jobs = tuple(job for silence in heard for job in silence.jobs)
    if heard and all(silence.is_covered for silence in heard):
        return _write(timer, COVERED, tuple(faults), None, jobs)
    reasons = _find_reasons(timer, heard, failed)
    if not reasons:
        # systemd itself ends it in time, and OnFailure= tells.
        return _write(timer, COVERED, tuple(faults), None, jobs)
    return _write(
        timer, SILENT, (*reasons, *faults), f"agentkit heartbeat adopt --systemd {shlex.quote(timer.name)}", jobs
    )


def _find_reasons(timer: Timer, heard: list[Silence], failed: frozenset[str]) -> list[Reason]:
    reasons: dict[str, Reason] = {}
    if timer.service in failed:
        reasons["unit-failed"] = Reason("unit-failed", f"{timer.service} has failed, and nobody has reset it")
    if not timer.on_failure:
        reasons["no-on-failure"] = Reason("no-on-failure", f"{timer.service} has no OnFailure= to tell somebody")
    if timer.start_limit_s is None:
        reasons[NO_LIMIT.code] = Reason(NO_LIMIT.code, f"nothing ends {timer.service}: it may run for ever")
    for command, silence in zip(timer.commands, heard, strict=True):
        if command.ignores_failure:
            text = f"the - before {split_command_line(command.text)[0]} throws a failure away"
            reasons.setdefault("status-discarded", Reason("status-discarded", text))
        for reason in (*silence.hidden.values(), *silence.reasons.values()):
            reasons.setdefault(reason.code, reason)
    only_idle = set(reasons) <= {"may-be-idle"}
    return [] if only_idle else list(reasons.values())


def _find_failed() -> frozenset[str]:
    """Return the units that systemd calls failed; none where it does not answer in time."""
    argv = ["systemctl", "list-units", "--state=failed", "--plain", "--no-legend", "--no-pager", "--full"]
    try:
        answer = subprocess.run(argv, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return frozenset()
    return frozenset(line.split()[0] for line in answer.stdout.splitlines() if line.split())


def _write(timer: Timer, state: str, reasons: tuple[Reason, ...], fix: str | None, jobs: tuple[str, ...] = ()) -> Line:
    return Line(
        file=timer.file or timer.name,
        number=None,
        user=timer.user,
        schedule=timer.schedule or None,
        next=None if state == DEAD else timer.next,
        command="; ".join(command.text for command in timer.commands) or None,
        state=state,
        reasons=reasons,
        fix=fix,
        jobs=jobs,
    )
