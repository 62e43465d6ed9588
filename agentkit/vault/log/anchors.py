"""What does an anchor say of the log, and how does it get a newer checkpoint?

An anchor lies where this machine cannot rewrite it: `git:URL#BRANCH`, or a file that goes to another host.
"""

from __future__ import annotations

import os
from _collections_abc import Mapping

from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.log.checkpoints import Checkpoint, read_checkpoint
from agentkit.vault.log.note import MOST_BYTES, Key, open_note

GIT = "git:"
KIND_MASK, REGULAR = 0o170000, 0o100000


def read_anchor(where: str, key: Key, environ: Mapping[str, str]) -> Checkpoint:
    """Return what the anchor says; raises as `find_anchor` and `open_anchor` do, unavailable where it is missing."""
    raw = find_anchor(where, key.name, environ)
    if raw is None:
        raise AgentkitError(
            f"there is no anchor at {where}",
            hint=f"agentkit vault audit checkpoint --anchor {where}",
            status=Exit.UNAVAILABLE,
        )
    return open_anchor(raw, where, key)


def open_anchor(raw: bytes, where: str, key: Key) -> Checkpoint:
    """Return what a note says; raises AgentkitError: bad data where it is none, tampered where it is not signed."""
    what = f"the anchor {where}"
    return read_checkpoint(open_note(raw, key, what), what)


def find_anchor(where: str, origin: str, environ: Mapping[str, str]) -> bytes | None:
    """Return the note that lies there, None where none does; raises AgentkitError (unavailable, bad data)."""
    if where.startswith(GIT):
        from agentkit.vault.log.gitanchor import fetch_note

        return fetch_note(where, origin, environ)
    return _read_file(where)


def put_anchor(where: str, note: bytes, old: bytes | None, origin: str, environ: Mapping[str, str]) -> None:
    """Put a note there durably, in the place of the old one and of no other; raises AgentkitError.

    That is try later where another note came meanwhile, cannot write where the place takes none.
    """
    if where.startswith(GIT):
        from agentkit.vault.log.gitanchor import push_note

        push_note(where, note, old, origin, environ)
    else:
        _write_file(where, note, old)


def _read_file(path: str) -> bytes | None:
    try:
        if os.stat(path).st_mode & KIND_MASK != REGULAR:
            raise AgentkitError(f"the anchor {path} is no file", status=Exit.BAD_DATA)
        # A fifo may have taken its place just now: it would be waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            return os.pread(descriptor, MOST_BYTES + 1, 0)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise AgentkitError(f"the anchor {path} cannot be read: {error.strerror}") from error


def _write_file(path: str, note: bytes, old: bytes | None) -> None:
    from agentkit.core.durable import replace_file

    target = os.path.realpath(path)

    def prepare(descriptor: int) -> None:
        # Who may read the old one may read the new one.
        os.fchmod(descriptor, 0o644 if old is None else os.stat(target).st_mode & 0o777)

    def look() -> None:
        if _read_file(target) != old:
            raise AgentkitError(f"the anchor {path} was changed meanwhile", hint="again", status=Exit.TRY_LATER)

    try:
        replace_file(target, note, prefix=".anchor-", prepare=prepare, look=look)
    except OSError as error:
        raise AgentkitError(f"cannot write the anchor {path}: {error.strerror}", status=Exit.CANNOT_WRITE) from error
