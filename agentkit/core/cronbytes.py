"""What bytes stand in a crontab of the machine, if they can be had, and how are they told in text?"""

import os
import stat
from dataclasses import replace

from agentkit.core.cronline import CronLine, DroppedLine
from agentkit.core.crontext import Parsed
from agentkit.core.cronusers import MOST_BYTES
from agentkit.core.rooted import resolve


def read_content(root: str, name: str, *, flags: int = 0) -> tuple[os.stat_result, bytes] | Parsed:
    """Return status and content of a file of the machine with this root folder, or why it cannot be had.

    The content of what is no plain file is empty: a pipe is not waited for. `flags` are added to those of open(2).
    """
    follow_last = not flags & os.O_NOFOLLOW
    try:
        path = resolve(root, name, follow_last=follow_last)
        status = os.stat(path, follow_symlinks=follow_last)
        if not stat.S_ISREG(status.st_mode) and not stat.S_ISLNK(status.st_mode):
            # A device may act when it is opened.
            return status, b""
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | flags)
    except OSError as error:
        return tell_unreadable(name, error)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return status, b""
        if status.st_size > MOST_BYTES:
            return Parsed(unreadable=[(f"/{name}", f"{status.st_size} bytes: at most {MOST_BYTES} are read")])
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return status, file.read(MOST_BYTES)
    except OSError as error:
        return tell_unreadable(name, error)
    finally:
        os.close(descriptor)


def tell_unreadable(name: str, error: OSError) -> Parsed:
    """Return a file or folder of which nothing can be known, and why."""
    return Parsed(unreadable=[(f"/{name}", error.strerror or str(error))])


def make_printable(parsed: Parsed) -> Parsed:
    """Write bytes that are no UTF-8 as `\\xe4`: nothing that is stored or printed later shall fail on them."""

    def clean(text: str) -> str:
        return text.encode(errors="surrogateescape").decode(errors="backslashreplace")

    def clean_line(line: CronLine) -> CronLine:
        return replace(
            line,
            file=clean(line.file),
            schedule=clean(line.schedule),
            command=clean(line.command),
            stdin=None if line.stdin is None else clean(line.stdin),
            environment=tuple((clean(name), clean(value)) for name, value in line.environment),
            text=clean(line.text),
        )

    def clean_drop(line: DroppedLine) -> DroppedLine:
        user = None if line.user is None else clean(line.user)
        return replace(line, file=clean(line.file), user=user, text=clean(line.text), why=clean(line.why))

    return Parsed(
        [clean_line(line) for line in parsed.lines],
        [clean_drop(line) for line in parsed.dropped],
        [clean_drop(line) for line in parsed.altered],
        [(clean(file), why) for file, why in parsed.unreadable],
    )
