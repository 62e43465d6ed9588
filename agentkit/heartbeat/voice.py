"""Who would be told that a job failed: is there a mail program, or a check that notifies somebody?

cron hands what a job prints to sendmail, and throws it away where there is none.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from agentkit.core.rooted import resolve

MAILERS = ("usr/sbin/sendmail", "usr/lib/sendmail", "usr/bin/sendmail")
CRON_PATH = "/usr/bin:/bin"


@dataclass(frozen=True, slots=True)
class Voice:
    """Whether anybody is told; `is_checked` tells that some line runs `heartbeat check`."""

    has_mail: bool
    has_notify: bool
    has_ping: bool
    is_checked: bool

    @property
    def is_there(self) -> bool:
        """Tell whether anything that goes wrong reaches somebody."""
        return self.has_mail or ((self.has_notify or self.has_ping) and self.is_checked)


def find_voice(
    root: str,
    checks: Iterable[tuple[Sequence[str], Mapping[str, str]]],
    *,
    notify: Sequence[str],
    has_ping: bool,
) -> Voice:
    """Return who is told of a failure on the machine with this root folder.

    `checks` are the words of each scheduled `heartbeat check` and its environment; `notify` and `has_ping` are what
    the configuration says. A program that is not there is no voice.
    """
    has_notify, is_checked = _may_run(root, notify, CRON_PATH), False
    for words, environment in checks:
        is_checked = True
        path = environment.get("PATH", CRON_PATH)
        has_notify = has_notify or _may_run(root, _split(_find_value(words, "--notify")), path)
        has_ping = has_ping or _find_value(words, "--ping") is not None
    return Voice(any(_is_executable(root, name) for name in MAILERS), has_notify, has_ping, is_checked)


def _find_value(words: Sequence[str], option: str) -> str | None:
    for place, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name == option:
            return value if equals else "".join(words[place + 1 : place + 2])
    return None


def _split(text: str | None) -> list[str]:
    try:
        return shlex.split(text or "")
    except ValueError:
        return []


def _may_run(root: str, words: Sequence[str], path: str) -> bool:
    # Of another machine's disk only a part may be at hand.
    if not words or os.path.realpath(root) != "/":
        return bool(words)
    folders = [""] if "/" in words[0] else path.split(":")
    return any(_is_executable(root, os.path.join(folder, words[0])) for folder in folders)


def _is_executable(root: str, name: str) -> bool:
    try:
        return os.access(resolve(root, name), os.X_OK)
    except OSError:
        return False
