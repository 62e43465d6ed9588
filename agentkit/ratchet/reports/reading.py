"""How did each test end, whatever form the report has?

The form is told by what the file holds, never by its name: JUnit XML, what pytest printed, or the lines of a baseline.
"""

from typing import BinaryIO

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.plainfiles import open_plain
from agentkit.ratchet.outcomes import WORDS, Outcomes, read_lines

HEAD_BYTES = 64 * 1024
LONGEST_TEXT_BYTES = 1024 * 1024 * 1024
# UTF-16 and UTF-8 with a byte order mark, and UTF-16 without one.
MARKS = (b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"<\0", b"\0<")


def read_report(path: str) -> Outcomes:
    """Return each test's outcome by its id; raises AgentkitError (bad data) naming the file and what is wrong."""
    try:
        stream = open_plain(path)
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else str(error)
        raise AgentkitError(f"report {path}: cannot be read: {said}", status=Exit.BAD_DATA) from None
    with stream:
        try:
            return _read(stream)
        except OSError as error:
            raise AgentkitError(f"report {path}: cannot be read: {error.strerror}", status=Exit.BAD_DATA) from None
        except AgentkitError as error:
            raise AgentkitError(f"report {path}: {error.message}", hint=error.hint, status=Exit.BAD_DATA) from None


def _read(stream: BinaryIO) -> Outcomes:
    head = stream.read(HEAD_BYTES)
    if not head.strip():
        raise AgentkitError("is empty", status=Exit.BAD_DATA)
    stream.seek(0)
    if head.startswith(MARKS) or head.lstrip().startswith(b"<"):
        from agentkit.ratchet.reports.junit import read_junit

        return read_junit(stream)
    raw = stream.read(LONGEST_TEXT_BYTES)
    if len(raw) == LONGEST_TEXT_BYTES:
        raise AgentkitError(f"is {LONGEST_TEXT_BYTES >> 30} GiB of text or more", status=Exit.BAD_DATA)
    if head.partition(b"\t")[0].decode("latin-1") in WORDS:
        return read_lines(raw)
    from agentkit.ratchet.reports.pytestoutput import looks_like_pytest, read_pytest_output

    text = raw.decode("utf-8", "surrogateescape")
    if looks_like_pytest(text):
        return read_pytest_output(text)
    raise AgentkitError(
        "is no report that is known",
        hint="expected JUnit XML, the output of pytest -v -rA, or lines of an outcome, a tab and a test's id",
        status=Exit.BAD_DATA,
    )
