"""How is the root of the room made: a small file system of folders to which others are bound?

Called in new namespaces of mounts and users, by a process that may do there what root may.
"""

from __future__ import annotations

import errno
import os
import stat
from _collections_abc import Iterable

from agentkit.evolve.room import calls

ROOT_WORDS = "size=4m,nr_inodes=16k,mode=755"
HIDDEN_WORDS = "size=64k,nr_inodes=4k,mode=755"
DEVICES = ("full", "null", "random", "tty", "urandom", "zero")
DEVICE_LINKS = {"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1",
                "stderr": "/proc/self/fd/2", "ptmx": "pts/ptmx"}  # fmt: skip


def build_room(steps: Iterable[tuple[str, str, str]], shared_bytes: int) -> None:
    """Make the room and move into it.

    `steps` are those of `plan_room`; `shared_bytes` is how much /dev/shm may hold. Raises calls.RefusedError where the
    kernel does not let us, another OSError where a path is in the way.
    """
    steps = list(steps)
    # Names that nobody has a folder of.
    old, nothing = (f"/.{os.urandom(8).hex()}" for _ in range(2))
    calls.mount("none", "/", "", calls.RECURSIVE | calls.PRIVATE)
    # Any folder would do: the new root leaves it at once.
    place = next(source for kind, _, source in steps if kind == "work")
    os.stat(place)
    calls.mount("room", place, "tmpfs", calls.NOSUID | calls.NODEV, ROOT_WORDS)
    inner = f"{place}/room"
    os.mkdir(inner, 0o755)
    calls.mount("room", inner, "tmpfs", calls.NOSUID | calls.NODEV, ROOT_WORDS)
    os.mkdir(f"{inner}{old}", 0o700)
    calls.change_root(place, f"{inner}{old}")
    # Whose root is not that of its namespace may make no namespace of users (user_namespaces(7)): one of its own
    # would bring back all that root may do with mounts.
    os.chroot("/room")
    os.chdir("/")
    os.umask(0o022)
    has_processes = _mount_processes()
    # Before the rest: what is shown, or worked in, may lie in them.
    _make_devices(old, shared_bytes)
    writable = _lay_out(steps, old, nothing)
    calls.unmount(old)
    os.rmdir(old)
    calls.set_attributes("/", add=calls.ATTR_READ_ONLY | calls.ATTR_NOSUID | calls.ATTR_NODEV, is_deep=True)
    for path in [*writable, "/dev/shm", "/dev/pts", *(["/proc"] if has_processes else [])]:  # noqa: S108  # its own
        calls.set_attributes(path, remove=calls.ATTR_READ_ONLY)
    for path in ["/dev/pts", *(f"/dev/{name}" for name in DEVICES if os.path.lexists(f"/dev/{name}"))]:
        calls.set_attributes(path, remove=calls.ATTR_NODEV)


def _lay_out(steps: Iterable[tuple[str, str, str]], old: str, nothing: str) -> list[str]:
    """Take the steps; return the folders to work in."""
    writable = []
    for kind, path, more in steps:
        if kind == "link":
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if not os.path.lexists(path):
                os.symlink(more, path)
        elif kind == "hide":
            _hide(path, nothing, is_folder=not more)
        else:
            is_folder = _is_folder(f"{old}{more}")
            if is_folder is None and kind == "see":
                continue  # gone since, or nothing that we may look at: the less is seen
            _make_point(path, is_folder=is_folder is not False)
            _bind(f"{old}{more}", path)
            if kind == "work":
                writable.append(path)
    return writable


def _hide(path: str, nothing: str, *, is_folder: bool) -> None:
    try:
        os.lstat(path)
    except PermissionError:
        return  # in the room nobody may do more than we
    except OSError:
        pass  # made below
    if not is_folder:
        _make_point(nothing, is_folder=False)
        _make_point(path, is_folder=False)
        _bind(nothing, path)
        return
    os.makedirs(path, exist_ok=True)
    try:
        calls.mount("hidden", path, "tmpfs", calls.NOSUID | calls.NODEV, HIDDEN_WORDS)
    except calls.RefusedError as error:
        raise OSError(error.errno, error.strerror, path) from error


def _is_folder(path: str) -> bool | None:
    """Tell what lies there, None where that cannot be known."""
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except OSError:
        return None


def _bind(source: str, path: str) -> None:
    try:
        calls.bind(source, path)
    except calls.RefusedError as error:
        # Such a mount is permitted, for the room itself is one: it is this path that is in the way.
        raise OSError(error.errno, error.strerror, path) from error


def _make_point(path: str, *, is_folder: bool) -> None:
    if os.path.lexists(path):
        return
    os.makedirs(path if is_folder else os.path.dirname(path), exist_ok=True)
    if not is_folder:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o444))


def _mount_processes() -> bool:
    """Show the processes of the room, and nothing else of the kernel's; tell whether that may be had."""
    os.mkdir("/proc")
    try:
        calls.mount("proc", "/proc", "proc", calls.NOSUID | calls.NODEV | calls.NOEXEC, "subset=pid")
    except calls.RefusedError as error:
        if error.errno not in (errno.EPERM, errno.EACCES, errno.EINVAL):
            raise
        return False  # where parts of /proc are hidden from us, as in a container, there is no other one to be had
    return True


def _make_devices(old: str, shared_bytes: int) -> None:
    for folder in ("/dev/shm", "/dev/pts"):  # noqa: S108  # its own
        os.makedirs(folder)
    for name in DEVICES:
        if os.path.exists(f"{old}/dev/{name}"):
            _make_point(f"/dev/{name}", is_folder=False)
            _bind(f"{old}/dev/{name}", f"/dev/{name}")
    for name, target in DEVICE_LINKS.items():
        os.symlink(target, f"/dev/{name}")
    calls.mount("shm", "/dev/shm", "tmpfs", calls.NOSUID | calls.NODEV, f"size={shared_bytes},nr_inodes=4k,mode=1777")  # noqa: S108
    calls.mount("pts", "/dev/pts", "devpts", calls.NOSUID | calls.NOEXEC, "newinstance,ptmxmode=0666,mode=620")
