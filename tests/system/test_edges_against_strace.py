"""Does the map say what scripts start, which function starts it, and where it cannot know?"""

import random

import pytest

from tests.conftest import SEED
from tests.depmap.edgecases.reading import read_cases
from tests.system.edgetruth import NAMED, PRECISION, RECALL
from tests.system.strace_runs import Result, measure_cases, measure_generated, measure_real

GENERATED, REAL = 150, 40
SHOWN = 40


@pytest.fixture(scope="module", params=["labelled", "generated", "real"])
def result(request: pytest.FixtureRequest) -> Result:
    """Return what runs of the labelled cases, of generated scripts and of real ones gave."""
    if request.param == "labelled":
        return measure_cases(read_cases())
    if request.param == "generated":
        return measure_generated(f"{SEED}-{number}" for number in range(GENERATED))
    return measure_real(REAL, random.Random(SEED))


@pytest.mark.parametrize("by", ["by_function", "by_program"])
def test_what_was_started_is_in_the_map(result: Result, by: str) -> None:
    figures = getattr(result, by)
    assert figures.recall >= RECALL, "\n".join([str(result), *figures.misses[:SHOWN]])


@pytest.mark.parametrize("by", ["by_function", "by_program"])
def test_what_the_map_claims_of_lines_that_ran_was_started(result: Result, by: str) -> None:
    figures = getattr(result, by)
    assert figures.precision >= PRECISION, "\n".join([str(result), *figures.lies[:SHOWN]])


@pytest.mark.parametrize("by", ["by_function", "by_program"])
def test_what_the_map_does_not_have_it_says_to_be_unknown(result: Result, by: str) -> None:
    figures = getattr(result, by)
    unnamed = [miss for miss in figures.misses if miss.endswith("NOT NAMED")]
    assert figures.found_or_named >= NAMED, "\n".join([str(result), *unnamed[:SHOWN]])


def test_which_function_calls_which_is_in_the_map(result: Result) -> None:
    figures = result.by_function
    assert figures.calls_found >= RECALL * figures.calls, "\n".join([str(result), *figures.misses[:SHOWN]])
