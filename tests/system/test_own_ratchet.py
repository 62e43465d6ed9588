"""Did anything of this repository stop working with its last commit? Its own ratchet tells, on a quick part of it."""

import json
import os
import subprocess
from pathlib import Path

from agentkit.core.ourselves import call_ourselves

ROOT = Path(__file__).parent.parent.parent
LIMIT_S = 300


def test_the_last_commit_is_accepted_by_the_ratchet_of_the_one_before(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    environ = {**os.environ, "HOME": str(tmp_path), "AGENTKIT_HOME": str(tmp_path / "home")}

    def run(*words: str) -> str:
        ended = subprocess.run(words, cwd=clone, env=environ, capture_output=True, timeout=LIMIT_S, check=False)
        assert ended.returncode == 0, (words, ended.stdout.decode(), ended.stderr.decode())
        return ended.stdout.decode()

    subprocess.run(["git", "clone", "-q", "--no-local", str(ROOT), str(clone)], check=True, timeout=LIMIT_S)
    candidate = run("git", "rev-parse", "HEAD").strip()
    before = subprocess.run(["git", "rev-parse", "--verify", "--quiet", "HEAD~1"], cwd=clone, capture_output=True,
                            timeout=LIMIT_S, check=False).stdout.decode().strip()  # fmt: skip
    # A clone of one commit has nothing before it: then that one has to be as good as itself.
    run("git", "checkout", "-q", "-B", "accepted", before or candidate)
    run(*call_ourselves("ratchet", "init"))
    # Whoever commits another part of the tests here is a person, and says so in the commit.
    reason = ("--judge-changed", "a person lands it")
    [line] = run(*call_ourselves("ratchet", "check", "--rev", candidate, "--json", *reason)).splitlines()
    verdict = json.loads(line)
    assert verdict["answer"] == "accept"
    assert verdict["runs"][0]["tests"] > 50
