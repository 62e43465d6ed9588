"""Does the ratchet judge real histories right, and does it leave a suite alone whose ids and results are unstable?

    python -m tests.sweeps.ratchet_histories [--runs 20]

The releases of a public project become the commits of a repository (fetched by pip, as source). Each step: the next
release is accepted; its tests with the code of the release before are rejected, for that brings back what it mended;
the same code again is accepted, and taken back it is rejected once more. Then a suite that is unstable in every way is
judged unchanged, again and again.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from agentkit.core.ourselves import call_ourselves

LIMIT_S = 300
# (project, releases in their order, what is code in it): each release mends what its own tests show.
PROJECTS = (
    ("parse", ("1.20.0", "1.20.1", "1.20.2"), "parse.py"),
    ("xmltodict", ("0.12.0", "0.13.0"), "xmltodict.py"),
    ("pathspec", ("0.11.1", "0.11.2"), "pathspec"),
)
UNSTABLE = """
import os, random, time
import pytest

seen = []

@pytest.mark.parametrize("at", [time.time(), object()], ids=str)
def test_with_an_id_of_its_own(at):
    assert at

@pytest.mark.parametrize("number", range(5))
def test_that_fails_now_and_then(number):
    assert random.random() > 0.2

def test_that_leans_on_another():
    seen.append(1)

def test_that_is_leant_on():
    assert len(seen) < 2

@LEAVE_OUT(os.getpid() % 3 == 0, reason="an odd process")
def test_that_is_skipped_now_and_then():
    assert True

@pytest.mark.parametrize("number", range(50))
def test_that_holds(number):
    assert number >= 0
"""


def ratchet(root: Path, *words: str) -> tuple[int, dict[str, object]]:
    """Return status and verdict of a verb."""
    environ = {**os.environ, "AGENTKIT_HOME": str(root.parent / "home")}
    ended = subprocess.run(
        call_ourselves("ratchet", *words, "--json"),
        cwd=root, env=environ, capture_output=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    lines = ended.stdout.splitlines()
    return ended.returncode, json.loads(lines[0]) if lines else {"reason": ended.stderr.decode()}


def git(root: Path, *words: str) -> str:
    """Run git in the repository."""
    identity = ["-c", "user.name=you", "-c", "user.email=you@example.org"]
    return subprocess.run(
        ["git", *identity, *words], cwd=root, check=True, capture_output=True, text=True, timeout=LIMIT_S
    ).stdout.strip()


def fetch(project: str, release: str, folder: Path) -> Path:
    """Return the folder of a release's source."""
    into = folder / f"{project}-{release}"
    words = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "-d", str(into)]
    subprocess.run([*words, f"{project}=={release}"], check=True, timeout=LIMIT_S, capture_output=True)
    [archive] = into.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(into, filter="data")
    [source] = [path for path in into.iterdir() if path.is_dir()]
    return source


def fill(root: Path, source: Path) -> None:
    """Make the work tree that of a release."""
    for path in root.iterdir():
        if path.name != ".git":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    # A release may carry compiled files, which the project's own repository does not hold.
    shutil.copytree(source, root, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))


def replace_code(root: Path, source: Path, code: str) -> None:
    """Put the code of another release into the work tree, and leave its tests."""
    for place in (code, f"src/{code}"):
        if (root / place).is_dir():
            shutil.rmtree(root / place)
            shutil.copytree(source / place, root / place)
        elif (root / place).exists():
            shutil.copy2(source / place, root / place)


def walk_history(project: str, releases: tuple[str, ...], code: str, folder: Path) -> list[str]:
    """Return what was judged otherwise than it should be."""
    sources = [fetch(project, release, folder) for release in releases]
    root = folder / "repository"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    fill(root, sources[0])
    git(root, "add", "-A")
    git(root, "commit", "-qm", releases[0])
    wrong = []

    def demand(label: str, wanted: str, *words: str) -> None:
        status, verdict = ratchet(root, *words)
        answer = str(verdict.get("answer", status))
        print(f"  {project} {label}: {answer} ({str(verdict.get('reason'))[:100]})", flush=True)
        if answer != wanted:
            wrong.append(f"{project} {label}: {answer}, wanted {wanted}")

    demand(f"begins with {releases[0]}", "accept", "init")
    for before, after, release in zip(sources, sources[1:], releases[1:], strict=False):
        fill(root, after)
        reason = ("--judge-changed", "another release")
        demand(f"{release} comes", "accept", "accept", "--work-tree", *reason)
        replace_code(root, before, code)
        demand(f"{release} with the code of the release before", "reject", "accept", "--work-tree")
        replace_code(root, after, code)
        (root / "NOTE").write_text("mended\n")
        demand("mended again", "accept", "accept", "--work-tree")
        replace_code(root, before, code)
        demand("the mending taken back", "reject", "check", "--work-tree")
        replace_code(root, after, code)
    return wrong


def judge_unstable(folder: Path, runs: int) -> int:
    """Return how many of so many runs accepted an unchanged suite that is unstable."""
    root = folder / "unstable"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    (root / "test_unstable.py").write_text(UNSTABLE.replace("LEAVE_OUT", "pytest.mark.sk" + "ipif"))
    git(root, "add", "-A")
    git(root, "commit", "-qm", "one")
    status, verdict = ratchet(root, "init")
    assert status == 0, verdict
    accepted = 0
    for number in range(runs):
        _, verdict = ratchet(root, "check")
        accepted += verdict.get("answer") == "accept"
        if verdict.get("answer") != "accept":
            print(f"  run {number}: {verdict.get('answer')} ({verdict.get('reason')})", flush=True)
    return accepted


def main(arguments: list[str]) -> int:
    """Print what was judged; 1 where something was judged wrong."""
    parser = argparse.ArgumentParser(description="real histories before the ratchet")
    parser.add_argument("--runs", type=int, default=20)
    options = parser.parse_args(arguments)
    wrong = []
    for project, releases, code in PROJECTS:
        with tempfile.TemporaryDirectory(prefix="ratchet-history-") as folder:
            wrong += walk_history(project, releases, code, Path(folder))
    with tempfile.TemporaryDirectory(prefix="ratchet-history-") as folder:
        accepted = judge_unstable(Path(folder), options.runs)
    print(f"unstable suite: {accepted} of {options.runs} accepted")
    print(*wrong, sep="\n")
    print(f"{len(wrong)} judged wrong")
    return 1 if wrong or accepted < options.runs * 19 // 20 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
