"""Do the labelled cases say what really happens? Each is run where nothing can come of it, under strace."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.depmap.edgecases.reading import Case, read_cases
from tests.system.labelled import find_disagreements, run_case

CASES = [case for case in read_cases() if case.is_run]
AT_ONCE = 2


@pytest.fixture(scope="module")
def disagreements(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Return what is wrong with the labels of each case."""
    folder = tmp_path_factory.mktemp("labels")

    def run(numbered: tuple[int, Case]) -> tuple[str, list[str]]:
        number, case = numbered
        own = folder / str(number)
        own.mkdir()
        trace = run_case(case, own)
        return case.name, find_disagreements(case, own, trace)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(pool.map(run, enumerate(CASES)))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_run_starts_what_the_labels_say(case: Case, disagreements: dict[str, list[str]]) -> None:
    assert disagreements[case.name] == []


def test_nearly_all_cases_are_run() -> None:
    assert len(CASES) >= 300
