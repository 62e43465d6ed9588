"""Why does systemd refuse a unit that it has read?

As the pages of the types of units have it (systemd.service(5) and others): such a unit is never started, whatever needs
it.
"""

from agentkit.depmap.unitdraft import Draft
from agentkit.depmap.unitmounts import escape_path, find_where

_UNORDERED = ("always", "on-success")


def find_refusal(draft: Draft) -> str | None:
    """Return why systemd refuses a unit, None where it takes it."""
    if draft.is_template:
        # An instance may have drop-ins of its own.
        return None
    if draft.kind == "service":
        return _find_refusal_of_service(draft)
    if draft.kind == "socket":
        if not draft.lists.get("Listen"):
            return "it listens at nothing"
        return (
            "Accept=yes and Service= exclude each other"
            if draft.is_on("Accept") and "Service" in draft.values
            else None
        )
    if draft.kind == "timer" and not draft.lists.get("Elapse"):
        is_otherwise = draft.is_on("OnClockChange") or draft.is_on("OnTimezoneChange")
        return None if is_otherwise else "it has no setting that says when"
    if draft.kind == "path" and not draft.lists.get("Watch"):
        return "it watches no path"
    if draft.kind == "slice" and draft.name != "-.slice" and "" in draft.name.removesuffix(".slice").split("-"):
        return "a part of its name is empty"
    return _find_refusal_of_mount(draft)


def _find_refusal_of_service(draft: Draft) -> str | None:
    starts = len(draft.commands.get("ExecStart", ()))
    kind = draft.get("Type") or ("dbus" if draft.get("BusName") else "simple" if starts else "oneshot")
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
