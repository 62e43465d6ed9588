"""How are lines of JSON read and written, however long or broken they are?

Imported by a hot verb: `json` and nothing else that costs.
"""

import json
import sys
from _collections_abc import Iterator, Mapping

TYPE_CHECKING = False  # the one of typing costs an import
if TYPE_CHECKING:
    from typing import IO

SEVERITIES = INFO, WARNING, CRITICAL = "info", "warning", "critical"
# A line longer than this is no record of ours, and must not become our memory.
LONGEST_LINE_BYTES = 16 * 1024 * 1024


def write_record(record: "Mapping[str, object]", stream: "IO[str] | None" = None) -> None:
    """Write one record as one line of UTF-8 and flush it (to stdout when no stream is given)."""
    stream = sys.stdout if stream is None else stream
    line = json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(", ", ": ")) + "\n"
    binary = getattr(stream, "buffer", None)
    if binary is None:
        stream.write(line)
    else:
        stream.flush()
        # Of a file name that is no UTF-8 Python keeps lone surrogates; escaped like this they are valid JSON.
        binary.write(line.encode("utf-8", "backslashreplace"))
    stream.flush()


def split_lines(stream: "IO[bytes]") -> "Iterator[bytes | None]":
    """Yield the lines, and None for one that is too long; raises OSError."""
    while line := stream.readline(LONGEST_LINE_BYTES):
        if len(line) < LONGEST_LINE_BYTES or line.endswith(b"\n"):
            yield line
            continue
        while line and not line.endswith(b"\n"):
            line = stream.readline(LONGEST_LINE_BYTES)
        yield None


def parse_object(line: bytes) -> "dict[str, object] | None":
    """Return the JSON object that the text is, None where it is none."""
    try:
        record = json.loads(line.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def is_deeper(record: "Mapping[str, object]", deepest: int) -> bool:
    """Tell whether an object is nested deeper than this: who reads it with more around it perhaps cannot."""
    level: list[object] = [record]
    for _ in range(deepest):
        level = [
            each
            for one in level
            for each in (one.values() if isinstance(one, dict) else one)  # type: ignore[attr-defined]  # a list
            if isinstance(each, (dict, list))
        ]
        if not level:
            return False
    return True


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON (RFC 8259, section 6)")
