"""A small machine for tests of `check`: jobs leave beats in a real spool, crontabs lie under a root of its own.

The clock is the only fake: it is a number that a test moves on.
"""

import os
import pwd
from pathlib import Path

from agentkit.core.config import Configuration
from agentkit.core.ledger import open_ledger
from agentkit.core.settings import HeartbeatSettings, JobSettings
from agentkit.core.spool import append_record
from agentkit.core.times import format_instant
from agentkit.core.tree import read_boot_id, read_pid_namespace
from agentkit.heartbeat.beat import encode, new_run_id
from agentkit.heartbeat.breaks import Clocks
from agentkit.heartbeat.check import Checked, run_check

NOON = 1_790_000_000.0
HOUR = 3600.0
BOOT_OFFSET = NOON - 30 * 86400.0


class Machine:
    """One state folder, one root folder, one clock; `step` moves the clock, `check` is a check at that instant."""

    def __init__(self, folder: Path, *, heartbeat: HeartbeatSettings | None = None) -> None:
        self.folder = folder / "state"
        self.root = folder / "root"
        (self.root / "etc").mkdir(parents=True)
        (self.root / "etc/passwd").write_text(f"{_user()}:x:{os.getuid()}:{os.getgid()}::/home/x:/bin/sh\n")
        self.jobs: dict[str, JobSettings] = {}
        self.heartbeat = heartbeat or HeartbeatSettings()
        self.now = NOON
        self.booted_at = BOOT_OFFSET
        self.slept_s = 0.0
        self.environ = {"AGENTKIT_HOME": str(self.folder), "HOME": str(folder), "PATH": os.environ["PATH"]}

    @property
    def clocks(self) -> Clocks:
        since_boot_s = self.now - self.booted_at
        return Clocks(self.now, since_boot_s, since_boot_s - self.slept_s, read_boot_id())

    def step(self, seconds: float) -> None:
        self.now += seconds

    def sleep(self, seconds: float) -> None:
        """Let time go by while the whole machine sleeps."""
        self.now += seconds
        self.slept_s += seconds

    def crontab(self, *lines: str) -> None:
        """Install a system crontab; `{u}` is this user, and each line leads to this machine's state folder."""
        text = "".join(line.replace("{u}", _user()) + "\n" for line in (f"AGENTKIT_HOME={self.folder}", *lines))
        path = self.root / "etc/crontab"
        path.write_text(text)
        path.chmod(0o644)
        # A stamp of seconds may be the same twice within a test; the size and this time are not.
        os.utime(path, ns=(int(self.now * 1e9), int(self.now * 1e9)))

    def write(self, **fields: object) -> str:
        """Leave one beat in the spool, as a wrapper would; return its run."""
        run = str(fields.get("run") or new_run_id(self.now))
        record = {
            "v": 1,
            "kind": "beat",
            "at": format_instant(self.now),
            "job": "backup",
            "attempt": 1,
            "boot": read_boot_id() if self.now >= self.booted_at else "the-boot-before",
            "boottime_s": self.now - self.booted_at + (0.0 if self.now >= self.booted_at else 1e9),
            **fields,
            "run": run,
        }
        place, troubles = append_record([str(self.folder)], encode(record).encode(), self.now)
        assert place, troubles
        return run

    def start(self, job: str = "backup", **fields: object) -> str:
        """Leave a `started` beat of this very process, so that the run counts as alive."""
        from agentkit.core.tree import process_start

        identity = {"pid": os.getpid(), "pid_start": process_start(os.getpid()), "pid_namespace": read_pid_namespace()}
        rest = {"started_at": format_instant(self.now), "timeout_s": 86400.0, "expect": {}, **identity, **fields}
        return self.write(job=job, state="started", **rest)

    def end(self, job: str = "backup", state: str = "ok", *, took: float = 1.0, **fields: object) -> str:
        """Leave the closing beat of a run that took some seconds and ended now."""
        measured: dict[str, object] = {"status": 0, "cpu_s": 0.1, "stdout_bytes": 10, "stdout_lines": 1}
        times = {"started_at": format_instant(self.now - took), "ended_at": format_instant(self.now)}
        return self.write(job=job, state=state, duration_s=took, **times, **{**measured, **fields})

    def check(self) -> Checked:
        configuration = Configuration("none", "host-1", self.heartbeat, self.jobs)
        with open_ledger(str(self.folder)) as ledger:
            return run_check(
                ledger, str(self.folder), self.environ, configuration, clocks=self.clocks, root=str(self.root)
            )

    def firing(self) -> list[tuple[str, str]]:
        """Check, and return (type, subject) of what fires, worst news included, infos left out."""
        return sorted((f.type, f.subject) for f in self.check().firing if f.severity != "info")


def _user() -> str:
    return pwd.getpwuid(os.getuid()).pw_name
