"""A vault around a log that was not written by agentkit, and the verbs that read it."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.vault.logs import Log, make_log

LIMIT_S = 60
VERIFY = "import sys; from agentkit.vault.log.auditverify import main; sys.exit(main(sys.argv[1:]))"


def make_vault(environ: Mapping[str, str], count: int = 12) -> Log:
    """Return the log of a vault that holds nothing else."""
    Path(environ["AGENTKIT_HOME"]).mkdir(mode=0o700)
    return make_log(Path(environ["AGENTKIT_HOME"]) / "vault/audit", count)


def signing_key(environ: Mapping[str, str]) -> Path:
    """Return where the signing key lies."""
    return Path(environ["HOME"]) / ".config/agentkit/identity.signing"


def run_agentkit(environ: Mapping[str, str], *words: str) -> "subprocess.CompletedProcess[str]":
    """Run `agentkit WORDS…` as a process and return how it ended."""
    return subprocess.run(
        [sys.executable, "-m", "agentkit", *words],
        env=dict(environ), capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
