"""Lint's labelled cases of Python beside ruff's S113 and bandit's B113: what each finds, misses, and names wrongly.

python -m tests.benchmarks.pylint_cases

bandit is installed into a folder of its own, which is removed again.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from agentkit.depmap.lintreading import lint_paths
from tests.depmap.pylintcases.reading import MAIN, Case, read_cases
from tests.depmap.waitlabels import PARTLY, UNBOUNDED

BANDIT = "bandit==1.9.4"
INSTALL_S, LIMIT_S = 300, 300
Found = set[tuple[str, int]]


def ask_agentkit(folder: Path, names: Iterable[str]) -> Found:
    """Return what our lint names."""
    return {
        (name, wait.line or 0)
        for name in names
        for wait in lint_paths([str(folder / name / MAIN)], lambda _: None)
        if wait.file.endswith(MAIN)
    }


def ask_ruff(folder: Path) -> Found:
    """Return what ruff's S113 names."""
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "S113", "--output-format", "json"]
    ended = subprocess.run([*command, str(folder)], capture_output=True, timeout=LIMIT_S, check=False)
    rows = json.loads(ended.stdout)
    return {(Path(row["filename"]).parent.name, row["location"]["row"]) for row in rows}


def ask_bandit(folder: Path) -> Found:
    """Return what bandit's B113 names."""
    with tempfile.TemporaryDirectory() as room:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", room, BANDIT]
        subprocess.run(pip, timeout=INSTALL_S, check=True)
        ended = subprocess.run(
            [sys.executable, "-m", "bandit", "--quiet", "-t", "B113", "-f", "json", "-r", str(folder)],
            capture_output=True,
            timeout=LIMIT_S,
            check=False,
            env={"PYTHONPATH": room, "PATH": "/usr/bin:/bin"},
        )
    rows = json.loads(ended.stdout)["results"]
    return {(Path(row["filename"]).parent.name, row["line_number"]) for row in rows}


def main() -> int:
    """Print the table; return 1 if ours misses a case or names one wrongly."""
    cases = {f"{number:03}": case for number, case in enumerate(read_cases())}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, case in cases.items():
            case.lay_out(folder / number)
        told = {
            "agentkit depmap lint": ask_agentkit(folder, cases),
            "ruff S113": ask_ruff(folder),
            "bandit B113": ask_bandit(folder),
        }
    wanted = {(number, line) for number, case in cases.items() for line in case.labels}
    labels = [kind for case in cases.values() for kind in case.labels.values()]
    forbidden = sum(_count_calls(case) for case in cases.values()) - len(wanted)
    kinds = f"{labels.count(UNBOUNDED)} calls unbounded, {labels.count(PARTLY)} in part"
    print(f"{len(cases)} cases: {kinds}, {forbidden} other calls")
    print("| | found | missed | named wrongly |\n|---|---|---|---|")
    for tool, found in told.items():
        print(f"| {tool} | {len(found & wanted)} of {len(wanted)} | {len(wanted - found)} | {len(found - wanted)} |")
    for number, line in sorted(told["agentkit depmap lint"] ^ wanted):
        print(f"  {cases[number].name}, line {line}")
    return 1 if told["agentkit depmap lint"] != wanted else 0


def _count_calls(case: Case) -> int:
    return sum(isinstance(node, ast.Call) for node in ast.walk(ast.parse(case.files[MAIN])))


if __name__ == "__main__":
    sys.exit(main())
