"""What do the verbs for people share: an open store, the configuration, the begin of a record, names of findings?"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager

from agentkit.core.config import Configuration, load_configuration
from agentkit.core.errors import AgentkitError, Exit, tell
from agentkit.core.lines import Record
from agentkit.core.statelook import open_existing_state
from agentkit.core.times import format_instant
from agentkit.think.caps import format_amount
from agentkit.think.store import FORM, Store

# As much of a fingerprint as a person reads or types: 48 bits.
SHORT = 12
LEAST = 4
# A ten-thousandth of a dollar; more digits than these are for programs.
STEP = 100_000


def open_existing(environ: Mapping[str, str]) -> AbstractContextManager[Store | None]:
    """Open the store; None where there is none, for a question leaves nothing behind."""
    return open_existing_state(FORM, environ)


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


def say_usd(nanodollars: int) -> str:
    """Return money for a person, rounded up to a ten-thousandth of a dollar: `0.0023 usd`."""
    return format_amount("usd", -(-nanodollars // STEP) * STEP)
