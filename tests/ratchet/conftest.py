"""A small repository with an accepted baseline, made once for each way to set it up and copied for each test."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ratchet.toy import Toy, Toys

TakeToy = Callable[[str], Toy]


@pytest.fixture(scope="session")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Toys:
    return Toys(tmp_path_factory.mktemp("toys"))


@pytest.fixture
def take_toy(toys: Toys, tmp_path: Path) -> TakeToy:
    """Return a function that gives a copy of the repository whose agentkit.toml holds these settings."""
    return lambda settings: toys.take(settings, tmp_path / "toy")


@pytest.fixture
def toy(take_toy: TakeToy) -> Toy:
    return take_toy("")
