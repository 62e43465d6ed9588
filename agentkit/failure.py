"""How does a failure leave the program: which lines on stderr, which status, and where does a bug's traceback go?"""

import errno
import os
import select
import sys
import time
import traceback
import zlib
from collections.abc import Mapping

from agentkit.core.errors import AgentkitError, Exit, tell
from agentkit.core.spool import make_private_folder, spool_places
from agentkit.core.times import format_instant
from agentkit.core.visible import make_visible

# What the kernel says when there is no room or no way to write.
CANNOT_WRITE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO})
LONGEST_CHAIN = 200
BROKEN_PIPE = Exit.SIGNAL_BASE + 13
INTERRUPTED = Exit.SIGNAL_BASE + 2


def report_failure(error: BaseException, environ: Mapping[str, str]) -> int:
    """Say on stderr what went wrong and return the status; a bug's traceback goes to a file and never to stderr."""
    text, status = _describe(error, environ)
    _drop_unwritten_output()
    tell(text)
    return status


def _describe(error: BaseException, environ: Mapping[str, str]) -> tuple[str, int]:
    if isinstance(error, AgentkitError):
        # File names and answers of others may stand in it: two lines stay two lines, and no escape sequence gets out.
        hint = make_visible(error.hint) if error.hint else None
        return AgentkitError(make_visible(error.message), hint=hint).lines(), error.status
    if isinstance(error, KeyboardInterrupt):
        return "", INTERRUPTED
    if isinstance(error, BrokenPipeError) and _reader_is_gone():
        return "", BROKEN_PIPE
    if isinstance(error, OSError) and (error.errno in CANNOT_WRITE or _is_closed_output(error)):
        where = f" {error.filename}" if error.filename else ""
        reason = "standard output is closed" if error.errno == errno.EBADF else error.strerror
        return f"agentkit: error: cannot write{where}: {reason}\n", Exit.CANNOT_WRITE
    return _describe_bug(error, environ), Exit.INTERNAL


def _describe_bug(error: BaseException, environ: Mapping[str, str]) -> str:
    # The words of the exception may hold anything, a secret too: they stand in the file only, which is private.
    last = traceback.extract_tb(error.__traceback__)[-1:]
    place = f" at {os.path.basename(last[0].filename)}:{last[0].lineno}" if last else ""
    told = f"agentkit: error: this is a bug in agentkit: {type(error).__name__}{place}\n"
    path = _write_traceback(error, place, environ)
    if path is None:
        return (
            told + "agentkit: hint: the traceback could be written nowhere; make room in the state folder and repeat\n"
        )
    return told + f"agentkit: hint: the traceback is in {path}\n"


def _write_traceback(error: BaseException, place: str, environ: Mapping[str, str]) -> str | None:
    """Write the traceback to the first place that takes it; one file a bug: a cron line must not fill the disk."""
    from agentkit import __version__

    # A value that was in hand may stand in the words of an exception, and the file outlives it.
    lines = _format_without_words(error) if sys.argv[1:2] == ["vault"] else traceback.format_exception(error)
    head = f"{format_instant(time.time())} agentkit {__version__} {' '.join(sys.argv[1:3])}\nPython {sys.version}\n\n"
    digest = f"{zlib.crc32(f'{type(error).__name__}{place}'.encode()):08x}"
    for folder in spool_places(environ):
        try:
            path = f"{make_private_folder(folder, 'bugs')}/{digest}.txt"
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(head + "".join(lines))
        except OSError:
            continue  # the next place may take it
        return path
    return None


def _format_without_words(error: BaseException) -> list[str]:
    """Return where an exception and those behind it were raised, and of which type they are."""
    lines: list[str] = []
    told: BaseException | None = error
    while told is not None and len(lines) < LONGEST_CHAIN:
        lines[:0] = [*traceback.format_tb(told.__traceback__), f"{type(told).__name__} (its words are not kept)\n\n"]
        told = told.__cause__ or told.__context__
    return lines


def _is_closed_output(error: OSError) -> bool:
    return error.errno == errno.EBADF and error.filename is None


def _reader_is_gone() -> bool:
    """Tell whether a reader of stdout or stderr went away; any other broken pipe is a bug and has to be heard of."""
    poll = select.poll()
    poll.register(1, 0)
    poll.register(2, 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _drop_unwritten_output() -> None:
    """Let the interpreter's last flush go to nowhere where stdout takes nothing: it would print a traceback."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        os.dup2(nowhere, 1)
        os.close(nowhere)


def replace_closed_streams() -> None:
    """Open /dev/null at each closed descriptor of 0 to 2 and give Python its stream back."""
    for descriptor, name, flags, mode in (
        (0, "stdin", os.O_RDONLY, "r"),
        # For reading only: an answer that nobody can get must fail with a status, not vanish.
        (1, "stdout", os.O_RDONLY, "w"),
        (2, "stderr", os.O_WRONLY, "w"),
    ):
        if getattr(sys, name) is None:
            found = os.open(os.devnull, flags)  # the lowest free descriptor, so this one
            if found != descriptor:
                os.dup2(found, descriptor)
                os.close(found)
            else:
                os.set_inheritable(descriptor, True)
            setattr(sys, name, open(descriptor, mode, encoding="utf-8", closefd=False))
