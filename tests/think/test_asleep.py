"""Does a wake that finds nothing to do cost next to nothing, and no network at all?"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.think.conftest import finding

HEAVY = {
    "agentkit.core.config", "agentkit.core.process", "agentkit.think.calling", "agentkit.think.deciding", "dataclasses",
    "hashlib", "http.client", "socket", "ssl", "subprocess", "tenacity", "tomllib", "typer", "typing",
}  # fmt: skip
# `re` comes with `json`, and `datetime` with `sqlite3`.
LIMIT_S = 60


@pytest.fixture
def known(tmp_path: Path, environ: dict[str, str]) -> Path:
    """Return a file with a finding that wakes nobody and is known already, in a home with a configuration."""
    path = tmp_path / "known"
    path.write_text(json.dumps(finding(severity="info")))
    home = Path(environ["AGENTKIT_HOME"])
    home.mkdir(mode=0o700)
    (home / "agentkit.toml").write_text('host = "web-7"\n')
    words = [sys.executable, "-m", "agentkit", "think", "wake", str(path)]
    subprocess.run(words, env=environ, cwd=ROOT, stdin=subprocess.DEVNULL, timeout=LIMIT_S, check=True)
    return path


def test_nothing_is_loaded_that_it_does_not_need(own_environ: dict[str, str], known: Path) -> None:
    script = (
        f"import sys, os\nfrom agentkit import __main__\nsys.argv = ['agentkit', 'think', 'wake', {str(known)!r}]\n"
    )
    script += "before = set(sys.modules)\n"
    script += "os._exit = lambda status: print(status, *(set(sys.modules) - before), file=sys.stderr)\n"
    script += "try: __main__._dispatch(sys.argv)\nexcept BaseException: pass\n"
    ended = subprocess.run(
        [sys.executable, "-S", "-c", script], env=own_environ, capture_output=True, text=True, timeout=LIMIT_S,
        check=True,
    )  # fmt: skip
    status, *modules = ended.stderr.splitlines()[0].split()
    assert (status, ended.stdout) == ("0", "")
    assert "agentkit.think.wake" in modules
    assert HEAVY & set(modules) == set()


def test_no_system_call_of_the_network_is_made(environ: dict[str, str], known: Path, tmp_path: Path) -> None:
    table = tmp_path / "calls"
    words = [sys.executable, "-m", "agentkit", "think", "wake", "--json", str(known)]
    ended = subprocess.run(
        ["strace", "-f", "-e", "trace=%network,execve", "-o", str(table), *words], env=environ, cwd=ROOT,
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_S, check=True,
    )  # fmt: skip
    record = json.loads(ended.stdout)
    assert (record["status"], record["host"], ended.stderr) == ("asleep", "web-7", "")
    calls = [row for row in table.read_text().splitlines() if "exited with" not in row]
    assert len(calls) == 1, "more than the start of the program itself"
    assert "execve" in calls[0]


def test_a_changed_configuration_is_read_again(environ: dict[str, str], known: Path) -> None:
    (Path(environ["AGENTKIT_HOME"]) / "agentkit.toml").write_text("[think]\nx = 1\n")
    words = [sys.executable, "-m", "agentkit", "think", "wake", str(known)]
    ended = subprocess.run(words, env=environ, cwd=ROOT, capture_output=True, input="", timeout=LIMIT_S, check=False)
    assert ended.returncode == 78
