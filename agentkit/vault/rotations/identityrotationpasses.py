"""Is everything in the vault sealed and bound for the new identity, and if not yet, when it is gone over again?"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.asker import Asker
from agentkit.vault.locked import LockedVault, lock_vault
from agentkit.vault.places import Places
from agentkit.vault.rotations.identityrotationwork import (
    OP,
    Ring,
    clear_resealed,
    list_sealed_names,
    reseal_rotation_state,
    reseal_secret,
)
from agentkit.vault.rotations.rotationstate import list_rotations

# The first seals, the second finds nothing left to do; more are needed only where somebody puts old files back.
MOST_PASSES = 4
# A get that waits is woken when the log is free, and gets it only if it is not taken again at once.
TURN_S = 0.02
PAUSE_S = 0.003
MOST_NAMES_TOLD = 10
AGAIN = "agentkit vault rotate --identity"

Work = Callable[[LockedVault, str, Ring], bool]
# How many of how many secrets are done, and whether that is the look with the new identity alone.
Watcher = Callable[[int, int, bool], None]


@dataclass(frozen=True)
class Run:
    """One rotation of the identity: where, by whom, and who watches."""

    places: Places
    asker: Asker
    watch: Watcher | None

    def lock(self) -> LockedVault:
        """Return the vault, locked."""
        return lock_vault(self.places, self.asker)


def reseal_everything(run: Run, ring: Ring) -> None:
    """Seal and bind everything, until a whole pass finds nothing left to do with the new identity alone."""
    for number in range(MOST_PASSES):
        changed, broken = _pass_over(run, ring, checks=number > 0)
        if broken:
            told = ", ".join(broken[:MOST_NAMES_TOLD])
            more = f" and {len(broken) - MOST_NAMES_TOLD} more" if len(broken) > MOST_NAMES_TOLD else ""
            raise AgentkitError(
                f"not what this vault wrote, and not sealed anew: {told}{more}; both identities stay meanwhile",
                hint="agentkit vault check", status=Exit.TAMPERED,
            )  # fmt: skip
        with run.lock():
            clear_resealed(run.places)
        if not changed:
            return
    raise AgentkitError(
        f"the vault changes while it is sealed anew, {MOST_PASSES} times in a row", hint=AGAIN, status=Exit.TRY_LATER
    )


def _pass_over(run: Run, ring: Ring, *, checks: bool) -> tuple[bool, list[str]]:
    """Go once over everything; tell whether anything was changed, and the names of what is not ours."""
    work: list[tuple[Work, str]] = [(reseal_secret, name) for name in list_sealed_names(run.places)]
    work += [(reseal_rotation_state, name) for name in list_rotations(run.places)]
    is_changed, broken = False, []
    turn = time.monotonic()
    for done, (reseal, name) in enumerate(work):
        _tell(run, done, len(work), checks)
        with run.lock() as vault:
            try:
                is_changed = reseal(vault, name, ring) or is_changed
            except AgentkitError as error:
                if error.status not in (Exit.TAMPERED, Exit.REFUSED):
                    raise
                vault.record(OP, "secret", "failed", {"name": name, "error": error.message})
                broken.append(name)
        if time.monotonic() - turn > TURN_S:
            time.sleep(PAUSE_S)
            turn = time.monotonic()
    _tell(run, len(work), len(work), checks)
    return is_changed, broken


def _tell(run: Run, done: int, of: int, checks: bool) -> None:
    if run.watch is not None:
        run.watch(done, of, checks)
