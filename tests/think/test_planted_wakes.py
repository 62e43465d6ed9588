"""Does a secret in a finding reach the provider?"""

from __future__ import annotations

import random
from pathlib import Path

from tests.think.plantedwakes import wake_with_planted


def test_no_secret_in_any_spelling_reaches_the_journal_of_the_provider(
    tmp_path: Path, random_choices: random.Random
) -> None:
    found = wake_with_planted(tmp_path, random_choices, findings=8)
    assert found.faults == []
    assert found.leaks == []
    assert found.values > 50
