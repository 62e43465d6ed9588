"""Which level is in force: the program's own promise (L0), or a vault that only root could get around (L1)?

Every demand of L1 is looked at from inside the process that asks. What it cannot see is said, and never taken for held.
"""

from __future__ import annotations

import fcntl
import os
import stat
import struct
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agentkit.core.errors import AgentkitError
from agentkit.core.ourselves import PLACE
from agentkit.vault.asker import find_asker
from agentkit.vault.places import Places
from agentkit.vault.separate.rootowned import Seen, find_stranger, find_stranger_below
from agentkit.vault.separate.starting import HOOK_RUNNER, OURS, SEEN_RULES

SAME_UID, OWN_UID = "L0", "L1"
# linux/fs.h: FS_IOC_GETFLAGS, and the flag that chattr calls `a`.
GET_FLAGS, APPEND_ONLY = 0x80006601 | struct.calcsize("l") << 16, 0x20
OTHERS = 0o077
SUFFIX = ".jsonl"
OWN_LIBRARY = os.path.dirname(os.__file__)
# Of Python's own library, which is large. A `site-packages` that is imported from stands in sys.path itself.
NEVER_IMPORTED = (
    "site-packages",
    "dist-packages",
    "test",
    "idlelib",
    "ensurepip",
    "lib2to3",
    "pydoc_data",
    "turtledemo",
)


@dataclass(frozen=True, slots=True)
class Demand:
    """One thing that L1 stands on, whether it holds, and what was seen."""

    demand: str
    held: bool
    why: str


@dataclass(frozen=True, slots=True)
class Level:
    """The level in force ("L0" or "L1"), what it was decided by, and what this process could not see."""

    level: str
    demands: tuple[Demand, ...]
    unseen: tuple[str, ...] = ()


def find_level(places: Places, environ: Mapping[str, str]) -> Level:
    """Return the level in force for this vault, as this process sees it; at L0 after one cheap look."""
    apart = _is_apart(places, environ)
    if not apart.held:
        return Level(SAME_UID, (apart,))
    seen: Seen = set()
    demands = [
        apart,
        _is_isolated(environ),
        _is_roots(_list_program(), seen, "the program belongs to root, who alone may write it"),
        _is_roots(iter((f"{sys.prefix}/hooks",)), seen, "hooks of rotations belong to root"),
        _is_kept(places, seen),
        _is_append_only(places),
    ]
    unseen: tuple[str, ...] = ()
    rules = environ.get(SEEN_RULES)
    if rules is None:
        unseen = (f"the rules of sudo, which root alone reads: {sys.prefix}/bin/agentkit-vault-admin check",)
    else:
        demands.append(Demand("sudo lets nobody do more as the vault's user", not rules, rules or "root has read them"))
    is_held = all(demand.held for demand in demands)
    return Level(OWN_UID if is_held else SAME_UID, tuple(demands), unseen)


def _is_apart(places: Places, environ: Mapping[str, str]) -> Demand:
    what = "the vault belongs to a user of its own, who is reached by sudo alone"
    uid = os.getuid()
    if environ.get(HOOK_RUNNER) and uid != 0:
        return Demand(what, held=True, why=f"root became uid {uid}")
    try:
        asker = find_asker(environ, sys.argv, places).uid
    except (AgentkitError, OSError):
        return Demand(what, held=False, why=f"who asks cannot be seen from the vault of uid {uid}")
    if asker == uid:
        return Demand(what, held=False, why=f"uid {uid} asks, and owns it")
    return Demand(what, held=True, why=f"uid {asker} asks through sudo, and uid {uid} owns it")


def _is_isolated(environ: Mapping[str, str]) -> Demand:
    what = "it is started as python -I, with nothing of the caller's environment"
    if not sys.flags.isolated:
        return Demand(what, held=False, why="python was started without -I")
    strange = sorted(set(environ) - OURS)
    if strange:
        return Demand(what, held=False, why=f"{strange[0]} is in the environment")
    return Demand(what, held=True, why="-I, and no variable but ours")


def _list_program() -> Iterator[str]:
    """Yield the files and folders of which this process is made."""
    yield sys.executable  # and where its links lead
    # `-c` and `-m` have no script; the script of root always has.
    yield os.path.abspath(sys.argv[0])
    yield f"{sys.prefix}/pyvenv.cfg"
    yield f"{sys.prefix}/bin"
    yield f"{PLACE}/agentkit"
    yield from sys.path


def _is_roots(paths: Iterator[str], seen: Seen, what: str) -> Demand:
    for path in dict.fromkeys(paths):
        stranger = find_stranger_below(path, seen, without=NEVER_IMPORTED if path == OWN_LIBRARY else ())
        if stranger:
            return Demand(what, held=False, why=stranger)
    return Demand(what, held=True, why=f"below {sys.prefix}, and what leads there")


def _is_kept(places: Places, seen: Seen) -> Demand:
    """Look at vault and identity: the user's own, closed to all others, in folders of root."""
    what = "vault and identity are closed to all others, in folders of root"
    keys = os.path.dirname(places.identity)
    ours = ((places.vault, 0o700), (places.audit, 0o700), (keys, 0o700), (places.identity, 0o600))
    for path, mode in ours:
        try:
            found = os.lstat(path)
        except OSError as error:
            return Demand(what, held=False, why=f"{path}: {error.strerror}")
        if found.st_uid != os.getuid() or stat.S_ISLNK(found.st_mode):
            return Demand(what, held=False, why=f"{path} is another's, or a link")
        if stat.S_IMODE(found.st_mode) & OTHERS:
            return Demand(what, held=False, why=f"{path} has mode {stat.S_IMODE(found.st_mode):04o}, not {mode:04o}")
    for path in (os.path.dirname(places.vault), os.path.dirname(keys)):
        stranger = find_stranger(path, seen)
        if stranger:
            return Demand(what, held=False, why=stranger)
    return Demand(what, held=True, why=f"{places.vault}, {places.identity}")


def _is_append_only(places: Places) -> Demand:
    what = "the audit log is append-only (chattr +a), and no segment can be removed"
    try:
        names = sorted(name for name in os.listdir(places.audit) if name.endswith(SUFFIX))
        for path in (places.audit, *(f"{places.audit}/{name}" for name in names)):
            if not _read_flags(path) & APPEND_ONLY:
                return Demand(what, held=False, why=f"{path} lacks it; root's cron sets it on a new one in a minute")
    except OSError as error:
        return Demand(what, held=False, why=f"{error.filename or places.audit}: {error.strerror}")
    return Demand(what, held=True, why=f"the folder and {len(names)} segments")


def _read_flags(path: str) -> int:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        # Its number says long, and the kernel writes an int.
        return int(struct.unpack_from("i", fcntl.ioctl(descriptor, GET_FLAGS, b"\0" * 8))[0])
    finally:
        os.close(descriptor)
