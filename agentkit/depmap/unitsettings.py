"""What does each setting of a unit add to what is known of it?

As systemd.unit(5), systemd.exec(5) and the pages of the types of units have it, held against `systemd --test`.
"""

import re

from agentkit.core.unittext import Setting
from agentkit.depmap.unitdraft import FALSE, TRUE, Draft, is_name
from agentkit.depmap.unitexec import RefusedError, read_commands
from agentkit.depmap.unitwords import split_words

RELATIONS = {
    "Requires": "requires",
    "Requisite": "requires",
    "RequiresOverridable": "requires",
    "RequisiteOverridable": "requires",
    "Wants": "wants",
    "Upholds": "wants",
    "BindsTo": "bindsto",
    "BindTo": "bindsto",
    "PartOf": "partof",
    "After": "after",
    "Before": "before",
    "OnFailure": "onfailure",
    "OnSuccess": "onfailure",
}
SECTIONS = {
    "service": "Service",
    "socket": "Socket",
    "timer": "Timer",
    "path": "Path",
    "mount": "Mount",
    "automount": "Automount",
    "swap": "Swap",
    "slice": "Slice",
    "scope": "Scope",
}
COMMANDS = {
    "service": (
        *("ExecCondition", "ExecStartPre", "ExecStart", "ExecStartPost"),
        *("ExecReload", "ExecStop", "ExecStopPost"),
    ),
    "socket": ("ExecStartPre", "ExecStartPost", "ExecStopPre", "ExecStopPost"),
}
HAS_EXEC = frozenset({"service", "socket", "mount", "swap"})
HAS_SLICE = frozenset({*HAS_EXEC, "scope"})
# One empty assignment takes back all of a group.
_CONDITIONS = (
    *("PathExists", "PathExistsGlob", "PathIsDirectory", "PathIsSymbolicLink", "PathIsMountPoint", "PathIsReadWrite"),
    *("PathIsEncrypted", "DirectoryNotEmpty", "FileNotEmpty", "FileIsExecutable", "NeedsUpdate"),
)
UNIT_GROUPS = {f"{group}{test}": group for group in ("Condition", "Assert") for test in _CONDITIONS}
TYPE_GROUPS = {
    **dict.fromkeys(("ListenStream", "ListenDatagram", "ListenSequentialPacket", "ListenFIFO"), "Listen"),
    **dict.fromkeys(("ListenSpecial", "ListenNetlink", "ListenMessageQueue", "ListenUSBFunction"), "Listen"),
    **dict.fromkeys(("PathExists", "PathExistsGlob", "PathChanged", "PathModified", "DirectoryNotEmpty"), "Watch"),
    **dict.fromkeys(("OnCalendar", "OnActiveSec", "OnBootSec", "OnStartupSec"), "Elapse"),
    **dict.fromkeys(("OnUnitActiveSec", "OnUnitInactiveSec"), "Elapse"),
    **dict.fromkeys(("TimeoutSec", "TimeoutStartSec", "TimeoutStopSec"), "Timeout"),
    **dict.fromkeys(("LoadCredential", "LoadCredentialEncrypted"), "LoadCredential"),
    **dict.fromkeys(("BindPaths", "BindReadOnlyPaths"), "BindPaths"),
    **{
        each: each
        for each in (
            *("Environment", "EnvironmentFile", "PassEnvironment", "UnsetEnvironment", "RuntimeDirectory"),
            *("StateDirectory", "CacheDirectory", "LogsDirectory", "ConfigurationDirectory"),
        )
    },
}
BOOLEANS = frozenset({"DefaultDependencies", "DynamicUser", "PrivateTmp", "Accept", "RemainAfterExit", "Persistent"})
_BUS_NAME = re.compile(r"[A-Za-z_-][A-Za-z0-9_-]*(\.[A-Za-z_-][A-Za-z0-9_-]*)+")
SERVICE_TYPES = frozenset({"simple", "exec", "forking", "oneshot", "dbus", "notify", "notify-reload", "idle"})


