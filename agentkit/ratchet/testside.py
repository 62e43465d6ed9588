"""Which files of a repository are its tests and what they stand on, and which are what is tested?"""

from __future__ import annotations

from collections.abc import Sequence

from agentkit.core.repo.checkout import Tree

FOLDERS = frozenset({"test", "tests", "testing"})
# What pytest and Python read before or beside the tests.
HARNESS = frozenset(
    {
        "pytest.ini",
        ".pytest.ini",
        "pytest.toml",
        ".pytest.toml",
        "tox.ini",
        "setup.cfg",
        "pyproject.toml",
        "conftest.py",
    }
)
# Files that Python runs or prefers by their name alone.
STARTERS = frozenset({"sitecustomize.py", "usercustomize.py"})


def is_test_side(path: str, further: Sequence[str] = ()) -> bool:
    """Tell whether a path belongs to the tests; `further` are paths that the settings name."""
    parts = path.split("/")
    name = parts[-1]
    if name in HARNESS or name in STARTERS:
        return True
    if any(part in FOLDERS for part in parts[:-1]):
        return True
    if name.endswith(".py") and (name.startswith("test_") or name.endswith("_test.py")):
        return True
    return any(path == one.rstrip("/") or path.startswith(one.rstrip("/") + "/") for one in further)


def put_tests_of(accepted: Tree, candidate: Tree, further: Sequence[str]) -> Tree:
    """Return the candidate's code under the accepted tests."""
    code = {path: entry for path, entry in candidate.items() if not is_test_side(path, further)}
    tests = {path: entry for path, entry in accepted.items() if is_test_side(path, further)}
    # Where a file stands for the accepted side and a folder for the other, the tests win.
    blocked = {path.rsplit("/", depth)[0] for path in tests for depth in range(1, path.count("/") + 1)}
    kept = {path: entry for path, entry in code.items() if path not in blocked and not _lies_below(path, tests)}
    return dict(sorted({**kept, **tests}.items()))


def _lies_below(path: str, tests: Tree) -> bool:
    parts = path.split("/")
    return any("/".join(parts[:depth]) in tests for depth in range(1, len(parts)))
