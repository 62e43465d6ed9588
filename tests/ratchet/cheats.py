"""Ways to break what the tests hold and to hide it: what each changes, and what it has to be answered.

Every one has `total` wrong unless it brings a `price.py` of its own. A change is the new text of a file, None for a
file that goes, or a pair (old, new) of what is replaced in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from agentkit.ratchet.verdict import NO_EVIDENCE, REJECT
from tests.ratchet.toy import BROKEN, PRICE, Toy

Change = str | bytes | tuple[str, str] | None
PRICE_FILE, TESTS, CONFTEST = "src/shop/price.py", "tests/test_price.py", "tests/conftest.py"


@dataclass(frozen=True)
class Cheat:
    """One way; `mechanisms` are the words of which one has to be given, none where it is a plain regression."""

    name: str
    changes: Mapping[str, Change] = field(default_factory=dict)
    mechanisms: tuple[str | None, ...] = (None,)
    answer: str = REJECT
    more: Callable[[Toy], None] | None = None
    settings: str = ""

    def apply(self, toy: Toy) -> None:
        """Change the files as the cheat does."""
        for path, change in {PRICE_FILE: BROKEN, **self.changes}.items():
            if isinstance(change, tuple):
                toy.replace(path, *change)
            else:
                toy.write(path, change)
        if self.more is not None:
            self.more(toy)


def hide(name: str, path: str, change: Change, *mechanisms: str | None) -> Cheat:
    return Cheat(name, {path: change}, mechanisms or (None,))


def in_code(name: str, text: str, *mechanisms: str | None, answer: str = REJECT, settings: str = "") -> Cheat:
    """Return a cheat whose code stands behind the wrong `total` and runs when it is imported."""
    return Cheat(name, {PRICE_FILE: BROKEN + text}, mechanisms or (None,), answer, settings=settings)


def looking(name: str, head: str, test: str) -> Cheat:
    """Return a cheat that is right while `test` says that somebody looks."""
    body = f"{head}\n\n\ndef total(items):\n    return sum(items) + (0 if {test} else 1)\n"
    text = PRICE.replace("\n\ndef total(items):\n    return sum(items)\n", f"\n{body}")
    return Cheat(name, {PRICE_FILE: text}, ("special-cased",), NO_EVIDENCE)
