"""What the tests of probes share: sleepers that are found again."""

import os
import random
import signal
from collections.abc import Iterator

import pytest

from tests.processes import find_by_words


@pytest.fixture
def nap() -> Iterator[str]:
    """Give `sleep NUMBER` with a number of its own; whoever still sleeps so after the test is killed."""
    words = f"sleep {random.randint(10**6, 10**9)}"
    yield words
    for pid in find_by_words(words):
        os.kill(pid, signal.SIGKILL)
