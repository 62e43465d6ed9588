"""What does the work on candidates have at hand: archive, repository, settings, and where the branch stands?"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from agentkit.core.asides import warn
from agentkit.core.config import load_configuration
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.program import Ended
from agentkit.core.repo.repository import Repository, demand_quiet, find_repository
from agentkit.core.settings import EvolveSettings
from agentkit.core.statefile import Store
from agentkit.evolve.judge import Standing, find_standing, read_standing
from agentkit.evolve.readystall import ReadyStall
from agentkit.evolve.store import open_store


@dataclass(frozen=True)
class Workbench:
    """What the work on candidates of one repository needs; `told` are the warnings of which one is enough.

    `ready` holds the stall that may have been made ready for the next proposer.
    """

    store: Store
    repository: Repository
    settings: EvolveSettings
    environ: Mapping[str, str]
    host: str
    is_quiet: bool = False
    told: set[str] = field(default_factory=set)
    ready: ReadyStall = field(default_factory=ReadyStall)

    def warn_once(self, text: str) -> None:
        """Say something on stderr that is no failure, unless it was said before or nobody wants to hear it."""
        if not self.is_quiet and text not in self.told:
            self.told.add(text)
            warn(text)

    def make_ready(self) -> None:
        """Do what a proposer waits for, before it is known where the branch stands."""
        self.ready.make(self.repository, self.environ, self.store)


@contextmanager
def open_workbench(
    folder: str, environ: Mapping[str, str], *, is_decided: bool = False, is_quiet: bool = False
) -> Iterator[Workbench]:
    """Open what the work needs, for the repository around a folder; for decisions it is the one of the configuration.

    Raises AgentkitError: unavailable where there is none, or no work tree.
    """
    # As it is now: what is set later for workers is none of a candidate's business.
    environ = dict(environ)
    configuration = load_configuration(environ, own=("evolve",), warn=lambda text: None if is_quiet else warn(text))
    settings = configuration.evolve
    place = os.path.abspath((is_decided and settings.repository) or folder)
    _demand_plain(place)
    repository = find_repository(place, environ)
    if not repository.root:
        raise AgentkitError(
            f"{repository.git_dir} is a bare repository: there is no work tree", hint="go to a work tree of it"
        )
    with open_store(environ) as store, closing(ReadyStall()) as ready:
        yield Workbench(store, repository, settings, environ, configuration.host, is_quiet, ready=ready)


def _demand_plain(place: str) -> None:
    """Raise AgentkitError (unavailable) where a path can stand in no record."""
    try:
        is_plain = b"\n" not in place.encode()
    except UnicodeEncodeError:
        is_plain = False
    if not is_plain:
        raise AgentkitError(
            f"{place!r}: a folder whose name has a line break, or is no UTF-8, can stand in no record",
            hint="another name for that folder",
        )


def demand_base(bench: Workbench, seen: Ended | None = None) -> Standing:
    """Return where the branch stands, whose accepted commit is the base of a new candidate; `seen` is what a look (see
    `judge.look`) has shown, where there was one.

    Raises AgentkitError, before any proposer costs anything: as the ratchet does where there is no baseline, refused
    while a merge or a rebase is under way, and where commits wait to be accepted.
    """
    demand_quiet(bench.repository)
    standing = find_standing(bench.repository.root, bench.environ) if seen is None else read_standing(seen)
    if standing.ahead:
        branch = standing.branch.removeprefix("refs/heads/")
        count = "1 commit" if standing.ahead == 1 else f"{standing.ahead} commits"
        raise AgentkitError(
            f"{branch} is {count} ahead of what is accepted: no change could be kept on top of them",
            hint=f"agentkit ratchet accept --rev {branch}",
            status=Exit.REFUSED,
        )
    return standing
