"""Does the map say what scripts start, which function starts it, and where it cannot know?

And do the labelled cases say what really happens? Each is run once, where nothing can come of it, under strace.
"""

import random

import pytest

from tests.conftest import SEED
from tests.depmap.edgecases.reading import read_cases
from tests.system.edgetruth import NAMED, PRECISION, RECALL
from tests.system.labelled import find_disagreements
from tests.system.strace_runs import Result, measure_cases, measure_generated, measure_real, trace_cases

RUN_CASES = [case.name for case in read_cases() if case.is_run]
GENERATED, REAL = 24, 8
SHOWN = 40
# Of real scripts a sample starts a few dozen programs: one odd line is not a part of a hundred.
SLACK = {"labelled": 0, "generated": 0, "real": 3}


@pytest.fixture(scope="module")
def disagreements() -> dict[str, list[str]]:
    """Return what is wrong with the labels of each case."""
    return {case.name: find_disagreements(case, own, trace) for case, own, trace in trace_cases()}


@pytest.mark.parametrize("name", RUN_CASES)
def test_a_run_starts_what_the_labels_say(name: str, disagreements: dict[str, list[str]]) -> None:
    assert disagreements[name] == []


def test_nearly_all_cases_are_run() -> None:
    assert len(RUN_CASES) >= 300


@pytest.fixture(scope="module", params=["labelled", "generated", "real"])
def result(request: pytest.FixtureRequest) -> tuple[str, Result]:
    """Return what runs of the labelled cases, of generated scripts and of real ones gave."""
    if request.param == "labelled":
        return request.param, measure_cases()
    if request.param == "generated":
        return request.param, measure_generated(f"{SEED}-{number}" for number in range(GENERATED))
    return request.param, measure_real(REAL, random.Random(SEED))


def _holds(part: int, whole: int, bar: float, slack: int) -> bool:
    return whole - part <= (1 - bar) * whole + slack


@pytest.mark.parametrize("by", ["by_function", "by_program"])
def test_what_was_started_is_in_the_map(result: tuple[str, Result], by: str) -> None:
    of, figures = result[0], getattr(result[1], by)
    # A line that starts many programs by names that it makes up is one line: in a sample it may be the only such one.
    lines = {miss.rpartition(" started ")[0] for miss in figures.misses}
    assert _holds(figures.started - len(lines), figures.started, RECALL, SLACK[of]), _show(result[1], figures.misses)


@pytest.mark.parametrize("by", ["by_function", "by_program"])
def test_what_the_map_claims_of_lines_that_ran_was_started(result: tuple[str, Result], by: str) -> None:
    of, figures = result[0], getattr(result[1], by)
    assert _holds(figures.confirmed, figures.claimed, PRECISION, SLACK[of]), _show(result[1], figures.lies)


@pytest.mark.parametrize("by", ["by_function", "by_program"])
def test_what_the_map_does_not_have_it_says_to_be_unknown(result: tuple[str, Result], by: str) -> None:
    of, figures = result[0], getattr(result[1], by)
    unnamed = [miss for miss in figures.misses if miss.endswith("NOT NAMED")]
    assert _holds(figures.named, figures.started, NAMED, SLACK[of]), _show(result[1], unnamed)


def test_which_function_calls_which_is_in_the_map(result: tuple[str, Result]) -> None:
    of, figures = result[0], result[1].by_function
    assert _holds(figures.calls_found, figures.calls, RECALL, SLACK[of]), _show(result[1], figures.misses)


def _show(result: Result, lines: list[str]) -> str:
    return "\n".join([str(result), *lines[:SHOWN]])
