"""What does it cost to verify the audit log, beside sha256sum on the same bytes?

python -m tests.benchmarks.audit_speed [--records N] [--turns N]

CPU of whole processes, in turn in one run. Bars: a million records at 1.5 times sha256sum and in 32 MiB; from an anchor
on, 10,000 new records in 60 ms.
"""

import argparse
import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from agentkit.core.times import format_instant

ROOT = Path(__file__).parent.parent.parent
SEGMENT_BYTES = 64 * 1024 * 1024
NEW = 10_000
BEGAN_S = 1795716000.0
LIMIT_S = 600
VERIFY = "import os, sys, agentkit.vault.log.auditverify as it; os._exit(it.main(sys.argv[1:]))"
CHECKPOINT = "import os, sys, agentkit.vault.log.checkpointing as it; it.make_checkpoint(os.environ, sys.argv[1:])"
REST = (
    '"boot": "8f0c3a52-5a1e-4f0b-9f5e-2f0f1c1d7e11", "mono_s": 123.456789, "op": "%s", "phase": "release", '
    '"outcome": "granted", "name": "db/password", "version": 3, "uid": 1000, "pid": 4711, "parent": "/opt/report.sh", '
    '"delivery": "stdout", "reason": "nightly report", "argv0": "/usr/bin/psql", "argv_hmac": "' + "5e" * 32 + '"%s}'
)


class Writer:
    """A log that grows fast; written as docs/audit-log.md has it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True)
        self.folder, self.segment, self.size, self.seq, self.hash, self.start = folder, 1, 0, 0, "0" * 64, 0

    def grow(self, count: int) -> None:
        """Add that many records."""
        end = self.seq + count
        while self.seq < end:
            more, op = "", "get"
            if self.seq == 0:
                op, more = "genesis", ', "format": 1, "origin": "web-1/bench"'
            elif self.size >= SEGMENT_BYTES:
                self.segment, last, self.size = self.segment + 1, self.size, 0
                op = "segment"
                more = f', "segment": {self.segment}, "last_bytes": {last}, "last_head": "{self.hash}"'
            with (self.folder / f"{self.segment:06}.jsonl").open("ab") as file:
                while self.seq < end and (more or self.size < SEGMENT_BYTES):
                    at = format_instant(BEGAN_S + self.seq / 100)
                    line = f'{{"prev": "{self.hash}", "seq": {self.seq}, "at": "{at}", {REST % (op, more)}'.encode()
                    file.write(line + b"\n")
                    self.hash, self.start = hashlib.sha256(line).hexdigest(), self.size
                    self.seq, self.size, op, more = self.seq + 1, self.size + len(line) + 1, "get", ""
        text = f"{self.segment:06} {self.size:015} {self.seq - 1:015} {self.hash} {self.start:015}\n"
        (self.folder / "head").write_text(text)


def main() -> int:
    """Print what each kind of verification costs."""
    options = argparse.ArgumentParser()
    options.add_argument("--records", type=int, default=1_000_000)
    options.add_argument("--turns", type=int, default=5)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as place:
        os.mkdir(f"{place}/home", 0o700)
        environ = {"PATH": os.environ["PATH"], "HOME": place, "AGENTKIT_HOME": f"{place}/home"}
        environ |= {"PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": f"{place}/cache"}
        log = Writer(Path(place) / "home/vault/audit")
        log.grow(chosen.records - NEW)
        python, anchor = sys.executable, f"{place}/anchor"
        _run([python, "-c", CHECKPOINT, anchor], environ)
        log.grow(NEW)
        segments = sorted(map(str, log.folder.glob("*.jsonl")))
        kinds = {
            "python -I -c pass": [python, "-I", "-c", "pass"],
            f"sha256sum, {chosen.records} records": ["sha256sum", *segments],
            "verify, without an anchor": [python, "-c", VERIFY],
            "verify, with an anchor": [python, "-c", VERIFY, "--anchor", anchor],
            f"verify --new-only, {NEW} records": [python, "-c", VERIFY, "--anchor", anchor, "--new-only"],
            "checkpoint": [python, "-c", CHECKPOINT, f"{place}/another"],
        }
        costs: dict[str, list[float]] = {kind: [] for kind in kinds}
        peaks: dict[str, int] = {}
        for _ in range(chosen.turns):
            for kind, words in kinds.items():
                Path(f"{place}/another").unlink(missing_ok=True)
                cpu, peaks[kind] = _run(words, environ)
                costs[kind].append(cpu)
        whole = statistics.median(costs[f"sha256sum, {chosen.records} records"])
        print(f"{'':36}{'CPU ms: least':>14}{'median':>9}{'most':>9}   x sha256sum   MiB")
        for kind, times in costs.items():
            middle = statistics.median(times)
            print(f"{kind:36}{min(times):14.1f}{middle:9.1f}{max(times):9.1f}", end="")
            print(f"{middle / whole:14.2f}{peaks[kind] / 1024:6.1f}")
    return 0


def _run(words: Sequence[str], environ: Mapping[str, str]) -> tuple[float, int]:
    """Run a program and return its CPU in milliseconds and its greatest size in KiB."""
    process = subprocess.Popen(words, env=dict(environ), stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode in (0, 1), f"{words[:3]} ended with {process.returncode}"
    return (used.ru_utime + used.ru_stime) * 1000, used.ru_maxrss


if __name__ == "__main__":
    sys.exit(main())
