from dataclasses import replace
from math import inf, nan

import pytest

from agentkit.heartbeat.bounds import judge
from agentkit.heartbeat.learning import MOST_NAMED, MOST_PENDING, UNKNOWN, WIDTH, WINDOW, Learned, accept
from agentkit.heartbeat.oddity import Observation
from tests.heartbeat.healthy_runs import draw_healthy, judge_all, teach, teach_healthy, types_of


def test_the_window_holds_the_last_40_runs() -> None:
    learned = teach(Observation(duration_s=float(100 + number)) for number in range(50))
    assert learned.runs == WINDOW
    assert min(learned.rows[::WIDTH]) == 110.0


def test_an_odd_run_waits_and_does_not_move_the_bounds() -> None:
    chance, learned = teach_healthy()
    odd = judge(learned, replace(draw_healthy(chance), duration_s=0.4)).learned
    assert odd.rows == learned.rows
    assert len(odd.pending) == 1


def test_an_oddity_that_lasts_keeps_the_memory_small() -> None:
    chance, learned = teach_healthy()
    judgements = judge_all(learned, [replace(draw_healthy(chance), duration_s=0.4) for _ in range(100)])
    assert all(types_of(judgement) == {"too-fast"} for judgement in judgements)
    assert len(judgements[-1].learned.pending) == MOST_PENDING


def test_a_long_oddity_leaves_the_healthy_past_in_memory() -> None:
    chance, learned = teach_healthy(40)
    runs = [replace(draw_healthy(chance), duration_s=0.4) for _ in range(100)]
    learned = judge_all(learned, [*runs, draw_healthy(chance)])[-1].learned
    assert sum(seconds > 30 for seconds in learned.rows[::WIDTH]) == WINDOW


def test_accepting_makes_the_next_equal_run_quiet() -> None:
    chance, learned = teach_healthy()
    odd = replace(
        draw_healthy(chance), duration_s=0.4, cpu_s=0.1, stdout_lines=0, stdout_bytes=0, error_words=("ERROR",),
        left_behind=2, orphan_failed=True, counters={}, tail="exported 0 rows in 0s\n",
    )  # fmt: skip
    judgement = judge(learned, odd)
    assert types_of(judgement) == {"too-fast", "too-small", "error-words", "left-behind"}
    accepted = accept(judgement.learned)
    assert accepted.pending == ()
    assert judge(accepted, odd).oddities == ()


def test_accepting_a_still_folder_makes_it_quiet() -> None:
    chance, learned = teach_healthy()
    still = {"/srv/mirror": (1_000_000.0, 200.0, "a" * 64)}
    first, second = judge_all(learned, [replace(draw_healthy(chance), watched=still) for _ in range(2)])
    assert types_of(first) | types_of(second) == {"unchanged"}
    assert judge(accept(second.learned), replace(draw_healthy(chance), watched=still)).oddities == ()


def test_accepting_when_nothing_waits_changes_nothing() -> None:
    _, learned = teach_healthy()
    assert accept(learned) == learned


def test_after_an_acceptance_something_worse_is_still_named() -> None:
    learned = teach(Observation(duration_s=65.0, stdout_lines=12) for _ in range(25))
    learned = accept(judge(learned, Observation(duration_s=2.0, stdout_lines=12)).learned)
    assert types_of(judge(learned, Observation(duration_s=2.0, stdout_lines=0))) == {"too-small"}


def test_a_mark_that_is_not_always_set_may_be_missing() -> None:
    learned = teach(Observation(counters={"items": 5.0} if number % 3 else {}) for number in range(30))
    assert judge(learned, Observation()).oddities == ()


def test_a_mark_of_the_past_is_forgotten() -> None:
    learned = teach([Observation(counters={"items": 5.0}), *[Observation() for _ in range(WINDOW)]])
    assert learned.named == {}


def test_a_mark_that_is_no_number_is_there_and_not_judged() -> None:
    learned = teach(Observation(counters={"items": 5.0}) for _ in range(25))
    assert judge(learned, Observation(counters={"items": -1.0})).oddities == ()


def test_a_job_that_invents_marks_does_not_make_its_memory_grow() -> None:
    learned = teach(Observation(counters={f"item{number}": 1.0}) for number in range(200))
    assert len(learned.named) <= MOST_NAMED


def test_a_path_that_is_watched_no_longer_is_no_oddity() -> None:
    chance, learned = teach_healthy()
    assert judge(learned, replace(draw_healthy(chance), watched={})).oddities == ()


def test_judging_leaves_the_memory_that_it_was_given_alone() -> None:
    chance, learned = teach_healthy()
    before = replace(learned, rows=learned.rows[:], named={name: column[:] for name, column in learned.named.items()})
    judge(learned, draw_healthy(chance))
    assert learned == before


@pytest.mark.parametrize("value", [nan, inf, -inf, -3.0])
def test_a_number_that_is_none_is_unknown(value: float) -> None:
    learned = teach([Observation(duration_s=60.0), Observation(duration_s=value, counters={"items": value})])
    assert list(learned.rows[::WIDTH]) == [60.0, UNKNOWN]
    assert list(learned.named["mark:items"]) == [UNKNOWN]


def test_a_number_without_bound_stays_within_a_float_of_32_bits() -> None:
    learned = teach(Observation(max_rss_bytes=1e300) for _ in range(25))
    assert max(learned.rows) < inf


def test_a_first_run_teaches() -> None:
    assert judge(Learned(), Observation(duration_s=1.0)).learned.runs == 1
