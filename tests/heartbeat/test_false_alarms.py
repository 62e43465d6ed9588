"""A sample of tests/benchmarks/false_alarms.py, which holds the whole figures."""

import random

import pytest

from tests.benchmarks.false_alarms import NATURAL, count_false_alarms, count_named


def test_healthy_jobs_of_all_natural_kinds_are_left_in_peace() -> None:
    chance = random.Random(20261122)
    judged = found = 0
    for draw in NATURAL.values():
        count = count_false_alarms(chance, draw, jobs=40)
        judged += count.judged
        found += count.low + count.high + count.other
    assert found <= judged / 1000


@pytest.mark.parametrize("size", [0.0, 0.03])
@pytest.mark.parametrize("spread", [0.1, 0.2, 0.4])
def test_a_run_that_does_almost_nothing_is_named_and_stays_named(size: float, spread: float) -> None:
    assert count_named(random.Random(7), 10, spread, size, "") == (10, 10)
