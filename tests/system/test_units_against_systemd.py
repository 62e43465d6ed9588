"""Does the map of units say what systemd itself makes of them: every relation from a file, and every command line?"""

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.generated_units import build_generated, make_machine
from tests.system.unitcorpus import LEAST, build_server, fetch_units
from tests.unitdumps import TooManyUnitsError, hold_against_systemd

MACHINES = 12


@pytest.fixture
def machine() -> Iterator[Path]:
    """Return a folder that another user may look into, as tmp_path is closed to systemd's test mode."""
    with tempfile.TemporaryDirectory(prefix="agentkit-units-") as folder:
        yield Path(folder)


def test_the_units_of_this_machine_are_mapped_as_systemd_loads_them() -> None:
    differences, relations, commands = hold_against_systemd("/")
    assert differences == {}
    assert relations > 500
    assert commands > 50


def test_the_units_of_a_server_are_mapped_as_systemd_loads_them(machine: Path) -> None:
    assert len(fetch_units()) >= LEAST
    differences, relations, commands = hold_against_systemd(str(build_server(machine)))
    assert differences == {}
    assert relations > 1000
    assert commands > 150


def test_units_written_by_chance_are_mapped_as_systemd_loads_them(machine: Path, random_choices: random.Random) -> None:
    told = 0
    for number in range(MACHINES):
        root = build_generated(machine / str(number), make_machine(random_choices))
        try:
            differences, _, _ = hold_against_systemd(str(root))
        except TooManyUnitsError:
            continue
        assert differences == {}, number
        told += 1
    assert told > MACHINES // 2
