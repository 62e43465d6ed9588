"""How many scripts does a benchmark of the map run, and how much does it show of what is wrong?"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """How many generated scripts and how many real ones, of which seed, and how many faults are shown."""

    generated: int
    real: int
    seed: int
    show: int

    def seeds(self) -> Iterator[str]:
        """Yield the seed of each generated script."""
        return (f"{self.seed}-{number}" for number in range(self.generated))


def read_options(doc: str | None, *, generated: int, real: int) -> Options:
    """Return what the command line says; `doc` is the benchmark's, the numbers are the usual ones."""
    parser = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    for name, usual in (("--generated", generated), ("--real", real), ("--seed", 7), ("--show", 0)):
        parser.add_argument(name, type=int, default=usual)
    return Options(**vars(parser.parse_args()))
