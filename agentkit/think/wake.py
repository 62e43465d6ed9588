"""Is there anything that somebody has to deal with?

    PROGRAM | agentkit think wake [FILE] [--json] [--quiet]

Findings are stored before anything else. A hot verb: mostly there is nothing new, and then no more is loaded than
SQLite and JSON. It is called before typer is imported, which declares the same words for help and completion.
"""

from __future__ import annotations

import os
import sys
import time

from agentkit.core.errors import AgentkitError, Exit, tell
from agentkit.core.jsonlines import write_record
from agentkit.core.optionwords import FLAG, split_options, usage
from agentkit.core.paths import look_at_configuration
from agentkit.think.decisions import ASLEEP, make_decision
from agentkit.think.inbox import is_anything_due, take_in
from agentkit.think.store import Store, open_store
from agentkit.think.taking import Input, read_input

TYPE_CHECKING = False  # the one of typing costs an import
if TYPE_CHECKING:
    from collections.abc import Mapping

OPTIONS = {"--json": FLAG, "--quiet": FLAG}
# What of the configuration the way to sleep needs stands in the store, with what the file looked like then.
SEEN = "configuration"
REPEAT, HOST = "repeat_interval_s", "host"
NOTHING_DUE = "nothing is due"


def main(words: list[str]) -> int:
    """Take in findings, wake somebody if that is called for, and return the status."""
    sources, options = split_options("think wake", words, OPTIONS)
    if len(sources) > 1:
        raise usage("think wake", f"one FILE at a time: {sources[1]}")
    return wake(os.environ, sources[0] if sources else "-", as_json="--json" in options, is_quiet="--quiet" in options)


def wake(environ: Mapping[str, str], source: str, *, as_json: bool, is_quiet: bool) -> int:
    """Do what `main` says for one source of findings, `-` for stdin."""
    found = read_input(source, time.time(), lambda text: tell(f"agentkit: warning: {text}\n"))
    is_stored = False
    try:
        with open_store(environ) as store:
            _leave_out_own(found, environ, store)
            take_in(store, found.findings, time.time())
            is_stored = True
            found.findings.clear()
            if as_json:
                _pass_on(found)
            status = _think(store, environ, as_json=as_json, is_quiet=is_quiet)
    except BaseException as error:  # Ctrl-C, too: what is not stored is told
        if not is_stored and found.findings:
            _tell_lost(found)
            if isinstance(error, AgentkitError) and error.status == Exit.TRY_LATER:
                # "Try later" would say that they wait in the inbox.
                raise AgentkitError(error.message, hint=error.hint, status=Exit.CANNOT_WRITE) from error
        raise
    if found.faults:
        name = "stdin" if source == "-" else source
        tell(f"agentkit: error: {name}: {found.faults} lines left out; expected one finding a line\n")
        return Exit.BAD_DATA
    return status


def _think(store: Store, environ: Mapping[str, str], *, as_json: bool, is_quiet: bool) -> int:
    now = time.time()
    looks = look_at_configuration(environ)
    kept = read_kept(store)
    if kept.get(SEEN) == looks and not is_anything_due(store, now, float(kept.get(REPEAT, "0"))):
        if as_json:
            write_record(make_decision(ASLEEP, NOTHING_DUE, [], host=kept.get(HOST, ""), at=now))
        return Exit.OK
    from agentkit.think.waking import wake_up

    return wake_up(store, environ, looks, as_json=as_json, is_quiet=is_quiet)


def read_kept(store: Store) -> dict[str, str]:
    """Return what was kept of the configuration."""
    return {str(name): str(value) for name, value in store.select("SELECT name, value FROM meta")}


def _leave_out_own(found: Input, environ: Mapping[str, str], store: Store) -> None:
    """Leave out what is said of the job that this runs in: its failure would call for what has just failed, each time.

    Whoever reads the ledger, or the mail of the check, is told of it all the same.
    """
    subject = f"job:{environ.get('AGENTKIT_JOB')}"
    if any(one.subject == subject for one in found.findings):
        host = read_kept(store).get(HOST) or os.uname().nodename
        found.findings = [one for one in found.findings if (one.subject, one.host) != (subject, host)]


def _pass_on(found: Input) -> None:
    """Hand on what is no finding: the next program may know it."""
    for text in found.others:
        sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _tell_lost(found: Input) -> None:
    """Name the findings that could not be stored: stderr may be the only place that takes anything."""
    for one in found.findings:
        tell(f"agentkit: error: not stored: {one.fingerprint} {one.severity} {one.subject}\n")
