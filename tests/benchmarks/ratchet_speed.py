"""What does `ratchet check` cost beside bare pytest?

    python -m tests.benchmarks.ratchet_speed [--tests 100 20000] [--rounds 5]

Each round runs bare pytest in the repository's folder and `ratchet check` of the same commit, in turn; the least of
each counts. The tests do nothing, so that what is measured is all overhead.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from agentkit.core.ourselves import call_ourselves

PER_FILE = 100
IDENTITY = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}


def make_repository(root: Path, tests: int) -> None:
    """Make a repository with so many tests, and its first baseline."""
    (root / "tests").mkdir(parents=True)
    for first in range(0, tests, PER_FILE):
        names = range(first, min(first + PER_FILE, tests))
        text = "".join(f"def test_{number}():\n    assert {number} == {number}\n\n\n" for number in names)
        (root / f"tests/test_{first}.py").write_text(text)
    environ = {**os.environ, **IDENTITY, "AGENTKIT_HOME": str(root.parent / "home")}
    for words in (["git", "init", "-q"], ["git", "add", "."], ["git", "commit", "-qm", "one"]):
        subprocess.run(words, cwd=root, env=environ, check=True)
    subprocess.run(call_ourselves("ratchet", "init"), cwd=root, env=environ, check=True, capture_output=True)


def measure(words: list[str], root: Path) -> tuple[float, float]:
    """Return seconds of the clock and of the CPU that one run took."""
    environ = {**os.environ, **IDENTITY, "AGENTKIT_HOME": str(root.parent / "home")}
    began, before = time.monotonic(), os.times()
    subprocess.run(words, cwd=root, env=environ, check=True, capture_output=True)
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return time.monotonic() - began, cpu


def main(arguments: list[str]) -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="ratchet check beside bare pytest")
    parser.add_argument("--tests", type=int, nargs="+", default=[100, 20_000])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    # Without plugins, as the judge runs it.
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    # Where it is set both would compile what they are made of at each start.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    bare = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    check = list(call_ourselves("ratchet", "check", "--quiet"))
    for tests in options.tests:
        with tempfile.TemporaryDirectory(prefix="ratchet-speed-") as folder:
            root = Path(folder) / "repository"
            make_repository(root, tests)
            rounds = [(measure(bare, root), measure(check, root)) for _ in range(options.rounds)]
        clock = [min(round_[side][0] for round_ in rounds) for side in (0, 1)]
        cpu = [min(round_[side][1] for round_ in rounds) for side in (0, 1)]
        print(
            f"{tests} tests: bare pytest {clock[0]:.2f} s ({cpu[0]:.2f} CPU), ratchet check {clock[1]:.2f} s "
            f"({cpu[1]:.2f} CPU): {clock[1] - clock[0]:+.2f} s, {clock[1] / clock[0] - 1:+.1%}; "
            f"CPU {cpu[1] - cpu[0]:+.2f} s, {cpu[1] / cpu[0] - 1:+.1%}; load {os.getloadavg()[0]:.1f}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
