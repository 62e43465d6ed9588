"""What is a program to run, with its bounds, and how did it end?"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True)
class Program:
    """A program to run, and its bounds.

    At `limit` every process of it gets SIGTERM, after `grace` (cut to 0.3 s) SIGKILL, and 0.45 s after the limit, or
    before when it waits in the kernel, what still lives is named and left. So an answer that comes just before the
    limit counts, and whatever the program does, its end is told by limit + 0.5 s. `environment` None means that of
    this process. `keep_bytes` of stdout and of stderr are kept each: the last ones.
    """

    argv: tuple[str, ...]
    limit: timedelta
    grace: timedelta = timedelta(milliseconds=200)
    environment: Mapping[str, str] | None = None
    folder: str | os.PathLike[str] | None = None
    stdin: bytes = field(default=b"", repr=False)
    keep_bytes: int = 65536

    def __post_init__(self) -> None:
        object.__setattr__(self, "argv", tuple(self.argv))
        if not self.argv:
            raise ValueError("a program needs a name")
        if self.limit <= timedelta(0) or self.grace < timedelta(0) or self.keep_bytes < 0:
            raise ValueError("a program needs a time limit above 0, and no grace or size below 0")
        entries = {} if self.environment is None else self.environment
        if any("\0" in word for word in (*self.argv, *entries, *entries.values())):
            raise ValueError("no argument and no variable can hold a NUL")
        if any(not name or "=" in name for name in entries):
            raise ValueError("no variable can have an empty name or one with '='")


@dataclass(frozen=True)
class Ended:
    """How a program ended.

    `outcome` is "exited", "signalled", "timed-out", "unkillable" (timed out, and something of it would not die) or
    "not-started". `status` is a shell's: its own, 128+N, 124 for timed out, 126 and 127; 125 where no process could be
    made or its folder entered; None where the common limit came before its turn. `left_behind` names what it left
    running, (pid, program), and what was ended then; `unkillable` what is still there, (pid, where it waits). Of one
    that timed out `waits_in` is the kernel's function in which it waited, "" where nothing tells, and `was_starved`
    says that other work kept it from the processor for most of its time.
    """

    argv: tuple[str, ...]
    status: int | None
    signal: int | None
    outcome: str
    duration: timedelta
    stdout: bytes = field(default=b"", repr=False)
    stderr: bytes = field(default=b"", repr=False)
    stdout_bytes: int = 0
    stderr_bytes: int = 0
    unkillable: tuple[tuple[int, str], ...] = ()
    left_behind: tuple[tuple[int, str], ...] = ()
    trouble: str = ""
    waits_in: str = ""
    was_starved: bool = False

    @property
    def stdout_truncated(self) -> bool:
        """Tell whether `stdout` is only the end of what was written."""
        return self.stdout_bytes > len(self.stdout)

    @property
    def stderr_truncated(self) -> bool:
        """Tell whether `stderr` is only the end of what was written."""
        return self.stderr_bytes > len(self.stderr)
