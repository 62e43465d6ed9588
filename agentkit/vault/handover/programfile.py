"""Which file is the program that the words name, and how does this process become it?

Found as a shell finds it (POSIX.1, 2.9.1.4): 127 where there is none, 126 where it may not be executed. Imported by
the hot verbs.
"""

import _signal  # type: ignore[import-not-found]  # the C half of signal; the other half costs an import of enum
import errno
import os
from _collections_abc import Mapping

from agentkit.core.errors import AgentkitError, Exit

NOT_FOUND_ERRORS = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)
NO_ROOM_ERRORS = (errno.EAGAIN, errno.ENOMEM, errno.ENFILE, errno.EMFILE)
# Python ignores these two; a program expects them as the kernel made them.
IGNORED_BY_PYTHON = (_signal.SIGPIPE, _signal.SIGXFSZ)


def find_file(name: str, environ: Mapping[str, str]) -> str:
    """Return the path of the program; raises AgentkitError (not found, not executable)."""
    if "/" in name:
        _demand_executable(name)
        return name
    denied = False
    for folder in environ.get("PATH", os.defpath).split(":") if name else []:
        path = f"{folder or '.'}/{name}"
        try:
            _demand_executable(path)
        except AgentkitError as error:
            # One that may not be executed does not end the search: another may come.
            denied = denied or (error.status == Exit.NOT_EXECUTABLE and not os.path.isdir(path))
            continue
        return path
    raise _tell(name, errno.EACCES if denied else errno.ENOENT)


def become(path: str, words: "list[str]", environ: "Mapping[str, str | bytes]") -> AgentkitError:
    """Replace this process by the program; return only where that was not possible, and why."""
    for number in IGNORED_BY_PYTHON:
        _signal.signal(number, _signal.SIG_DFL)
    try:
        try:
            os.execve(path, words, environ)  # noqa: S606  # no shell is the point
        except OSError as error:
            if error.errno != errno.ENOEXEC:
                raise
        # A script without its first line is run by sh, as every shell does.
        os.execve("/bin/sh", ["sh", path, *words[1:]], environ)  # noqa: S606  # as execvp(3)
    except OSError as error:
        if error.errno == errno.ENOENT and os.path.exists(path):
            return AgentkitError(f"{words[0]}: what its first line names is not there", status=Exit.NOT_FOUND)
        return _tell(words[0], error.errno or 0)
    finally:
        for number in IGNORED_BY_PYTHON:
            _signal.signal(number, _signal.SIG_IGN)


def _demand_executable(path: str) -> None:
    try:
        is_folder = os.stat(path).st_mode & 0o170000 == 0o040000
    except OSError as error:
        # EACCES: it lies in a folder that may not be searched.
        raise _tell(path, error.errno or 0) from None
    if is_folder:
        raise _tell(path, errno.EISDIR)
    if not os.access(path, os.X_OK):
        raise _tell(path, errno.EACCES)


def _tell(name: str, number: int) -> AgentkitError:
    if number in NO_ROOM_ERRORS:
        return AgentkitError(f"{name}: could not be started ({os.strerror(number)})", status=Exit.WRAPPER_FAILED)
    status = Exit.NOT_FOUND if number in NOT_FOUND_ERRORS else Exit.NOT_EXECUTABLE
    return AgentkitError(f"{name}: {os.strerror(number)}", status=status)
