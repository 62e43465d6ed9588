"""`vault rotate`: whose environment, which vault, and nobody else rotates meanwhile."""

import time
from collections.abc import Mapping

from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.asker import find_asker
from agentkit.vault.hardening import harden_process
from agentkit.vault.locked import demand_vault
from agentkit.vault.places import find_places
from agentkit.vault.rotations.rotation import Progress, give_up_rotation, hold_rotations, plan_rotation, rotate_secret
from agentkit.vault.rotations.rotationdue import Due, plan_due, rotate_due
from agentkit.vault.rotations.rotationopen import Bench


def rotate_one(
    environ: Mapping[str, str], argv: list[str], name: str, *, is_urgent: bool = False, is_given_up: bool = False
) -> Progress:
    """Rotate a secret as far as it can go now; raises AgentkitError (try later) where a step failed.

    Nothing is lost then, and the same again goes on from there.
    """
    bench = make_bench(environ, argv)
    with hold_rotations(bench.places):
        progress = give_up_rotation(bench, name) if is_given_up else rotate_secret(bench, name, is_urgent=is_urgent)
    if progress.has_failed:
        raise AgentkitError(
            progress.tell(time.time()), hint=f"nothing is lost: agentkit vault rotate {name}", status=Exit.TRY_LATER
        )
    return progress


def rotate_all_due(environ: Mapping[str, str], argv: list[str], host: str) -> Due:
    """Rotate what is due and go on with what is under way; the findings are what a person should look at."""
    bench = make_bench(environ, argv)
    with hold_rotations(bench.places):
        return rotate_due(bench, host)


def plan(environ: Mapping[str, str], argv: list[str], name: str | None) -> list[str]:
    """Return what `rotate_one` or, without a name, `rotate_all_due` would do, one line a secret."""
    bench = make_bench(environ, argv)
    return plan_due(bench) if name is None else [plan_rotation(bench, name)]


def make_bench(environ: Mapping[str, str], argv: list[str]) -> Bench:
    """Return what a rotation works with, as the environment says."""
    harden_process()
    places = find_places(environ)
    demand_vault(places)
    return Bench(places, environ, find_asker(environ, argv, places), time.time)
