"""Which modules import which when they run: as grimp says, which import-linter stands on."""

from __future__ import annotations

import importlib.util
import os

import grimp
import pytest

from agentkit.depmap.disk import Disk
from agentkit.depmap.python.edges import map_program
from agentkit.depmap.python.program import read_program


@pytest.mark.parametrize(("package", "part"), [("agentkit", "agentkit.core"), ("rich", "rich"), ("grimp", "grimp")])
def test_imports_are_those_that_grimp_finds(package: str, part: str) -> None:
    graph = grimp.build_graph(package, cache_dir=None, exclude_type_checking_imports=True)
    names = {name for name in graph.modules if name == part or name.startswith(f"{part}.")}
    theirs = {(one, other) for one in names for other in graph.find_modules_directly_imported_by(one) & names}
    found = importlib.util.find_spec(part)
    assert found is not None
    disk = Disk("/")
    program = read_program([os.path.dirname(found.origin or "")], disk, pytest.fail)
    edges = [edge for edge in map_program(program, disk) if edge.kind == "import" and edge.rule == "import"]
    ours = {(edge.source.split(":")[1], edge.target.removeprefix("py:")) for edge in edges}
    # A module that names itself depends on nothing by that.
    assert {pair for pair in ours if set(pair) <= names} == {pair for pair in theirs if pair[0] != pair[1]}
