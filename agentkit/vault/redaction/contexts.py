"""Where does a text say the name of a short value, so that what follows is the value and no chance?

`NAME=value`, `NAME: value`, `"NAME": "value"`; the name in any case, its parts joined by any sign or by none.
"""

from _collections_abc import Callable

from agentkit.vault.redaction.spellings import Spelling, spell_base64, spell_hex, spell_text

SHORTEST = 6
SHORTEST_NUMBER = 8
# What may stand between the sign and the value.
_OPENING = rb"[=>]?[ \t]{0,8}(?:\\{0,8}[\"'])?"
_PARTS = rb"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+|[^\x00-\x7f]+"
_SIGNS = rb"[-_./ ]{0,2}"
_ASSIGNED = rb"(?:\\{0,8}[\"'])?[ \t]{0,8}[:=]"


def needs_context(value: bytes) -> bool:
    """Tell whether a value is so short that it stands by chance in many a text."""
    return len(value) < (SHORTEST_NUMBER if value.isdigit() else SHORTEST)


class Context:
    """A short value and what has to stand before it."""

    __slots__ = ("_named", "_spellings", "owner", "value")

    def __init__(self, owner: int, name: str, value: bytes) -> None:
        self._spellings: list[Spelling] = []
        self.owner = owner
        self.value = value
        # Few have such values, and `re` costs a hot verb as much as half of Python.
        import re

        parts = [re.escape(part.lower()) for part in re.findall(_PARTS, name.encode())]
        self._named = _SIGNS.join(parts) + _ASSIGNED

    def make_finder(self) -> Callable[[bytes, int], list[int]]:
        """Return what finds in a text, from a place on, where the sign between name and value ends."""
        import re

        # A letter before the name would make it another name; a sign may join it to what it belongs to.
        pattern = re.compile(rb"(?i)(?<![a-z0-9])" + self._named)
        return lambda text, first: [found.end() for found in pattern.finditer(text, first)]

    def find_begin(self, text: bytes, place: int) -> int:
        """Return where the value begins behind the sign that ends at a place."""
        import re

        found = re.compile(_OPENING).match(text, place)
        return found.end() if found else place

    def may_begin_later(self, text: bytes, begin: int) -> bool:
        """Tell whether what the text ends with may stand before the value: blanks, a quote, however it is escaped."""
        return len(text) - begin <= 8 and not text[begin:].strip(b"\\")

    def spellings(self) -> list[Spelling]:
        """Return what may stand behind the name: the value, and the whole of it coded."""
        if not self._spellings:
            self._spellings = [spell_text(self.value), spell_base64(self.value, 0), spell_hex(self.value)]
        return self._spellings

    def expression(self) -> bytes:
        """Return the same for hyperscan, which cannot look behind."""
        return rb"(?i)[^a-z0-9]" + self._named
