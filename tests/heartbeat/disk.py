"""The root folder of a machine whose scheduled lines are looked at, and what coverage says of them."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agentkit.core.cronrow import escape_command
from agentkit.heartbeat.coverage import Coverage, find_coverage

NOW = 1_790_000_000.0
PASSWD = "root:x:0:0:root:/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\n"
RUN = "/usr/local/bin/agentkit heartbeat run"


class Disk:
    """A root folder with users and no lines; `coverage` tells how its lines stand, without a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.root = folder
        self.write("etc/passwd", PASSWD)

    def write(self, name: str, text: str | bytes, mode: int = 0o644) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        path.chmod(mode)
        return path

    def system(self, *rows: str) -> Path:
        """Write /etc/crontab."""
        return self.write("etc/crontab", "".join(f"{row}\n" for row in rows))

    def crontab(self, *rows: str, user: str = "root") -> Path:
        """Write a user's crontab; one of root's is of root whoever runs the tests, as cron takes it."""
        return self.write(f"var/spool/cron/crontabs/{user}", "".join(f"{row}\n" for row in rows), 0o600)

    def unit(self, name: str, *rows: str, folder: str = "etc/systemd/system") -> Path:
        return self.write(f"{folder}/{name}", "".join(f"{row}\n" for row in rows))

    def timer(self, name: str, *service: str, unit: tuple[str, ...] = ()) -> None:
        """Write a daily timer, enabled, and its service with these settings."""
        self.unit(f"{name}.timer", "[Timer]", "OnCalendar=daily")
        self.unit(f"{name}.service", "[Unit]", *unit, "[Service]", "Type=oneshot", *service)
        self.enable(f"{name}.timer")

    def enable(self, timer: str) -> None:
        link = self.root / "etc/systemd/system/timers.target.wants" / timer
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(f"/etc/systemd/system/{timer}")

    def coverage(self, *, user: str | None = None) -> Coverage:
        return find_coverage(str(self.root), user=user, notify=(), has_ping=False, program=None, now=NOW)

    def states(self) -> list[tuple[str, int | None, str]]:
        """Return file, number and state of each line."""
        return [(line.file, line.number, line.state) for line in self.coverage().lines]


def judge(disk: Disk, command: str, *before: str) -> Any:
    """Return how one line of /etc/crontab stands whose command is this one."""
    disk.system(*before, f"0 3 * * * root {escape_command(command, 'debian')}")
    [line] = disk.coverage().lines
    return line


def ask(
    agentkit: Callable[..., "subprocess.CompletedProcess[str]"], root: Path, *words: str
) -> tuple[int, list[dict[str, Any]], str]:
    """Run `agentkit heartbeat coverage --json` over a root folder; return status, records and stderr."""
    ended = agentkit("heartbeat", "coverage", "--json", "--root", str(root), *words)
    return ended.returncode, [json.loads(line) for line in ended.stdout.splitlines()], ended.stderr
