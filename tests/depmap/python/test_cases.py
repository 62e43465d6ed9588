"""Each line of the labelled programs has the edges that stand behind it, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentkit.depmap.disk import Disk
from agentkit.depmap.python.edges import map_program
from agentkit.depmap.python.program import read_program
from tests.depmap.python.callcases import CALLS
from tests.depmap.python.touchcases import TOUCHES
from tests.depmap.python.valuecases import THROUGH_VALUES

CASES = {**CALLS, **THROUGH_VALUES, **TOUCHES}
# Said of every file alike, and looked at by tests of their own.
ASIDE = ("module", "import", "package")


def _read_labels(source: str, here: Path) -> set[tuple[int, str, str]]:
    found = set()
    for number, line in enumerate(source.split("\n"), 1):
        _, sign, marks = line.partition("#> ")
        for mark in marks.split("; ") if sign else ():
            kind, _, target = mark.strip().partition(" ")
            if kind == "call" and not target.startswith("py:"):
                target = f"py:case:{target}"
            target = f"unknown:{target}" if kind == "unknown" else target
            found.add((number, kind, target.replace("HERE", str(here))))
    return found


@pytest.mark.parametrize("name", CASES)
def test_a_line_has_its_edges_and_no_others(name: str, tmp_path: Path) -> None:
    source = CASES[name]
    path = tmp_path / "case.py"
    path.write_text(source)
    disk = Disk("/")
    edges = map_program(read_program([str(path)], disk, pytest.fail), disk)
    found = {(edge.line, edge.kind, edge.target) for edge in edges if edge.rule not in ASIDE}
    assert found == _read_labels(source, tmp_path)
