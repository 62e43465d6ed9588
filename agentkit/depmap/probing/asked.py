"""Which checks are there, and which dependencies are declared beside them?"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from agentkit.core.config import Configuration, load_checks
from agentkit.core.hiding import hide_secrets
from agentkit.core.settings import CheckSettings, DeclareSettings
from agentkit.depmap.edge import check_kind

DEFAULT_LIMIT_S = 10.0
LONGEST_COMMAND = 120


@dataclass(frozen=True, slots=True)
class Check:
    """One check as a person wrote it; `node` is the name of its node in full, once that was looked up.

    `place` is the key in `file` by which errors name it, `has_limit` whether a person gave it one. `key` tells it from
    other checks of its node: it is empty where there is none.
    """

    node: str
    run: tuple[str, ...] = field(repr=False)
    limit_s: float
    has_limit: bool
    file: str
    place: str
    key: str = ""

    @property
    def identity(self) -> str:
        """Return what makes it the same check tomorrow."""
        return _digest([self.node, *self.run])

    def shown(self) -> str:
        """Return the command as a person may see it: without what looks like a secret, and not too long."""
        return shorten(shlex.join(self.run))


@dataclass(frozen=True, slots=True)
class Asked:
    """The checks of one file, and (source, target, place) of what that file declares beside them."""

    file: str
    checks: tuple[Check, ...]
    declared: tuple[tuple[str, str, str], ...] = ()


def read_asked(configuration: Configuration, file: str | None) -> Asked:
    """Return the checks of a file, or without one those of the configuration, whose declared edges the map has.

    Raises AgentkitError as `core.config.load_checks` does.
    """
    if file is None:
        return Asked(configuration.path, _to_checks(configuration.checks, configuration.path))
    checks, declared = load_checks(file)
    edges = _to_edges(declared, file)
    file = os.path.abspath(file)  # by which its findings are found again from any folder
    return Asked(file, _to_checks(checks, file), edges)


def shorten(text: str) -> str:
    """Return a text that a command is in as a person may see it."""
    text = hide_secrets(text)
    return text if len(text) <= LONGEST_COMMAND else f"{text[:LONGEST_COMMAND]}…"


def tell_apart(checks: Sequence[Check]) -> list[Check]:
    """Return the checks with a key where several of them tell of one node."""
    several = Counter(check.node for check in checks)
    return [replace(check, key=_digest(list(check.run))[:16]) if several[check.node] > 1 else check for check in checks]


def _to_checks(settings: Sequence[CheckSettings], file: str) -> tuple[Check, ...]:
    checks = []
    for number, one in enumerate(settings, start=1):
        assert one.node is not None
        assert one.run is not None
        limit_s = DEFAULT_LIMIT_S if one.limit_s is None else one.limit_s
        checks.append(Check(one.node, one.run, limit_s, one.limit_s is not None, file, f"check #{number}"))
    return tuple(checks)


def _to_edges(declared: Sequence[DeclareSettings], file: str) -> tuple[tuple[str, str, str], ...]:
    edges = []
    for number, one in enumerate(declared, start=1):
        assert one.source is not None
        assert one.target is not None
        place = f"depmap.declare #{number}"
        check_kind(one.edge, f"{file}: {place}.edge")
        edges.append((one.source, one.target, place))
    return tuple(edges)


def _digest(words: Sequence[str]) -> str:
    # A name that is no UTF-8 is held with lone surrogates; as JSON in ASCII they have a form.
    return hashlib.sha256(json.dumps(words).encode()).hexdigest()
