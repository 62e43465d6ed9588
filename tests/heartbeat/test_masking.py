"""Does what a job printed leave the ledger without the values of the vault, by every way out?"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Run

VAULT = [sys.executable, "-m", "agentkit", "vault"]


@pytest.fixture
def secret(environ: dict[str, str], tmp_path: Path) -> str:
    """Return the value that a vault beside the ledger holds; it has a quote, so that JSON spells it differently."""
    value = f'needle-"{os.urandom(8).hex()}"'
    made = [*VAULT, "init", "--new-recovery", str(tmp_path / "recovery.key")]
    subprocess.run(made, env=environ, check=True, timeout=60, capture_output=True)
    put = [*VAULT, "set", "shop/token", "--purpose", "the shop"]
    subprocess.run(put, env=environ, check=True, timeout=60, input=value.encode())
    return value


def fail_with(agentkit: Run, secret: str) -> None:
    job = [
        "heartbeat",
        "run",
        "export",
        "--every",
        "1h",
        "--quiet",
        "--",
        "sh",
        "-c",
        'printf "denied: %s\\n" "$0"; exit 3',
    ]
    assert agentkit(*job, secret).returncode == 3


def test_findings_runs_and_histories_show_the_mask_in_its_place(agentkit: Run, secret: str) -> None:
    fail_with(agentkit, secret)
    run = json.loads(agentkit("heartbeat", "history", "export", "--json").stdout)["run"]
    for words in (["check", "--json"], ["history", "export", "--json"], ["show", run], ["show", run, "--json"]):
        printed = agentkit("heartbeat", *words).stdout
        assert "denied: {{vault:shop/token}}" in printed, words
        assert "needle" not in printed, words


@pytest.mark.parametrize("form", ["json", "text"])
def test_what_is_notified_shows_the_mask_in_its_place(agentkit: Run, secret: str, tmp_path: Path, form: str) -> None:
    fail_with(agentkit, secret)
    mail = tmp_path / "mail"
    ended = agentkit("heartbeat", "check", "--notify-as", form, "--notify", f"sh -c 'cat > {mail}'")
    assert ended.returncode == 1
    assert "denied: {{vault:shop/token}}" in mail.read_text()
    assert "needle" not in mail.read_text()


def test_a_vault_that_does_not_answer_leaves_out_what_it_would_mask(
    agentkit: Run, environ: dict[str, str], secret: str
) -> None:
    fail_with(agentkit, secret)
    os.unlink(f"{environ['HOME']}/.config/agentkit/identity")
    (finding, *_) = agentkit("heartbeat", "check", "--json").stdout.splitlines()
    assert json.loads(finding)["evidence"]["tail"] == "[left out: agentkit vault redact ended with 69]"


def test_without_a_vault_the_output_stands_as_it_came(agentkit: Run) -> None:
    fail_with(agentkit, "plain")
    (finding, *_) = agentkit("heartbeat", "check", "--json").stdout.splitlines()
    assert json.loads(finding)["evidence"]["tail"] == "denied: plain\n"
