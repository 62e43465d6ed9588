"""Which of those that were accepted is the best?

By the metrics that are configured: the first name counts most, of equals the next one decides, and in the end the
earliest. Without any it is the first that was accepted.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from agentkit.evolve.candidate import ACCEPTED, Candidate

HIGHER = "higher"


def rank(candidates: Iterable[Candidate], score: Sequence[str]) -> list[Candidate]:
    """Return those that were accepted, the best first; `score` are names of metrics of the ratchet."""
    accepted = sorted((one for one in candidates if one.state == ACCEPTED), key=lambda one: (one.at, one.id))
    return sorted(accepted, key=lambda one: [weigh(one, name) for name in score])


def weigh(candidate: Candidate, name: str) -> float:
    """Return a number that is the lower the better a candidate is by a metric; infinity where it was not measured."""
    rows = (candidate.judgement or {}).get("metrics")
    for row in rows if isinstance(rows, list) else []:
        if row["name"] == name and row["now"] is not None:
            return -float(row["now"]) if row["direction"] == HIGHER else float(row["now"])
    return math.inf
