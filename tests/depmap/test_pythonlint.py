from pathlib import Path

import pytest

from agentkit.depmap.disk import Disk
from agentkit.depmap.python.program import read_program
from agentkit.depmap.pythonlint.lint import lint_program
from agentkit.depmap.wait import Wait
from tests.depmap.pylintcases.mending import mend
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


@pytest.mark.parametrize("case", [case for case in CASES if case.labels], ids=lambda case: case.name)
def test_each_fix_bounds_what_it_is_given_for(case: Case, tmp_path: Path) -> None:
    path = case.lay_out(tmp_path)
    # What leaves a pool is mended where its task is.
    waits = [wait for wait in find_waits(path) if "leaving the block waits for `" not in wait.why]
    path.write_text(mend(path.read_text(), waits))
    assert [(wait.line, wait.command) for wait in find_waits(path)] == []
