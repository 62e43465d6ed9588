"""Does the map find in small labelled scripts what is in them, and nothing else?"""

from pathlib import Path

import pytest

from tests.depmap.edgecases.reading import FORBIDDEN, Case, judge, read_cases
from tests.depmap.mapped import Edges, map_cases

CASES = read_cases()


@pytest.fixture(scope="module")
def mapped(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Edges]]:
    """Return the edges of every case: all are mapped by a few processes."""
    return map_cases(CASES, tmp_path_factory.mktemp("cases"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_edges_of_a_case_are_those_that_are_labelled(case: Case, mapped: dict[str, tuple[Path, Edges]]) -> None:
    folder, edges = mapped[case.name]
    assert judge(case, folder, edges) == []


def test_there_are_many_cases_and_each_has_a_name_of_its_own() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 300
    assert sum(label.form == FORBIDDEN for case in CASES for label in case.labels) >= 80
