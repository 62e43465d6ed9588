"""Which relations does systemd add to a unit by itself?

The sections IMPLICIT DEPENDENCIES and DEFAULT DEPENDENCIES of the manual pages of each type, and systemd.exec(5). Those
that follow from one setting stand where it does. What hangs on the running machine is left out: mounts of the kernel,
devices that udev has seen.
"""

from agentkit.core.unitfiles import split_name
from agentkit.core.unittext import Setting
from agentkit.depmap.unitdraft import Draft
from agentkit.depmap.unitmounts import add_mount_relations, escape_path, is_extrinsic
from agentkit.depmap.unitsettings import HAS_EXEC, HAS_SLICE, fill_path
from agentkit.depmap.unitwords import split_words

DEFAULT, EXEC, SLICE, TRIGGER, BUS = (f"implicit:{what}" for what in ("default", "exec", "slice", "trigger", "bus"))
_SYSINIT = (("requires", "sysinit.target"), ("after", "sysinit.target"))
_SHUTDOWN, _UMOUNT = ("before", "shutdown.target"), ("before", "umount.target")
DEFAULTS = {
    "service": (*_SYSINIT, ("after", "basic.target"), _SHUTDOWN),
    "socket": (("before", "sockets.target"), *_SYSINIT, _SHUTDOWN),
    "timer": (("before", "timers.target"), *_SYSINIT, _SHUTDOWN),
    "path": (("before", "paths.target"), *_SYSINIT, _SHUTDOWN),
    "target": (_SHUTDOWN,),
    "slice": (_SHUTDOWN,),
    "automount": (("before", "local-fs.target"), ("after", "local-fs-pre.target"), _UMOUNT),
    "swap": (("before", "swap.target"), _UMOUNT),
}
# Always there, and without default dependencies.
PERPETUAL = frozenset({"-.slice", "system.slice", "-.mount", "init.scope"})
FOLDERS = {
    "RuntimeDirectory": "/run",
    "StateDirectory": "/var/lib",
    "CacheDirectory": "/var/cache",
    "LogsDirectory": "/var/log",
    "ConfigurationDirectory": "/etc",
}
_WRITTEN = frozenset({"StateDirectory", "CacheDirectory", "LogsDirectory"})
_JOURNAL = ("journal", "kmsg", "syslog")
_BOTH_WAYS = ("tty", "socket", "fd")


def add_implicit(draft: Draft) -> None:
    """Add the relations that the unit's type and settings bring with them."""
    if draft.kind == "socket":
        _add_socket(draft)
    elif draft.kind in ("timer", "path"):
        if not draft.triggered:
            _trigger(draft, f"{draft.name.removesuffix(f'.{draft.kind}')}.service", None)
        for watched in draft.lists.get("Watch", ()):
            if draft.kind == "path" and (path := fill_path(draft, watched, watched.value)):
                draft.paths.append((path, watched, ""))
        if draft.kind == "timer" and draft.is_on("Persistent"):
            draft.paths.append(("/var/lib/systemd/timers", draft.values["Persistent"], ""))
    elif draft.kind in ("mount", "automount", "swap"):
        add_mount_relations(draft)
    if draft.kind in HAS_EXEC and (draft.kind != "socket" or any(draft.commands.values())):
        _add_exec(draft)
    if draft.kind == "service" and draft.get("Type") in ("dbus", "") and (bus := draft.values.get("BusName")):
        draft.relate("requires", "dbus.socket", bus, BUS)
        draft.relate("after", "dbus.socket", bus, BUS)
    _add_slice(draft)
    _add_defaults(draft)


def has_defaults(draft: Draft) -> bool:
    """Return whether the unit takes default dependencies."""
    return draft.is_on("DefaultDependencies", True) and draft.name not in PERPETUAL


def _add_defaults(draft: Draft) -> None:
    if not has_defaults(draft):
        return
    for kind, name in DEFAULTS.get(draft.kind, ()):
        draft.relate(kind, name, None, DEFAULT)
    if draft.kind == "timer":
        calendar = next((each for each in draft.lists.get("Elapse", ()) if is_calendar(draft, each)), None)
        if calendar:
            draft.relate("after", "time-sync.target", calendar, DEFAULT)
            draft.relate("after", "time-set.target", calendar, DEFAULT)


def is_calendar(draft: Draft, setting: Setting) -> bool:
    """Return whether a setting is a calendar expression that systemd takes."""
    from agentkit.core.calendar import parse_calendar

    if setting.key != "OnCalendar":
        return False
    try:
        parse_calendar(draft.fill(setting.value))
    except ValueError as error:
        draft.complain(setting, str(error))
        return False
    return True


def _trigger(draft: Draft, name: str, setting: Setting | None) -> None:
    if draft.relate("triggers", name, setting, "" if setting else TRIGGER):
        draft.relate("before", name, setting, TRIGGER)


