"""What did a failing test say, as it stands in the evidence of a verdict?

A file `runN.txt` holds the name of the run, then `== ID` and what the test said for each one that failed, then
`== output` and all that the runner printed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from agentkit.core.repo.blobs import read_blobs
from agentkit.core.repo.repository import Repository

HEADING = "\n== "
PRINTED = f"{HEADING}output\n"
LONGEST = 20_000


def read_runs(repository: Repository, commit: str) -> list[str]:
    """Return what is kept of each run of a verdict, in their order."""
    raw = repository.git("ls-tree", "--name-only", "-z", "--end-of-options", commit)
    numbers = sorted(
        int(found[1])
        for found in map(re.compile(r"run(\d+)\.txt").fullmatch, raw.decode("utf-8", "replace").split("\0"))
        if found
    )
    names = [f"{commit}:run{number}.txt" for number in numbers]
    blobs = read_blobs(repository, names)
    return [blobs[name].decode("utf-8", "replace") for name in names if name in blobs]


def find_outputs(runs: Iterable[str], names: Collection[str]) -> dict[str, str]:
    """Return {id: what it said} of those tests that said something, from the first run in which they did."""
    found: dict[str, str] = {}
    for run in runs:
        for name in names:
            start = run.find(f"{HEADING}{name}\n")
            if name in found or start < 0:
                continue
            rest = run[start + len(HEADING) + len(name) + 1 :]
            found[name] = rest.partition(HEADING)[0].rstrip("\n")[:LONGEST]
    return found


def find_printed(run: str) -> str:
    """Return the end of what the runner itself printed."""
    return run.partition(PRINTED)[2][-LONGEST:].strip("\n")
