"""A walk over a log as it lies in a folder, and the trouble that it ends in."""

from pathlib import Path

import pytest

from agentkit.vault.log.segments import take_snapshot
from agentkit.vault.log.tampered import TamperedError
from agentkit.vault.log.verifying import Walk
from agentkit.vault.log.witness import Witness, read_head


def walk(folder: Path, *witnesses: Witness) -> Walk:
    snapshot = take_snapshot(str(folder))
    walked = Walk([read_head(snapshot.head), *witnesses])
    walked.walk(snapshot.segments)
    return walked


def find_trouble(folder: Path, *witnesses: Witness) -> TamperedError:
    with pytest.raises(TamperedError) as caught:
        walk(folder, *witnesses)
    return caught.value
