"""Kill `audit checkpoint` at each system call that changes a file: is the anchor the old one or the new one, whole?

python -m tests.sweeps.kill_checkpoint
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.vault.logs import make_log
from tests.vault.vaults import signing_key

ROOT = Path(__file__).parent.parent.parent
CHANGING = "write,pwrite64,ftruncate,truncate,fsync,fdatasync,fchmod,mkdir,rename,unlink,link,linkat,flock,openat,close"
# Modules are read before anything is done: of reading, the last calls are those of the verb.
READING = ("openat", "close")
MOST_READS = 30
LIMIT_S = 60
PROGRAM = "import os, sys, agentkit.vault.log.checkpointing as it; it.make_checkpoint(os.environ, sys.argv[1:])"


class Scene:
    """A vault without a signing key, and an anchor beside it; each try begins with both anew."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "scene"
        self.anchor = self.folder / "anchor"
        self.environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        self.environ |= {"HOME": str(self.folder), "AGENTKIT_HOME": str(self.folder / "home")}
        self.first, self.second = folder / "first", folder / "second"
        self._prepare()

    def _prepare(self) -> None:
        """Make a scene with no key and no anchor, and one with both and a newer log."""
        self.folder.mkdir()
        (self.folder / "home").mkdir(mode=0o700)
        log = make_log(self.folder / "home/vault/audit", 6)
        shutil.copytree(self.folder, self.first)
        assert self.run() == 0
        log.grow(4)
        shutil.copytree(self.folder, self.second)

    def _reset(self, scene: Path) -> None:
        shutil.rmtree(self.folder)
        shutil.copytree(scene, self.folder)

    def run(self, *before: str) -> int:
        """Run the verb, behind other words if need be; return its status."""
        words = [*before, sys.executable, "-c", PROGRAM, str(self.anchor)]
        return subprocess.run(words, env=self.environ, capture_output=True, timeout=LIMIT_S, check=False).returncode

    def points(self) -> list[tuple[Path, str, int]]:
        """Return each scene, call and number of that call at which to kill."""
        points = []
        for scene in (self.first, self.second):
            self._reset(scene)
            table = self.folder.with_name("table")
            assert self.run("strace", "-f", "-o", str(table), "-e", f"trace={CHANGING}") == 0
            rows = [row.split(maxsplit=1)[1] for row in table.read_text(errors="replace").splitlines()]
            for call, count in sorted(Counter(row.partition("(")[0] for row in rows if "(" in row).items()):
                first = max(1, count - MOST_READS) if call in READING else 1
                points += [(scene, call, place) for place in range(first, count + 1)]
        return points

    def try_point(self, scene: Path, call: str, place: int) -> list[str]:
        """Kill the verb at the Nth of these calls; return what is wrong after it."""
        self._reset(scene)
        old = self.anchor.read_bytes() if self.anchor.exists() else None
        point = f"{scene.name}: {call} {place}"
        self.run("strace", "-f", "-o", "/dev/null", "-e", f"inject={call}:signal=KILL:when={place}")
        faults = []
        after = self.anchor.read_bytes() if self.anchor.exists() else None
        key = signing_key(self.environ)
        if key.exists() and not key.read_text().endswith("\n"):
            faults.append(f"{point}: half a signing key")
        if self.run() != 0:
            faults.append(f"{point}: it does not go on afterwards")
            return faults
        if after not in (old, self.anchor.read_bytes()):
            faults.append(f"{point}: the anchor is neither the old nor the new one")
        if old is not None and self.anchor.read_bytes() == old:
            faults.append(f"{point}: the anchor stays the old one")
        return faults


def main() -> int:
    """Try every point and say what is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        scene = Scene(Path(folder))
        points = scene.points()
        faults = [fault for point in points for fault in scene.try_point(*point)]
    print(*faults, f"{len(points)} kills, {len(faults)} faults", sep="\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
