"""What programs really call and touch, by Python's own hooks, against the edges that are read from their text."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentkit.depmap.disk import Disk
from agentkit.depmap.python.edges import map_program
from agentkit.depmap.python.program import read_program
from tests.depmap.python.programs import make_program
from tests.depmap.python.watched import Seen, watch

TOUCHES = ("read", "write", "exec", "connect")
SEEDS = range(4)


def read_mapped(script: Path) -> Seen:
    """Return the edges of a program as a run of it is told."""
    disk = Disk("/")
    seen = Seen()
    for edge in map_program(read_program([str(script)], disk, pytest.fail), disk):
        if edge.kind == "call" and edge.source.startswith("py:"):
            seen.calls.add((edge.source, edge.target))
        elif edge.kind in TOUCHES:
            seen.touched.add((edge.source, edge.kind, edge.target))
    return seen


def leave_out_unreached(calls: set[tuple[str, str]], seen: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Leave out what no run tells: functions that were not reached, classes without `__init__`, other packages."""
    functions = {callee for _, callee in seen}
    callers = functions | {caller for caller, _ in seen}
    return {(caller, callee) for caller, callee in calls if callee in functions and caller in callers}


@pytest.mark.parametrize("seed", SEEDS)
def test_what_a_program_by_chance_calls_and_touches_is_all_mapped(seed: int, tmp_path: Path) -> None:
    folder, data = tmp_path / "program", tmp_path / "data"
    folder.mkdir()
    data.mkdir()
    script = make_program(seed, folder, data)
    seen, mapped = watch(folder, script), read_mapped(script)
    assert seen.calls - mapped.calls == set()
    assert seen.touched == mapped.touched
