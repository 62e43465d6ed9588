import random
from math import exp

import pytest

from agentkit.heartbeat.clusters import find_two_groups
from agentkit.heartbeat.learning import WIDTH, Learned, Sample, learn


def _past(durations: list[float], lines: list[float] | None = None) -> Learned:
    lines = lines or [-1.0] * len(durations)
    return learn(
        Learned(),
        [Sample((seconds, -1, line, *[-1.0] * (WIDTH - 3))) for seconds, line in zip(durations, lines, strict=True)],
    )


def test_two_groups_are_named_with_their_spans() -> None:
    text = find_two_groups(_past([0.2, 0.4, *[float(seconds) for seconds in range(61, 76)]]))
    assert text == "its runs took 0.2s to 0.4s or 61s to 75s"


def test_one_idle_run_alone_is_no_group() -> None:
    assert find_two_groups(_past([0.2] + [65.0] * 30)) == ""


def test_lines_of_output_may_fall_into_groups_too() -> None:
    assert find_two_groups(_past([65.0] * 20, [0.0, 0.0, *[12.0] * 18])) == "its runs printed 0 lines or 12 lines"


def test_many_wide_gaps_are_no_two_groups() -> None:
    assert find_two_groups(_past([4.0**power for power in range(8)])) == ""


def test_milliseconds_are_no_groups() -> None:
    assert find_two_groups(_past([0.002] * 10 + [0.02] * 10)) == ""


@pytest.mark.parametrize("seed", range(200))
def test_a_spread_is_no_group(seed: int) -> None:
    chance = random.Random(seed)
    assert find_two_groups(_past([exp(chance.gauss(3, 0.4)) for _ in range(40)])) == ""
