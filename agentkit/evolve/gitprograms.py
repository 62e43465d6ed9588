"""Which paths of the tree does git itself run or read here, because its configuration says so?

A hook that lies in the tree, a filter, a configuration that is included: whoever changes those runs what it wants on
the machine of the person, at the next switch of a branch. Names of keys are those of git-config(1).
"""

from __future__ import annotations

import os
import posixpath
import re
import shlex
from collections.abc import Iterable, Iterator

from agentkit.core.repo.repository import Repository

# A place, which is protected although nothing is there yet.
PLACES = re.compile(r"core\.hookspath|include\.path|includeif\..*\.path|init\.templatedir")
# A program with its arguments: a file of the tree may be any word of it.
PROGRAMS = re.compile(
    r"core\.(fsmonitor|sshcommand|gitproxy|editor|pager|askpass|alternaterefscommand)|sequence\.editor|alias\..*"
    r"|filter\..*\.(clean|smudge|process)|diff\.external|diff\..*\.(command|textconv)|merge\..*\.driver"
    r"|(difftool|mergetool|guitool|browser|man|trailer|hook|tar)\..*\.(cmd|command|path)|gpg\.(.*\.)?program"
    r"|(credential\.)(.*\.)?helper|pager\..*|remote\..*\.(uploadpack|receivepack)|submodule\..*\.update"
    r"|interactive\.difffilter|uploadpack\.packobjectshook"
)
OURS = "command"


def find_run_by_git(repository: Repository, rows: Iterable[str]) -> list[str]:
    """Return the paths of files and folders that git runs, or reads as its configuration; `rows` are those of the tree,
    as `git ls-tree` has them.
    """
    known: set[str] | None = None
    found = set()
    for key, value in _list_settings(repository):
        is_place = PLACES.fullmatch(key) is not None
        if not is_place and PROGRAMS.fullmatch(key) is None:
            continue
        # A configuration that is included is named from the folder of the one that includes it.
        base = repository.git_dir if key.startswith("include") else repository.root
        words = [value] if is_place else _split_program(value)
        paths = _find_below(words, base, repository.root)
        if not is_place and known is None:
            known = {path[:end] for path in (row.partition("\t")[2] for row in rows) for end in _find_ends(path)}
        found.update(paths if known is None or is_place else known.intersection(paths))
    return sorted(found)


def _find_ends(path: str) -> Iterator[int]:
    yield from (at for at, letter in enumerate(path) if letter == "/")
    yield len(path)


def _list_settings(repository: Repository) -> Iterator[tuple[str, str]]:
    fields = os.fsdecode(repository.git("config", "--list", "--show-scope", "-z")).split("\0")
    for scope, row in zip(fields[::2], fields[1::2], strict=False):
        key, _, value = row.partition("\n")
        if scope != OURS:
            yield key.lower(), value


def _split_program(value: str) -> list[str]:
    """Return the words that may name a file of the tree: a bare name at the beginning is looked for on PATH."""
    try:
        words = shlex.split(value.lstrip("!"))
    except ValueError:
        words = value.split()
    options = [word.partition("=")[2] for word in words]
    if words and "/" not in words[0]:
        words = words[1:]
    return [word for word in (*words, *options) if word]


def _find_below(words: Iterable[str], base: str, root: str) -> set[str]:
    """Return the paths below the root that these words name from the base."""
    found = set()
    for word in words:
        place = posixpath.relpath(posixpath.join(base, os.path.expanduser(word)), root)
        if place.split("/")[0] not in (".", ".."):
            found.add(place)
    return found
