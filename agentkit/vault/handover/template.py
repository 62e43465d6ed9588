"""Which secrets does a text name by their masks, and what is it with their values put back?

The mask is `{{vault:NAME}}`, as `vault redact` writes it. Imported by the hot verbs.
"""

import os
import select
import time
from _collections_abc import Mapping

from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.age import MOST_BYTES
from agentkit.vault.places import demand_name

MASK_START, MASK_END = b"{{vault:", b"}}"
LONGEST_MASK = 256
LONGEST_WAIT_S = 30.0
READ_BYTES = 1 << 20


def read_template(path: str, limit_s: float = LONGEST_WAIT_S) -> bytes:
    """Return what a file or a pipe holds; raises AgentkitError where it cannot be read, is too long or never ends."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        raise _tell(path, str(error.strerror), Exit.UNAVAILABLE) from None
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    due = time.monotonic() + limit_s
    pieces: list[bytes] = []
    size = 0
    try:
        while True:
            if not poll.poll(max(due - time.monotonic(), 0.0) * 1000):
                raise _tell(path, f"its end did not come within {limit_s:.0f}s", Exit.TRY_LATER)
            try:
                piece = os.read(descriptor, READ_BYTES)
            except BlockingIOError:
                continue  # another reader was faster
            if not piece:
                return b"".join(pieces)
            pieces.append(piece)
            size += len(piece)
            if size > MOST_BYTES:
                raise _tell(path, f"more than {MOST_BYTES} bytes", Exit.BAD_DATA)
    except OSError as error:
        raise _tell(path, str(error.strerror), Exit.UNAVAILABLE) from None
    finally:
        os.close(descriptor)


def list_names(text: bytes) -> "list[str]":
    """Return the names of the secrets whose masks stand in a text, each once."""
    return list(dict.fromkeys(name for _, name in _split(text) if name))


def put_back(text: bytes, values: Mapping[str, bytes]) -> bytes:
    """Return the text with each mask replaced by the value of its secret."""
    return b"".join(values[name] if name else literal for literal, name in _split(text))


def _split(text: bytes) -> "list[tuple[bytes, str]]":
    """Return the pieces of a text as (bytes, name of the secret or nothing); what looks like no name is no mask."""
    pieces: list[tuple[bytes, str]] = []
    begun = 0
    start = text.find(MASK_START)
    while start >= 0:
        behind = start + len(MASK_START)
        end = text.find(MASK_END, behind, behind + LONGEST_MASK)
        name = _read_name(text[behind:end]) if end >= 0 else ""
        if name:
            pieces.append((text[begun:start], ""))
            begun = end + len(MASK_END)
            pieces.append((text[start:begun], name))
        start = text.find(MASK_START, behind)
    pieces.append((text[begun:], ""))
    return pieces


def _read_name(raw: bytes) -> str:
    try:
        return demand_name(raw.decode("ascii", "replace"))
    except AgentkitError:
        return ""


def _tell(path: str, why: str, status: int) -> AgentkitError:
    return AgentkitError(f"--fill: {path}: {why}", status=status)
