"""How long do `heartbeat coverage` and `adopt` take over few and over ten thousand lines, as whole processes?

    python -m tests.benchmarks.coverage_speed [--lines 10000]

Beside them a bare Python, in the same run: read the ratios.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.check_speed import BARE, measure

COMMANDS = (
    "/usr/local/bin/backup --all >/dev/null 2>&1",
    "cd /srv/app && ./bin/rake send:mails >> log/cron.log 2>&1",
    "pg_dump shop | gzip > /backup/shop.gz",
    "test -x /usr/bin/rotate && /usr/bin/rotate -q || true",
    "flock -n /run/poll.lock /opt/poll",
)
FEW = 20


def main() -> int:
    """Make the crontabs, run the verbs, print a line each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--lines", type=int, default=10_000)
    lines = parser.parse_args().lines
    with tempfile.TemporaryDirectory(prefix="coverage-speed-") as folder:
        measure("bare python", BARE, folder)
        for count in (FEW, lines):
            root = _make_root(Path(folder, str(count)), count)
            verbs = ["-m", "agentkit", "heartbeat"]
            measure(f"coverage of {count} lines", [*verbs, "coverage", "--root", str(root)], folder)
            measure(f"coverage --json of {count} lines", [*verbs, "coverage", "--json", "--root", str(root)], folder)
            program = root / "agentkit"
            program.write_text("#!/bin/sh\n")
            program.chmod(0o755)
            adopt = [*verbs, "adopt", str(root / "etc/crontab"), "--program", str(program)]
            measure(f"adopt of {count} lines", adopt, folder)
    return 0


def _make_root(root: Path, count: int) -> Path:
    choices = random.Random(7)
    (root / "etc").mkdir(parents=True)
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    rows = [
        f"{choices.randrange(60)} {choices.randrange(24)} * * * root {choices.choice(COMMANDS)}" for _ in range(count)
    ]
    crontab = root / "etc/crontab"
    crontab.write_text("\n".join([*rows, ""]))
    crontab.chmod(0o644)
    return root


if __name__ == "__main__":
    sys.exit(main())
