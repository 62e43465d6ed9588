"""Which words of a command are its operands, and which the values of its options?

Options may stand behind operands, as GNU's getopt has it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Valued:
    """The options of a program that take a value: letters, long names, letters whose value only joins them."""

    letters: str = ""
    names: frozenset[str] = frozenset()
    joined: str = ""


def list_operands(words: tuple[str, ...]) -> list[str]:
    """Return the words of a command that are neither its name, nor options, nor the values of these."""
    valued = VALUED.get(os.path.basename(words[0]), Valued())
    operands: list[str] = []
    at = 1
    while at < len(words):
        word = words[at]
        at += 1
        if word == "--":
            return [*operands, *words[at:]]
        if not word.startswith("-") or word == "-":
            operands.append(word)
        elif word.startswith("--"):
            at += word[2:] in valued.names
        else:
            at += _takes_next(word, valued)
    return operands


def find_value(words: tuple[str, ...], letter: str, name: str) -> str | None:
    """Return the value of an option, which stands behind it or is joined to it; None where it is not given."""
    for at, word in enumerate(words[1:], 1):
        if word == "--":
            return None
        if word in (f"-{letter}", f"--{name}"):
            return words[at + 1] if at + 1 < len(words) else None
        if word.startswith(f"--{name}="):
            return word.partition("=")[2]
        if word.startswith(f"-{letter}"):
            return word[2:]
    return None


def _takes_next(word: str, valued: Valued) -> bool:
    for place, letter in enumerate(word[1:], 2):
        if letter in valued.joined:
            return False
        if letter in valued.letters:
            # Its value is the rest of the word, or the next word.
            return place == len(word)
    return False


def _valued(letters: str, names: str = "", joined: str = "") -> Valued:
    return Valued(letters, frozenset(names.split()), joined)


_GREP = _valued(
    "ABCDdefm",
    "after-context before-context context binary-files devices directories regexp file include exclude exclude-from"
    " exclude-dir label max-count",
)
_COPY = _valued("St", "suffix target-directory no-preserve sparse")
VALUED = {
    "awk": _valued("Ffv", "assign field-separator file"),
    "cmp": _valued("in", "bytes ignore-initial"),
    **dict.fromkeys(("cp", "ln", "mv"), _COPY),
    "diff": _valued("CDFILSUWXx", "color context exclude exclude-from ignore-matching-lines label unified width"),
    **dict.fromkeys(("egrep", "fgrep", "grep"), _GREP),
    "head": _valued("cn", "bytes lines"),
    "install": _valued("Sgmot", "group mode owner strip-program suffix target-directory"),
    "jq": _valued("Lf", "from-file indent"),
    "less": _valued("DOPTbhjkoptxyz"),
    **dict.fromkeys(("mkdir", "mkfifo"), _valued("m", "mode")),
    "more": _valued("n", "lines"),
    "nl": _valued("bdfhilnsvw"),
    "od": _valued("ANSjt", "address-radix format read-bytes skip-bytes"),
    "sed": _valued("efl", "expression file line-length", joined="i"),
    "shred": _valued("ns", "iterations random-source size"),
    "sort": _valued(
        "STkot",
        "batch-size buffer-size compress-program field-separator files0-from key output parallel random-source sort"
        " temporary-directory",
    ),
    "systemctl": _valued(
        "HMPnopst",
        "boot-loader-entry boot-loader-menu check-inhibitors host image job-mode kill-whom kill-who legend lines"
        " machine output preset-mode property root signal state timestamp type what",
    ),
    "tac": _valued("s", "separator"),
    "tail": _valued("cns", "bytes lines max-unchanged-stats pid sleep-interval"),
    "touch": _valued("drt", "date reference time"),
    "truncate": _valued("rs", "reference size"),
    "wc": _valued("", "files0-from"),
    "xxd": _valued("Rcglnos"),
    "zcat": _valued("S", "suffix"),
}
