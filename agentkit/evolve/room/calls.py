"""How is the kernel asked for what Python 3.11 has no function for: namespaces, mounts, a life without capabilities?

As tree._prctl does it: what `ctypes` is made of, without its import.
"""

from __future__ import annotations

import errno
import os
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# include/uapi/linux/sched.h
NEW_MOUNTS, NEW_NAMES, NEW_IPC, NEW_USERS, NEW_PIDS = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000
# include/uapi/linux/mount.h
NOSUID, NODEV, NOEXEC, BIND, RECURSIVE, PRIVATE = 2, 4, 8, 4096, 16384, 1 << 18
ATTR_READ_ONLY, ATTR_NOSUID, ATTR_NODEV = 1, 2, 4
DETACH = 2
AT_FDCWD, AT_RECURSIVE = -100, 0x8000
MOUNT_SETATTR = 442  # the same number everywhere, as every call since 424
# Not in every libc (arch/*/entry/syscalls).
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "riscv64": 41, "loongarch64": 41, "armv7l": 218, "i686": 217,
              "ppc64le": 203, "s390x": 217}  # fmt: skip
KEYCTL = {"x86_64": 250, "aarch64": 219, "riscv64": 219, "loongarch64": 219, "armv7l": 311, "i686": 288,
          "ppc64le": 271, "s390x": 280}  # fmt: skip
# What a process of 32 bits calls on a kernel of 64.
NARROW = {"x86_64": "i686", "aarch64": "armv7l"}
JOIN_SESSION_KEYRING = 1  # include/uapi/linux/keyctl.h
# include/uapi/linux/prctl.h, securebits.h
SET_DUMPABLE, CAPBSET_DROP, SET_SECUREBITS, SET_NO_NEW_PRIVS = 4, 24, 28, 38
# Being root (uid 0) means nothing, changing the user keeps nothing, and none of that can be changed back.
NO_ROOT_LOCKED = 0b11 | 0b1100 | 0b11000000
MOST_CAPABILITIES = 64
CAPABILITY_VERSION = 0x20080522


class RefusedError(OSError):
    """The kernel said no; `strerror` says to what."""


def enter_namespaces(flags: int) -> None:
    """Leave the namespaces of these kinds for new ones (unshare(2)); raises RefusedError."""
    _call("unshare", flags)


def mount(source: str, target: str, kind: str, flags: int, words: str = "") -> None:
    """Mount a file system (mount(2)); raises RefusedError."""
    _call("mount", os.fsencode(source), os.fsencode(target), kind.encode(), flags, words.encode())


def bind(source: str, target: str) -> None:
    """Let a file or folder, with all that is mounted below it, be seen at a second place; raises RefusedError."""
    mount(source, target, "", BIND | RECURSIVE)


def set_attributes(path: str, *, add: int = 0, remove: int = 0, is_deep: bool = False) -> None:
    """Change what may be done on a mount, and on those below it (mount_setattr(2), Linux 5.12); raises RefusedError."""
    wanted = struct.pack("=QQQQ", add, remove, 0, 0)
    flags = AT_RECURSIVE if is_deep else 0
    words = (MOUNT_SETATTR, AT_FDCWD, os.fsencode(path), flags, wanted, len(wanted))
    _call("syscall", *words, told="mount_setattr")


def change_root(folder: str, old: str) -> None:
    """Make a mounted folder the root; the old one lies at `old` then, a folder in it (pivot_root(2)); raises
    RefusedError.
    """
    words = (os.fsencode(folder), os.fsencode(old))
    try:
        _call("pivot_root", *words)
    except RefusedError as error:
        machine = _name_machine()
        if error.errno != errno.ENOSYS or machine not in PIVOT_ROOT:
            raise
        _call("syscall", PIVOT_ROOT[machine], *words, told="pivot_root")
    os.chdir("/")


def leave_keyring() -> None:
    """Get an empty session keyring, for the caller's holds keys of a person (keyctl(2)); raises RefusedError.

    Where keyrings are not to be had, nobody can read any either.
    """
    number = KEYCTL.get(_name_machine())
    if number is None:
        return
    try:
        _call("syscall", number, JOIN_SESSION_KEYRING, 0, told="keyctl")
    except RefusedError as error:
        if error.errno not in (errno.ENOSYS, errno.EPERM, errno.EACCES, errno.EOPNOTSUPP):
            raise


def unmount(path: str) -> None:
    """Take a mount away as soon as nobody uses it (umount2(2)); raises RefusedError."""
    _call("umount2", os.fsencode(path), DETACH)


def drop_capabilities() -> None:
    """Give up every capability for good, and what a set-user-id program would bring; raises RefusedError."""
    for number in range(MOST_CAPABILITIES):
        try:
            _call("prctl", CAPBSET_DROP, number, 0, 0, 0)
        except RefusedError as error:
            if error.errno != errno.EINVAL:
                raise
            break  # the kernel knows no more of them
    _call("prctl", SET_SECUREBITS, NO_ROOT_LOCKED, 0, 0, 0)
    _call("prctl", SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _call("capset", struct.pack("=II", CAPABILITY_VERSION, 0), bytes(24))


def control(option: int, value: int) -> None:
    """Call prctl(2); raises RefusedError."""
    _call("prctl", option, value, 0, 0, 0)


def _name_machine() -> str:
    machine = os.uname().machine
    return NARROW.get(machine, machine) if struct.calcsize("P") == 4 else machine


def _call(name: str, *words: int | bytes, told: str = "") -> None:
    if name not in _found:
        _found[name] = _find_function(name)
    function, get_errno = _found[name]
    if function(*words) == -1:
        number = get_errno()
        raise RefusedError(number, f"{told or name}: {os.strerror(number)}")


# The functions that were called before, each with what tells its errno.
_found: dict[str, tuple[Callable[..., int], Callable[[], int]]] = {}


def _find_function(name: str) -> tuple[Callable[..., int], Callable[[], int]]:
    try:
        import _ctypes

        address = _ctypes.dlsym(_ctypes.dlopen(None, 0), name)  # type: ignore[arg-type]  # None is the program itself
    except (ImportError, OSError) as error:
        # A Python without it, or a libc without that one.
        raise RefusedError(errno.ENOSYS, f"{name}: {error}") from None

    class Int(_ctypes._SimpleCData):  # type: ignore[type-arg]  # noqa: SLF001  # as ctypes makes its c_int
        _type_ = "i"

    class Function(_ctypes.CFuncPtr):
        _flags_ = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_USE_ERRNO
        _restype_ = Int

    return Function(address), _ctypes.get_errno
