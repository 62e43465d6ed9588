"""What does a plain file hold, when what stands in its place must neither hold us nor notice that we looked?"""

import errno
import io
import os
import stat
from typing import BinaryIO


def open_plain(path: str) -> BinaryIO:
    """Return a plain file, opened for reading; raises OSError where there is none.

    A pipe would be waited for, and a device may act when it is opened: a watchdog starts, a tape winds back. So none
    of these is opened. What says that it is empty is not read: the kernel's files do, and what some of them hold is
    gone when it was read (/proc/kmsg, trace_pipe).
    """
    _demand_plain(os.stat(path), path)
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        # Something else may have taken its place just now.
        status = os.fstat(handle)
        _demand_plain(status, path)
    except OSError:
        os.close(handle)
        raise
    if status.st_size == 0:
        os.close(handle)
        return io.BytesIO()
    return open(handle, "rb", buffering=0)


def _demand_plain(status: os.stat_result, path: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a plain file", path)
