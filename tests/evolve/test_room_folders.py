"""Who may look into the folders in which proposers work?"""

from __future__ import annotations

import json

from tests.evolve.machine import GOOD, Machine
from tests.evolve.rooms import call_within


def test_the_folders_of_stalls_are_private_whatever_the_umask_allows(machine: Machine) -> None:
    open_before = machine.home / "evolve"
    open_before.mkdir(parents=True)
    open_before.chmod(0o777)
    around = ("sh", "-c", 'umask 000; exec "$@"', "sh")
    status, stdout, stderr = call_within(machine, around, "try", "--propose", GOOD, "--json")
    assert (status, json.loads(stdout)["state"]) == (0, "accepted"), stderr
    [stall] = (machine.home / "evolve/stalls").glob("*/0")
    folders = [stall, *list(stall.parents)[: len(stall.relative_to(machine.home).parts) - 1], stall / "room"]
    assert {str(path): f"{path.stat().st_mode & 0o777:o}" for path in folders} == {str(path): "700" for path in folders}
    assert f"{(stall / 'boot').stat().st_mode & 0o777:o}" == "600"
