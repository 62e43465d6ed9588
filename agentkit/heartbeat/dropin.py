"""Which drop-in wraps the service of a timer, so that each of its runs leaves evidence?

The service's own command stays as systemd reads it, quotes and variables included; it only becomes the words of a
small script. Where agentkit is gone or broken, that says so and runs the command all the same.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping
from itertools import pairwise

from agentkit.core.calendar import next_elapse, parse_calendar
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.screen import print_block
from agentkit.core.timers import Command, Timer, read_timer
from agentkit.core.times import format_duration
from agentkit.core.timespan import parse_time_span
from agentkit.core.units import read_unit
from agentkit.heartbeat.hearing import listen_to_words
from agentkit.heartbeat.program import find_program_or_refuse
from agentkit.heartbeat.timerlines import split_command_line
from agentkit.heartbeat.wrapping import Names

# What these services do when they are started goes on after their command has ended, or has to be the command itself.
UNWRAPPABLE = frozenset({"dbus", "forking"})
LOOKED_AT = 6
REPEATED = ("OnUnitActiveSec=", "OnUnitInactiveSec=")


def print_drop_in(environ: Mapping[str, str], name: str, *, program: str | None, root: str = "/") -> int:
    """Print the drop-in that wraps a timer's service, and how to install it.

    Raises AgentkitError (unavailable) for a timer or a service that is not there, or that cannot be wrapped.
    """
    timer = read_timer(root, name if name.endswith(".timer") else f"{name}.timer", now=time.time())
    path = program or find_program_or_refuse(environ)
    if not timer.commands:
        why = timer.faults[0][1] if timer.faults else f"{timer.service} has no ExecStart="
        raise AgentkitError(f"{timer.name}: {why}", hint="systemctl list-timers lists those that there are")
    service = read_unit(root, timer.service)
    kind = (service.get("Service", "Type") if service else None) or "simple"
    if kind in UNWRAPPABLE:
        raise AgentkitError(
            f"{timer.service} has Type={kind}: what it starts goes on after its command has ended",
            hint="wrap the command that does the work, or give the service Type=oneshot",
            status=Exit.UNAVAILABLE,
        )
    if all(listen_to_words(split_command_line(command.text), {}).is_covered for command in timer.commands):
        print_block(f"# {timer.service} is wrapped already")
        return Exit.OK
    print_block(write_drop_in(timer, path, is_notify=kind.startswith("notify")))
    return Exit.OK


def write_drop_in(timer: Timer, program: str, *, is_notify: bool) -> str:
    """Return the text of the drop-in for a timer's service."""
    folder = f"/etc/systemd/system/{timer.service}.d"
    rows = [
        f"# {folder}/agentkit.conf",
        "# Put it there, then: systemctl daemon-reload. Remove it, and all is as it was.",
        "[Service]",
        "ExecStart=",
    ]
    names = Names(())
    plain = timer.name.removesuffix(".timer")
    period = find_period(timer)
    rows += [f"ExecStart={_wrap(command, names.choose_like(plain), program, period)}" for command in timer.commands]
    if is_notify:
        rows.append("NotifyAccess=all")
    return "\n".join([*rows, ""])


def find_period(timer: Timer) -> str | None:
    """Return the longest distance between two runs of a timer's schedule, such as `24h`; None when it is unknown."""
    gaps: list[float] = []
    for setting in timer.schedule.split("; "):
        try:
            if setting.startswith(REPEATED):
                gaps.append(parse_time_span(setting.partition("=")[2]) or 0.0)
            elif "=" not in setting:
                gaps.extend(_find_gaps(setting))
        except ValueError:
            continue  # what systemd does not read counts for nothing
    longest = max(gaps, default=0.0)
    return format_duration(longest).replace(" ", "") if longest >= 1 else None


def _find_gaps(expression: str) -> list[float]:
    calendar, now = parse_calendar(expression), time.time()
    elapses: list[float] = []
    while len(elapses) < LOOKED_AT and (at := next_elapse(calendar, elapses[-1] if elapses else now)) is not None:
        elapses.append(at)
    return [later - earlier for earlier, later in pairwise(elapses)]


def _wrap(command: Command, job: str, program: str, period: str | None) -> str:
    prefix = command.raw[: len(command.raw) - len(command.raw.lstrip("@-+:!|"))]
    text = command.text
    if "@" in prefix:
        # Its second word is the name that the program is told; the wrapper has no use for it.
        first, _, rest = text.partition(" ")
        text = f"{first} {rest.lstrip().partition(' ')[2]}".rstrip()
    # With a : before it systemd expands nothing, and so halves no $$.
    sign = "$" if ":" in prefix else "$$"
    own = ["heartbeat", "run", job, *(["--every", period] if period else []), "--tee", "--"]
    script = (
        f'set -- "{sign}0" {" ".join(own)} "{sign}@"; "{sign}1" --version >/dev/null 2>&1 '
        f'|| {{ echo "{sign}1 does not work: {job} runs unwatched" >&2; shift {len(own) + 1}; }}; exec "{sign}@"'
    )
    escaped = text.replace("%", "%%")
    return f"{prefix.replace('@', '')}/bin/sh -c '{script}' {shlex.quote(program)} {escaped}"
