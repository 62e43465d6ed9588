"""How does a segment of the log come into being?"""

import os

from agentkit.core.durable import sync


def create_segment(path: str) -> int:
    """Return a new, empty segment, open for appending; its name is durable. Raises OSError where one is there."""
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(descriptor, 0o600)  # a umask may have taken even our own rights
        sync(os.path.dirname(path))
    except BaseException:  # Ctrl-C, too, gives the descriptor back
        os.close(descriptor)
        raise
    return descriptor
