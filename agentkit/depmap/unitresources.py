"""Which files, ports, sockets and users does a unit name?"""

import re

from agentkit.core.unittext import Setting
from agentkit.depmap.unitdraft import Draft
from agentkit.depmap.unitimplicit import straighten
from agentkit.depmap.unitsettings import HAS_EXEC, fill_path
from agentkit.depmap.unitwords import split_words

# A number is a port of all addresses; `[…]` holds an address with colons in it, and `%` its interface.
_PORT = re.compile(r"(?:(?P<address>\[[0-9A-Fa-f:.]+\](?:%\S+)?|[0-9.]+):)?(?P<port>[0-9]{1,5})(?:%\S+)?")
_VSOCK = re.compile(r"vsock:[0-9]*:(?P<port>[0-9]+)")
_PROTOCOLS = {"ListenStream": "tcp", "ListenDatagram": "udp", "ListenSequentialPacket": "sctp"}
# Sockets of the kernel and queues, which no other unit could name.
NOWHERE = frozenset({"ListenNetlink", "ListenMessageQueue"})
_STREAMS = {"file": "write", "append": "write", "truncate": "write"}


def add_resources(draft: Draft) -> None:
    """Add the edges to what the unit's settings name: conditions, sockets, watched paths, files it reads, users."""
    for group in ("Condition", "Assert"):
        for setting in draft.lists.get(group, ()):
            value = setting.value.lstrip("|").lstrip().removeprefix("!").lstrip()
            if setting.key.endswith("NeedsUpdate") and not value.startswith("/"):
                continue
            _add_file(draft, "check", setting, value)
    for setting in draft.lists.get("Listen", ()):
        _add_listener(draft, setting)
    for setting in draft.lists.get("Watch", ()):
        if draft.kind == "path":
            _add_file(draft, "check", setting, setting.value)
    if draft.kind in ("mount", "swap") and (what := draft.values.get("What")) and what.value.startswith(("/", "%")):
        _add_file(draft, "read", what, what.value)
    if draft.kind in HAS_EXEC:
        _add_surroundings(draft)


def _add_surroundings(draft: Draft) -> None:
    """Add what the programs of the unit find around them (systemd.exec(5))."""
    for setting in draft.lists.get("EnvironmentFile", ()):
        _add_file(draft, "read", setting, setting.value.removeprefix("-"))
    for key in ("WorkingDirectory", "RootDirectory", "RootImage"):
        named = draft.values.get(key)
        if named and not named.value.lstrip("-").startswith("~"):
            _add_file(draft, "read", named, named.value.lstrip("-"))
    for setting in draft.lists.get("LoadCredential", ()):
        _add_file(draft, "read", setting, setting.value.partition(":")[2], may_be_relative=True)
    for setting in draft.lists.get("BindPaths", ()):
        try:
            words = split_words(setting.value)
        except ValueError as error:
            draft.complain(setting, str(error))
            continue
        for word in words:
            _add_file(draft, "read", setting, word.lstrip("-+").partition(":")[0])
    for key in ("StandardInput", "StandardOutput", "StandardError"):
        stream = draft.values.get(key)
        scheme, colon, path = stream.value.partition(":") if stream else ("", "", "")
        if stream and colon and scheme in _STREAMS:
            _add_file(draft, "read" if key == "StandardInput" else _STREAMS[scheme], stream, path)
    for key in ("User", "SocketUser"):
        user = draft.values.get(key)
        if user and not (key == "User" and draft.is_on("DynamicUser")):
            _add_named(draft, "user", "user", user, user.value)
    for setting in draft.lists.get("PassEnvironment", ()):
        for word in setting.value.split():
            _add_named(draft, "env", "env", setting, word)


def _add_file(draft: Draft, kind: str, setting: Setting, value: str, *, may_be_relative: bool = False) -> None:
    if may_be_relative and not value.startswith(("/", "%")):
        return
    if path := fill_path(draft, setting, value):
        draft.add(kind, f"file:{path}", setting)


def _add_named(draft: Draft, kind: str, type_: str, setting: Setting, value: str) -> None:
    try:
        draft.add(kind, f"{type_}:{draft.fill(value)}", setting)
    except ValueError as error:
        draft.complain(setting, str(error))


def _add_listener(draft: Draft, setting: Setting) -> None:
    if setting.key in NOWHERE:
        return
    try:
        kind, target = find_address(setting.key, draft.fill(setting.value))
        draft.add(kind, target, setting)
    except ValueError as error:
        draft.complain(setting, str(error))


def find_address(key: str, value: str) -> tuple[str, str]:
    """Return the kind and the target of the edge from a socket to what it listens at; raises ValueError for nonsense.

    A name in the kernel's own space begins with `@`.
    """
    if value.startswith("/") and ".." not in value.split("/"):
        kind = "read" if key in ("ListenSpecial", "ListenUSBFunction") else "listen"
        parts = [part for part in value.split("/") if part not in ("", ".")]
        return kind, f"file:{straighten('/' + '/'.join(parts))}"
    if value.startswith("@") and key != "ListenFIFO":
        return "listen", f"file:{value}"
    if found := _VSOCK.fullmatch(value):
        return "listen", f"port:vsock/{found['port']}"
    found = _PORT.fullmatch(value) if key in _PROTOCOLS else None
    if found and 0 < int(found["port"]) < 65536:
        return "listen", f"port:{_PROTOCOLS[key]}/{int(found['port'])}"
    raise ValueError(f"{value!r} is no address")
