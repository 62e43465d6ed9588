"""What do the verbs for people share: an open store, the configuration, the begin of a record, names of findings?"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from agentkit.core.config import Configuration, load_configuration
from agentkit.core.errors import AgentkitError, Exit, tell
from agentkit.core.lines import Record
from agentkit.core.paths import state_folder
from agentkit.core.times import format_instant
from agentkit.think.caps import format_amount
from agentkit.think.store import NAME, Store, open_store

# As much of a fingerprint as a person reads or types: 48 bits.
SHORT = 12
LEAST = 4
# A ten-thousandth of a dollar; more digits than these are for programs.
STEP = 100_000


@contextmanager
def open_existing(environ: Mapping[str, str]) -> Iterator[Store | None]:
    """Open the store; None where there is none, for a question leaves nothing behind."""
    if not os.path.lexists(f"{state_folder(environ)}/{NAME}"):
        yield None
        return
    with open_store(environ) as store:
        yield store


def read_configuration(environ: Mapping[str, str], *, is_quiet: bool = False) -> Configuration:
    """Return the configuration; what is wrong in other commands' tables is a warning."""
    return load_configuration(
        environ, own=("think",), warn=lambda text: None if is_quiet else tell(f"agentkit: warning: {text}\n")
    )


def begin_record(kind: str, host: str, at: float) -> Record:
    """Return what every record has."""
    return {"v": 1, "kind": kind, "at": format_instant(at), "host": host}


def find_finding(store: Store, word: str) -> str:
    """Return the fingerprint that begins with a word of at least four letters.

    Raises AgentkitError (unavailable) where none does, or several do.
    """
    if len(word) < LEAST:
        raise AgentkitError(
            f"{word!r} is too short for a fingerprint; give its first {LEAST} letters, or more",
            hint="agentkit think inbox",
            status=Exit.USAGE,
        )
    rows = store.select(
        "SELECT fingerprint FROM findings WHERE substr(fingerprint, 1, ?) = ? LIMIT 4", (len(word), word)
    )
    found = [str(fingerprint) for (fingerprint,) in rows]
    if word in found:
        return word
    if len(found) == 1:
        return found[0]
    what = f"{word} may be {', '.join(found[:3])}" if found else f"there is no finding {word}"
    raise AgentkitError(what, hint="agentkit think inbox --json", status=Exit.UNAVAILABLE)


def demand_limit(limit: int) -> int:
    """Return the limit; AgentkitError (usage) for one that is no count."""
    if limit < 1:
        raise AgentkitError(f"--limit: {limit} is no whole number above 0", status=Exit.USAGE)
    return limit


def say_count(count: int, noun: str) -> str:
    """Return `1 finding`, `2 findings`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def say_usd(nanodollars: int) -> str:
    """Return money for a person, rounded up to a ten-thousandth of a dollar: `0.0023 usd`."""
    return format_amount("usd", -(-nanodollars // STEP) * STEP)


def shorten(text: str, most: int) -> str:
    """Return the text on one line of at most so many letters."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
