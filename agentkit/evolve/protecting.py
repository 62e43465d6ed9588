"""Which paths may no proposer change without a person's word?

The machine must not loosen what holds it: evolve itself, the ratchet, the vault, what these stand on, and the
configuration of CI.
"""

from __future__ import annotations

import os
import posixpath
import re
import tomllib
import unicodedata
from collections.abc import Iterable
from fnmatch import translate
from typing import NamedTuple

from agentkit.core.repo.blobs import read_blobs
from agentkit.core.repo.changes import RAW, Change, read_changes
from agentkit.core.repo.checkout import LINK, list_tree, read_rows
from agentkit.core.repo.repository import Repository
from agentkit.evolve.gitprograms import find_run_by_git

OWN = ("agentkit/evolve", "agentkit/ratchet", "agentkit/vault", "agentkit/core", "agentkit/entry",
       "agentkit/__init__.py", "agentkit/__main__.py")  # fmt: skip
CI = (
    ".appveyor.y*ml", ".azure-pipelines", ".azure-pipelines*.y*ml", ".build.y*ml", ".buildkite", ".builds", ".ci",
    ".circleci", ".cirrus.*", ".codefresh", ".drone.*", ".forgejo", ".gitea", ".github", ".gitlab", ".gitlab-ci.y*ml",
    ".harness", ".onedev-buildspec.y*ml", ".prow.y*ml", ".semaphore", ".teamcity", ".tekton", ".travis.y*ml",
    ".woodpecker", ".woodpecker.y*ml", ".zuul.d", ".zuul.y*ml", "Jenkinsfile", "Jenkinsfile.*", "appveyor.y*ml",
    "azure-pipelines*.y*ml", "bitbucket-pipelines.y*ml", "bitrise.y*ml", "buildspec.y*ml", "cloudbuild.y*ml",
    "codefresh.y*ml", "codeship-services.y*ml", "codeship-steps.y*ml", "screwdriver.y*ml", "wercker.y*ml", "zuul.d",
    "zuul.y*ml",
)  # fmt: skip
# What git or a tool of it would run on the machine of each person.
HOOKS = (
    ".githooks", ".husky", ".lefthook", ".lefthook.*", ".overcommit.yml", ".pre-commit-config.y*ml",
    ".simple-git-hooks.*", "captainhook.json", "grumphp.y*ml", "lefthook.*", "prek.toml", "simple-git-hooks.*",
)  # fmt: skip
# Of these whatever lies below is protected as well; the star of a pattern crosses folders.
PROTECTED = (*OWN, *(f"*/{path}" for path in OWN), *CI, *HOOKS, "agentkit.toml")
PROJECT_FILE = "pyproject.toml"
TABLES = ("ratchet", "evolve", "vault")


class Guard(NamedTuple):
    """What paths fit: those of the patterns, and the folders in which theirs lie."""

    fits: re.Pattern[str]
    above: re.Pattern[str]

    def holds(self, change: Change) -> bool:
        """Tell whether a change touches what is protected; whatever lies below it is."""
        plain, folded = change.path.casefold().split("/"), _fold(change.path).split("/")
        ways = {"/".join(parts[:end]) for parts in (plain, folded) for end in range(1, len(parts) + 1)}
        if any(self.fits.match(way) for way in ways):
            return True
        return change.leads_elsewhere and self.above.match("/".join(folded)) is not None


def find_protected(repository: Repository, base: str, commit: str, more: Iterable[str]) -> list[str]:
    """Return the protected paths that differ between two commits, and tables of agentkit in pyproject.toml.

    `more` are further patterns; one that is a folder's holds for what lies in it, and `**/` before it means anywhere.
    """
    changes = read_changes(repository.git("diff-tree", "-r", *RAW, "--end-of-options", base, commit))
    rows = list_tree(repository, base)
    known = [*PROTECTED, *_spell(more), *map(_quote, find_run_by_git(repository, rows))]
    links = {path: entry.name for path, entry in read_rows(row for row in rows if row.startswith(f"{LINK} ")).items()}
    guard = _find_targets(repository, links, known)
    found = [change.path for change in changes if guard.holds(change)]
    for change in changes:
        if change.path == PROJECT_FILE:
            found += [PROJECT_FILE] if change.leads_elsewhere else _find_tables(repository, base, commit)
        elif _fold(change.path) == PROJECT_FILE:
            # Another name for it on a file system that does not tell them apart.
            found.append(change.path)
    return found


def _spell(patterns: Iterable[str]) -> Iterable[str]:
    for pattern in patterns:
        plain = posixpath.normpath(pattern.lstrip("/")) if pattern.strip("/") else ""
        yield plain
        if plain.startswith("**/"):
            yield plain.removeprefix("**/")


def _make_guard(patterns: Iterable[str]) -> Guard:
    low = [unicodedata.normalize("NFKC", pattern).casefold() for pattern in patterns if pattern]
    above = {way for pattern in low for way in _list_above(pattern)}
    return Guard(*(re.compile("|".join(map(translate, sorted(group)))) for group in (low, above)))


def _list_above(pattern: str) -> Iterable[str]:
    """Return the patterns of the folders in which a pattern's paths lie, but for one that any path fits."""
    parts = pattern.split("/")
    return ("/".join(parts[:end]) for end in range(1, len(parts)) if set("".join(parts[:end])) - {"*"})


def _fold(path: str) -> str:
    """Return a path as the least exact of file systems would know it.

    Neither case nor the way in which an accent is written tell names apart there, signs without a width are no part of
    a name, nor are dots and blanks at its end, and behind a colon is a stream of the same file.
    """
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", path).casefold())
    seen = "".join(letter for letter in text if unicodedata.category(letter) != "Cf")
    return "/".join((part.partition(":")[0] or part).rstrip(". ") or part for part in seen.split("/"))


def _find_targets(repository: Repository, links: dict[str, str], patterns: Iterable[str]) -> Guard:
    """Return the guard of these patterns and of what the base's links at such places lead to: that is read there.

    `links` is {path: the object that holds where it leads}.
    """
    known = list(patterns)
    guard = _make_guard(known)
    blobs = read_blobs(repository, links.values()) if links else {}
    left = dict(links)
    while led := [path for path in left if guard.holds(Change(path, LINK, LINK))]:
        for path in led:
            target = os.fsdecode(blobs.get(left.pop(path), b""))
            place = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
            if target and not place.startswith(("/", "..")):
                known.append(_quote(place))
        guard = _make_guard(known)
    return guard


def _quote(path: str) -> str:
    """Return the pattern that fits this name alone."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in path)


def _find_tables(repository: Repository, base: str, commit: str) -> list[str]:
    names = [f"{one}:{PROJECT_FILE}" for one in (base, commit)]
    texts = read_blobs(repository, names)
    before, after = (_read_tables(texts.get(name, b"")) for name in names)
    # By their spelling: 1 and true are equal, and not the same.
    return [
        f"{PROJECT_FILE} [tool.agentkit.{name}]" for name in TABLES if repr(before.get(name)) != repr(after.get(name))
    ]


def _read_tables(text: bytes) -> dict[str, object]:
    try:
        tool = tomllib.loads(text.decode()).get("tool", {})
    except (ValueError, RecursionError):
        return {}
    own = tool.get("agentkit", {}) if isinstance(tool, dict) else {}
    return own if isinstance(own, dict) else {}
