"""How does a verb come by the evidence that it shows, and what does it say beside its answer?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches

from agentkit.core.asides import warn
from agentkit.core.config import Configuration, load_configuration
from agentkit.core.errors import AgentkitError, Exit, tell
from agentkit.core.ledger import CorruptLedgerError, Ledger, open_read_only, open_view
from agentkit.core.ledger.jobs import iterate_jobs
from agentkit.core.ledger.soundness import blaming_values
from agentkit.core.paths import state_folder
from agentkit.core.spool import spool_places
from agentkit.core.times import format_duration
from agentkit.core.visible import make_visible
from agentkit.heartbeat.check import read_last_check

# A machine that is checked once a day is checked.
OLD_CHECK_S = 25 * 3600.0


def read_settings(environ: Mapping[str, str]) -> Configuration:
    """Return the configuration as heartbeat needs it; raises AgentkitError (configuration)."""
    return load_configuration(environ, own=("heartbeat", "jobs"), warn=warn)


@contextmanager
def open_evidence(
    environ: Mapping[str, str], configuration: Configuration, now: float, *, warns_of_check: bool = True
) -> Iterator[Ledger]:
    """Give the ledger with everything that was spooled, for reading; warn of what it lacks and of a dead check.

    One that turns out to be malformed is repaired, and the error asks for the command once more.
    """
    folder = state_folder(environ)
    try:
        with open_view(folder, spool_places(environ), configuration.host, now) as ledger:
            for notice in ledger.notices:
                warn(notice)
            with blaming_values(ledger):
                if warns_of_check:
                    warn_of_old_check(ledger, now)
                yield ledger
    except CorruptLedgerError as error:
        raise _repair(folder, error) from error


def _repair(folder: str, error: CorruptLedgerError) -> AgentkitError:
    """Return what is to be said when a ledger was found malformed while it was read."""
    from agentkit.core.ledger.repair import repair

    try:
        # What `check` does not read it would never find.
        return AgentkitError(repair(folder, error.reason), hint="the same command again", status=Exit.TRY_LATER)
    except AgentkitError:
        return error


def warn_of_old_check(ledger: Ledger, now: float) -> None:
    """Say on stderr that nobody checks any more; where no check ever ran only `summary` says so."""
    last = read_last_check(ledger)
    if last is not None and now - last > OLD_CHECK_S:
        warn(f"the last check was {format_duration(now - last)} ago: until the next one nobody notices what is missing")


def refuse_unknown_job(name: str, known: Iterable[str]) -> AgentkitError:
    """Return the error for a job that the ledger never heard of, with the nearest names."""
    near = get_close_matches(name, list(known), n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else "agentkit heartbeat status lists the jobs"
    return AgentkitError(f"no job {name!r} has left evidence", hint=hint, status=Exit.UNAVAILABLE)


def complete_job_names(environ: Mapping[str, str], begun: str) -> list[str]:
    """Return the names of jobs that begin so, for a shell's completion: without a word when they cannot be read."""
    try:
        with open_read_only(state_folder(environ)) as ledger:
            return [job.name for job in iterate_jobs(ledger) if job.name.startswith(begun)]
    except AgentkitError:
        return []


def complain(trouble: str | None) -> None:
    """Say on stderr what went wrong beside the answer, if anything did."""
    if trouble:
        tell(f"agentkit: error: {make_visible(trouble)}\n")
