"""Which timers of this machine start what, when, as whom, and with what bound?"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from agentkit.core.calendar import Calendar, next_elapse, parse_calendar
from agentkit.core.timespan import parse_time_span
from agentkit.core.unitfiles import UnitFiles, find_unit_files, is_unit_name
from agentkit.core.units import Unit, list_enabled_timers, read_unit
from agentkit.core.unittext import expand

MONOTONIC = ("OnActiveSec", "OnBootSec", "OnStartupSec", "OnUnitActiveSec", "OnUnitInactiveSec")
CHANGES = ("OnClockChange", "OnTimezoneChange")
TRUE = frozenset({"1", "yes", "y", "true", "t", "on"})
# What may stand before a command (systemd.service(5), special executable prefixes).
PREFIXES = "@-+:!|"
# A semicolon between blanks and outside of quotes.
_APART = re.compile(r"""(?<=\s);(?=\s)(?=(?:[^"']|"[^"]*"|'[^']*')*\Z)""")


@dataclass(frozen=True)
class Command:
    """An `ExecStart=` line: as written, the same without its prefixes, and whether `-` makes its failure no failure."""

    raw: str
    text: str
    ignores_failure: bool


@dataclass(frozen=True)
class Timer:
    """A timer that is enabled, and the service that it starts.

    `schedule` is what it counts by, for a person; `next` the next elapse of its calendar expressions in epoch seconds,
    None where there is none. `start_limit_s` is the time after which systemd ends a run, None for never. `faults` are
    codes and texts of what keeps it from running: of the timer `not-found`, `bad-calendar` and `bad-span` (this setting
    counts for nothing), `no-schedule` (no setting is left), `never`; of its service `no-service`, `no-command`,
    `refused`; of both `masked` and `unreadable`.
    """

    name: str
    file: str | None
    schedule: str
    next: float | None
    service: str
    service_file: str | None
    commands: tuple[Command, ...]
    user: str
    on_failure: tuple[str, ...]
    start_limit_s: float | None
    is_masked: bool
    faults: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class _Plan:
    """What a timer counts by: settings as written, the expressions that systemd reads, and faults of the others."""

    written: tuple[str, ...]
    calendars: tuple[Calendar, ...]
    bad: tuple[tuple[str, str], ...]
    is_also_otherwise: bool


def read_timers(root: str = "/", *, now: float, tz: str | None = None) -> tuple[Timer, ...]:
    """Return the enabled timers of the machine with this root folder, by name (systemd.timer(5), systemd.service(5)).

    `now` is in epoch seconds; `tz` names the machine's zone, None is that of /etc/localtime here. Never raises on what
    the files hold.
    """
    files = find_unit_files(root)
    return tuple(_read_timer(root, files, name, now, tz) for name in list_enabled_timers(root, files))


def read_timer(root: str, name: str, *, now: float, tz: str | None = None) -> Timer:
    """Return one timer, enabled or not; one that is not there has a fault that says so."""
    return _read_timer(root, find_unit_files(root), name, now, tz)


def _read_timer(root: str, files: UnitFiles, name: str, now: float, tz: str | None) -> Timer:
    timer = read_unit(root, name, files)
    service_name = _find_service_name(timer, name)
    service = read_unit(root, service_name, files)
    plan = _read_plan(timer, tz)
    elapses = [next_elapse(calendar, now, tz) for calendar in plan.calendars]
    upcoming = min((at for at in elapses if at is not None), default=None)
    commands = _read_commands(service)
    faults = (*_judge_timer(timer, name, plan, upcoming), *_judge_service(service, service_name, commands))
    return Timer(
        name,
        timer.file if timer else None,
        "; ".join(plan.written),
        upcoming,
        service.name if service else service_name,
        service.file if service else None,
        commands,
        _find_user(service),
        service.get_names("Unit", "OnFailure") if service else (),
        _find_limit(service),
        bool((timer and timer.is_masked) or (service and service.is_masked)),
        faults,
    )


def _find_service_name(timer: Unit | None, name: str) -> str:
    """Return what a timer starts: the first `Unit=` that is a unit's name, as systemd takes no second one."""
    own = f"{name.removesuffix('.timer')}.service"
    if timer is None:
        return own
    for setting in timer.settings:
        if (setting.section, setting.key) == ("Timer", "Unit"):
            value = expand(setting.value, timer.name)
            if is_unit_name(value) and value != timer.name:
                return value
    return own


def _read_plan(timer: Unit | None, tz: str | None) -> _Plan:
    """Return what the timer counts by; one empty assignment takes back all of them, whatever its key."""
    written: list[str] = []
    calendars: list[Calendar] = []
    bad: list[tuple[str, str]] = []
    changes: dict[str, bool] = {}
    is_monotonic = False
    for setting in timer.settings if timer else ():
        if setting.section != "Timer":
            continue
        key, value = setting.key, expand(setting.value, timer.name) if timer else ""
        if key in CHANGES:
            changes[key] = value.lower() in TRUE
        if key not in MONOTONIC and key != "OnCalendar":
            continue
        if not value:
            written, calendars, bad, is_monotonic = [], [], [], False
            continue
        written.append(value if key == "OnCalendar" else f"{key}={value}")
        try:
            if key == "OnCalendar":
                calendars.append(parse_calendar(value, tz))
            else:
                parse_time_span(value)
                is_monotonic = True
        except ValueError as error:
            bad.append(("bad-calendar" if key == "OnCalendar" else "bad-span", f"{key}={value}: {error}"))
    written.extend(f"{key}=yes" for key in CHANGES if changes.get(key))
    return _Plan(tuple(written), tuple(calendars), tuple(bad), is_monotonic or any(changes.values()))


def _judge_timer(timer: Unit | None, name: str, plan: _Plan, upcoming: float | None) -> list[tuple[str, str]]:
    if timer is None:
        return [("not-found", f"there is no {name}")]
    if timer.is_masked:
        return [("masked", f"{name} is masked by {timer.file}")]
    faults = [("unreadable", f"{path}: {why}") for path, why in timer.unreadable]
    faults.extend(plan.bad)
    if not plan.calendars and not plan.is_also_otherwise:
        faults.append(("no-schedule", f"systemd refuses {name}: no setting that it can read says when"))
    if plan.calendars and upcoming is None and not plan.is_also_otherwise:
        faults.append(("never", "no time of the schedule is to come"))
    return faults


def _judge_service(service: Unit | None, name: str, commands: tuple[Command, ...]) -> list[tuple[str, str]]:
    if service is None:
        return [("no-service", f"there is no {name}")]
    if service.is_masked:
        return [("masked", f"{service.name} is masked by {service.file}")]
    faults = [("unreadable", f"{path}: {why}") for path, why in service.unreadable]
    if not service.name.endswith(".service"):
        return faults
    return [*faults, *_find_refusals(service, commands)]


def _find_refusals(service: Unit, commands: tuple[Command, ...]) -> Iterator[tuple[str, str]]:
    """Yield why systemd refuses the service, or starts nothing by it (systemd.service(5))."""
    kind = _find_type(service)
    if not commands:
        others = [service.get("Service", "ExecStop"), service.get("Unit", "SuccessAction")]
        if kind == "oneshot" and any(others) and _is_true(service.get("Service", "RemainAfterExit")):
            yield "no-command", f"{service.name} has no ExecStart=: it starts and does nothing"
        else:
            yield "no-command", f"systemd refuses {service.name}: it has no ExecStart="
    if len(commands) > 1 and kind != "oneshot":
        yield "refused", f"{service.name} has more than one ExecStart=, which only Type=oneshot may have"
    if kind == "oneshot" and (restart := service.get("Service", "Restart")) in ("always", "on-success"):
        yield "refused", f"{service.name} has Restart={restart}, which Type=oneshot may not have"
    if kind == "dbus" and not service.get("Service", "BusName"):
        yield "refused", f"{service.name} has Type=dbus and no BusName="


def _read_commands(service: Unit | None) -> tuple[Command, ...]:
    """Return the commands in order; one line may hold several, set apart by a ` ; `."""
    commands = []
    for line in service.get_all("Service", "ExecStart") if service else ():
        for raw in (part.strip() for part in _APART.sub("\0", line).split("\0")):
            text = raw.lstrip(PREFIXES)
            if text:
                commands.append(Command(raw, text.lstrip(), "-" in raw[: len(raw) - len(text)]))
    return tuple(commands)


def _find_type(service: Unit) -> str:
    written = service.get("Service", "Type")
    if written:
        return written
    if service.get("Service", "BusName"):
        return "dbus"
    return "simple" if service.get("Service", "ExecStart") else "oneshot"


def _find_user(service: Unit | None) -> str:
    user = service and service.get("Service", "User")
    if not user and service and _is_true(service.get("Service", "DynamicUser")):
        return service.name.removesuffix(".service").partition("@")[0]
    return user or "root"


def _find_limit(service: Unit | None) -> float | None:
    """Return how long a run may last: that of a oneshot service is its start, that of others what follows the start.

    JobTimeoutSec= is no bound: it takes back the job and leaves the process alone (systemd.unit(5)).
    """
    if service is None:
        return None
    is_start = _find_type(service) == "oneshot"
    keys = ("TimeoutSec", "TimeoutStartSec") if is_start else ("RuntimeMaxSec",)
    limit_s: float | None = None
    for setting in service.settings:
        if setting.section == "Service" and setting.key in keys:
            try:
                span_s = parse_time_span(setting.value)
            except ValueError:
                continue
            # Of the time to start, 0 is no bound either.
            limit_s = None if is_start and span_s == 0 else span_s
    return limit_s


def _is_true(value: str | None) -> bool:
    return (value or "").lower() in TRUE
