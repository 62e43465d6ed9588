"""A rotation as a process of its own, killed somewhere, and what must be true right then and after it went on."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from agentkit.vault.founding import found_vault
from agentkit.vault.places import find_places
from tests.conftest import ROOT
from tests.vault.rotating import NAME, Shop

LIMIT_S = 120
MOST_RUNS = 4
PROGRAM = """
import os, sys
from agentkit.core.errors import AgentkitError, tell
from agentkit.vault.rotations.rotationverbs import rotate_one
try:
    sys.exit(0 if rotate_one(os.environ, ["agentkit", "vault", "rotate"], sys.argv[1]).rotation.is_over else 1)
except AgentkitError as error:
    tell(error.lines())
    sys.exit(error.status)
"""
# What changes anything, of the process that rotates; strace counts each call for itself.
CALLS = ("write", "pwrite64", "fsync", "fdatasync", "rename", "ftruncate", "mkdir", "flock", "fork")


class Victim:
    """A shop of its own in a folder, whose rotation runs to its end in one process."""

    def __init__(self, folder: Path, style: str) -> None:
        folder.mkdir()
        self.environ = {
            "PATH": os.environ["PATH"], "HOME": str(folder), "AGENTKIT_HOME": str(folder / "home"),
            "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1",
        }  # fmt: skip
        places = find_places(self.environ)
        found_vault(places, ["agentkit"], recovery=None, new_recovery=str(folder / "recovery.key"))
        self.style = style
        self.shop = Shop(places, self.environ, folder, style, adopt_within="0s")

    def start(self, *before: str) -> "subprocess.Popen[bytes]":
        words = [*before, sys.executable, "-c", PROGRAM, NAME]
        return subprocess.Popen(
            words, env=self.environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    def run(self, *before: str) -> int:
        """Run the rotation to its end, or to where it is killed; return the status."""
        return self._wait(self.start(*before))

    def kill_after(self, seconds: float) -> int:
        """Kill it after a while; return the status."""
        process = self.start()
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        return self._wait(process)

    def kill_at(self, call: str, place: int) -> int:
        """Kill it at the Nth of these calls."""
        name = "clone,clone3,fork,vfork" if call == "fork" else call
        return self.run("strace", "-o", "/dev/null", "-e", f"inject={name}:signal=KILL:when={place}")

    def count_calls(self, table: Path) -> dict[str, int]:
        """Return how often a rotation makes each of the calls; it must be a new one."""
        names = ",".join(CALLS).replace("fork", "clone,clone3,fork,vfork")
        assert self.run("strace", "-o", str(table), "-e", f"trace={names}") == 0
        rows = table.read_text(errors="replace").splitlines()
        counts = {name: sum(row.startswith(f"{name}(") for row in rows) for name in CALLS if name != "fork"}
        counts["fork"] = sum(row.startswith(("clone", "fork", "vfork")) for row in rows)
        return counts

    def find_faults(self) -> list[str]:
        """Return what is wrong now, and what is when the rotation has gone on to its end."""
        shop = self.shop
        faults = [f"when killed: {fault}" for fault in self._find_faults_now()]
        for _ in range(MOST_RUNS):
            if self.run() == 0:
                break
        else:
            faults.append("it does not come to its end")
        live, value, rotation = shop.live(), shop.get(), shop.rotation()
        if value not in live.values():
            faults.append("the value of the vault does not work")
        if value == shop.first or shop.first in live.values():
            faults.append("it was not rotated")
        orphans = {key for key, other in live.items() if other != value}
        if rotation is None or orphans != set(rotation.unknown_keys):
            faults.append(f"{orphans} live, and told is {rotation and rotation.unknown_keys}")
        if orphans and self.style != "anonymous":
            faults.append(f"{orphans} are left")
        return faults + shop.find_faults()

    def _find_faults_now(self) -> list[str]:
        shop = self.shop
        live, faults = shop.live(), shop.find_faults()
        known = {shop.get()}
        rotation = shop.rotation()
        if rotation is not None and rotation.new is not None:
            known.add(shop.unseal(rotation.new))
        if not known & set(live.values()):
            faults.append("no value that the vault knows works")
        if self.style in ("named", "once"):
            records = [json.loads(line) for line in Path(shop.places.audit, "000001.jsonl").read_bytes().splitlines()]
            told = {record.get("key") for record in records if record["op"] == "rotate"}
            strangers = [name for name in shop.names() if name is not None and name not in told]
            if strangers:
                faults.append(f"{strangers} live, and the log does not know their names")
        return faults

    def _wait(self, process: "subprocess.Popen[bytes]") -> int:
        said, _ = process.communicate(timeout=LIMIT_S)
        assert b"Traceback" not in said, said.decode()
        return process.returncode


def choose_points(counts: dict[str, int], count: int, choices: random.Random) -> list[tuple[str, int]]:
    """Return some of the calls at which a rotation can be killed; those that only tidy up are rarer."""
    points = [(call, place) for call, most in counts.items() for place in range(1, most + 1)]
    return choices.sample(points, min(count, len(points)))
