"""One run of one job: lock, `started` on disk, the program, its end, its effects, the closing record, a word if need be.

The hot path: it reads no configuration, opens no ledger, and runs the job whatever becomes of its evidence.
"""

import os
import time

from agentkit.core.errors import Exit
from agentkit.core.spool import append_record, make_private_folder, spool_places
from agentkit.core.times import format_duration, format_instant
from agentkit.heartbeat import beat
from agentkit.heartbeat.joblock import JobLock, ask_to_end, find_living_program, take_lock, wait_for_lock
from agentkit.heartbeat.options import RunOptions, build_options, split_words
from agentkit.heartbeat.supervise import Outcome, Supervision

Record = dict[str, object]


def main(words: list[str]) -> int:
    """Run the job that the words describe; return the status to end with."""
    options = build_options(*split_words(words))
    _open_standard_descriptors()
    return run_job(options, dict(os.environ))


def run_job(options: RunOptions, environ: dict[str, str]) -> int:
    """Run the job and write down that it did; return the program's status, 124, 75 (not started) or 73 (no evidence)."""
    places = spool_places(environ)
    run = beat.new_run_id(time.time())
    identity = {"run": run, **beat.describe_this_process()}
    lock, holder = _take_job_lock(options, places)
    if holder is not None:
        return _record_skip(options, places, run, identity, holder)
    try:
        for attempt in range(1, options.retries + 2):
            status, is_final = _run_once(options, environ, places, identity, lock, attempt)
            if is_final or attempt > options.retries:
                return status
            time.sleep(options.retry_delay_s)
        return status
    finally:
        if lock:
            lock.clear_holder()
            lock.release()


def _run_once(
    options: RunOptions,
    environ: dict[str, str],
    places: list[str],
    identity: Record,
    lock: JobLock | None,
    attempt: int,
) -> tuple[int, bool]:
    """Run the program once; return the status and whether trying again is pointless."""
    now = time.time()
    head = _describe(options, str(identity["run"]), attempt, now)
    if lock:
        lock.write_holder({**identity, "since": head["at"], "program": options.program[0]})
    started = {
        **head,
        "state": "started",
        **{key: value for key, value in identity.items() if key != "run"},
        "uid": os.getuid(),
        "program": options.program[0],
        "argv_digest": beat.argv_digest(options.program),
        "cwd": _current_folder(),
        "timeout_s": options.timeout_s,
        "expect": _expectation(options),
    }
    place, troubles = append_record(places, beat.encode(started).encode(), now)
    marks = _marks_file(place, str(identity["run"]), attempt)
    before = _look_before(options)

    supervision = Supervision(timeout_s=options.timeout_s, kill_after_s=options.kill_after_s, tee=options.tee)
    mark = f"AGENTKIT_RUN={identity['run']}"
    own = {"AGENTKIT_RUN": str(identity["run"]), "AGENTKIT_JOB": options.name, "AGENTKIT_MARKS": marks or os.devnull}
    supervision.start(options.program, {**environ, **own}, mark)
    outcome = supervision.finish()

    closing = _close(options, head, supervision, outcome, marks, before)
    written, more = append_record(places, beat.encode(closing).encode(), time.time())
    for trouble in dict.fromkeys(troubles + more):
        where = f"its evidence went to {written}" if written else "its evidence could be written nowhere"
        _say(f"agentkit: warning: {options.name}: {where} ({trouble})\n")
    good = closing["state"] == "ok"
    if not good or outcome.undelivered:
        _complain(options, supervision, closing)
    status = Exit.TIMED_OUT if outcome.timed_out else outcome.status
    if status == 0 and (written is None or outcome.undelivered):
        status = Exit.CANNOT_WRITE
    return status, good or outcome.sent is not None


def _close(
    options: RunOptions,
    head: Record,
    supervision: Supervision,
    outcome: Outcome,
    marks: str | None,
    before: Record,
) -> Record:
    """Return the closing record of one start of the program."""
    from agentkit.heartbeat.marks import collect_marks

    out, err = supervision.output.stdout, supervision.output.stderr
    counters, note = collect_marks(marks) if marks else ({}, None)
    output = [bytes(stream.head) for stream in (out, err) if stream.bytes]
    if out.bytes > len(out.head) or err.bytes > len(err.head):
        output.append(supervision.output.tail.last(options.keep_bytes or 65536))
    effects: list[Record] = []
    watched: Record = {}
    if options.declares_effects():
        from agentkit.heartbeat.effects import look_after, measure_path

        effects = look_after(options, before, output, counters, outcome.duration_s)
        watched = {path: measure_path(path) for path in options.watch}
    error_words: list[str] = []
    if output and options.keep_bytes:
        from agentkit.heartbeat.errorwords import find_error_words

        error_words = find_error_words(*output)
    closing = {
        **head,
        "at": format_instant(time.time()),
        "state": _judge(options, outcome, effects),
        "ended_at": format_instant(time.time()),
        "duration_s": outcome.duration_s,
        "boot": beat.read_boot_id(),
        "boottime_s": beat.since_boot(),
        "status": Exit.TIMED_OUT if outcome.timed_out else outcome.status,
        "signal": outcome.signal,
        "cpu_s": outcome.cpu_s,
        "max_rss_bytes": outcome.max_rss_bytes,
        "blocks_in": outcome.blocks_in,
        "blocks_out": outcome.blocks_out,
        "stdout_bytes": out.bytes,
        "stdout_lines": out.lines,
        "stderr_bytes": err.bytes,
        "stderr_lines": err.lines,
        "output_sha256": out.digest(),
    }
    said: Record = {
        "tail": beat.decode_text(supervision.output.tail.last(options.keep_bytes)),
        "error_words": error_words,
        "left_behind": outcome.left_behind,
        "orphans": outcome.orphans,
        "unkillable": outcome.unkillable,
        "counters": counters,
        "note": note,
        "watched": watched,
        "effects": effects,
        "trouble": outcome.trouble,
        "undelivered": outcome.undelivered,
        "sent": outcome.sent,
    }
    return {**closing, **{key: value for key, value in said.items() if value}}


