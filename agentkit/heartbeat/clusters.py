"""Do a job's runs fall into two groups, so that it may be idle at times?"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import pairwise

from agentkit.heartbeat.learning import CHANNELS, WIDTH, Learned
from agentkit.heartbeat.oddity import say_span

LEAST_MEMBERS = 2
LEAST_RATIO = 3.0
# By channel: the least difference that means anything (added before ratios are taken), and what the upper group must
# at least reach: a job of milliseconds, or of three lines, has no idle runs that anybody could tell.
_LOOKED_AT = {"duration": (0.001, 0.05), "stdout_lines": (0.5, 3.0)}


def find_two_groups(learned: Learned) -> str:
    """Return `its runs took 0.2s to 0.4s or 61s to 75s` when the last runs fall into two groups, else an empty text."""
    for channel, (step, upper_from) in _LOOKED_AT.items():
        values = sorted(learned.rows[CHANNELS.index(channel) :: WIDTH])
        if not values or values[-1] + step < LEAST_RATIO * (values[0] + step):
            continue
        split = _split(values, step)
        if split and values[split] >= upper_from:
            verb = "took" if channel == "duration" else "printed"
            below, above = values[:split], values[split:]
            spans = say_span(channel, below[0], below[-1]), say_span(channel, above[0], above[-1])
            return f"its runs {verb} {spans[0]} or {spans[1]}"
    return ""


def _split(values: Sequence[float], step: float) -> int:
    """Return where the upper group begins in these sorted values, 0 when there is one group only.

    The gap between two groups is at least threefold, and wider than the square of every other gap: on a scale of logs
    twice as wide.
    """
    if values[0] < 0 or len(values) < 2 * LEAST_MEMBERS:
        return 0
    ratios = array("d", ((right + step) / (left + step) for left, right in pairwise(values)))
    widest = max(ratios[LEAST_MEMBERS - 1 : len(ratios) - LEAST_MEMBERS + 1])
    if widest <= LEAST_RATIO:
        return 0
    at = ratios.index(widest)
    ratios[at] = 1.0
    return at + 1 if widest > max(ratios) ** 2 else 0
