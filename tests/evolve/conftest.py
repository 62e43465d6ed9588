"""What the tests of evolve share: a machine with an accepted baseline, made once and copied for each test."""

from pathlib import Path

import pytest

from tests.evolve.machine import PYTEST_FILES, Machine, copy_machine, judged_by_pytest, make_machine


@pytest.fixture(scope="session")
def first_machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    return make_machine(tmp_path_factory.mktemp("machine") / "first")


@pytest.fixture(scope="session")
def first_with_pytest(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    return make_machine(tmp_path_factory.mktemp("machine") / "pytest", PYTEST_FILES)


@pytest.fixture
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Machine:
    """Return a machine of the test's own; its tests are told of as pytest does where it is `judged_by_pytest`."""
    is_by_pytest = request.node.get_closest_marker(judged_by_pytest.name) is not None
    first = request.getfixturevalue("first_with_pytest" if is_by_pytest else "first_machine")
    return copy_machine(first, tmp_path / "machine")
