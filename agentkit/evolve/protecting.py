"""Which paths may no proposer change without a person's word?

The machine must not loosen what holds it: evolve itself, the ratchet, the vault, and the configuration of CI.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable
from fnmatch import fnmatchcase

from agentkit.core.repo.blobs import read_blobs
from agentkit.core.repo.repository import Repository

# Of these whatever lies below is protected as well.
PROTECTED = (
    "agentkit/evolve", "agentkit/ratchet", "agentkit/vault", "*/agentkit/evolve", "*/agentkit/ratchet",
    "*/agentkit/vault", ".ci", ".github", ".gitlab-ci.yml", ".gitlab", ".circleci", ".buildkite", ".forgejo", ".gitea",
    ".woodpecker", ".woodpecker.y*ml", ".travis.yml", ".drone.yml", ".cirrus.yml", "appveyor.yml", ".appveyor.yml",
    "azure-pipelines*.yml", ".azure-pipelines", "bitbucket-pipelines.yml", "Jenkinsfile", ".pre-commit-config.yaml",
    ".husky", ".builds", ".build.yml", "agentkit.toml",
)  # fmt: skip
TABLES = ("ratchet", "evolve", "vault")


def find_protected(repository: Repository, base: str, commit: str, more: Iterable[str]) -> list[str]:
    """Return the protected paths that differ between two commits, and tables of agentkit in pyproject.toml."""
    raw = repository.git("diff-tree", "-r", "-z", "--name-only", "--no-renames", "--end-of-options", base, commit)
    changed = [path for path in os.fsdecode(raw).split("\0") if path]
    patterns = (*PROTECTED, *more)
    found = [path for path in changed if _is_protected(path, patterns)]
    if "pyproject.toml" in changed:
        found += _find_tables(repository, base, commit)
    return found


def _is_protected(path: str, patterns: Iterable[str]) -> bool:
    # Written otherwise it may be the same file for another file system, and a folder is what its contents are.
    low = path.lower()
    parts = low.split("/")
    ways = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
    return any(fnmatchcase(way, pattern.lower().rstrip("/")) for pattern in patterns for way in ways)


def _find_tables(repository: Repository, base: str, commit: str) -> list[str]:
    names = [f"{one}:pyproject.toml" for one in (base, commit)]
    texts = read_blobs(repository, names)
    before, after = (_read_tables(texts.get(name, b"")) for name in names)
    return [f"pyproject.toml [tool.agentkit.{name}]" for name in TABLES if before.get(name) != after.get(name)]


def _read_tables(text: bytes) -> dict[str, object]:
    try:
        tool = tomllib.loads(text.decode()).get("tool", {})
    except (ValueError, RecursionError):
        return {}
    own = tool.get("agentkit", {}) if isinstance(tool, dict) else {}
    return own if isinstance(own, dict) else {}
