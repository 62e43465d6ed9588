"""Jobs that end with 0 while doing nothing: 25 healthy runs, then the bad state, named while it lasts."""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from agentkit.heartbeat.bounds import Expectations, judge
from agentkit.heartbeat.oddity import Observation
from tests.heartbeat.healthy_runs import draw_healthy, judge_all, teach, teach_healthy, types_of


def _return_early(run: Observation, share: float = 0.03) -> Observation:
    return replace(run, duration_s=run.duration_s * share, cpu_s=run.cpu_s * share)


def _find_no_files(run: Observation) -> Observation:
    return replace(run, stdout_lines=0, stdout_bytes=0, tail="")


def _process_0(run: Observation) -> Observation:
    return replace(run, tail="2026-11-22 03:00:00 start\nexported 0 rows in 1s\n0 errors\n")


def _hide_the_producer(run: Observation) -> Observation:
    words = ("pg_dump: error: connection refused",)
    return replace(run, stdout_lines=0, stdout_bytes=0, stderr_lines=1, stderr_bytes=36, error_words=words, tail="")


def _swallow_the_failure(run: Observation) -> Observation:
    return replace(run, error_words=("rsync: permission denied",), stderr_lines=1, stderr_bytes=30)


def _mirror_nothing(run: Observation) -> Observation:
    return replace(run, watched={"/srv/mirror": (0, 0, "0" * 64)}, stdout_lines=2, stdout_bytes=80)


def _stop_changing(run: Observation) -> Observation:
    return replace(run, watched={"/srv/mirror": (1_000_000, 200, "a" * 64)})


def _leave_work_behind(run: Observation) -> Observation:
    return replace(run, duration_s=run.duration_s * 0.01, left_behind=1)


def _lose_an_orphan(run: Observation) -> Observation:
    return replace(run, orphan_failed=True)


def _never_reach_the_mark(run: Observation) -> Observation:
    return replace(run, counters={})


STORIES: dict[str, tuple[Callable[[Observation], Observation], str]] = {
    "it returns early": (_return_early, "too-fast"),
    "its glob is empty": (_find_no_files, "too-small"),
    "it says that it exported 0 rows": (_process_0, "too-small"),
    "a pipe hides its producer": (_hide_the_producer, "too-small"),
    "and the producer complains": (_hide_the_producer, "error-words"),
    "|| true swallows the failure": (_swallow_the_failure, "error-words"),
    "the source is not mounted": (_mirror_nothing, "too-small"),
    "its work runs on in the background": (_leave_work_behind, "left-behind"),
    "and it ends too soon": (_leave_work_behind, "too-fast"),
    "a child in the background dies": (_lose_an_orphan, "left-behind"),
    "it never reaches its mark": (_never_reach_the_mark, "too-small"),
}


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("seed", range(5))
def test_a_bad_state_is_named_at_run_26_and_while_it_lasts(story: str, seed: int) -> None:
    spoil, name = STORIES[story]
    chance, learned = teach_healthy(seed=seed)
    bad = judge_all(learned, [spoil(draw_healthy(chance)) for _ in range(30)])
    assert all(name in types_of(judgement) for judgement in bad)


@pytest.mark.parametrize("seconds", [0.1, 0.5, 65.0])
@pytest.mark.parametrize("seed", range(20))
def test_an_early_return_of_a_short_job_is_named(seconds: float, seed: int) -> None:
    chance = random.Random(seed)
    learned = teach(draw_healthy(chance, seconds) for _ in range(25))
    assert "too-fast" in types_of(judge(learned, _return_early(draw_healthy(chance, seconds))))


@pytest.mark.parametrize("seed", range(20))
def test_a_healthy_26th_run_gives_nothing(seed: int) -> None:
    chance, learned = teach_healthy(seed=seed)
    assert judge(learned, draw_healthy(chance)).oddities == ()


def test_a_folder_that_always_changed_and_stops_is_unchanged() -> None:
    chance, learned = teach_healthy()
    bad = judge_all(learned, [_stop_changing(draw_healthy(chance)) for _ in range(4)])
    # Its first run in the new state did change the folder; from then on nothing does.
    assert [types_of(judgement) for judgement in bad] == [set(), {"unchanged"}, {"unchanged"}, {"unchanged"}]
    assert bad[1].oddities[0].sentence == "left /srv/mirror unchanged; each of the last 25 runs changed it"


def test_the_same_output_is_unchanged_only_where_stdout_is_declared_to_change() -> None:
    chance, learned = teach_healthy(output_sha256="ab" * 32)
    same = replace(draw_healthy(chance), output_sha256="ab" * 32)
    declared = Expectations(stdout_changes=True)
    assert judge(learned, same).oddities == ()
    assert [types_of(judgement) for judgement in judge_all(learned, [same] * 3, declared)] == [{"unchanged"}] * 3
    assert judge(learned, draw_healthy(chance), expectations=declared).oddities == ()


def test_a_path_that_never_changed_never_alarms() -> None:
    still = {"/srv/mirror": (1_000_000.0, 200.0, "a" * 64)}
    chance, learned = teach_healthy(watched=still)
    assert judge(learned, replace(draw_healthy(chance), watched=still)).oddities == ()
