"""How long does a build take: cold, with nothing changed, with one script changed? One command, repeatable.

    python -m tests.benchmarks.build_speed [ROOT]

ROOT is the root folder of a machine's files (a copy: one of its scripts is changed and changed back); without it, this
machine's own scripts, units and crontabs are copied to a folder first. Seconds are of the whole process, the least
of a few runs, beside those of an empty Python in the same run.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).parents[2]
sys.path.insert(0, str(PROJECT))

from agentkit.core.unitfiles import FOLDERS
from agentkit.depmap.mapping import Reader

ROUNDS = 3
LIMIT_S = 600
KEPT = ("/etc/crontab", "/etc/anacrontab", "/etc/passwd", "/etc/cron.d", "/var/spool/cron")


def copy_machine(root: Path) -> None:
    """Copy this machine's scripts, units and crontabs under a folder."""
    for path in (*KEPT, *FOLDERS):
        if os.path.isdir(path):
            shutil.copytree(path, f"{root}{path}", symlinks=True, dirs_exist_ok=True)
        elif os.path.exists(path):
            os.makedirs(f"{root}{os.path.dirname(path)}", exist_ok=True)
            shutil.copy2(path, f"{root}{path}")
    for path in Reader("/").find_scripts("/", is_machine=True):
        os.makedirs(f"{root}{os.path.dirname(path)}", exist_ok=True)
        shutil.copy2(path, f"{root}{path}")


def time_run(words: list[str], home: Path) -> float:
    """Return the seconds that a program takes, as a whole process."""
    environ = {"PATH": os.environ["PATH"], "AGENTKIT_HOME": str(home), "PYTHONPATH": str(PROJECT)}
    started = time.perf_counter()
    subprocess.run(
        words, env=environ, check=True, timeout=LIMIT_S, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return time.perf_counter() - started


def measure(root: Path) -> None:
    """Print one line a figure."""
    build = [sys.executable, "-m", "agentkit", "depmap", "build", "--all", "--root", str(root)]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        scripts = list(Reader(str(root)).find_scripts("/", is_machine=True))
        changed = root / scripts[len(scripts) // 2].lstrip("/")
        content = changed.read_bytes()
        empty = min(time_run([sys.executable, "-c", "pass"], home) for _ in range(ROUNDS))
        cold, warm, one = [], [], []
        for number in range(ROUNDS):
            shutil.rmtree(home, ignore_errors=True)
            cold.append(time_run(build, home))
            warm.append(time_run(build, home))
            changed.write_bytes(content + f"\nlogger round-{number}\n".encode())
            one.append(time_run(build, home))
            changed.write_bytes(content)
        units = sum(len(os.listdir(f"{root}{path}")) for path in FOLDERS if os.path.isdir(f"{root}{path}"))
        print(f"{len(scripts)} scripts, {units} entries in the folders of units, {os.cpu_count()} processors")
        print(f"empty Python      {empty:6.3f} s")
        for name, times in (("cold", cold), ("nothing changed", warm), ("one changed", one)):
            print(f"{name:<16}  {min(times):6.3f} s  {min(times) / empty:6.1f} x an empty Python")


def main() -> None:
    """Measure the machine that was named, or a copy of this one."""
    if len(sys.argv) > 1:
        measure(Path(sys.argv[1]).resolve())
        return
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "machine"
        copy_machine(root)
        measure(root)


if __name__ == "__main__":
    main()
