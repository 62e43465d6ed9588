"""How is the root of the room made: a small file system of folders to which others are bound?

Called in new namespaces of mounts and users, by a process that may do there what root may.
"""

from __future__ import annotations

import os
from _collections_abc import Iterable

from agentkit.evolve.room import calls

OLD = "/old"
ROOT_WORDS = "size=4m,nr_inodes=16k,mode=755"
HIDDEN_WORDS = "size=64k,nr_inodes=4k,mode=755"
DEVICES = ("full", "null", "random", "tty", "urandom", "zero")
DEVICE_LINKS = {"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1",
                "stderr": "/proc/self/fd/2", "ptmx": "pts/ptmx"}  # fmt: skip


def build_room(steps: Iterable[tuple[str, str, str]], shared_bytes: int) -> None:
    """Make the room and move into it; raises OSError (calls.RefusedError too) where it cannot be had.

    `steps` are those of `plan_room`; `shared_bytes` is how much /dev/shm may hold.
    """
    steps = list(steps)
    calls.mount("none", "/", "", calls.RECURSIVE | calls.PRIVATE)
    # Any folder would do: the new root leaves it at once.
    place = next(source for kind, _, source in steps if kind == "work")
    calls.mount("room", place, "tmpfs", calls.NOSUID | calls.NODEV, ROOT_WORDS)
    os.mkdir(f"{place}{OLD}", 0o700)
    calls.change_root(place)
    os.umask(0o022)
    writable = _lay_out(steps)
    has_processes = _mount_processes()
    _make_devices(shared_bytes)
    calls.unmount(OLD)
    os.rmdir(OLD)
    calls.set_attributes("/", add=calls.ATTR_READ_ONLY | calls.ATTR_NOSUID | calls.ATTR_NODEV, is_deep=True)
    for path in [*writable, "/dev/shm", "/dev/pts", *(["/proc"] if has_processes else [])]:  # noqa: S108  # its own
        calls.set_attributes(path, remove=calls.ATTR_READ_ONLY)
    for path in ["/dev/pts", *(f"/dev/{name}" for name in DEVICES if os.path.lexists(f"/dev/{name}"))]:
        calls.set_attributes(path, remove=calls.ATTR_NODEV)


def _lay_out(steps: Iterable[tuple[str, str, str]]) -> list[str]:
    """Take the steps; return the folders to work in."""
    writable = []
    for kind, path, more in steps:
        if kind == "link":
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if not os.path.lexists(path):
                os.symlink(more, path)
        elif kind == "hide" and not more:
            os.makedirs(path, exist_ok=True)
            calls.mount("hidden", path, "tmpfs", calls.NOSUID | calls.NODEV, HIDDEN_WORDS)
        else:
            source = f"{OLD}{more}"
            if kind == "hide":
                source = "/nothing"
                _make_point(source, is_folder=False)
            _make_point(path, is_folder=os.path.isdir(source))
            calls.bind(source, path)
            if kind == "work":
                writable.append(path)
    return writable


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
    except calls.RefusedError:
        return False  # where parts of /proc are hidden from us, as in a container, there is no other one to be had
    return True


def _make_devices(shared_bytes: int) -> None:
    for folder in ("/dev/shm", "/dev/pts"):  # noqa: S108  # its own
        os.makedirs(folder)
    for name in DEVICES:
        if os.path.exists(f"{OLD}/dev/{name}"):
            _make_point(f"/dev/{name}", is_folder=False)
            calls.bind(f"{OLD}/dev/{name}", f"/dev/{name}")
    for name, target in DEVICE_LINKS.items():
        os.symlink(target, f"/dev/{name}")
    calls.mount("shm", "/dev/shm", "tmpfs", calls.NOSUID | calls.NODEV, f"size={shared_bytes},nr_inodes=4k,mode=1777")  # noqa: S108
    calls.mount("pts", "/dev/pts", "devpts", calls.NOSUID | calls.NOEXEC, "newinstance,ptmxmode=0666,mode=620")
