"""One run of one job: lock, `started` on disk, the program, its end, its effects, the closing record, a word if need be.

The hot path: it reads no configuration, opens no ledger, and runs the job whatever becomes of its evidence.
"""

import os
import time

from agentkit.core.errors import Exit, tell
from agentkit.core.spool import append_record, make_private_folder, spool_places
from agentkit.core.times import format_instant
from agentkit.heartbeat import beat
from agentkit.heartbeat.closing import close_run, complain
from agentkit.heartbeat.joblock import JobLock
from agentkit.heartbeat.options import RunOptions, build_options, split_words
from agentkit.heartbeat.overlap import take_job_lock
from agentkit.heartbeat.supervise import Supervision

Record = dict[str, object]


def main(words: list[str]) -> int:
    """Run the job that the words describe; return the status to end with."""
    options = build_options(*split_words(words))
    _open_standard_descriptors()
    return run_job(options, dict(os.environ))


def run_job(options: RunOptions, environ: dict[str, str]) -> int:
    """Run the job and write down that it did; return the program's status, 124, 75 (not started) or 73 (no evidence)."""
    places = spool_places(environ)
    identity: Record = {"run": beat.new_run_id(time.time())}
    lock = holder = None
    try:
        identity.update(beat.describe_this_process())
        lock, holder = take_job_lock(options, places)
    except Exception as error:  # the job runs, whatever becomes of its lock
        tell(f"agentkit: warning: {options.name}: runs without a lock ({type(error).__name__}: {error})\n")
    if holder is not None:
        return _record_skip(options, places, identity, holder)
    for attempt in range(1, options.retries + 2):
        status, is_final = _run_once(options, environ, places, identity, lock, attempt)
        if is_final or attempt > options.retries:
            break
        time.sleep(options.retry_delay_s)
    if lock:
        lock.clear_holder()
        lock.release()
    return status


def _run_once(
    options: RunOptions,
    environ: dict[str, str],
    places: list[str],
    identity: Record,
    lock: JobLock | None,
    attempt: int,
) -> tuple[int, bool]:
    """Run the program once; return the status and whether trying again is pointless."""
    head = _describe(options, str(identity["run"]), attempt, time.time())
    marks, before, troubles = None, {}, []
    try:
        if lock:
            lock.write_holder({**identity, "since": head["at"], "program": options.program[0]})
        place, troubles = append_record(places, _encode_start(options, head, identity), time.time())
        marks = _marks_file(place, str(identity["run"]), attempt)
        before = _look_before(options)
    except Exception as error:  # the job runs, whatever becomes of its evidence
        troubles.append(f"{type(error).__name__}: {error}")

    supervision = Supervision(timeout_s=options.timeout_s, kill_after_s=options.kill_after_s, tee=options.tee)
    own = {"AGENTKIT_RUN": str(identity["run"]), "AGENTKIT_JOB": options.name, "AGENTKIT_MARKS": marks or os.devnull}
    supervision.start(options.program, {**environ, **own}, f"AGENTKIT_RUN={identity['run']}")
    outcome = supervision.finish()
    status = Exit.TIMED_OUT if outcome.timed_out else outcome.status

    closing = close_run(options, head, supervision.output, outcome, marks, before)
    written, more = append_record(places, beat.encode(closing).encode(), time.time())
    for trouble in dict.fromkeys(troubles + more):
        where = f"its evidence went to {written}" if written else "its evidence could be written nowhere"
        tell(f"agentkit: warning: {options.name}: {where} ({trouble})\n")
    is_good = closing["state"] == "ok"
    if not is_good or outcome.undelivered:
        complain(options, supervision.output, outcome, closing)
    if status == Exit.OK and (written is None or outcome.undelivered):
        status = Exit.CANNOT_WRITE
    return status, is_good or outcome.sent is not None


def _encode_start(options: RunOptions, head: Record, identity: Record) -> bytes:
    """Return the record that is on disk before the program starts."""
    started = {
        **head,
        "state": "started",
        **identity,
        "uid": os.getuid(),
        "program": options.program[0],
        "argv_digest": beat.argv_digest(options.program),
        "cwd": _current_folder(),
        "timeout_s": options.timeout_s,
        "expect": _expectation(options),
    }
    return beat.encode(started).encode()


def _describe(options: RunOptions, run: str, attempt: int, now: float) -> Record:
    at = format_instant(now)
    return {
        "v": 1,
        "kind": "beat",
        "at": at,
        "job": options.name,
        "run": run,
        "attempt": attempt,
        "state": "",
        "started_at": at,
        "boottime_s": beat.since_boot(),
    }


def _expectation(options: RunOptions) -> Record:
    """Return what `check` may hold this job to."""
    expected: Record = {
        "every_s": options.every_s,
        "cron": options.cron,
        "tz": options.tz,
        "grace_s": options.grace_s,
        "duration_s": options.duration_s,
        "changes": options.changes,
        "success_status": options.success_status if options.success_status != [0] else None,
    }
    return {key: value for key, value in expected.items() if value not in (None, [])}


def _record_skip(options: RunOptions, places: list[str], identity: Record, holder: Record) -> int:
    now = time.time()
    skipped = {
        **_describe(options, str(identity["run"]), 1, now),
        "state": "skipped",
        "ended_at": format_instant(now),
        "duration_s": 0.0,
        "boot": identity.get("boot"),
        "status": Exit.TRY_LATER,
        "holder": holder,
        "expect": _expectation(options),
    }
    written, troubles = append_record(places, beat.encode(skipped).encode(), now)
    if not options.quiet:
        who = f"pid {holder.get('pid')}" if holder.get("pid") else "another process"
        tell(f"agentkit: {options.name}: skipped, {who} runs it since {holder.get('since', 'an unknown time')}\n")
    if written is None:
        tell(f"agentkit: error: {options.name}: the skipped run left no evidence ({troubles[-1]})\n")
    return Exit.TRY_LATER


def _look_before(options: RunOptions) -> Record:
    if not options.changes:
        return {}
    from agentkit.heartbeat.effects import look_before

    return look_before(options)


def _marks_file(place: str | None, run: str, attempt: int) -> str | None:
    if place is None:
        return None
    try:
        return f"{make_private_folder(place, 'marks')}/{run}-{attempt}"
    except OSError:
        return None


def _current_folder() -> str | None:
    try:
        return os.getcwd()
    except OSError:
        return None  # removed under our feet; the program may not care


def _open_standard_descriptors() -> None:
    # A pipe of ours must never become the program's stdin, stdout or stderr because that one was closed.
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
