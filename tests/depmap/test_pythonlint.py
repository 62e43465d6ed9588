from pathlib import Path

import pytest

from agentkit.depmap.disk import Disk
from agentkit.depmap.python.program import read_program
from agentkit.depmap.pythonlint.lint import lint_program
from agentkit.depmap.wait import Wait
from tests.depmap.pylintcases.reading import Case, read_cases

CASES = read_cases()


def find_waits(path: Path) -> list[Wait]:
    disk = Disk("/")
    troubles: list[str] = []
    waits = lint_program(read_program([str(path)], disk, troubles.append), disk)
    assert troubles == []
    return waits


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_each_line_is_as_bounded_as_its_label_says(case: Case, tmp_path: Path) -> None:
    path = case.lay_out(tmp_path)
    found = {wait.line: wait.type for wait in find_waits(path) if wait.file == str(path)}
    assert found == case.labels
