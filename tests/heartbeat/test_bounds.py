from dataclasses import replace
from math import exp, inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.heartbeat.bounds import Expectations, judge
from agentkit.heartbeat.learning import Learned
from agentkit.heartbeat.oddity import Observation
from tests.heartbeat.healthy_runs import draw_healthy, judge_all, teach, teach_healthy, types_of


def _runs(channel: str, values: list[float]) -> list[Observation]:
    return [Observation(**{channel: value}) for value in values]  # type: ignore[arg-type]


def _learn(channel: str, values: list[float]) -> Learned:
    """Learn these values as they are, whether or not they are odd."""
    learned = Learned()
    for run in _runs(channel, values):
        judgement = judge(learned, run)
        learned = replace(judgement.learned, pending=()) if judgement.oddities else judgement.learned
    return learned


STEADY = [61.0, 64.0, 66.0, 70.0, 75.0] * 8


def test_a_job_is_quiet_until_it_has_20_runs() -> None:
    judgement = judge(_learn("duration_s", STEADY[:19]), Observation(duration_s=0.4))
    assert judgement.oddities == ()
    assert judgement.learning
    judgement = judge(_learn("duration_s", STEADY[:20]), Observation(duration_s=0.4))
    assert types_of(judgement) == {"too-fast"}
    assert not judgement.learning


def test_an_oddity_explains_itself() -> None:
    (oddity,) = judge(_learn("duration_s", STEADY), Observation(duration_s=0.4)).oddities
    assert oddity.sentence == "took 0.4s; the last 40 runs took 61s to 75s"
    assert (oddity.severity, oddity.low, oddity.high, oddity.runs) == ("warning", 61.0, 75.0, 40)


@pytest.mark.parametrize(
    ("channel", "usual", "value", "names"),
    [
        ("duration_s", 61.0, 31.0, set()),  # not below half of the least
        ("duration_s", 61.0, 27.0, {"too-fast"}),
        ("duration_s", 0.04, 0.001, set()),  # below the floor of 0.05 s
        ("cpu_s", 0.04, 0.001, set()),
        ("cpu_s", 0.06, 0.001, {"too-fast"}),
        ("blocks_out", 60, 0, set()),  # below the floor of 64 blocks
        ("blocks_out", 70, 0, {"too-small"}),
        ("duration_s", 1.0, 5.5, set()),  # not 5 s above
        ("duration_s", 1.0, 6.5, {"too-slow"}),
        ("duration_s", 60.0, 119.0, set()),  # not twice the most
        ("duration_s", 60.0, 180.0, {"too-slow"}),
        ("stdout_bytes", 1000, 60_000, set()),  # not 64 KiB above
        ("stdout_bytes", 1000, 70_000, {"too-large"}),
        ("stdout_bytes", 100_000, 150_000, set()),
        ("stdout_bytes", 600, 0, set()),  # its lines say it
        ("stdout_lines", 1, 0, {"too-small"}),
        ("stdout_lines", 10, 5000, set()),  # its bytes say it
        ("max_rss_bytes", 200e6, 10e6, {"too-small"}),
        ("written_bytes", 5000, 20, {"too-small"}),
        ("written_bytes", 500, 0, set()),  # a time stamp, a list of one or two names
        ("page_faults", 140, 64, {"too-small"}),  # a shell that starts one program, and one that starts none
        ("page_faults", 120, 64, set()),
        ("page_faults", 140, 1_000_000, set()),  # its memory says it
    ],
)
def test_the_bounds_and_floors_of_a_channel(channel: str, usual: float, value: float, names: set[str]) -> None:
    learned = _learn(channel, [usual] * 40)
    assert types_of(judge(learned, *_runs(channel, [value]))) == names


def test_memory_in_huge_pages_is_not_less_work() -> None:
    usual, huge = (
        Observation(max_rss_bytes=160e6, page_faults=48_000),
        Observation(max_rss_bytes=160e6, page_faults=8_000),
    )
    assert types_of(judge(teach([usual] * 30), huge)) == set()
    # It ended before it needed any.
    assert types_of(judge(teach([usual] * 30), replace(huge, max_rss_bytes=10e6))) == {"too-small"}


