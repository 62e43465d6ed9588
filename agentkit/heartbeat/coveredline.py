"""What is said of one scheduled line, whatever runs it: its place, its times, how it stands, what to do about it?"""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass

from agentkit.core.cronline import DroppedLine
from agentkit.core.cronrow import split_row
from agentkit.heartbeat.linejudging import DEAD, UNKNOWN
from agentkit.heartbeat.silence import Reason

AS_ROOT = "look as root: sudo agentkit heartbeat coverage"


@dataclass(frozen=True, slots=True)
class Line:
    """How one scheduled line stands, and which jobs its wrappers run.

    `next` is in seconds since 1970, `number` None where the file is the line; `runner` is the line that runs it, where
    another one does.
    """

    file: str
    number: int | None
    user: str | None
    schedule: str | None
    next: float | None
    command: str | None
    state: str
    reasons: tuple[Reason, ...]
    fix: str | None
    jobs: tuple[str, ...] = ()
    runner: str | None = None

    @property
    def place(self) -> str:
        """Return where the line stands, as a person writes it."""
        return self.file if self.number is None else f"{self.file}:{self.number}"


def find_here(root: str, file: str) -> str:
    """Return the path from here of a machine's file, for a command that a person is to run."""
    return file if os.path.realpath(root) == "/" else os.path.join(root, file.lstrip("/"))


def write_dropped(dropped: DroppedLine, rules: str, root: str) -> Line:
    """Return a line that cron drops; its schedule and command are told as far as the text tells them."""
    schedule, command = None, dropped.text or None
    kind = "system" if dropped.file.startswith("/etc/") else "user"
    if dropped.file.endswith("/anacrontab"):
        kind = "anacron"
    if dropped.number and len(dropped.text.split()) > (5 if kind == "user" else 3):
        before, command, fed = split_row(dropped.text, kind=kind, rules=rules)
        words = before.split()
        is_macro = before.lstrip().startswith("@")
        schedule = " ".join(words[: 1 if is_macro or kind == "anacron" else 5])
        command += fed
    return Line(
        file=dropped.file,
        number=dropped.number or None,
        user=dropped.user,
        schedule=schedule or None,
        next=None,
        command=command or dropped.text or None,
        state=DEAD,
        reasons=(Reason(dropped.code, dropped.why),),
        fix=_fill_in(dropped, root),
    )


def write_unread(path: str, why: str) -> Line:
    """Return a file or folder that cannot be read, so that nothing is known of what it holds."""
    reason = Reason("unreadable", f"it cannot be read: {why}")
    return Line(path, None, None, None, None, None, UNKNOWN, (reason,), AS_ROOT)


def _fill_in(dropped: DroppedLine, root: str) -> str:
    """Return the fix with the names of the file and the user in it."""
    fix = dropped.fix.replace("FILE", shlex.quote(find_here(root, dropped.file)))
    return fix.replace("USER", shlex.quote(dropped.user)) if dropped.user else fix
