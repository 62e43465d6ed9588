"""How is a shell's text changed in places, and a text put into quotes?"""

from __future__ import annotations

import re
from dataclasses import dataclass

# `|| true`, `; exit 0`, `&`: what can go without anything else going with it.
EMPTY_WORDS = re.compile(rb"[\s;&|]*(?:(?:(?:/usr)?/bin/)?true|:|(?:exit|return)\s+0+)?[\s;]*")


@dataclass(frozen=True, slots=True)
class Edit:
    """Bytes `start` to `end` of a text become `new`; with `nested`, a word there is a text with edits of its own.

    `is_quiet` tells that nothing changes by it but the status, which cron does not look at.
    """

    start: int
    end: int
    new: bytes
    is_quiet: bool = False
    nested: tuple[Edit, ...] = ()


def apply_edits(text: bytes, edits: list[Edit] | tuple[Edit, ...], *, only_quiet: bool = False) -> bytes:
    """Return the text with the edits made, from the last place to the first; one inside another's place is left out.

    A text without an edit stays as it is: a carriage return or an escaped blank at its end is part of its last word.
    """
    done, before = len(text), text
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end), reverse=True):
        new = edit.new
        if edit.nested:
            inner = apply_edits(edit.new, edit.nested, only_quiet=only_quiet)
            if inner == edit.new:
                continue
            new = quote(inner)
        elif only_quiet and not (edit.is_quiet and _says_nothing(text[edit.start : edit.end])):
            continue
        if edit.end > done:
            continue
        text = text[: edit.start] + new + text[edit.end :]
        done = edit.start
    if text == before:
        return text
    bare = text.rstrip(b" \t")
    return text if bare.endswith(b"\\") else bare


def _says_nothing(taken: bytes) -> bool:
    """Tell whether what an edit takes out only set a status: with `; echo done >> log` a line would be lost."""
    return EMPTY_WORDS.fullmatch(taken) is not None


def quote(text: bytes) -> bytes:
    """Return the text as one word of a shell, in single quotes (POSIX.1 2.2.2)."""
    return b"'" + text.replace(b"'", b"'\\''") + b"'"


def is_plain_word(raw: bytes) -> bool:
    """Tell whether a word says the same in single quotes: nothing in it is expanded."""
    return raw.startswith(b"'") or not any(sign in raw for sign in (b"$", b"`", b"*", b"?", b"["))
