"""What trace sees of generated scripts, beside another reading of the same log, and beside the static map."""

import os
import random
from pathlib import Path

import pytest

from agentkit.depmap.tracing.processes import Follower
from agentkit.depmap.tracing.seen import Seen
from tests.system.strace_runs import lay_generated
from tests.system.straced import run_straced
from tests.system.traced_runs import measure_generated


@pytest.mark.parametrize("turn", range(4))
def test_every_program_that_a_script_starts_is_seen(turn: int, random_choices: random.Random, tmp_path: Path) -> None:
    words = lay_generated(f"{random_choices.random()}-{turn}", tmp_path)
    started = run_straced(tmp_path / "main.sh", tmp_path, words).started
    seen = Seen(("/tmp",))
    follower = Follower(str(tmp_path), seen, node=None)
    follower.feed((tmp_path / ".strace").read_bytes())
    follower.finish()
    found = {os.path.basename(edge.target) for edge in seen.find_edges() if edge.kind == "exec"}
    assert {os.path.basename(one.program) for one in started} - {"main.sh"} <= {
        name.removeprefix("cmd:") for name in found
    }
    assert started


def test_the_map_has_nearly_all_that_generated_scripts_start(random_choices: random.Random) -> None:
    found = measure_generated([f"{random_choices.random()}" for _ in range(6)])
    figures = found.figures()
    assert found.runs == 6
    assert figures["exec"].seen > 100
    assert figures["exec"].found >= 0.97 * figures["exec"].seen, found.needed()
