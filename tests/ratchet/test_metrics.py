"""Are values held against the best accepted one, and is whatever is no number worse?"""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.core.errors import AgentkitError, Exit
from agentkit.ratchet.metrics import HIGHER, LOWER, Metric, compare_metrics, keep_best, read_metrics, write_metrics

NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=32)
METRICS = st.builds(
    Metric, name=st.sampled_from("abc"), value=st.none() | NUMBERS, direction=st.sampled_from([LOWER, HIGHER])
)


def is_worse(best: Metric, now: Metric | None) -> bool:
    [verdict] = compare_metrics([best], [] if now is None else [now])
    assert verdict.is_worse == bool(verdict.why)
    return verdict.is_worse


def test_small_steps_downhill_end_at_the_tolerance_of_the_best() -> None:
    best = (Metric("speed", 100.0, "1/s", HIGHER, tolerance=0.05),)
    seen = []
    for value in (97.0, 96.0, 94.0, 93.0):
        now = (Metric("speed", value, "1/s", HIGHER, tolerance=0.05),)
        seen.append(is_worse(best[0], now[0]))
        best = keep_best(best, now)
    assert seen == [False, False, True, True]
    assert best[0].value == 100.0


@pytest.mark.parametrize("direction", [LOWER, HIGHER])
@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", '"12"', "null", "true", "[1]", "1e999", "9" * 400])
def test_what_is_no_finite_number_is_worse(value: str, direction: str) -> None:
    [now] = read_metrics(f'{{"name": "m", "value": {value}, "direction": "{direction}"}}'.encode())
    assert now.value is None
    assert is_worse(Metric("m", 12.0, direction=direction), now)
    assert keep_best([Metric("m", 12.0)], [now]) == (Metric("m", 12.0),)


def test_a_value_that_is_absent_or_a_metric_that_is_gone_is_worse() -> None:
    best = Metric("m", 12.0)
    assert is_worse(best, None)
    assert is_worse(best, read_metrics(b'{"name": "m", "direction": "lower"}')[0])


@pytest.mark.parametrize(
    ("best", "value", "worse"),
    [
        (Metric("m", 10, "", LOWER), 10, False),
        (Metric("m", 10, "", LOWER), 10.001, True),
        (Metric("m", 10, "", LOWER, tolerance=0.1), 11, False),
        (Metric("m", 10, "", LOWER, tolerance=0.1), 11.1, True),
        (Metric("m", 10, "", HIGHER, tolerance=0.1), 9, False),
        (Metric("m", 10, "", HIGHER, tolerance=0.1), 8.9, True),
        (Metric("m", -10, "", HIGHER, tolerance=0.1), -11, False),
        (Metric("m", 0, "", LOWER, tolerance=0.1), 1, True),
        (Metric("m", 0, "", LOWER, allowance=1), 1, False),
        (Metric("m", 0, "", LOWER, allowance=1), 2, True),
        (Metric("m", 10, "", LOWER), 1, False),
    ],
)
def test_the_tolerance_is_a_share_of_the_best_or_an_amount(best: Metric, value: float, worse: bool) -> None:
    assert is_worse(best, Metric("m", value, "", best.direction)) == worse


def test_a_candidate_cannot_widen_what_it_is_measured_by() -> None:
    best = Metric("m", 10, "s", LOWER, tolerance=0.01)
    assert is_worse(best, Metric("m", 20, "s", LOWER, tolerance=5))
    assert is_worse(best, Metric("m", 9, "min", LOWER))
    assert is_worse(best, Metric("m", 20, "s", HIGHER))
    assert keep_best([best], [Metric("m", 10, "s", LOWER, tolerance=5)]) == (best,)


def test_a_new_metric_is_free() -> None:
    [verdict] = compare_metrics([], [Metric("m", 5)])
    assert (verdict.is_worse, verdict.best, verdict.now, verdict.why) == (False, None, 5, "is new")
    assert keep_best([], [Metric("m", 5), Metric("n", None)]) == (Metric("m", 5),)


@given(st.lists(METRICS, unique_by=lambda metric: metric.name), st.lists(METRICS, unique_by=lambda metric: metric.name))
def test_what_is_kept_never_gets_worse(best: list[Metric], now: list[Metric]) -> None:
    kept = {metric.name: metric for metric in keep_best(best, now)}
    for metric in best:
        if metric.value is not None:
            assert not is_worse(metric, kept[metric.name])


@given(st.lists(METRICS, unique_by=lambda metric: metric.name))
def test_what_was_written_is_read_back(metrics: list[Metric]) -> None:
    assert read_metrics(write_metrics(metrics)) == tuple(sorted(metrics, key=lambda metric: metric.name))


def test_a_list_and_lines_say_the_same() -> None:
    items = [
        {"name": "a", "value": 1, "unit": "s", "direction": "lower", "tolerance": "2%"},
        {"name": "b", "value": 2.5, "unit": None, "direction": "higher", "colour": "teal"},
    ]
    expected = (Metric("a", 1.0, "s", LOWER, 0.02), Metric("b", 2.5, "", HIGHER))
    assert read_metrics(json.dumps(items, indent=2).encode()) == expected
    assert read_metrics("\n\n".join(map(json.dumps, items)).encode()) == expected
    assert read_metrics(b"") == read_metrics(b"[]") == ()


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b'{"name": "a", "direction": "lower"}\n{"name":', "line 2 is no JSON"),
        (b"[1, 2", "the list is no JSON"),
        (b"[1]", "metric 1 is no object"),
        (b"12", "line 1 is no object"),
        (b'{"value": 1}', "line 1 has no name"),
        (b'{"name": "a", "value": 1}', "direction of 'a' is None; expected lower or higher"),
        (b'{"name": "a", "direction": "up"}', "expected lower or higher"),
        (b'{"name": "a", "direction": ["lower"]}', "expected lower or higher"),
        (b'{"name": "a", "direction": "lower", "unit": 3}', "unit of 'a' is no text"),
        (b'{"name": "a", "direction": "lower", "tolerance": -1}', "tolerance of 'a' is -1"),
        (b'{"name": "a", "direction": "lower", "tolerance": NaN}', "tolerance of 'a'"),
        (b'{"name": "a", "direction": "lower", "tolerance": "x%"}', "tolerance of 'a'"),
        (b'{"name": "a", "direction": "lower"}\n' * 2, "line 2: 'a' was there before"),
        (b"\xff\xfe", "byte 0 is no UTF-8"),
        (b"[" * 100_000, "the list is no JSON"),
        (b'{"a":' * 100_000, "line 1 is no JSON"),
    ],
)
def test_what_is_no_metric_is_named(raw: bytes, said: str) -> None:
    with pytest.raises(AgentkitError, match=said) as caught:
        read_metrics(raw)
    assert caught.value.status == Exit.BAD_DATA
