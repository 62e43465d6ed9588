"""Which edges does a call make: files opened, made, renamed and removed, sockets, locks?"""

from __future__ import annotations

import os
import re

from agentkit.core.plainfiles import open_plain
from agentkit.depmap.endpoints import name_port
from agentkit.depmap.tracing.interpreters import is_python, is_shell
from agentkit.depmap.tracing.lines import STRING, Called, unescape
from agentkit.depmap.tracing.noise import is_noise
from agentkit.depmap.tracing.places import Places, find_written
from agentkit.depmap.tracing.seen import Owner, Seen

OPENS = frozenset({"open", "openat", "openat2", "creat"})
MAKES = frozenset({"mkdir", "mkdirat", "mknod", "mknodat"})
LINKS = frozenset({"symlink", "symlinkat", "link", "linkat"})
REMOVES = frozenset({"unlink", "unlinkat", "rmdir", "truncate"})
RENAMES = frozenset({"rename", "renameat", "renameat2"})
SOCKETS = frozenset({"connect", "bind"})
TOUCHES = OPENS | MAKES | LINKS | REMOVES | RENAMES | SOCKETS | {"flock", "socket"}
MOST_SOCKETS = 100_000
# Nobody was there to answer: what was asked is known all the same.
ASKED = frozenset({"EINPROGRESS", "ECONNREFUSED", "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH", "EINTR", "EAGAIN"})
WRITES = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND")
_PATH = re.compile(rf"(?:(?:AT_FDCWD|-?\d+)(?:<([^<>]*)>(?:\(deleted\))?)?, )?{STRING}")
_COMPILED = re.compile(r"(.*)/__pycache__/([^/.]+)\.[^/]+\.pyc$")
_DEVICE = re.compile(r"[^<>]*<")
_ADDRESS = re.compile(
    r"\{sa_family=(AF_INET6?), sin6?_port=htons\((\d+)\)"
    r'(?:, sin6_flowinfo=htonl\(\d+\))?, (?:sin_addr=inet_addr\(|inet_pton\(AF_INET6, )"([^"]*)"'
)
_UNIX = re.compile(rf"\{{sa_family=AF_UNIX, sun_path={STRING}")
_PROTOCOL = re.compile(r"-?\d+<(TCP|UDP)(?:v6)?:")
_KIND = re.compile(r"AF_INET6?, SOCK_(STREAM|DGRAM)")
_NUMBER = re.compile(r"[^\[]*:(\[\d+\])")
_LOCKED = re.compile(r"-?\d+<([^<>]*)>(\(deleted\))?, (\S+)")


