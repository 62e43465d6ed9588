"""A vault that holds two secrets before a test begins: `db/password` (`hunter two`) and `token` (`t-o-k-e-n`).

It is made once and copied for each test; `token` alone may be a variable.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agentkit.vault.places import Places
from tests.conftest import LIMIT_S, ROOT

SECRETS = (("db/password", b"hunter two", ("fd", "stdin")), ("token", b"t-o-k-e-n", ("fd", "stdin", "env")))


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home with that vault in it."""
    home = tmp_path_factory.mktemp("model")
    environ = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(ROOT)}
    environ["AGENTKIT_HOME"] = str(home / "agentkit-home")

    def run(*words: str, stdin: bytes = b"") -> None:
        words = (sys.executable, "-m", "agentkit", "vault", *words)
        subprocess.run(words, input=stdin, env=environ, capture_output=True, timeout=LIMIT_S, check=True)

    run("init", "--new-recovery", str(home / "recovery.key"))
    for name, value, ways in SECRETS:
        run("set", name, "--purpose", "the shop", *(word for way in ways for word in ("--deliver", way)), stdin=value)
    return home


@pytest.fixture
def stored(places: Places, tmp_path: Path, model: Path) -> Places:
    """Put a copy of that vault where the empty one of the test is."""
    shutil.rmtree(tmp_path / "agentkit-home")
    shutil.copytree(model, tmp_path, dirs_exist_ok=True)
    return places
