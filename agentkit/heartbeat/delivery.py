"""How does news leave the machine: to a program on its stdin, to a service that watches from outside?

What cannot be delivered waits in the ledger and goes first the next time. Every delivery has a time limit.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable
from datetime import timedelta

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.evidence import Parcel, StoredFinding
from agentkit.core.ledger import Ledger
from agentkit.core.ledger.beats import write_json
from agentkit.core.ledger.findings import find_finding, find_resolved_since
from agentkit.core.ledger.notes import (
    add_parcel,
    iterate_parcels,
    mark_parcel_tried,
    read_instant,
    read_list,
    remove_parcel,
    write_value,
)
from agentkit.core.lines import CRITICAL, INFO, WARNING, Record
from agentkit.core.locks import hold_lock
from agentkit.core.masking import mask_records
from agentkit.core.process import run_program
from agentkit.core.program import Ended, Program
from agentkit.core.times import format_duration
from agentkit.core.visible import make_block_visible, make_visible
from agentkit.heartbeat.pinging import find_fault, name_service
from agentkit.heartbeat.sighting import SOURCE, to_record
from agentkit.heartbeat.wording import word_finding

NOTIFY, PING = "notify", "ping"
RANKS = (CRITICAL, WARNING, INFO)
TOLD_KEY, TOLD_AT_KEY = "notify-told", "notify-told-at"
# One start of the program gets at most this much; what is more goes to the next start.
MOST_BYTES = 4 * 2**20
LONGEST_SAYING = 200


def keep_news(ledger: Ledger, firing: Iterable[StoredFinding], now: float) -> None:
    """Put into the outbox what the program was not told yet: what fires, and what has gone.

    To be called in the transaction that settles the findings: news is neither lost nor told twice by a crash. It is
    measured by what was told and not by what the last check found, which a person may have started by hand.
    """
    holding = {finding.fingerprint: finding for finding in firing}
    told = {fingerprint for fingerprint in read_list(ledger, TOLD_KEY) if isinstance(fingerprint, str)}
    news = [finding for fingerprint, finding in holding.items() if fingerprint not in told]
    gone = [find_finding(ledger, fingerprint) for fingerprint in sorted(told - holding.keys())]
    news += [finding for finding in gone if finding is not None]
    told_at = read_instant(ledger, TOLD_AT_KEY)
    if told_at is not None:
        # What came and went between two checks that tell is told as well.
        passed = [
            finding
            for finding in find_resolved_since(ledger, told_at, source=SOURCE)
            if finding.fingerprint not in told
        ]
        news += [finding for finding in passed if (finding.resolved_at or 0.0) > told_at]
    for finding in sorted(news, key=_rank):
        record = to_record(finding, now)
        add_parcel(ledger, NOTIFY, finding.fingerprint, write_json(record), now)
    if news:
        write_value(ledger, TOLD_KEY, json.dumps(sorted(holding)))
    # Who accepts a finding while this check waits for the ledger resolves it later than our own instant.
    write_value(ledger, TOLD_AT_KEY, repr(max([now, *(finding.resolved_at or now for finding in news)])))


def notify(ledger: Ledger, argv: list[str], *, limit_s: float, as_text: bool, now: float) -> str | None:
    """Hand all that waits to a program; return what went wrong, if anything did.

    It gets JSON Lines on its stdin, or text for a person, and has taken it when it ends with 0.
    """
    if not _take_batch(ledger):
        return None
    due = time.monotonic() + limit_s
    lock = os.path.join(os.path.dirname(ledger.path), "notify.lock")
    try:
        with hold_lock(lock, what="the delivery of news", limit=timedelta(0)):
            return _deliver_all(ledger, argv, due, limit_s, as_text=as_text, now=now)
    except AgentkitError as error:
        # Another check is at it, and takes along what came meanwhile.
        return None if error.status == Exit.TRY_LATER else error.message


def _deliver_all(
    ledger: Ledger, argv: list[str], due: float, limit_s: float, *, as_text: bool, now: float
) -> str | None:
    trouble = None
    while (waiting := _take_batch(ledger)) and trouble is None:
        left_s = due - time.monotonic()
        if left_s <= 0:
            trouble = f"{argv[0]}: the time limit ({format_duration(limit_s)}) came before the end of the news"
            break
        records = mask_records([json.loads(parcel.payload) for parcel in waiting], os.environ)
        payload = "".join(_word(record, as_text=as_text) for record in records)
        limit, stdin = timedelta(seconds=left_s), payload.encode("utf-8", "backslashreplace")
        trouble = _describe(run_program(Program(tuple(argv), limit=limit, stdin=stdin)), argv[0], limit_s)
        with ledger.transaction():
            for parcel in waiting:
                if trouble is None:
                    remove_parcel(ledger, parcel.id)
                else:
                    mark_parcel_tried(ledger, parcel.id, now, trouble)
    if trouble is None:
        return None
    count = sum(1 for _ in iterate_parcels(ledger, NOTIFY))
    kept = "1 finding is kept" if count == 1 else f"{count} findings are kept"
    first = make_visible(str(json.loads(waiting[0].payload)["title"]))[:LONGEST_SAYING]
    return f"--notify: {trouble}; {kept} for the next check, the first: {first}"


def _rank(finding: StoredFinding) -> tuple[bool, int, str, str]:
    """Order news: what fires before what has gone, the worst first."""
    return finding.state == "resolved", RANKS.index(finding.severity), finding.subject, finding.type


def _take_batch(ledger: Ledger) -> list[Parcel]:
    """Return the oldest news that waits, as much as one start of the program gets."""
    batch: list[Parcel] = []
    size_bytes = 0
    for parcel in iterate_parcels(ledger, NOTIFY):
        size_bytes += len(parcel.payload)
        if batch and size_bytes > MOST_BYTES:
            break
        batch.append(parcel)
    return batch


def _word(record: Record, *, as_text: bool) -> str:
    if not as_text:
        return f"{write_json(record)}\n"
    # Whatever a job printed: its control characters must not reach a mail program or a terminal.
    return make_block_visible(word_finding(record, with_tail=True))


def check_address(address: str) -> None:
    """Raise AgentkitError (usage) when this is no address to ping; it is not repeated, as it may be a secret."""
    fault = find_fault(address)
    if fault is not None:
        raise AgentkitError(f"--ping: {fault}; expected an address such as https://example.org/ping", status=Exit.USAGE)


def ping(ledger: Ledger, address: str, *, limit_s: float, now: float) -> str | None:
    """Tell an outside service that a check has finished; return what went wrong, if that is news.

    The path of the address is its password, so it goes to the child through a pipe and stands in no message.
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    argv = (sys.executable, "-P", "-m", "agentkit.heartbeat.pinging")
    program = Program(argv, limit=timedelta(seconds=limit_s), environment=environment, stdin=address.encode())
    service = name_service(address)
    trouble = _describe(run_program(program), service, limit_s)
    waiting = list(iterate_parcels(ledger, PING))
    with ledger.transaction():
        for parcel in waiting:
            if trouble is None or parcel.payload != service:
                remove_parcel(ledger, parcel.id)
            else:
                mark_parcel_tried(ledger, parcel.id, now, trouble)
        if trouble is not None and all(parcel.payload != service for parcel in waiting):
            add_parcel(ledger, PING, None, service, now)
            return f"--ping: {trouble}; kept for the next check, and not said again until it has worked"
    # The service itself complains about pings that stay away: here it is said once.
    return None


def _describe(ended: Ended, name: str, limit_s: float) -> str | None:
    """Return what went wrong, or None when the program has taken what it got."""
    if ended.status == 0:
        return None
    if ended.outcome == "not-started" or ended.trouble:
        why = ended.trouble.removeprefix(f"{ended.argv[0]}: ") or "no reason given"
        return f"{name}: could not be started: {why}"
    said = (ended.stderr.strip() or ended.stdout.strip()).decode("utf-8", "backslashreplace").splitlines()
    last = f": {make_visible(said[-1])[:LONGEST_SAYING]}" if said else ""
    if ended.outcome == "exited":
        return f"{name}: ended with status {ended.status}{last}"
    if ended.outcome == "signalled":
        return f"{name}: was ended by signal {ended.signal}{last}"
    return f"{name}: was not done within {format_duration(limit_s)}{last}"
