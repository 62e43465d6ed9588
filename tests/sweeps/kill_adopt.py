"""Kill `adopt --install` and `--undo` at each system call that changes a file: is the crontab ever half, or lost?

python -m tests.sweeps.kill_adopt
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
# strace counts each call for itself.
READING = ("close", "openat")
CHANGING = ("write", "pwrite64", "ftruncate", "truncate", "fsync", "fchmod", "mkdir", "rename", "unlink", *READING)
LIMIT_S = 60
OLD = b"# mine\nMAILTO=me\n1 2 * * * tar cf /backup \xff\\% | gzip; exit 0\n5 4 * * * cat%fed\n@daily x || true\n"
# Modules are read before anything is done: the last files that are opened are those of the verb.
MOST_READS = 12


class Scene:
    """A crontab in a folder of its own, and the state folder; `kill` runs a verb that dies at its Nth change."""

    def __init__(self, folder: Path) -> None:
        self.crontab = folder / "crontabs/root"
        self.crontab.parent.mkdir()
        self.state = folder / "state"
        self.environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(folder)}
        self.environ |= {"AGENTKIT_HOME": str(self.state), "PYTHONDONTWRITEBYTECODE": "1"}
        self.program = folder / "agentkit"
        self.program.write_text("#!/bin/sh\nexit 0\n")
        self.program.chmod(0o755)
        self.reset()
        self.run("--install")
        self.new = self.crontab.read_bytes()
        assert self.new != OLD

    def reset(self) -> None:
        """Bring back the old crontab, and a state folder that was never used."""
        shutil.rmtree(self.state, ignore_errors=True)
        self.crontab.write_bytes(OLD)
        self.crontab.chmod(0o640)

    def run(self, word: str, *before: str) -> int:
        """Run the verb with one more word, behind other words if need be; return its status."""
        words = [*before, sys.executable, "-m", "agentkit", "heartbeat", "adopt", str(self.crontab)]
        words += [word, "--program", str(self.program)] if word == "--install" else [word]
        ended = subprocess.run(words, env=self.environ, capture_output=True, timeout=LIMIT_S, check=False)
        assert b"Traceback" not in ended.stderr, ended.stderr.decode()
        return ended.returncode

    def count(self, word: str) -> dict[str, int]:
        """Return how often the verb makes each call that changes a file."""
        self._prepare(word)
        table = self.state.with_name("table")
        calls = ",".join(CHANGING)
        assert self.run(word, "strace", "-f", "-o", str(table), "-e", f"trace={calls}") == 0
        rows = [row.split(maxsplit=1)[1] for row in table.read_text(errors="replace").splitlines()]
        return {name: sum(row.startswith(f"{name}(") for row in rows) for name in CHANGING}

    def try_point(self, word: str, call: str, place: int) -> list[str]:
        """Kill the verb from a fresh start at the Nth of these calls; return what is wrong after it."""
        self._prepare(word)
        point = f"{call} {place}"
        inject = ["strace", "-f", "-o", "/dev/null", "-e", f"inject={call}:signal=KILL:when={place}"]
        # How often files are read differs by one or two.
        assert self.run(word, *inject) != 0 or call in READING, f"{word} came to its end before {point}"
        faults = []
        after = self.crontab.read_bytes()
        if after not in (OLD, self.new):
            faults.append(f"{word} {point}: the crontab is neither the old nor the new one")
        if self.crontab.stat().st_mode & 0o7777 != 0o640:
            faults.append(f"{word} {point}: its mode has changed")
        if self.run("--undo") != 0 or self.crontab.read_bytes() != OLD:
            faults.append(f"{word} {point}: --undo does not bring it back")
        if self.run("--install") != 0 or self.crontab.read_bytes() != self.new:
            faults.append(f"{word} {point}: it cannot be adopted any more")
        if self.run("--undo") != 0 or self.crontab.read_bytes() != OLD:
            faults.append(f"{word} {point}: --undo does not bring it back a second time")
        for left in self.crontab.parent.iterdir():
            # What a killed one leaves is nothing that cron reads, or that others may.
            if left != self.crontab:
                if not left.name.startswith(".agentkit-") or left.stat().st_mode & 0o007:
                    faults.append(f"{word} {point}: {left.name} is left")
                left.unlink()
        return faults

    def _prepare(self, word: str) -> None:
        self.reset()
        if word == "--undo":
            assert self.run("--install") == 0


def list_points(scene: Scene, word: str) -> list[tuple[str, int]]:
    """Return each call at which the verb can be killed; of those that only read, the last ones."""
    points = []
    for call, count in scene.count(word).items():
        first = max(1, count - MOST_READS) if call in READING else 1
        points += [(call, place) for place in range(first, count + 1)]
    return points


def main() -> int:
    """Kill at all points; print how many there were and every fault; return 1 if there was one."""
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        scene = Scene(Path(folder))
        for word in ("--install", "--undo"):
            points = list_points(scene, word)
            for call, place in points:
                faults += scene.try_point(word, call, place)
            print(f"{word}: killed at {len(points)} system calls")
    print(f"{len(faults)} faults", *faults, sep="\n  ")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
