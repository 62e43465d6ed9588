"""What the system and its programs say when something went wrong, though the script ended with 0."""

import errno
import os

import pytest

from agentkit.heartbeat.errorwords import find_error_words

TROUBLES = [
    errno.EACCES, errno.EAGAIN, errno.EADDRINUSE, errno.EBADF, errno.EBUSY, errno.ECONNREFUSED, errno.ECONNRESET,
    errno.EDQUOT, errno.EEXIST, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.EINVAL, errno.EIO, errno.EISDIR,
    errno.EMFILE, errno.ENETDOWN, errno.ENETUNREACH, errno.ENODEV, errno.ENOENT, errno.ENOEXEC, errno.ENOMEM,
    errno.ENOSPC, errno.ENOTCONN, errno.ENOTDIR, errno.ENXIO, errno.EPERM, errno.EPIPE, errno.EROFS, errno.ESRCH,
    errno.ESTALE, errno.ETIMEDOUT, errno.ETXTBSY, errno.E2BIG,
]  # fmt: skip
OTHERS = [
    "rsync: connection unexpectedly closed (0 bytes received so far) [sender]",
    "ssh: Could not resolve hostname db: Name or service not known",
    "sh: 3: TARGET: parameter not set",
    "bash: line 4: TARGET: unbound variable",
    "tar: unrecognized option '--exclud'",
    "Usage: dump [options] DATABASE",
    "[ERR] replica 2",
    "npm ERR! code ELIFECYCLE",
    "CRITICAL: lag of 400 s",
    "checksum mismatch in part 4",
    "SSL certificate has expired",
    "Terminated",
    "ERROR: no such table: orders",
    "error: no route",
    "ERROR: 0 rows exported",
    "fatal: null object",
]


@pytest.mark.parametrize("number", TROUBLES, ids=errno.errorcode.get)
def test_every_error_of_the_system_is_known_by_its_words(number: int) -> None:
    line = f"cp: target/a: {os.strerror(number)}"
    assert find_error_words(f"copied 3 files\n{line}\ndone\n".encode()) == [line]


@pytest.mark.parametrize("line", OTHERS)
def test_what_programs_say_without_the_word_error_is_known_too(line: str) -> None:
    assert find_error_words(f"start\n{line}\n".encode()) == [line]


@pytest.mark.parametrize(
    "line",
    [
        "0 unexpected files",
        "errors: none, warnings: none",
        "errors: no",
        "error: 0",
        "error: 0, warning: 2",
        "error: 0 warning: 2",
        "errors: 0 in 12 files",
        "failed: 0 of 12",
        '{"error": null, "rows": 4}',
        "critical: 0",
        "no mismatch in 40 files",
        "usage of /srv is 40 %",
        "replaced unexpected.txt",
        "available on all nodes",
    ],
)
def test_health_in_the_same_words_is_none(line: str) -> None:
    assert find_error_words(f"{line}\n".encode()) == []
