"""What does a proposer make of the base? Asked in this process, or in a worker: the archive is not touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.repo.repository import Repository
from agentkit.core.settings import EvolveSettings
from agentkit.evolve.proposing import Proposal, propose
from agentkit.evolve.readystall import ReadyStall


@dataclass(frozen=True)
class Made:
    """What came of asking: `tree` is that of the copy then, "" where nothing was changed, or it cannot be filed;
    `trouble` is "" where all is well, else nobody judges it.

    `unfiled` is a status and why, where the change may be filed another time: the disk is full, mostly.
    """

    proposal: Proposal
    tree: str
    trouble: str
    unfiled: tuple[int, str] | None = None


def let_propose(
    repository: Repository,
    environ: Mapping[str, str],
    settings: EvolveSettings,
    *,
    base: str,
    argv: Sequence[str],
    request: str,
    name: str,
    ready: ReadyStall | None = None,
) -> Made:
    """Let a proposer change a copy of the base; `name` is the id of the candidate, `ready` may hold a stall for it.

    Raises AgentkitError as `open_stall` and `propose` do.
    """
    with (ready or ReadyStall()).take(repository, environ, base) as stall:
        made = propose(stall, argv, request=request, settings=settings, environ=environ, name=name)
        try:
            return Made(made, stall.write_tree(), made.trouble)
        except AgentkitError as error:
            if error.status == Exit.BAD_DATA:
                return Made(made, "", made.trouble or error.message)
            # What it cost is written down all the same.
            return Made(made, "", "", (int(error.status), error.message))
