"""What did the job itself say about its work: counters and notes?

The wrapper names a file in AGENTKIT_MARKS; `echo items=12 >> "$AGENTKIT_MARKS"` is all that a shell script needs.
Imported by the hot verbs.
"""

import os

from agentkit.core.errors import AgentkitError, Exit

MOST_BYTES = 65536
MOST_COUNTERS = 100
LONGEST_NOTE = 1000
KEY_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"


def main(words: list[str]) -> int:
    """Add `KEY=VALUE` marks to the evidence of the job that runs this program."""
    marks = [check_mark(word) for word in words if word != "--"]
    if not marks:
        raise AgentkitError(
            "heartbeat mark: nothing to mark; expected KEY=VALUE…, such as items=12",
            hint="agentkit heartbeat mark --help",
            status=Exit.USAGE,
        )
    path = os.environ.get("AGENTKIT_MARKS")
    if not path:
        raise AgentkitError(
            "no job to mark: AGENTKIT_MARKS is not set",
            hint="agentkit heartbeat run NAME -- PROGRAM… sets it for the program",
            status=Exit.UNAVAILABLE,
        )
    raw = "".join(f"{mark}\n" for mark in marks).encode("utf-8", "backslashreplace")
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.write(descriptor, raw) != len(raw):
                raise OSError(28, "no space left for a whole mark")
        finally:
            os.close(descriptor)
    except OSError as error:
        raise AgentkitError(f"{path}: {error.strerror}", status=Exit.CANNOT_WRITE) from error
    return Exit.OK


def check_mark(word: str) -> str:
    """Return the word when it is a mark; raises AgentkitError (usage)."""
    key, given, _ = word.partition("=")
    if not given or not _is_key(key) or "\n" in word:
        raise AgentkitError(
            f"heartbeat mark: {word!r} is not KEY=VALUE; a key is made of letters, digits, '_', '.' and '-'",
            hint="agentkit heartbeat mark items=12 note='two files skipped'",
            status=Exit.USAGE,
        )
    return word


def collect_marks(path: str) -> tuple[dict[str, float], str | None]:
    """Return counters and note from a marks file, and remove it; the same counter again adds up.

    What is no number is part of the note. At most 64 KiB are read: a job cannot fill the ledger by its marks.
    """
    try:
        raw = _read_and_remove(path)
    except FileNotFoundError:
        return {}, None
    except OSError as error:
        return {}, f"the marks could not be read: {error.strerror}"
    notes: list[str] = []
    if len(raw) > MOST_BYTES:
        raw = raw[: raw.rfind(b"\n", 0, MOST_BYTES) + 1]
        notes.append("more than 64 KiB of marks: the rest was not read")
    counters: dict[str, float] = {}
    for line in raw.decode("utf-8", "backslashreplace").splitlines():
        key, given, value = line.strip().partition("=")
        number = _as_number(value) if given and _is_key(key) else None
        if number is not None and (key in counters or len(counters) < MOST_COUNTERS):
            counters[key] = counters.get(key, 0) + number
        elif line.strip():
            notes.append(value.strip() if given and key == "note" else line.strip())
    return counters, "; ".join(notes)[:LONGEST_NOTE] or None


def _read_and_remove(path: str) -> bytes:
    # The program owns this name: it may have put a link, a pipe or a folder there.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        return os.read(descriptor, MOST_BYTES + 1)
    finally:
        os.close(descriptor)
        try:
            os.unlink(path)
        except OSError:
            pass  # a folder: what cannot be removed is told by what could not be read


def _is_key(key: str) -> bool:
    return 0 < len(key) <= 64 and all(letter in KEY_LETTERS for letter in key)


def _as_number(text: str) -> float | None:
    try:
        number = float(text) if any(letter in text for letter in ".eE") else int(text)
    except ValueError:
        return None
    if abs(number) >= 1e300:
        return None
    # Above this an integer fits neither a ledger nor a float exactly.
    return number if abs(number) < 1 << 53 else float(number)
