"""How is a person told what became of a candidate?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from agentkit.core.errors import tell
from agentkit.core.lines import write_record
from agentkit.core.repo.repository import read_branch
from agentkit.core.screen import Styled, print_line
from agentkit.evolve.candidate import ACCEPTED, NO_EVIDENCE, PROPOSED, REJECTED, REVERTED, SHOWN_ID, Candidate

if TYPE_CHECKING:
    # The pages for people need none of what these bring.
    from agentkit.evolve.trying import Result
    from agentkit.evolve.workbench import Workbench

STYLES = {ACCEPTED: "ok", REJECTED: "critical", NO_EVIDENCE: "warning", PROPOSED: "started", REVERTED: "dim"}


def tell_result(bench: Workbench, result: Result, *, as_json: bool, is_quiet: bool) -> None:
    """Print a candidate: its record, or a line for a person; a quiet one that was kept needs none."""
    candidate = result.candidate
    if as_json:
        write_record(candidate.record(bench.host))
    elif candidate.state != ACCEPTED or not is_quiet:
        print_line(Styled(candidate.state, STYLES[candidate.state]), describe(candidate), *_say_where(bench, candidate))


@contextmanager
def name_the_way_on() -> Iterator[None]:
    """Where Ctrl-C cuts off what has been written down, say what goes on with it."""
    try:
        yield
    except KeyboardInterrupt:
        tell("agentkit: hint: agentkit evolve resume goes on from here\n")
        raise


def _say_where(bench: Workbench, candidate: Candidate) -> list[str]:
    """Return on which branch a change is kept, where another one is checked out here."""
    if not candidate.kept or candidate.branch == read_branch(bench.repository):
        return []
    return [f"(on {candidate.branch.removeprefix('refs/heads/')}, which is not checked out here)"]


def describe(candidate: Candidate, *, is_placed: bool = False) -> str:
    """Return a candidate in one line, without its state; of one that was not accepted, where there is more.

    `is_placed` adds its repository, where there are several.
    """
    where = f" in {candidate.repository}" if is_placed else ""
    short = candidate.id[:SHOWN_ID]
    more = "" if candidate.state == ACCEPTED else f"; agentkit evolve show {short}"
    return f"{short} by {candidate.proposer}{where}: {candidate.reason}{more}"