def _judge(options: RunOptions, outcome: Outcome, effects: list[Record]) -> str:
    if outcome.timed_out:
        return "timeout"
    if outcome.signal is not None or outcome.sent is not None or outcome.status not in options.success_status:
        return "failed"
    # Too slow is not idle: the work was done, and `check` speaks about its time.
    missed = [effect for effect in effects if not effect["held"]]
    slow = options.duration_s and outcome.duration_s > options.duration_s[1]
    return "idle" if any(not (slow and str(e["text"]).startswith("--expect-duration")) for e in missed) else "ok"


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


def _take_job_lock(options: RunOptions, places: list[str]) -> tuple[JobLock | None, Record | None]:
    """Return the lock, or who holds it; neither where no lock can be made: the job runs all the same."""
    deadline = time.monotonic() + (0 if options.overlap == "skip" else options.timeout_s)
    for place in places:
        try:
            taken = take_lock(place, options.name)
            if not isinstance(taken, JobLock) and options.overlap != "skip":
                limit_s = options.timeout_s
                if options.overlap == "replace":
                    # The other wrapper ends its program within its own --kill-after.
                    limit_s = min(limit_s, 3 * options.kill_after_s + 10)
                    ask_to_end(taken)
                taken = wait_for_lock(place, options.name, limit_s)
        except OSError:
            continue
        if not isinstance(taken, JobLock):
            return None, taken
        living = _await_survivors(options, taken, deadline) if taken.holder else {}
        if living:
            taken.release()
            return None, {**(taken.holder or {}), "pid": min(living), "wrapper": "gone"}
        return taken, None
    _say(f"agentkit: warning: {options.name}: no lock could be made, so overlapping runs are not seen\n")
    return None, None


def _await_survivors(options: RunOptions, lock: JobLock, deadline: float) -> dict[int, int]:
    """Return what a killed wrapper left running of its program, after waiting for it or ending it as was asked."""
    living = find_living_program(lock.holder)
    if living and options.overlap == "replace":
        from agentkit.core.tree import send_signal

        for number, limit_s in ((15, options.kill_after_s), (9, 5.0)):
            for pid, start in living.items():
                send_signal(pid, start, number)
            until = time.monotonic() + limit_s
            while living and time.monotonic() < until:
                time.sleep(0.05)
                living = find_living_program(lock.holder)
    while living and options.overlap == "wait" and time.monotonic() < deadline:
        time.sleep(0.2)
        living = find_living_program(lock.holder)
    return living


def _record_skip(options: RunOptions, places: list[str], run: str, identity: Record, holder: Record) -> int:
    now = time.time()
    skipped = {
        **_describe(options, run, 1, now),
        "state": "skipped",
        "ended_at": format_instant(now),
        "duration_s": 0.0,
        "boot": identity["boot"],
        "status": Exit.TRY_LATER,
        "holder": holder,
        "expect": _expectation(options),
    }
    written, troubles = append_record(places, beat.encode(skipped).encode(), now)
    if not options.quiet:
        who = f"pid {holder.get('pid')}" if holder.get("pid") else "another process"
        _say(f"agentkit: {options.name}: skipped, {who} runs it since {holder.get('since', 'an unknown time')}\n")
    if written is None:
        _say(f"agentkit: error: {options.name}: the skipped run left no evidence ({troubles[-1]})\n")
    return Exit.TRY_LATER


def _complain(options: RunOptions, supervision: Supervision, closing: Record) -> None:
    """Say on stderr what went wrong, the tail first, so that cron mails it."""
    if not options.quiet and not options.tee:
        tail = supervision.output.tail.last(65536)
        _say(tail + (b"" if tail.endswith(b"\n") or not tail else b"\n"))
    outcome = supervision.outcome
    took = format_duration(outcome.duration_s)
    if closing["state"] == "idle":
        effects = closing.get("effects")
        missed = [e for e in effects if not e["held"]] if isinstance(effects, list) else []
        what = "did nothing: " + "; ".join(f"{e['text']}: {e['why']}" for e in missed) + f" (status 0 after {took})"
    elif outcome.timed_out:
        what = f"was ended at its time limit, after {took}"
    elif outcome.trouble:
        what = outcome.trouble
    elif outcome.signal is not None:
        what = f"was ended by signal {outcome.signal} after {took}"
    elif closing["state"] == "failed":
        what = f"failed with status {outcome.status} after {took}"
    else:
        what = f"its output could not be passed on: {outcome.undelivered}"
    if outcome.unkillable:
        what += f"; unkillable: pid {', '.join(str(pid) for pid in outcome.unkillable)}"
    _say(f"agentkit: {options.name}: {what}; agentkit heartbeat show {closing['run']}\n")


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


def _say(text: "str | bytes") -> None:
    raw = text.encode("utf-8", "backslashreplace") if isinstance(text, str) else text
    try:
        os.write(2, raw)
    except OSError:
        return  # nobody listens on stderr; the evidence stands in the spool