def _add_socket(draft: Draft) -> None:
    base = draft.name.removesuffix(".socket")
    if draft.is_on("Accept"):
        # Each connection starts an instance of its own.
        template = f"{base.partition('@')[0]}@.service"
        draft.add("triggers", f"unit:{draft.own(template)}", draft.values["Accept"], TRIGGER)
    elif setting := draft.values.get("Service"):
        _trigger(draft, setting.value, setting)
    else:
        _trigger(draft, f"{base}.service", None)
    for setting in draft.lists.get("Listen", ()):
        if setting.key in ("ListenNetlink", "ListenMessageQueue"):
            continue
        if setting.value.startswith(("/", "%")) and (path := fill_path(draft, setting, setting.value)):
            draft.paths.append((straighten(path), setting, ""))
    if (device := draft.values.get("BindToDevice")) and device.value != "lo":
        name = f"sys-subsystem-net-devices-{escape_path(device.value)}.device"
        draft.relate("bindsto", name, device, "implicit:device")
        draft.relate("after", name, device, "implicit:device")


def straighten(path: str) -> str:
    """Return the path that systemd takes for one of long ago."""
    return path.replace("/var/run/", "/run/", 1) if path.startswith("/var/run/") else path


def _add_exec(draft: Draft) -> None:
    for key in ("WorkingDirectory", "RootDirectory", "RootImage"):
        setting = draft.values.get(key)
        if setting and not setting.value.startswith(("-", "~")) and (path := fill_path(draft, setting, setting.value)):
            draft.paths.append((path, setting, ""))
    is_written = None
    for key, parent in FOLDERS.items():
        for setting in draft.lists.get(key, ()):
            try:
                words = [draft.fill(word) for word in split_words(setting.value)]
            except ValueError as error:
                draft.complain(setting, str(error))
                continue
            draft.paths.extend((f"{parent}/{word.partition(':')[0]}", setting, "") for word in words)
            is_written = setting if words and key in _WRITTEN else is_written
    if is_written:
        draft.relate("after", "systemd-remount-fs.service", is_written, EXEC)
    private = draft.values.get("PrivateTmp") if draft.is_on("PrivateTmp") else None
    private = private or (draft.values.get("DynamicUser") if draft.is_on("DynamicUser") else None)
    if private:
        draft.relate("after", "tmp.mount", private, EXEC)
        draft.relate("wants", "tmp.mount", private, EXEC)
        draft.relate("after", "systemd-tmpfiles-setup.service", private, EXEC)
        draft.paths.append(("/var/tmp", private, ""))  # noqa: S108  # where systemd makes one of its own
    if setting := draft.values.get("RootImage"):
        draft.relate("after", "systemd-udevd.service", setting, EXEC)
    _add_log(draft)


def _add_log(draft: Draft) -> None:
    if setting := draft.values.get("LogNamespace"):
        for stem in ("systemd-journald", "systemd-journald-varlink"):
            draft.relate("requires", f"{stem}@{draft.fill(setting.value)}.socket", setting, EXEC)
            draft.relate("after", f"{stem}@{draft.fill(setting.value)}.socket", setting, EXEC)
        return
    if draft.name in PERPETUAL:
        return
    output, errors = draft.values.get("StandardOutput"), draft.values.get("StandardError")
    is_both_ways = draft.kind == "service" and draft.get("StandardInput").startswith(_BOTH_WAYS)
    if (output is None or output.value == "inherit") and not is_both_ways:
        draft.relate("after", "systemd-journald.socket", output, EXEC)
    elif named := next((each for each in (output, errors) if each and each.value.startswith(_JOURNAL)), None):
        draft.relate("after", "systemd-journald.socket", named, EXEC)


def _add_slice(draft: Draft) -> None:
    if draft.kind == "slice":
        stem = draft.name.removesuffix(".slice")
        if stem != "-":
            parent = f"{stem.rpartition('-')[0] or '-'}.slice"
            draft.relate("requires", parent, None, SLICE)
            draft.relate("after", parent, None, SLICE)
        return
    if draft.kind not in HAS_SLICE:
        return
    if setting := draft.values.get("Slice"):
        # Empty: in a template, where only an instance can say.
        for kind in ("requires", "after") if setting.value else ():
            draft.relate(kind, setting.value, setting)
        return
    prefix, instance, _ = split_name(draft.name)
    name = "system.slice" if instance is None else f"system-{escape_name(prefix)}.slice"
    if draft.name in PERPETUAL or (draft.kind == "mount" and is_extrinsic(draft)):
        name = "-.slice"
    draft.relate("requires", name, None, SLICE)
    draft.relate("after", name, None, SLICE)


def escape_name(text: str) -> str:
    """Return a text as part of a unit's name: a dash there would part levels (systemd-escape(1))."""
    return text.replace("\\", "\\x5c").replace("-", "\\x2d")
