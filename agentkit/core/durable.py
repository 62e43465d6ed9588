"""How is a file put in another's place, whole or not at all, so that it is there after a crash?"""

import contextlib
import os
from collections.abc import Callable


def replace_file(
    path: str,
    content: bytes,
    *,
    prefix: str = ".",
    prepare: Callable[[int], None] | None = None,
    look: Callable[[], None] | None = None,
) -> None:
    """Put a file with this content in the place of another, or of none; raises OSError, and then nothing has changed.

    The new file is one of mode 0600 beside it, whose name begins with `prefix`. `prepare` gets its descriptor before it
    is made durable, for owner and mode; `look` is called just before it gets its name, and may raise.
    """
    import tempfile

    folder = os.path.dirname(path)
    descriptor, temporary = tempfile.mkstemp(prefix=prefix, dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            if prepare is not None:
                prepare(descriptor)
            os.fsync(descriptor)
        if look is not None:
            look()
        os.replace(temporary, path)
    except BaseException:  # Ctrl-C, too, leaves no half-written file behind
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    sync(folder)


def sync(path: str) -> None:
    """Make a file or folder durable; of a folder that is which names it holds."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
