"""Where does a test stand in the source, and which commits changed it?"""

from __future__ import annotations

import ast
import os
from dataclasses import dataclass

from agentkit.core.repo.blobs import read_blobs
from agentkit.core.repo.repository import Repository

MOST_REVISIONS = 20
# Between the fields of a row; no author and no subject holds it, as git takes no NUL and writes a line a commit.
FIELD = "\x1f"


@dataclass(frozen=True)
class Source:
    """The file in which a test stands, and its first and last line there; 0 where only the file is known."""

    path: str
    first: int = 0
    last: int = 0

    @property
    def place(self) -> str:
        """Return it as an editor takes it."""
        return f"{self.path}:{self.first}" if self.first else self.path


@dataclass(frozen=True)
class Revision:
    """A commit that changed a test."""

    commit: str
    at: float
    author: str
    subject: str


def find_source(repository: Repository, commit: str, name: str) -> Source | None:
    """Return where the test `tests.test_a.TestX::test_b[1]` stands in a commit, None where no file fits."""
    holder, _, test = name.rpartition("::")
    parts = holder.split(".")
    paths = {"/".join(parts[:depth]) + ".py": parts[depth:] for depth in range(len(parts), 0, -1)}
    blobs = read_blobs(repository, [f"{commit}:{path}" for path in paths])
    for path, classes in paths.items():
        raw = blobs.get(f"{commit}:{path}")
        if raw is not None:
            first, last = _find_lines(raw, [*classes, test.partition("[")[0]])
            return Source(path, first, last)
    return None


def list_revisions(repository: Repository, commit: str, source: Source) -> list[Revision]:
    """Return the commits that changed the lines of the test (or its file), the newest first."""
    form = f"--format=%H{FIELD}%ct{FIELD}%an{FIELD}%s"
    words = ["log", f"--max-count={MOST_REVISIONS}", form, "--no-patch", "--no-ext-diff", "--no-textconv"]
    if source.first:
        ended = repository.ask(*words, f"-L{source.first},{source.last}:{source.path}", "--end-of-options", commit)
    else:
        more = {"GIT_LITERAL_PATHSPECS": "1"}
        ended = repository.ask(*words, "--end-of-options", commit, "--", source.path, more=more)
    rows = [row.split(FIELD) for row in os.fsdecode(ended.stdout).split("\n") if row.count(FIELD) >= 3]
    return [Revision(row[0], float(row[1]), row[2], FIELD.join(row[3:])) for row in rows]


def _find_lines(raw: bytes, names: list[str]) -> tuple[int, int]:
    """Return the first and last line of a function in its classes, its decorators with it; 0 where it is not there."""
    try:
        node: ast.AST = ast.parse(raw)
    except (SyntaxError, ValueError, RecursionError):
        return 0, 0
    for name in names:
        found = [
            one
            for one in ast.iter_child_nodes(node)
            if isinstance(one, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and one.name == name
        ]
        if not found:
            return 0, 0
        # Of two with one name the later one counts, as Python has it.
        node = found[-1]
    assert isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
    return first, node.end_lineno or node.lineno
