"""How does a verb that only looks come by its repository, its host and its clock, and how does it say when?"""

from __future__ import annotations

from collections.abc import Mapping

from agentkit.core.asides import warn
from agentkit.core.config import load_configuration
from agentkit.core.errors import AgentkitError
from agentkit.core.repo.repository import Repository, find_repository
from agentkit.ratchet.outcomes import FAIL, PASS, SKIP, XFAIL, Outcomes
from agentkit.ratchet.repair import repair

SHORT = 12
ANSWER_STYLES = {"accept": "ok", "reject": "critical", "no evidence": "warning"}
WORDS = {PASS: "passing", XFAIL: "known to fail", FAIL: "failing", SKIP: "skipped"}


def open_to_look(folder: str, environ: Mapping[str, str]) -> tuple[Repository, AgentkitError | None]:
    """Return the repository around a folder, and why what was cut off could not be brought to its end (or None)."""
    repository = find_repository(folder, environ)
    try:
        mended = repair(repository)
    except AgentkitError as error:
        return repository, error
    if mended:
        warn(mended)
    return repository, None


def read_host(environ: Mapping[str, str]) -> str:
    """Return the name of this machine as records have it."""
    return load_configuration(environ, own=("ratchet",), warn=warn).host


def name_branch(ref: str) -> str:
    """Return a branch as a person calls it."""
    return ref.removeprefix("refs/heads/")


def count_outcomes(outcomes: Outcomes) -> dict[str, int]:
    """Return how many tests ended in each way, the best first; ways in which none ended are 0."""
    counts = dict.fromkeys(WORDS, 0)
    for outcome in outcomes.values():
        counts[outcome] += 1
    return counts


def say_counts(counts: Mapping[str, int]) -> str:
    """Return `120 tests: 118 passing, 2 failing`."""
    total = sum(counts.values())
    parts = [f"{counts[outcome]} {word}" for outcome, word in WORDS.items() if counts.get(outcome)]
    return f"{'1 test' if total == 1 else f'{total} tests'}: {', '.join(parts) or 'none'}"