def test_a_number_above_its_bounds_is_information_only() -> None:
    (oddity,) = judge(_learn("duration_s", STEADY), Observation(duration_s=400.0)).oddities
    assert oddity.severity == "info"


def test_a_wide_spread_keeps_a_low_run_quiet() -> None:
    wide = [exp(step / 3) for step in range(12)] * 3  # 1 s to 39 s
    assert judge(_learn("duration_s", wide), Observation(duration_s=0.4)).oddities == ()


def test_a_past_with_a_rare_long_run_allows_for_a_longer_one() -> None:
    past = [60.0] * 10 + [600.0] + [60.0] * 29
    assert judge(_learn("duration_s", past), Observation(duration_s=1500.0)).oddities == ()
    assert types_of(judge(_learn("duration_s", past), Observation(duration_s=6000.0))) == {"too-slow"}


def test_empty_output_is_one_oddity_and_not_two() -> None:
    chance, learned = teach_healthy()
    silent = replace(draw_healthy(chance), stdout_lines=0, stdout_bytes=0, tail="")
    (oddity,) = judge(learned, silent).oddities
    assert oddity.sentence == "printed 0 lines; the last 25 runs printed 12 lines"


def test_channels_that_a_person_bounds_are_not_judged() -> None:
    declared = Expectations(channels=frozenset({"duration"}))
    assert judge(_learn("duration_s", STEADY), Observation(duration_s=0.4), expectations=declared).oddities == ()


def test_error_words_are_odd_only_where_no_run_had_any() -> None:
    words = ("ERROR: disk on fire",)
    chance, learned = teach_healthy()
    (oddity,) = judge(learned, replace(draw_healthy(chance), error_words=words)).oddities
    assert (oddity.type, oddity.quote) == ("error-words", "ERROR: disk on fire")
    assert "fire" not in oddity.sentence  # what a job printed leaves through redaction only
    chance, learned = teach_healthy(10, error_words=words)
    learned = teach((draw_healthy(chance) for _ in range(15)), learned)
    assert judge(learned, replace(draw_healthy(chance), error_words=words)).oddities == ()


def test_warnings_come_before_information() -> None:
    chance, learned = teach_healthy()
    run = replace(draw_healthy(chance), duration_s=9000.0, stdout_lines=0, stdout_bytes=0, tail="")
    assert [oddity.type for oddity in judge(learned, run).oddities] == ["too-small", "too-slow"]


def test_a_failed_run_shows_its_oddities_and_teaches_nothing() -> None:
    chance, learned = teach_healthy()
    short = replace(draw_healthy(chance), duration_s=0.01)
    for judgement in (judge(learned, replace(short, state="failed")), judge(learned, short, carries_finding=True)):
        assert types_of(judgement) == {"too-fast"}
        assert judgement.learned == learned


@pytest.mark.parametrize("state", ["skipped", "lost"])
def test_a_run_that_nobody_saw_is_not_judged(state: str) -> None:
    chance, learned = teach_healthy()
    judgement = judge(learned, replace(draw_healthy(chance), state=state, duration_s=0.0))
    assert (judgement.oddities, judgement.learned) == ((), learned)


def test_a_failure_never_makes_a_short_run_normal() -> None:
    chance, learned = teach_healthy()
    runs = []
    for _ in range(10):
        runs += [replace(draw_healthy(chance), state="failed", duration_s=0.01), draw_healthy(chance)]
    learned = judge_all(learned, runs)[-1].learned
    assert types_of(judge(learned, replace(draw_healthy(chance), duration_s=0.01))) == {"too-fast"}


def test_an_alarm_that_passed_is_named_again_when_it_comes_back() -> None:
    chance, learned = teach_healthy()
    short = replace(draw_healthy(chance), duration_s=0.4)
    for _ in range(13):
        first, *healthy = judge_all(learned, [short, *(draw_healthy(chance) for _ in range(5))])
        assert types_of(first) == {"too-fast"}
        assert not any(types_of(judgement) for judgement in healthy)
        learned = healthy[-1].learned


