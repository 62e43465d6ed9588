"""What does a shell know at one place of a text, and what becomes there of output and status?"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from agentkit.core.shelltree import Command, Redirect, Word
from agentkit.heartbeat.edits import Edit
from agentkit.heartbeat.silence import HIDING, Reason, Silence

NULL = "/dev/null"


@dataclass
class Frame:
    """One text in one shell: what it has set so far, and what would mend it."""

    variables: dict[str, str]
    is_bash: bool
    has_pipefail: bool = False
    ends_on_error: bool = False
    text: bytes = b""
    positional: tuple[str, ...] | None = None
    functions: dict[str, Command] = field(default_factory=dict)
    edits: list[Edit] = field(default_factory=list)
    needs_pipefail: bool = False
    is_pipefail_quiet: bool = True
    # What `exec >/dev/null` closed for all that follows, and a trap that ends the shell with 0.
    muted: frozenset[int] = frozenset()
    trap: str | None = None

    def expand(self, words: Iterable[Word]) -> tuple[tuple[str, ...], tuple[Word | None, ...]]:
        """Return the words, `"$@"` and variables that the text itself set put in, and where each of them stands."""
        texts: list[str] = []
        origins: list[Word | None] = []
        for word in words:
            if word.text in ("$@", "$*") and self.positional is not None:
                texts.extend(self.positional)
                origins.extend([None] * len(self.positional))
                continue
            texts.append(self.expand_one(word.text))
            origins.append(word)
        return tuple(texts), tuple(origins)

    def expand_one(self, text: str) -> str:
        """Return a word, or the value of the variable that it is, as far as the text itself set it."""
        if not text.startswith("$") or len(text) < 2:
            return text
        name = text[1:].strip("{}")
        if name.isdigit() and self.positional is not None and 0 < int(name) <= len(self.positional):
            return self.positional[int(name) - 1]
        return self.variables.get(name, text)

    def take_in(self, words: tuple[str, ...]) -> None:
        """Take in what a command changes for those behind it: set, export."""
        if words[0] == "export":
            self.variables.update(dict(word.split("=", 1) for word in words[1:] if "=" in word))
        elif words[:2] == ("set", "--"):
            self.positional = words[2:]
        elif words[0] == "set":
            for setting, name in zip(words[1:], (*words[2:], ""), strict=True):
                is_on = setting.startswith("-")
                if not is_on and not setting.startswith("+"):
                    continue
                if "e" in setting or (setting.endswith("o") and name == "errexit"):
                    self.ends_on_error = is_on
                if setting.endswith("o") and name == "pipefail":
                    # dash ends at such a line, and says so.
                    self.has_pipefail = is_on and self.is_bash


@dataclass(frozen=True)
class Scope:
    """One place in a command.

    `is_inside` a wrapper, whose job may have `is_declared` effects; `is_bounded` by a time limit; `is_voiced`: somebody
    speaks when it fails; `is_asked`: its status decides what follows; `is_top`: the last statement of its text.
    """

    found: Silence
    frame: Frame
    depth: int = 0
    is_out_open: bool = True
    is_err_open: bool = True
    is_inside: bool = False
    is_declared: bool = False
    is_bounded: bool = False
    is_voiced: bool = False
    is_asked: bool = False
    is_top: bool = True

    @property
    def ends_on_error(self) -> bool:
        """Tell whether the shell ends here at the first failure: never where somebody asks for the status."""
        return self.frame.ends_on_error and not self.is_asked

    def say(self, code: str, text: str) -> None:
        """Keep a reason, the first of its code."""
        kept = self.found.reasons
        if self.is_inside:
            kept = self.found.worth_knowing if self.is_declared or code not in HIDING else self.found.hidden
        kept.setdefault(code, Reason(code, text))

    def quote(self, command: Command) -> str:
        """Return a command as it is written, shortened for a person."""
        text = self.frame.text[command.start : command.end].decode(errors="backslashreplace")
        return text if len(text) <= 60 else f"{text[:57]}…"

    def below(self) -> Scope:
        """Return a place whose end is not that of the text."""
        return replace(self, is_top=False)

    def redirect(self, redirects: tuple[Redirect, ...]) -> Scope:
        """Return the place with stdout and stderr where the redirections lead, which are taken from the left."""
        muted = self.frame.muted
        if not redirects and not muted:
            return self
        is_open = {1: self.is_out_open and 1 not in muted, 2: self.is_err_open and 2 not in muted}
        for redirect in redirects:
            operator, target = redirect.operator, self.frame.expand_one(redirect.target)
            if target.endswith("null"):
                target = "/" + os.path.normpath(target).lstrip("/") if target.startswith("/") else target
            if "<" in operator:
                continue
            descriptor = 1 if redirect.descriptor is None else redirect.descriptor
            if operator.startswith(">&") and target.isdigit():
                is_open[descriptor] = is_open.get(int(target), True)
            elif operator == ">&-" or target == "-":
                is_open[descriptor] = False
            elif operator.startswith("&>") or (operator == ">&" and redirect.descriptor is None):
                if self.frame.is_bash or operator == ">&":
                    is_open[1] = is_open[2] = target != NULL
            else:
                is_open[descriptor] = target != NULL
        return replace(self, is_out_open=is_open[1], is_err_open=is_open[2])
