"""Run every command of the table of hangs against servers that never answer, and hold lint to what is seen.

python -m tests.sweeps.lint_hangs
"""

import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.system.hangs import COMMON, FAIL2BAN, RARE, Row, open_stage, run_rows, stop_fail2ban


def main() -> int:
    """Print what hung, what ended, what could not be run and every difference; return 1 if there was one."""
    rows = [*COMMON, *RARE]
    missing = [row for row in rows if not _is_there(row)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with open_stage(folder) as stage:
            told = list(run_rows([row for row in rows if row not in missing], stage, folder))
        if shutil.which("fail2ban-server"):
            with stop_fail2ban(folder) as stage:
                told.extend(run_rows(FAIL2BAN, stage, folder))
        else:
            missing.extend(FAIL2BAN)
    counts = Counter((label, "hung" if hangs else "ended") for _, label, hangs in told)
    print(f"{len(told)} commands:", ", ".join(f"{n} {label} {what}" for (label, what), n in sorted(counts.items())))
    wrong = [(row, label, hangs) for row, label, hangs in told if (label, hangs) != row[:2]]
    for row, label, hangs in wrong:
        print(f"  {row[2]}\n    expected {row[0]}, lint says {label}; it {'hung' if hangs else 'ended'}")
    print(f"{len(wrong)} differences; {len(missing)} not run, as the program is not there")
    for row in missing:
        print(f"  {row[2]}")
    return 1 if wrong else 0


def _is_there(row: Row) -> bool:
    programs = [word for word in row[2].replace("|", " | ").split() if not word.startswith("-")]
    at = programs.index("|") + 1 if "|" in programs and programs[0] in ("echo", "sleep") else 0
    return shutil.which(programs[at]) is not None or "=" in programs[at] or programs[at] in BUILTINS


BUILTINS = frozenset({"exec", "read", "ulimit", "until", "while", "echo", "x"})

if __name__ == "__main__":
    sys.exit(main())
