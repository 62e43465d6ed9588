"""How does a segment of the log come into being?"""

import os

from agentkit.core.durable import sync


def create_segment(path: str) -> int:
    """Return a new, empty segment, open for appending; its name is durable. Raises OSError where one is there."""
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    sync(os.path.dirname(path))
    return descriptor
