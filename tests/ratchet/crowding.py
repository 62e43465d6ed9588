"""Many processes that accept at once, each a patch of its own, each again on the new base when another was quicker."""

import subprocess
import sys

from tests.conftest import ROOT
from tests.ratchet.ownrepository import OwnRepository

LIMIT_S = 900
PROGRAM = """
import os, sys
from agentkit.core.errors import AgentkitError, Exit, tell
from agentkit.core.repo.commits import take_patch
from agentkit.ratchet.moving import accept_candidate
from agentkit.ratchet.repair import repair
from agentkit.core.repo.repository import find_repository
from agentkit.ratchet.state import read_state, write_state
folder, number = sys.argv[1:]
patch = f"--- /dev/null\\n+++ b/of-{number}\\n@@ -0,0 +1 @@\\n+{number}\\n".encode()
for turn in range(1000):
    try:
        repository = find_repository(folder, os.environ)
        repair(repository)
        state = read_state(repository)
        candidate = take_patch(repository, state.accepted, patch)
        baseline = {**state.baseline, f"t::{number}": "pass"}
        new = write_state(repository, state, candidate, state.branch, baseline, (), (), {})
        accept_candidate(repository, state, new, candidate)
        break
    except AgentkitError as error:
        if error.status != Exit.TRY_LATER or "meanwhile" not in error.message:
            tell(error.lines())
            sys.exit(error.status)
print(turn)
"""


def accept_at_once(own: OwnRepository, count: int) -> list[str]:
    """Let so many processes accept at once, and return what is wrong after that."""
    environ = {**own.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    crowd = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(own.folder), str(number)],
            env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for number in range(count)
    ]  # fmt: skip
    faults = []
    for process in crowd:
        _, said = process.communicate(timeout=LIMIT_S)
        if process.returncode != 0 or said:
            faults.append(f"status {process.returncode}: {said.decode()}")
    state = own.state
    if set(state.baseline) != {"t::one", *(f"t::{number}" for number in range(count))}:
        faults.append(f"{len(state.baseline)} tests are held")
    if state.number != count + 1:
        faults.append(f"it is state {state.number}")
    if len(own.git("rev-list", "--no-merges", "main").split()) != count + 1 or own.git("rev-list", "--merges", "main"):
        faults.append("the history is not linear")
    missing = [number for number in range(count) if not (own.folder / f"of-{number}").exists()]
    if missing or own.git("status", "--porcelain"):
        faults.append(f"not in the work tree: {missing}; {own.git('status', '--porcelain')}")
    return faults + [f"left behind: {path}" for path in own.find_litter()]
