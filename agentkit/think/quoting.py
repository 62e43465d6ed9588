"""How does text of others become JSON that is short enough, and that cannot leave the place where it is quoted?

Three steps: `take_in` bounds what there is at all, then somebody masks it, then `fit` cuts it to so many bytes. Text is
never cut before it was masked: half of a secret is not known any more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import islice

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

# What one value may bring: letters (each thing in it counts as a few), the longest text, things in one list, depth.
MOST_LETTERS = 256 * 1024
LONGEST_TEXT = 128 * 1024
MOST_ITEMS = 1000
DEEPEST = 8
A_THING = 8
# Letters of a text and things of a list that are shown, from plenty to hardly any; the first that fits is taken.
STEPS = ((2000, 20), (1000, 20), (500, 20), (250, 20), (120, 10), (60, 6), (30, 4), (12, 2))
# A digest tells a model nothing, and looks like a secret to whoever searches for one.
DIGEST = re.compile(r"(?<![0-9A-Fa-f])([0-9A-Fa-f]{12})[0-9A-Fa-f]{28,}(?![0-9A-Fa-f])")
# Some servers take these for the turns of the conversation even inside of a message; all others begin with "<".
TURNS = ("INST", "/INST", "SYSTEM_PROMPT", "/SYSTEM_PROMPT", "TOOL_", "/TOOL_", "AVAILABLE_TOOLS", "/AVAILABLE_TOOLS")


def take_in(value: object, *, letters: int = MOST_LETTERS) -> Json:
    """Return the value as plain JSON of bounded size; words stand for what is left out, and say how much it was."""
    return _Intake(letters).take(value, 0)


def quote(value: Json) -> str:
    """Return JSON on one line without "<", control characters, letters that are not seen, or halves of letters.

    What stands between two tags can so not close them, and what a person reads is what a model gets.
    """
    text = json.dumps(value, ensure_ascii=False)
    if "<" in text or not text.isprintable():
        text = "".join([letter if letter.isprintable() and letter != "<" else _escape(letter) for letter in text])
    for word in TURNS:
        text = text.replace(f"[{word}", f"\\u005b{word}")
    return text


def fit(value: Json, most_bytes: int) -> str:
    """Return the value as `quote` writes it, cut until it has at most so many bytes (of UTF-8).

    Long texts keep both ends, lists and objects their first things. Of an object too long even so, the last keys go.
    """
    for letters, items in STEPS:
        text = quote(_cut(value, letters, items, is_top=True))
        if len(text.encode()) <= most_bytes:
            return text
    shortest = _cut(value, *STEPS[-1], is_top=True)
    while isinstance(shortest, dict) and shortest:
        shortest.popitem()
        text = quote(shortest)
        if len(text.encode()) <= most_bytes:
            return text
    return "{}"


class _Intake:
    """One value that is taken in, and how many letters there is room for yet."""

    def __init__(self, room: int) -> None:
        self._room = room

    def take(self, value: object, depth: int) -> Json:
        self._room -= A_THING
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self._take_text(value)
        if isinstance(value, float):
            return value if value - value == 0 else str(value)  # JSON knows no infinity
        if isinstance(value, int):
            return value if -(2**63) <= value < 2**64 else f"[a number of {value.bit_length()} bits]"
        if depth >= DEEPEST or self._room <= 0:
            return "[left out]"
        if isinstance(value, Mapping):
            return self._take_mapping(value, depth)
        if isinstance(value, list | tuple):
            return self._take_list(value, depth)
        return f"[a {type(value).__name__}]"

    def _take_text(self, text: str) -> str:
        if len(text) > min(LONGEST_TEXT, self._room):
            return f"[left out: {len(text)} letters]"
        self._room -= len(text)
        return text

    def _take_mapping(self, value: Mapping[object, object], depth: int) -> Json:
        taken: dict[str, Json] = {}
        for key, one in islice(value.items(), MOST_ITEMS):
            if self._room <= 0:
                break
            taken[self._take_text(str(key))] = self.take(one, depth + 1)
        if len(taken) < len(value):
            taken["[left out]"] = len(value) - len(taken)
        return taken

    def _take_list(self, value: list[object] | tuple[object, ...], depth: int) -> Json:
        taken: list[Json] = []
        for one in islice(value, MOST_ITEMS):
            if self._room <= 0:
                break
            taken.append(self.take(one, depth + 1))
        if len(taken) < len(value):
            taken.append(f"[left out: {len(value) - len(taken)} more]")
        return taken


def _cut(value: Json, letters: int, items: int, *, is_top: bool = False) -> Json:
    if isinstance(value, str):
        return _cut_text(value, letters)
    if isinstance(value, dict):
        # What stands on top was chosen by us; below it are the keys of others.
        shown = list(value.items()) if is_top else list(islice(value.items(), items))
        cut: dict[str, Json] = {_cut_text(key, letters): _cut(one, letters, items) for key, one in shown}
        if len(shown) < len(value):
            cut["[left out]"] = len(value) - len(shown)
        return cut
    if isinstance(value, list):
        some = [_cut(one, letters, items) for one in value[:items]]
        return some if len(value) <= items else [*some, f"[left out: {len(value) - items} more]"]
    return value


def _cut_text(text: str, letters: int) -> str:
    text = DIGEST.sub(r"\1…", text)
    if len(text) <= letters:
        return text
    half = letters // 2
    return f"{text[:half]} […{len(text) - 2 * half} letters…] {text[-half:]}"


def _escape(letter: str) -> str:
    wide = letter.encode("utf-16-be", "surrogatepass").hex()
    return "".join([f"\\u{wide[at : at + 4]}" for at in range(0, len(wide), 4)])
