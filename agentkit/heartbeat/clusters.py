"""Do a job's runs fall into two groups, so that it may be idle at times?"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import log

from agentkit.heartbeat.learning import CHANNELS, WIDTH, Learned
from agentkit.heartbeat.oddity import say_span

LEAST_MEMBERS = 2
LEAST_RATIO = 3.0
# How much wider than every other gap of the sorted logs the one between two groups is.
TIMES_NEXT_GAP = 2.0
# By channel: what is added before logs are taken, and what the upper group must at least reach to mean anything.
_LOOKED_AT = {"duration": (0.001, 0.05), "stdout_lines": (0.5, 3.0)}


def find_two_groups(learned: Learned) -> str:
    """Return `its runs took 0.2s to 0.4s or 61s to 75s` when the last runs fall into two groups, else an empty text."""
    for channel, (half, upper_from) in _LOOKED_AT.items():
        column = learned.rows[CHANNELS.index(channel) :: WIDTH]
        if not column or max(column) + half < LEAST_RATIO * (min(column) + half):
            continue
        values = sorted(value for value in column if value >= 0)
        split = _split(values, half)
        if split and values[split] >= upper_from:
            verb = "took" if channel == "duration" else "printed"
            below, above = values[:split], values[split:]
            return (
                f"its runs {verb} {say_span(channel, below[0], below[-1])} or {say_span(channel, above[0], above[-1])}"
            )
    return ""


def _split(values: Sequence[float], half: float) -> int:
    """Return where the upper group begins in these sorted values, 0 when there is one group only."""
    if len(values) < 2 * LEAST_MEMBERS:
        return 0
    logs = [log(value + half) for value in values]
    gaps = [right - left for left, right in pairwise(logs)]
    inner = gaps[LEAST_MEMBERS - 1 : len(gaps) - LEAST_MEMBERS + 1]
    widest = max(inner)
    at = inner.index(widest) + LEAST_MEMBERS - 1
    next_gap = max((gap for index, gap in enumerate(gaps) if index != at), default=0.0)
    return at + 1 if widest > log(LEAST_RATIO) and widest > TIMES_NEXT_GAP * next_gap else 0
