"""Do the labelled cases say what really happens? Each is run where nothing can come of it, under strace."""

import pytest

from tests.depmap.edgecases.reading import read_cases
from tests.system.labelled import find_disagreements
from tests.system.strace_runs import trace_cases

NAMES = [case.name for case in read_cases() if case.is_run]


@pytest.fixture(scope="module")
def disagreements() -> dict[str, list[str]]:
    """Return what is wrong with the labels of each case."""
    return {case.name: find_disagreements(case, own, trace) for case, own, trace in trace_cases()}


@pytest.mark.parametrize("name", NAMES)
def test_a_run_starts_what_the_labels_say(name: str, disagreements: dict[str, list[str]]) -> None:
    assert disagreements[name] == []


def test_nearly_all_cases_are_run() -> None:
    assert len(NAMES) >= 300
