"""How long may a unit take to start and to stop before systemd ends the wait?

By systemd.service(5), TimeoutStartSec= and Type=oneshot; systemd.mount(5), systemd.swap(5) and systemd.socket(5).
"""

from dataclasses import dataclass

from agentkit.core.timespan import parse_time_span
from agentkit.core.unittext import Setting
from agentkit.depmap.unitdraft import Draft

# What systemd waits where nothing else is said (systemd-system.conf(5), DefaultTimeoutStartSec=).
DEFAULT_S = 90.0
HAVE_LIMITS = frozenset({"service", "socket", "mount", "swap"})


@dataclass(frozen=True, slots=True)
class UnitLimits:
    """The limits of one unit, in seconds, None for none; with each the setting that says so, None for the default.

    `type` is that of a service, and of other units their own; `typed` the setting that says so. `file` is the fragment.
    """

    unit: str
    file: str
    type: str
    typed: Setting | None
    start_s: float | None
    start: Setting | None
    stop_s: float | None
    stop: Setting | None


def find_limits(draft: Draft) -> UnitLimits | None:
    """Return the limits of a unit that runs programs; None for other units."""
    if draft.kind not in HAVE_LIMITS:
        return None
    type_ = find_type(draft)
    start_s, stop_s = (None if type_ == "oneshot" else DEFAULT_S), DEFAULT_S
    start = stop = None
    limit: float | None
    for setting in draft.lists.get("Timeout", ()):
        try:
            limit = parse_time_span(setting.value) or None  # of a wait, 0 is no limit either
        except ValueError as error:
            draft.complain(setting, str(error))
            continue
        if setting.key != "TimeoutStopSec":
            start_s, start = limit, setting
        if setting.key != "TimeoutStartSec":
            stop_s, stop = limit, setting  # type: ignore[assignment]  # mypy sees the default only
    return UnitLimits(draft.name, draft.file, type_, draft.values.get("Type"), start_s, start, stop_s, stop)


def find_type(draft: Draft) -> str:
    """Return the type of a service, said or not; of other units their own."""
    if draft.kind != "service":
        return draft.kind
    if type_ := draft.get("Type"):
        return type_
    if draft.get("BusName"):
        return "dbus"
    return "simple" if draft.commands.get("ExecStart") else "oneshot"
