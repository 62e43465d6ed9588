"""Which units make systemd, and everybody who starts or stops them, wait without a limit?"""

from __future__ import annotations

import os
from collections.abc import Iterator

from agentkit.core.hiding import hide_secrets
from agentkit.core.unittext import Setting
from agentkit.depmap.unitcommands import UnitCommand
from agentkit.depmap.unitlimits import UnitLimits
from agentkit.depmap.unitmap import UnitMap
from agentkit.depmap.wait import UNBOUNDED, Wait

# These are through in a moment, whatever else happens; udevadm settle has a limit of its own.
QUICK = frozenset({"true", "false", "echo", "printf", "kill", "test", "[", "kmod", "modprobe", "sysctl", "udevadm"})
# And so are the programs that systemd's own units run: it is not for their users to bound them.
OF_SYSTEMD = ("systemd-", "/usr/lib/systemd/", "/lib/systemd/")
# Of these types a start is over when the program is there; what runs before and after it is waited for all the same.
STARTED_AT_ONCE = frozenset({"simple", "exec", "idle"})
AROUND_START = frozenset({"ExecCondition", "ExecStartPre", "ExecStartPost", "ExecReload"})
AT_STOP = frozenset({"ExecStop", "ExecStopPost", "ExecStopPre"})
START_FIX, STOP_FIX = "TimeoutStartSec=15min", "TimeoutStopSec=90s"


def lint_units(units: UnitMap) -> Iterator[Wait]:
    """Yield the waits of a machine's units that no limit ends; an instance is its template's, unless it has a file."""
    commands: dict[str, list[UnitCommand]] = {}
    for command in units.commands:
        commands.setdefault(command.unit, []).append(command)
    told: set[tuple[str, int | None, str]] = set()
    # Templates first: what they say of themselves, their instances need not say again.
    for limits in sorted(units.limits, key=lambda limits: ("@." not in limits.unit, limits.unit)):
        for wait in _lint_unit(limits, commands.get(limits.unit, [])):
            place = (wait.file, wait.line, wait.key)
            if place not in told or "@" not in limits.unit:
                told.add(place)
                yield wait


def _lint_unit(limits: UnitLimits, commands: list[UnitCommand]) -> Iterator[Wait]:
    slow = [command for command in commands if not _is_quick(command)]
    if limits.type in ("mount", "swap"):
        if limits.start_s is None:
            yield _tell(limits, limits.start, None, "mounting it", "TimeoutSec=90s")
        return
    if limits.start_s is None and (waited := _find_waited(limits, slow)):
        what = "reloading it" if waited.key == "ExecReload" else "its start"
        if limits.start is None:
            why = f"Type=oneshot has no limit for its start (systemd.service(5)), and {waited.key}= may take for ever"
            yield _tell(limits, limits.typed, waited, why, START_FIX)
        elif limits.start is limits.stop:
            yield _tell(limits, limits.start, waited, f"{what} and its stop", _mend(limits.start, START_FIX))
            return
        else:
            yield _tell(limits, limits.start, waited, what, _mend(limits.start, START_FIX))
    if limits.stop_s is None and (slow or limits.type not in ("oneshot", "socket")):
        at_stop = next((command for command in slow if command.key in AT_STOP), None)
        main = next((command for command in slow if command.key == "ExecStart"), None)
        yield _tell(limits, limits.stop, at_stop or main, "its stop", _mend(limits.stop, STOP_FIX))


def _is_quick(command: UnitCommand) -> bool:
    name = os.path.basename(command.program)
    if name == "systemctl":
        return "--no-block" in command.words
    return name in QUICK or name.startswith(OF_SYSTEMD) or command.program.startswith(OF_SYSTEMD)


def _find_waited(limits: UnitLimits, commands: list[UnitCommand]) -> UnitCommand | None:
    """Return the first command that a start waits for, None where it waits for none."""
    for command in commands:
        is_main = command.key == "ExecStart" and limits.type not in STARTED_AT_ONCE
        if is_main or command.key in AROUND_START:
            return command
    return None


def _tell(limits: UnitLimits, setting: Setting | None, command: UnitCommand | None, why: str, fix: str) -> Wait:
    """Return what is told; of a limit that is taken off, `why` says of what."""
    if setting is not None and setting.key.startswith("Timeout"):
        why = f"{setting.key}={setting.value} takes the limit off {why}"
    line = setting.line if setting else command.line if command else None
    file = setting.file if setting else command.file if command else limits.file
    key = fix.partition("=")[0]
    text = f"{command.key}={' '.join(command.words)}" if command else f"{key}="
    return Wait(UNBOUNDED, f"unit:{limits.unit}", key, file, line, hide_secrets(text), why, fix)


def _mend(setting: Setting | None, fix: str) -> str:
    return f"TimeoutSec={fix.partition('=')[2]}" if setting and setting.key == "TimeoutSec" else fix
