"""Is who asks never taken for somebody else?"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault import asker
from tests.vault.ownvault import OwnVault


def test_whose_sudo_is_ending_is_not_taken_for_the_vaults_own_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = OwnVault(tmp_path / "own")
    environ = {**vault.environ, "SUDO_UID": "4321"}
    # Without a sudo before it the variable says nothing.
    assert asker.find_asker(environ, ["x"], vault.places).uid == os.getuid()
    # One that has lost its command line already: of a zombie nothing can be read.
    monkeypatch.setattr(asker, "is_held_to_sudo", True)
    with pytest.raises(AgentkitError, match="sudo has ended") as told:
        asker.find_asker(environ, ["x"], vault.places)
    assert told.value.status == Exit.REFUSED
    monkeypatch.setattr(asker, "is_roots_sudo", lambda pid: pid == os.getppid())
    assert asker.find_asker(environ, ["x"], vault.places).uid == 4321