def test_a_high_value_that_passed_is_history() -> None:
    chance, learned = teach_healthy()
    longs = [replace(draw_healthy(chance), duration_s=700.0) for _ in range(3)]
    first, second, healthy, again = judge_all(learned, [*longs[:2], draw_healthy(chance), longs[2]])
    assert types_of(first) == types_of(second) == {"too-slow"}
    assert (healthy.oddities, again.oddities) == ((), ())


def test_a_failure_between_odd_runs_does_not_end_the_oddity() -> None:
    chance, learned = teach_healthy()
    shorts = [replace(draw_healthy(chance), duration_s=0.4) for _ in range(3)]
    judgements = judge_all(learned, [shorts[0], replace(shorts[1], state="failed"), shorts[2]])
    assert types_of(judgements[2]) == {"too-fast"}


def test_the_question_for_a_declared_effect_is_asked_once() -> None:
    times = [0.3, 65.0, 70.0, 66.0, 61.0] * 8
    judgements = judge_all(Learned(), _runs("duration_s", times))
    asked = [judgement.ask for judgement in judgements if judgement.ask]
    assert len(asked) == 1
    assert asked[0].startswith("its runs took 0.3s or 61s to 70s: it may be idle at times; declare ")
    assert judgements[-1].labels == ("may be idle",)
    assert judge(judgements[-1].learned, Observation(duration_s=0.3)).oddities == ()


def test_nobody_is_asked_where_an_effect_is_declared() -> None:
    runs = _runs("duration_s", [0.3, 65.0, 70.0, 66.0, 61.0] * 8)
    judgements = judge_all(Learned(), runs, Expectations(effect=True))
    assert not any(judgement.ask or judgement.labels for judgement in judgements)


def test_the_note_of_an_unreadable_memory_is_passed_on_once() -> None:
    judgement = judge(Learned(note="learning starts again"), Observation(duration_s=1.0))
    assert judgement.note == "learning starts again"
    assert judge(judgement.learned, Observation(duration_s=1.0)).note == ""


number = st.one_of(st.floats(), st.sampled_from([nan, inf, -inf, -1.0, 0.0, 1e308, 2.0**70, 5e-324]))
CHANNEL = st.sampled_from(["duration_s", "cpu_s", "stdout_lines", "stdout_bytes", "blocks_out", "max_rss_bytes"])


PAST = st.lists(st.one_of(st.floats(0, 1e9), st.floats(60, 80)), min_size=20, max_size=40)


@given(CHANNEL, st.one_of(PAST, st.lists(st.floats(60, 80), min_size=20, max_size=40)), st.floats(0, 1e9))
def test_an_odd_number_is_the_strict_extreme_of_all_runs(channel: str, past: list[float], value: float) -> None:
    # Hence the bound without any distribution: one of n+1 exchangeable runs is the strict least with at most 1/(n+1).
    for oddity in judge(_learn_plainly(channel, past), *_runs(channel, [value])).oddities:
        if oddity.type in ("too-fast", "too-small"):
            assert value < min(past)
        else:
            assert value > max(past)


def _learn_plainly(channel: str, values: list[float]) -> Learned:
    learned = Learned()
    for run in _runs(channel, values):
        learned = judge(learned, run, expectations=Expectations(channels=_ALL)).learned
    return learned


_ALL = frozenset({"duration", "cpu", "stdout_lines", "stdout_bytes", "blocks_out", "max_rss"})


@given(st.lists(st.tuples(number, number, number), max_size=30), st.text(max_size=200))
def test_no_number_and_no_text_makes_judging_fail(values: list[tuple[float, float, float]], tail: str) -> None:
    learned = Learned()
    for one, two, three in values:
        run = Observation(
            duration_s=one, stdout_bytes=two, stdout_lines=three, max_rss_bytes=three, cpu_s=two, blocks_out=one,
            counters={"m": two}, watched={"/p": (one, two, "x")}, output_sha256=tail, tail=tail,
        )  # fmt: skip
        learned = judge(learned, run, expectations=Expectations(stdout_changes=True)).learned