def take_setting(draft: Draft, setting: Setting) -> None:
    """Add what a setting says; raises RefusedError where systemd reads no further in this file."""
    key = setting.key
    if setting.section == "Unit":
        if kind := RELATIONS.get(key):
            for name in draft.fill_names(setting):
                draft.relate(kind, name, setting)
        elif key == "RequiresMountsFor":
            _take_mounts(draft, setting)
        elif group := UNIT_GROUPS.get(key):
            _collect(draft, group, setting)
        else:
            _keep(draft, setting)
        return
    if setting.section != SECTIONS.get(draft.kind):
        return
    if key.startswith("Exec") and key in COMMANDS.get(draft.kind, ()):
        _take_commands(draft, setting)
    elif (key == "Unit" and draft.kind in ("timer", "path")) or (key == "Service" and draft.kind == "socket"):
        _take_trigger(draft, setting)
    elif key == "Sockets" and draft.kind == "service":
        _take_sockets(draft, setting)
    elif key == "Slice" and draft.kind in HAS_SLICE:
        _take_slice(draft, setting)
    elif group := TYPE_GROUPS.get(key):
        _collect(draft, group, setting)
    else:
        _keep(draft, setting)


def _keep(draft: Draft, setting: Setting) -> None:
    """Keep the last assignment that systemd takes."""
    key, value = setting.key, setting.value
    if key in BOOLEANS and value.lower() not in TRUE | FALSE:
        draft.complain(setting, f"{value!r} is neither yes nor no")
    elif key == "Type" and draft.kind == "service" and value not in SERVICE_TYPES:
        draft.complain(setting, f"{value!r} is no type of a service")
    elif key == "BusName" and value and not _is_bus_name(draft, setting):
        draft.complain(setting, f"{value!r} is no name on the bus")
    elif value:
        draft.values[key] = setting
    else:
        draft.values.pop(key, None)


def _is_bus_name(draft: Draft, setting: Setting) -> bool:
    try:
        return _BUS_NAME.fullmatch(draft.fill(setting.value)) is not None
    except ValueError:
        return False


def _collect(draft: Draft, group: str, setting: Setting) -> None:
    # Of a limit, an empty one is none that systemd can read, and takes nothing back.
    if setting.value or group == "Timeout":
        draft.lists.setdefault(group, []).append(setting)
    else:
        draft.lists.pop(group, None)


def _take_commands(draft: Draft, setting: Setting) -> None:
    commands = draft.commands.setdefault(setting.key, [])
    if not setting.value:
        commands.clear()
        return
    try:
        commands.extend((command, setting) for command in read_commands(setting.value, draft.fill))
    except RefusedError as error:
        draft.complain(setting, f"systemd refuses the unit: {error}")
        raise
    except ValueError as error:
        draft.complain(setting, str(error))


def _take_mounts(draft: Draft, setting: Setting) -> None:
    try:
        words = split_words(setting.value)
    except ValueError as error:
        draft.complain(setting, str(error))
        return
    for word in words:
        path = fill_path(draft, setting, word)
        if path:
            draft.add("requires", f"file:{path}", setting)
            draft.paths.append((path, setting, ""))


def fill_path(draft: Draft, setting: Setting, word: str) -> str:
    """Return an absolute path, specifiers filled in and slashes put straight; empty, with a trouble, for others."""
    try:
        path = draft.fill(word)
    except ValueError as error:
        draft.complain(setting, str(error))
        return ""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if not path.startswith("/") or ".." in parts:
        draft.complain(setting, f"{path!r} is no plain absolute path")
        return ""
    return "/" + "/".join(parts)


def _take_trigger(draft: Draft, setting: Setting) -> None:
    """Take what a timer, a path or a socket starts: of a socket the last one that is named, else the first."""
    try:
        name = draft.fill_name(setting.value)
    except ValueError as error:
        draft.complain(setting, str(error))
        return
    if not is_name(name) or (draft.kind == "socket" and not name.endswith(".service")):
        draft.complain(setting, f"{name!r} cannot be started by it")
    elif draft.kind == "socket":
        draft.values["Service"] = Setting(setting.section, setting.key, name, setting.file, setting.line)
    elif draft.triggered:
        draft.complain(setting, f"it starts {draft.triggered} already")
    elif draft.relate("triggers", name, setting):
        draft.relate("before", name, setting)
        draft.triggered = name


def _take_sockets(draft: Draft, setting: Setting) -> None:
    for name in draft.fill_names(setting):
        if not name.endswith(".socket"):
            draft.complain(setting, f"{name} is no socket")
        elif draft.relate("wants", name, setting):
            draft.relate("after", name, setting)
            draft.receive("triggers", name, setting)


def _take_slice(draft: Draft, setting: Setting) -> None:
    try:
        name = draft.fill_name(setting.value)
    except ValueError as error:
        draft.complain(setting, str(error))
        return
    if draft.is_open(setting.value):
        draft.leave_open(setting, setting.value)
        name = ""
    elif not name.endswith(".slice") or not is_name(name):
        draft.complain(setting, f"{name!r} is no slice")
        return
    draft.values["Slice"] = Setting(setting.section, setting.key, name, setting.file, setting.line)
