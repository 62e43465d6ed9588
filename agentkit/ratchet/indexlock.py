"""How is the index of a work tree held against every other git, so that a hold of ours that is stale is known as ours?

The lock is git's own, `index.lock`. Ours is a link to a file that already holds our words: there is no moment at which
it is empty and could be anybody's. It is taken under the ratchet's lock only, so a hold of ours found there is stale.
"""

import contextlib
import os
import time

from agentkit.core.errors import AgentkitError, Exit

WORDS = b"agentkit ratchet holds this index: "
# For a person who looks into the file that git names.
NEXT = b"where that process has gone, agentkit ratchet status brings its work to the end and lets go\n"
LIMIT_S = 5.0
LOOK_AGAIN_S = 0.05


def hold_index(git_dir: str, scratch: str, mark: str) -> None:
    """Hold the index of that work tree until `let_go_of_index`.

    Raises AgentkitError: try later where another git holds it, cannot write.
    """
    path, own = f"{git_dir}/index.lock", f"{scratch}/held"
    try:
        with open(own, "wb") as file:
            file.write(WORDS + mark.encode() + b"\n" + NEXT)
            file.flush()
            os.fsync(file.fileno())
        if _is_ours(path):
            return  # since before a crash: nobody else came in between
        due = time.monotonic() + LIMIT_S
        while True:
            try:
                os.link(own, path)
                return
            except FileExistsError:
                if time.monotonic() > due:
                    raise _tell_foreign(path) from None
                time.sleep(LOOK_AGAIN_S)
    except OSError as error:
        raise AgentkitError(f"{path}: {error.strerror}", status=Exit.CANNOT_WRITE) from error


def let_go_of_index(git_dir: str) -> bool:
    """Let go of the index if it is us who hold it, and tell whether it was; raises OSError."""
    if not git_dir:
        return False
    path = f"{git_dir}/index.lock"
    is_ours = _is_ours(path)
    if is_ours:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    return is_ours


def _is_ours(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(len(WORDS)) == WORDS
    except FileNotFoundError:
        return False


def _tell_foreign(path: str) -> AgentkitError:
    return AgentkitError(
        f"{path}: another git holds the index; nothing was moved",
        hint="again when it has ended; where none runs any more, it was killed: remove that file",
        status=Exit.TRY_LATER,
    )
