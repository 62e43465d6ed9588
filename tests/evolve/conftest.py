"""What the tests of evolve share: a machine with an accepted baseline, made once and copied for each test."""

from pathlib import Path

import pytest

from tests.evolve.machine import Machine, copy_machine, make_machine


@pytest.fixture(scope="session")
def first_machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    return make_machine(tmp_path_factory.mktemp("machine") / "first")


@pytest.fixture
def machine(first_machine: Machine, tmp_path: Path) -> Machine:
    return copy_machine(first_machine, tmp_path / "machine")
