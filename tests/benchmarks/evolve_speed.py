"""What does `evolve try` cost beside the proposer and the ratchet that it asks?

    python -m tests.benchmarks.evolve_speed [--files 4300] [--rounds 9]

In each round, in turn: a proposer alone in a checkout, its change committed, and `ratchet accept --rev`; and the whole
`evolve try --propose` of a change like it. Medians, and their difference: that is what evolve adds.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from agentkit.core.ourselves import call_ourselves
from tests.evolve.machine import PYTEST_FILES, Machine, make_machine

LIMIT_S = 300
PER_FOLDER = 50


def main(arguments: Sequence[str]) -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="evolve beside proposer and ratchet")
    parser.add_argument("--files", type=int, default=4300)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="evolve-speed-") as folder:
        files = {
            f"src/{n // PER_FOLDER}/f{n}.txt": f"line {n}\n" * 40 for n in range(options.files - len(PYTEST_FILES))
        }
        machine = make_machine(Path(folder) / "machine", {**PYTEST_FILES, **files})
        # As a repository is that was cloned, or has been there for a while.
        machine.git("repack", "-adq")
        machine.git("worktree", "add", "-q", "--detach", "../checkout")
        _try(machine, 0)
        rounds = []
        for number in range(options.rounds):
            proposer, ratchet = _by_hand(machine, 2 * number + 1)
            rounds.append((proposer, ratchet, _try(machine, 2 * number + 2)))
    proposer, ratchet, whole = (statistics.median(column) for column in zip(*rounds, strict=True))
    added = statistics.median(one[2] - one[0] - one[1] for one in rounds)
    print(
        f"{options.files} files, {options.rounds} rounds: proposer {proposer:.3f} s, ratchet accept {ratchet:.3f} s, "
        f"evolve try {whole:.3f} s: {added:+.3f} s a candidate ({whole / (proposer + ratchet):.2f} times)"
    )
    return 0


def _by_hand(machine: Machine, number: int) -> tuple[float, float]:
    """Return the seconds of the proposer alone and of `ratchet accept` of what it made."""
    checkout = machine.folder / "checkout"
    _run(machine, ["git", "checkout", "-q", "--detach", "main"], checkout)
    proposer = _run(machine, ["sh", "-c", _propose(number)], checkout)
    _run(machine, ["git", "commit", "-qam", str(number)], checkout)
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=checkout, capture_output=True, check=True, timeout=LIMIT_S
    )
    words = call_ourselves("ratchet", "accept", "--rev", commit.stdout.decode().strip(), "--json")
    return proposer, _run(machine, words, machine.scripts)


def _try(machine: Machine, number: int) -> float:
    return _run(machine, call_ourselves("evolve", "try", "--propose", _propose(number), "--json"), machine.scripts)


def _propose(number: int) -> str:
    return f"echo '# {number}' >> job.sh; echo {number} > src/0/f1.txt"


def _run(machine: Machine, words: Sequence[str], folder: Path) -> float:
    began = time.monotonic()
    ended = subprocess.run(words, cwd=folder, env=machine.environ, capture_output=True, timeout=LIMIT_S, check=False)
    assert ended.returncode == 0, ended.stderr.decode()
    return time.monotonic() - began


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
