"""Which options does a command give, with which values, and is a value a limit?"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from agentkit.depmap.calls import HOLE

Words = tuple[str, ...]
ENDLESS = re.compile(r"[-+]?(?:inf(?:inity)?|never|none|unlimited|forever)\Z", re.IGNORECASE)


@dataclass(slots=True)
class Given:
    """The options of a command (`-m` and `--max-time`, each with its last value, "" for none), and its operands.

    `all_values` keeps every value of an option that may be given more than once, as `-o` of ssh.
    """

    words: Words
    options: dict[str, str] = field(default_factory=dict)
    all_values: dict[str, list[str]] = field(default_factory=dict)
    operands: list[str] = field(default_factory=list)

    def has(self, *names: str) -> bool:
        """Tell whether one of the options is given."""
        return any(name in self.options for name in names)

    def limits(self, *names: str) -> bool:
        """Tell whether one of the options is given with a value that is a limit."""
        return any(name in self.options and is_limit(self.options[name]) for name in names)

    def gives_up(self, *names: str) -> bool:
        """Tell whether one of the options is given with a value that means no limit."""
        return any(name in self.options and not is_limit(self.options[name]) for name in names)


def read_given(words: Words, letters: str = "", names: Words = (), *, at: int = 1, stops: bool = False) -> Given:
    """Return what a command's words say from index `at` on (POSIX.1 12.2 and GNU's long options).

    `letters` and `names` are those of the options with a value. With `stops` the first operand ends the options.
    """
    given = Given(words)
    while at < len(words):
        word = words[at]
        at += 1
        if word == "--":
            break
        if not word.startswith("-") or word == "-":
            given.operands.append(word)
            if stops:
                break
            continue
        if word.startswith("--"):
            name, sign, value = word.partition("=")
            full = _complete(name[2:], names)
            if not sign and full in names and at < len(words):
                value, at = words[at], at + 1
            _set(given, f"--{full}", value)
            continue
        for place, letter in enumerate(word[1:], 2):
            if letter not in letters:
                _set(given, f"-{letter}", "")
                continue
            value = word[place:]
            if not value and at < len(words):
                value, at = words[at], at + 1
            _set(given, f"-{letter}", value.removeprefix("="))
            break
    given.operands.extend(words[at:])
    return given


def is_limit(value: str) -> bool:
    """Tell whether a value such as 5, 0.5s or 1m30s bounds something: 0 and `infinity` do not, the unknown may."""
    if HOLE in value:
        return True
    value = value.strip()
    return not value.startswith("-") and not ENDLESS.match(value) and re.search(r"[1-9]", value) is not None


def find_verb(words: Words, letters: str = "", names: Words = ()) -> tuple[str, Words]:
    """Return the first operand, such as `fetch` of `git -C /srv fetch`, and the words behind it; "" where none is."""
    at = 1
    while at < len(words):
        word = words[at]
        if word == "--" or not word.startswith("-"):
            at += word == "--"
            return (words[at], words[at + 1 :]) if at < len(words) else ("", ())
        at += 1
        if word.startswith("--"):
            at += word[2:] in names
        elif word[1:2] in letters and word[1:2]:
            at += len(word) == 2
    return "", ()


def _complete(name: str, names: Words) -> str:
    """Return the option that is meant: getopt_long(3) takes what is unique of its beginning."""
    if name in names or len(name) < 3:
        return name
    meant = [known for known in names if known.startswith(name)]
    return meant[0] if len(meant) == 1 else name


def _set(given: Given, name: str, value: str) -> None:
    given.options[name] = value
    given.all_values.setdefault(name, []).append(value)
