"""What is said of a call that can wait for ever: where it stands, why it can, and the words that bound it?"""

from __future__ import annotations

from dataclasses import dataclass

from agentkit.core.lines import INFO, WARNING, Finding, Record
from agentkit.depmap.answers import tell_place

SOURCE = "depmap.lint"
# What can wait for ever; what has a limit for a part of its way, and can wait for ever on another.
UNBOUNDED, PARTLY = "unbounded", "partly-bounded"
SEVERITIES = {UNBOUNDED: WARNING, PARTLY: INFO}


@dataclass(frozen=True, slots=True)
class Wait:
    """One call without a bound, or with one for only a part.

    `subject` is `func:/PATH#name`, `file:/PATH`, `job:FILE#LINE` or `unit:NAME`; `key` tells what is found in one
    subject apart, and is the text of the command. `fix` is that command with its bound, as it can be pasted.
    """

    type: str
    subject: str
    key: str
    file: str
    line: int | None
    command: str
    why: str
    fix: str

    def to_record(self, host: str, at: float) -> Record:
        """Return the record that travels (kind `finding`); `at` in seconds since the epoch."""
        return Finding(
            source=SOURCE,
            type=self.type,
            subject=self.subject,
            severity=SEVERITIES[self.type],
            title=f"{tell_place(self.file, self.line)}: {self.why}",
            host=host,
            at=at,
            key=self.key,
            extra={
                "file": self.file,
                "line": self.line,
                "command": self.command,
                "why": self.why,
                "fix": self.fix,
            },
        ).to_record()
