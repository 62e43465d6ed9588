"""Why does systemd refuse a unit that it has read?

As the pages of the types of units have it (systemd.service(5) and others): such a unit is never started, whatever needs
it.
"""

from agentkit.core.timespan import parse_time_span
from agentkit.core.unittext import Setting
from agentkit.depmap.unitdraft import Draft
from agentkit.depmap.unitimplicit import is_calendar
from agentkit.depmap.unitlimits import find_type
from agentkit.depmap.unitmounts import escape_path, find_where
from agentkit.depmap.unitresources import NOWHERE, find_address

_UNORDERED = ("always", "on-success")


def find_refusal(draft: Draft) -> str | None:
    """Return why systemd refuses a unit, None where it takes it."""
    if draft.is_template:
        # An instance may have drop-ins of its own.
        return None
    if draft.kind == "service":
        return _find_refusal_of_service(draft)
    if draft.kind == "socket":
        return _find_refusal_of_socket(draft)
    if draft.kind == "timer" and not any(_is_time(draft, setting) for setting in draft.lists.get("Elapse", ())):
        is_otherwise = draft.is_on("OnClockChange") or draft.is_on("OnTimezoneChange")
        return None if is_otherwise else "it has no setting that says when"
    if draft.kind == "path" and not any(_is_path(draft, setting) for setting in draft.lists.get("Watch", ())):
        return "it watches no path"
    if draft.kind == "slice" and draft.name != "-.slice" and "" in draft.name.removesuffix(".slice").split("-"):
        return "a part of its name is empty"
    return _find_refusal_of_mount(draft)


def _find_refusal_of_socket(draft: Draft) -> str | None:
    listeners = [setting for setting in draft.lists.get("Listen", ()) if _is_address(draft, setting)]
    if not listeners:
        return "it listens at nothing"
    if not draft.is_on("Accept"):
        return None
    if any(setting.key not in ("ListenStream", "ListenSequentialPacket") for setting in listeners):
        return "Accept=yes is for connections only"
    return "Accept=yes and Service= exclude each other" if "Service" in draft.values else None


def _find_refusal_of_service(draft: Draft) -> str | None:
    starts = len(draft.commands.get("ExecStart", ()))
    kind = find_type(draft)
    is_ending = draft.get("SuccessAction") not in ("", "none")
    if not starts and not is_ending:
        if kind != "oneshot":
            return "it has no ExecStart=, which only Type=oneshot may lack"
        if not draft.commands.get("ExecStop"):
            return "it has neither ExecStart= nor ExecStop="
        if not draft.is_on("RemainAfterExit"):
            return "it has no ExecStart=, and no RemainAfterExit=yes"
    if not starts and kind != "oneshot":
        return "it has no ExecStart=, which only Type=oneshot may lack"
    if starts > 1 and kind != "oneshot":
        return "it has more than one ExecStart=, which only Type=oneshot may have"
    if kind == "oneshot" and (restart := draft.get("Restart")) in _UNORDERED:
        return f"it has Restart={restart}, which Type=oneshot may not have"
    return "it is of Type=dbus and has no BusName=" if kind == "dbus" and not draft.get("BusName") else None


def _find_refusal_of_mount(draft: Draft) -> str | None:
    if not draft.file or draft.kind not in ("mount", "automount", "swap"):
        return None
    named = draft.get("What" if draft.kind == "swap" else "Where")
    try:
        if named and f"{escape_path(draft.fill(named))}.{draft.kind}" != draft.name:
            return f"its name is not that of {named}"
    except ValueError as error:
        return str(error)
    if f"{escape_path(find_where(draft))}.{draft.kind}" != draft.name:
        return "its name is not that of a path"
    return "it has no What=" if draft.kind == "mount" and not draft.get("What") else None


def _is_address(draft: Draft, setting: Setting) -> bool:
    try:
        return setting.key in NOWHERE or bool(find_address(setting.key, draft.fill(setting.value)))
    except ValueError:
        return False


def _is_time(draft: Draft, setting: Setting) -> bool:
    if setting.key == "OnCalendar":
        return is_calendar(draft, setting)
    try:
        parse_time_span(draft.fill(setting.value))
    except ValueError:
        return False
    return True


def _is_path(draft: Draft, setting: Setting) -> bool:
    try:
        return draft.fill(setting.value).startswith("/") and ".." not in setting.value.split("/")
    except ValueError:
        return False
