"""A wake over findings full of values of a vault: what of them stands in the journal of the model?"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from agentkit.core.paths import state_folder
from tests.conftest import ROOT
from tests.think.planting import Planter, draw_values, find_leaks
from tests.think.scriptedmodel import say, scripted_model
from tests.vault.ownvault import OwnVault

VALUES = 20
LIMIT_S = 600


@dataclass
class Planted:
    """How many values were planted, how many questions the model got, what leaked, and what went wrong."""

    values: int = 0
    questions: int = 0
    leaks: list[tuple[str, str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def wake_with_planted(folder: Path, choices: random.Random, findings: int) -> Planted:
    """Wake a model with so many findings, each a group of its own, and look for their secrets in what it was asked."""
    vault = OwnVault(folder / "own")
    values = draw_values(choices, VALUES)
    for number, value in enumerate(values):
        vault.set(f"drawn/v{number}", value)
    planter = Planter(values, choices)
    lines = []
    for number in range(findings):
        record = {**planter.draw_finding(number % 20), "subject": f"job:{number}", "fingerprint": f"{number:064x}"}
        # Where a cause is known it makes the group, and these are not to share one.
        record["cause"] = {**record["cause"], "root": f"job:{number} {planter.draw_text(1)}"}  # type: ignore[dict-item]
        lines.append(json.dumps(record))
    found = Planted(len(planter.spelled))
    with scripted_model(lambda _: (200, say("none"), {})) as model:
        home = Path(state_folder(vault.environ))
        (home / "agentkit.toml").write_text(
            f"[think]\ndeadline = '{LIMIT_S}s'\n[[think.provider]]\nname = 'm'\nkind = 'openai'\nmodel = 'm'\n"
            f"url = '{model.url}'\nprice = 0\n"
        )
        ended = subprocess.run(
            [sys.executable, "-m", "agentkit", "think", "wake"], env=vault.environ, cwd=ROOT, timeout=2 * LIMIT_S,
            input="\n".join(lines), capture_output=True, text=True, errors="replace", check=False,
        )  # fmt: skip
        found.questions = len(model.asked)
        # The words of a label are cut at its end, so each value is looked for in each question.
        for question in model.questions:
            found.leaks += find_leaks(question, planter.spelled)
    if ended.returncode != 0:
        found.faults.append(f"the wake ended with {ended.returncode}: {ended.stderr[-500:]}")
    if found.questions != findings:
        found.faults.append(f"{findings} findings, and {found.questions} questions")
    return found
