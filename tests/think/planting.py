"""Findings with values of a vault in them, spelled in every way that redaction knows, and what of them may be seen."""

import json
import random
import string
from collections.abc import Iterator, Sequence

from agentkit.core.settings import RunbookSettings
from agentkit.think.groups import Group, Record
from agentkit.think.prompting import build_prompt
from agentkit.think.providers import Prompt
from tests.vault.encodings import draw_value, find_encodings

# So many letters of a spelling that is masked, one after the other, are a leak.
WINDOW = 12
FILLING = [
    "error: ",
    "the pump stands still\n",
    "at line 77 of main.c: ",
    "漏れ ",
    "   ",
    '"quoted" ',
    "it's <odd> & \\n ",
]


def build_bare(group: Group, runbooks: Sequence[RunbookSettings], now: float) -> Prompt:
    """Return what a model would be asked, were nothing masked."""
    return build_prompt(group, runbooks, now, mask=lambda told: told)


class Planter:
    """Draws findings; `spelled` are the pieces of text that must not be seen again."""

    def __init__(self, values: list[bytes], chance: random.Random) -> None:
        self.values = values
        self.chance = chance
        self.spelled: list[tuple[str, str]] = []

    def draw_text(self, most_fillings: int = 40) -> str:
        """Return a text of a few letters to many thousands with a value somewhere in it."""
        value = self.chance.choice(self.values)
        encodings = find_encodings(value, rare=True)
        name = self.chance.choice(list(encodings))
        parts = encodings[name](value, self.chance)
        try:
            before, covered, behind = [part.decode() for part in parts]
        except UnicodeDecodeError:
            return self.draw_text(most_fillings)
        self.spelled.append((name, covered))
        return self._fill(most_fillings) + before + covered + behind + self._fill(most_fillings)

    def draw_finding(self, number: int) -> Record:
        """Return a finding with values in its title, its evidence, its keys and lists."""
        return {
            "v": 1, "kind": "finding", "at": "2026-11-22T03:00:00.000Z", "host": "web-1", "source": "heartbeat.check",
            "type": "failed", "subject": f"job:{number}", "severity": self.chance.choice(["warning", "critical"]),
            "state": "firing", "title": self.draw_text(2), "fingerprint": f"{number:064x}",
            "first_seen": f"2026-11-{10 + number}T03:00:00.000Z", "last_seen": f"2026-11-{10 + number}T03:00:00.000Z",
            "count": 3,
            "cause": {"root": self.draw_text(1), "via": [self.draw_text(1)]},
            "impact": [self.draw_text(0) for _ in range(3)],
            "evidence": {
                "tail": self.draw_text(), "error_words": self.draw_text(10).split("\n"),
                self.draw_text(0): {"deep": [{"deeper": self.draw_text()}]},
            },
            "said_by_others": self.draw_text(),
        }  # fmt: skip

    def draw_group(self) -> Group:
        """Return a group with values in everything that came from elsewhere."""
        return Group(
            "a group", {"source": "heartbeat.check", "cause": self.draw_text(2)},
            tuple([self.draw_finding(number) for number in range(5)]), 1_795_000_000.0, 1_795_003_600.0, 15, "critical",
            (self.draw_text(3), self.draw_text(30)),
            ({"at": "2026-11-22T03:00:00.000Z", "action": "notify", "rationale": self.draw_text(10)},),
        )  # fmt: skip

    def _fill(self, most: int) -> str:
        return "".join(self.chance.choices(FILLING, k=self.chance.randrange(most + 1)))


def draw_values(chance: random.Random, count: int) -> list[bytes]:
    """Return values of vaults of which each piece is a secret (the frame of a key is none)."""
    values: list[bytes] = []
    while len(values) < count:
        value = draw_value(chance)
        if b"-----" not in value:
            values.append(value)
    return values


def find_leaks(text: str, spelled: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return (spelling, piece) of what can be read in a prompt, as it is or in the JSON that its lines hold."""
    seen = [text, *[one for line in text.splitlines() if line.startswith("{") for one in _iterate(json.loads(line))]]
    whole = "\0".join(seen)
    return [
        (name, piece)
        for name, covered in spelled
        for piece in [covered[at : at + WINDOW] for at in range(max(1, len(covered) - WINDOW + 1))]
        if len(piece) == WINDOW and not set(piece) <= set(string.whitespace) and piece in whole
    ]


def _iterate(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, one in value.items():
            yield key
            yield from _iterate(one)
    elif isinstance(value, list):
        # A value may stand in it letter by letter.
        yield "".join(map(str, value))
        for one in value:
            yield from _iterate(one)
