"""Does the code keep the rules of the house: lint, format, types, directions of imports, size?"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
MODULES = sorted((ROOT / "agentkit").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
LONGEST_MODULE = 400


@pytest.mark.parametrize(
    "words",
    [
        ["ruff", "check", "--quiet", "."],
        ["ruff", "format", "--quiet", "--check", "."],
        ["mypy", "--no-error-summary"],
        ["lint-imports", "--no-cache"],
    ],
    ids=lambda words: "-".join(words[:2]),
)
def test_the_tool_has_nothing_to_say(words: list[str]) -> None:
    ended = subprocess.run(
        [str(BIN / words[0]), *words[1:]], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_is_read_in_one_sitting_and_says_what_it_answers(module: Path) -> None:
    text = module.read_text()
    assert len(text.splitlines()) <= LONGEST_MODULE
    assert text.startswith(('"""', 'r"""'))


def test_nothing_is_left_for_later_and_no_test_is_skipped() -> None:
    # Put together here, or this file would hold the words itself.
    words = [
        "TO" + "DO",
        "FIX" + "ME",
        r"\bX" + r"XX\b",
        "NotImplemented" + "Error",
        r"\bmark\.(?:sk" + "ip|xf" + "ail)",
    ]
    unfinished = re.compile("|".join([*words, "import" + "orskip", r"pytest\.(?:sk" + "ip|xf" + "ail)"]))
    assert [path for path in [*MODULES, *TESTS] if unfinished.search(path.read_text())] == []
