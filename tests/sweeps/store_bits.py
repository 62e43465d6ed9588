"""Flip every bit of a small vault: does `check` find it and name what it is of, and does `get` give a wrong value?

python -m tests.sweeps.store_bits [EVERY]

With EVERY, one bit of so many (which ones, the first word of the output tells).
"""

import os
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.access import Wish, release
from agentkit.vault.asker import find_asker
from agentkit.vault.checks.checking import check_vault
from agentkit.vault.locked import lock_vault
from agentkit.vault.places import Places, find_places
from tests.vault.tampering import build_environ, make_vault

VALUES = {"a": b"two", "b": b"three"}
# Which key a digest of words was made with shows in nothing else.
UNKNOWABLE = ("key",)
NOW_S = time.time()


class Vault:
    """The vault, and what its files hold when nobody touches them."""

    def __init__(self, folder: Path) -> None:
        make_vault(folder)
        self.environ = build_environ(folder)
        self.places: Places = find_places(self.environ)
        found = [path for path in Path(self.places.vault).rglob("*") if path.is_file()]
        self.files = {path: path.read_bytes() for path in sorted(found)}
        self.audit = {path: raw for path, raw in self.files.items() if path.parent.name == "audit"}

    def subject(self, path: Path) -> str:
        """Return what a finding about a file has to name."""
        if path.parent.name == "audit":
            return f"file:{self.places.audit}"
        return f"file:{path}" if path.name == "recipients" else f"secret:{path.stem}"

    def try_bit(self, path: Path, place: int, bit: int) -> str | None:
        """Return what is wrong when one bit is flipped."""
        raw = self.files[path]
        flipped = raw[:place] + bytes([raw[place] ^ 1 << bit]) + raw[place + 1 :]
        path.write_bytes(flipped)
        try:
            checked = check_vault(self.places, self.environ, now=NOW_S, host="web-1")
            subjects = [sighting.subject for sighting in checked.sightings if sighting.is_tampering]
            # A mark is a number; which blank ends its line says nothing.
            is_blank = path.suffix == ".version" and flipped.strip() == raw.strip()
            if not is_blank and (checked.status != Exit.TAMPERED or self.subject(path) not in subjects):
                return f"check ends with {checked.status} and names {subjects}"
            return self._find_wrong_value()
        finally:
            path.write_bytes(raw)

    def _find_wrong_value(self) -> str | None:
        for name, value in VALUES.items():
            try:
                with lock_vault(self.places, find_asker(self.environ, ["agentkit"], self.places)) as vault:
                    given = release(vault, [Wish("get", name, "stdout", "test")])[0]
            except AgentkitError:
                continue
            finally:
                for path, raw in self.audit.items():
                    if path.name in ("head", "000001.jsonl"):
                        path.write_bytes(raw)
            if given != value:
                return f"get {name} gives another value"
        return None


def main(every: int) -> int:
    """Print how many bits of what were flipped and every fault; return 1 if there was one."""
    seed = int.from_bytes(os.urandom(4))
    choices = random.Random(seed)
    print(f"seed {seed}")
    faults: list[str] = []
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        vault = Vault(Path(folder))
        for path, raw in vault.files.items():
            if path.name in UNKNOWABLE or not raw:
                continue
            for at in range(0, len(raw) * 8, every):
                place, bit = divmod(min(at + choices.randrange(every), len(raw) * 8 - 1), 8)
                counts[str(path.relative_to(vault.places.vault))] += 1
                wrong = vault.try_bit(path, place, bit)
                if wrong is not None:
                    faults.append(f"{path.relative_to(vault.places.vault)} byte {place} bit {bit}: {wrong}")
    told = ", ".join(f"{name} {count}" for name, count in counts.items())
    print(f"{sum(counts.values())} bits flipped: {told}")
    print(f"{len(faults)} faults", *faults[:200], sep="\n  ")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1))
