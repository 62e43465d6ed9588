"""What every test of the vault may ask for: a vault of its own, and its commands as processes."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agentkit.vault.founding import found_vault
from agentkit.vault.places import Places, find_places

LIMIT_S = 120.0

Vault = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def places(environ: dict[str, str], tmp_path: Path) -> Places:
    """Return the paths of a new, empty vault; its recovery key is in `recovery.key`."""
    made = find_places(environ)
    found_vault(made, ["agentkit", "vault", "init"], recovery=None, new_recovery=str(tmp_path / "recovery.key"))
    return made


@pytest.fixture
def vault(environ: dict[str, str], places: Places) -> Vault:
    """Return a function that runs `agentkit vault WORDS…` on that vault; `more` adds to its environment."""

    def run(
        *words: str, stdin: bytes = b"", more: dict[str, str] | None = None
    ) -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run(
            [sys.executable, "-m", "agentkit", "vault", *words],
            input=stdin, env={**environ, **(more or {})}, capture_output=True, timeout=LIMIT_S, check=False,
        )  # fmt: skip

    return run


@pytest.fixture
def needle() -> str:
    """Return a value that stands nowhere else; made at run time, so that no scanner trips on it."""
    return f"needle-{os.urandom(16).hex()}"
