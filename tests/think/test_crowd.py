"""Do many wakes at once, some of them killed, spend no more than they may and lose nothing?"""

from __future__ import annotations

import random
from pathlib import Path

from tests.think.crowd import run_crowd


def test_a_crowd_of_which_some_are_killed_never_overspends(
    tmp_path: Path, environ: dict[str, str], random_choices: random.Random
) -> None:
    faults = run_crowd(tmp_path, environ, random_choices, processes=16, cap_usd=0.02, killed=0.3)
    assert faults == []