class Toucher:
    """Turns calls into edges."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._protocols: dict[str, str] = {}

    def touch(self, owner: Owner, via: str | None, program: str, places: Places, called: Called) -> None:
        """Note what one call of a process touched, if it did."""
        name = called.name
        if name in OPENS:
            if called.result is not None and called.result >= 0:
                self._open(owner, via, program, places, called)
        elif name in SOCKETS:
            self._reach(owner, via, places, called)
        elif name == "socket":
            self._note_socket(called)
        elif name == "flock":
            self._lock(owner, via, called)
        elif called.result == 0:
            self._change(owner, via, places, called)

    def _open(self, owner: Owner, via: str | None, program: str, places: Places, called: Called) -> None:
        found = _PATH.match(called.arguments)
        if found is None or "O_DIRECTORY" in called.arguments[found.end() :] or "O_PATH" in called.arguments:
            return
        if "O_TMPFILE" in called.arguments[found.end() :]:
            return
        opened = called.opened
        if opened is not None and (_DEVICE.match(opened) or not opened.startswith("/")):
            return
        real = None if opened is None else unescape(opened)
        path = find_written(places.join(found[1] and unescape(found[1]), unescape(found[2])), real)
        flags = called.arguments[found.end() :]
        is_write = called.name == "creat" or WRITES.search(flags) is not None
        if is_write:
            if "O_CREAT" in flags or called.name == "creat":
                self._seen.note_made(path, is_new="O_EXCL" in flags)
        elif owner.file in (path, real):
            return  # an interpreter reads its script
        by_shell = is_shell(program)
        if not is_write and (compiled := _COMPILED.match(path)):
            # What was compiled once is not opened itself any more.
            path = real = f"{compiled[1]}/{compiled[2]}.py"
        if is_noise(path, is_read=not is_write, by_shell=by_shell) or (
            real and is_noise(real, is_read=not is_write, by_shell=by_shell)
        ):
            return
        if not is_write and os.path.isdir(path):
            return  # looked through, as by find: O_DIRECTORY is not asked for by all
        kind = "write" if is_write else "source" if by_shell and _looks_sourced(path) else "read"
        target = f"file:{path}"
        if kind == "read" and is_python(program) and path.endswith(".py"):
            kind, target = "import", f"py:{name_module(path)}"
        self._seen.add(owner, kind, target, via=via)

    def _change(self, owner: Owner, via: str | None, places: Places, called: Called) -> None:
        paths = [
            places.join(found[1] and unescape(found[1]), unescape(found[2]))
            for found in _PATH.finditer(called.arguments)
        ]
        if called.name in LINKS:
            # What a symbolic link says is a text; where it stands comes last.
            paths = paths[-1:]
        if called.name in MAKES or called.name in LINKS:
            self._seen.note_made(paths[-1], is_new=True)
        elif called.name in RENAMES and len(paths) == 2:
            self._seen.note_renamed(paths[0])
            self._seen.note_made(paths[1], is_new=False)
        for path in paths:
            if not is_noise(path, is_read=False, by_shell=False):
                self._seen.add(owner, "write", f"file:{path}", via=via)

    def _lock(self, owner: Owner, via: str | None, called: Called) -> None:
        found = _LOCKED.match(called.arguments)
        if found and not found[2] and "LOCK_UN" not in found[3] and (called.result == 0 or called.error == "EAGAIN"):
            path = unescape(found[1])
            if not is_noise(path, is_read=False, by_shell=False):
                self._seen.add(owner, "lock", f"file:{path}", via=via)

    def _reach(self, owner: Owner, via: str | None, places: Places, called: Called) -> None:
        kind = "connect" if called.name == "connect" else "listen"
        if called.result != 0 and (kind == "listen" or called.error not in ASKED):
            return
        unix = _UNIX.search(called.arguments)
        if unix:
            path = places.join(None, unescape(unix[1]))
            if kind == "listen":
                self._seen.note_made(path, is_new=True)
            if not is_noise(path, is_read=True, by_shell=False) or kind == "listen":
                self._seen.add(owner, kind, f"file:{path}", via=via)
            return
        found, protocol = _ADDRESS.search(called.arguments), self._find_protocol(called.arguments)
        if found is None or found[2] == "0" or protocol is None:
            return
        if kind == "connect" and protocol == "udp":
            # The C library connects such a socket only to learn which of several addresses is the nearest (RFC 6724).
            return
        host = name_host(found[3]) if kind == "connect" else ""
        self._seen.add(owner, kind, f"port:{name_port(host, found[2], protocol)[5:]}", via=via)

    def _note_socket(self, called: Called) -> None:
        """Remember of which kind a socket is: strace cannot look into another network namespace."""
        kind, number = _KIND.match(called.arguments), _NUMBER.match(called.opened or "")
        if kind and number:
            if len(self._protocols) >= MOST_SOCKETS:
                self._protocols.clear()
            self._protocols[number[1]] = "tcp" if kind[1] == "STREAM" else "udp"

    def _find_protocol(self, arguments: str) -> str | None:
        told = _PROTOCOL.match(arguments)
        if told:
            return told[1].lower()
        number = _NUMBER.match(arguments)
        return self._protocols.get(number[1]) if number else None


def name_host(address: str) -> str:
    """Return an address as the map writes hosts; '' for this machine's own."""
    address = address.removeprefix("::ffff:")
    if address.startswith("127.") or address in ("::", "::1", "0.0.0.0"):  # noqa: S104  # nothing is bound here
        return ""
    return f"[{address}]" if ":" in address else address


def name_module(path: str) -> str:
    """Return the dotted name of a module of Python by its path: that of its package, as far as that goes."""
    folder, name = os.path.split(path)
    names = [] if name == "__init__.py" else [name.removesuffix(".py")]
    while os.path.isfile(os.path.join(folder, "__init__.py")):
        folder, package = os.path.split(folder)
        names.insert(0, package)
    return ".".join(names)


def _looks_sourced(path: str) -> bool:
    """Tell whether a file that a shell itself opens is rather a text of a shell than one that it redirects."""
    if path.endswith((".sh", ".bash", ".ksh")):
        return True
    try:
        with open_plain(path) as file:
            return file.read(2) == b"#!"
    except OSError:
        return False
