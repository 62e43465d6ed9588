"""Where is the crontab that a person names, what kind is it, and how is it read and replaced?

Either a file, or the crontab of a user, which crontab(1) reads and installs where the spool is closed to us.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import stat
import subprocess
from dataclasses import dataclass

from agentkit.core.cronfiles import SPOOL
from agentkit.core.cronusers import MOST_BYTES
from agentkit.core.durable import replace_file
from agentkit.core.errors import AgentkitError, Exit

LIMIT_S = 20.0
# cron reads no file that begins so, neither in cron.d nor in its spool.
TEMPORARY = ".agentkit-"
HEADER_ROWS = 3
# Debian's crontab -l would leave out up to three comments on top, whosever they are.
WHOLE = {"CRONTAB_NOHEADER": "N"}


@dataclass(frozen=True, slots=True)
class Place:
    """A crontab: `path`, or None for one that crontab(1) keeps; `kind` as of its lines, `user` where it is a user's."""

    name: str
    path: str | None
    kind: str
    user: str | None

    @property
    def key(self) -> str:
        """What the crontab is known by, whichever of its names it was called by."""
        return self.path or self.name


def find_place(word: str) -> Place:
    """Return the crontab that a path or a user's name means; raises AgentkitError: unavailable, or usage for both."""
    if "/" in word:
        return _describe(os.path.abspath(word))
    is_user, is_file = _is_user(word), os.path.lexists(word) and not os.path.isdir(word)
    if is_user and is_file:
        raise AgentkitError(
            f"{word} is a user of this machine, and a file here",
            hint=f"agentkit heartbeat adopt ./{word} means the file; the user's crontab is adopted from elsewhere",
            status=Exit.USAGE,
        )
    if is_user:
        path = f"/{SPOOL}/{word}"
        if os.access(path, os.R_OK) and os.access(os.path.dirname(path), os.W_OK):
            return Place(path, path, "user", word)
        return Place(f"crontab of {word}", None, "user", word)
    if not os.path.lexists(word):
        raise AgentkitError(
            f"{word}: neither a file nor a user of this machine",
            hint="agentkit heartbeat adopt /etc/crontab, or the name of a user for that user's crontab",
        )
    return _describe(os.path.abspath(word))


def _is_user(word: str) -> bool:
    try:
        pwd.getpwnam(word)
    except (KeyError, ValueError):
        return False
    return True


def _describe(named: str) -> Place:
    # What a link leads to is what changes: the link stays.
    path = os.path.realpath(named)
    # A link from elsewhere to a file of /etc has the lines of that, and so has a link in /etc to a file elsewhere.
    for one in (named, path):
        folder, name = os.path.split(one)
        within = os.path.basename(folder)
        if name == "anacrontab":
            return Place(named, path, "anacron", None)
        if within == "cron.d" or one.endswith("/etc/crontab"):
            return Place(named, path, "system", None)
        if within in ("crontabs", "cron"):
            return Place(named, path, "user", name)
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        user = str(os.getuid())
    return Place(named, path, "user", user)


def read_place(place: Place) -> bytes:
    """Return the bytes of a crontab; raises AgentkitError: unavailable where there is none, else bad data."""
    if place.path is None:
        return _leave_out_header(_ask(place, ["-l"]).stdout)
    try:
        descriptor = os.open(place.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        is_missing = isinstance(error, FileNotFoundError)
        status = Exit.UNAVAILABLE if is_missing else Exit.BAD_DATA
        raise AgentkitError(f"{place.name}: {error.strerror}", status=status) from error
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            hint = f"one of its files, such as {place.name}/NAME" if stat.S_ISDIR(found.st_mode) else None
            raise AgentkitError(f"{place.name}: expected a plain file", hint=hint, status=Exit.BAD_DATA)
        if found.st_size > MOST_BYTES:
            raise AgentkitError(
                f"{place.name}: {found.st_size} bytes, at most {MOST_BYTES} are read", status=Exit.BAD_DATA
            )
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(MOST_BYTES)
    finally:
        os.close(descriptor)


def replace_place(place: Place, old: bytes, new: bytes) -> None:
    """Put new bytes in the place of the old ones, whole or not at all, with the owner and mode that were there.

    Raises AgentkitError: try later when somebody changed the crontab meanwhile, else cannot write.
    """
    if place.path is None:
        _insist(place, old)
        _ask(place, ["-"], new)
        return
    try:
        _replace_file(place, place.path, old, new)
    except OSError as error:
        raise AgentkitError(f"{place.name}: cannot be replaced: {error.strerror}", status=Exit.CANNOT_WRITE) from error


def _insist(place: Place, old: bytes) -> None:
    if read_place(place) != old:
        raise AgentkitError(
            f"{place.name} was changed while it was read", hint="the same command again", status=Exit.TRY_LATER
        )


def _replace_file(place: Place, path: str, old: bytes, new: bytes) -> None:
    found = os.stat(path)
    if found.st_nlink != 1:
        raise AgentkitError(
            f"{place.name} has {found.st_nlink} names, and only one of them would change",
            hint=f"find / -xdev -samefile {path}",
            status=Exit.REFUSED,
        )

    def make_alike(descriptor: int) -> None:
        if (found.st_uid, found.st_gid) != (os.geteuid(), os.getegid()):
            os.fchown(descriptor, found.st_uid, found.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(found.st_mode))
        _copy_attributes(path, descriptor)

    # The look comes as late as can be: what an editor writes after it is lost.
    replace_file(path, new, prefix=TEMPORARY, prepare=make_alike, look=lambda: _insist(place, old))


def _copy_attributes(path: str, descriptor: int) -> None:
    """Give a file the access lists and labels of another."""
    for name in os.listxattr(path):
        # Where the file system or the kernel says no, the new file has those of its folder.
        with contextlib.suppress(OSError):
            os.setxattr(descriptor, name, os.getxattr(path, name))


def _leave_out_header(content: bytes) -> bytes:
    """Return a crontab without the comments that Debian's crontab(1) itself puts on top of each that it installs."""
    rows = content.split(b"\n", HEADER_ROWS)
    is_headed = rows[0].startswith(b"# DO NOT EDIT THIS FILE") and len(rows) > HEADER_ROWS
    return rows[HEADER_ROWS] if is_headed and all(row.startswith(b"#") for row in rows[:HEADER_ROWS]) else content


def _ask(place: Place, words: list[str], given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run crontab(1) for the user of a place."""
    assert place.user is not None
    is_own = pwd.getpwnam(place.user).pw_uid == os.getuid()
    argv = ["crontab", *([] if is_own else ["-u", place.user]), *words]
    try:
        ended = subprocess.run(
            argv, input=given, capture_output=True, timeout=LIMIT_S, env={**os.environ, **WHOLE}, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AgentkitError(f"{' '.join(argv)}: {error}") from error
    if ended.returncode != 0:
        said = ended.stderr.decode(errors="backslashreplace").strip().splitlines()
        status = Exit.UNAVAILABLE if words == ["-l"] else Exit.CANNOT_WRITE
        raise AgentkitError(f"{place.name}: {said[0] if said else 'crontab(1) says no'}", status=status)
    return ended
