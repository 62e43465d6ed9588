"""One run of one job: lock, `started` on disk, the program, its end, its effects, the closing record, perhaps a word.

The hot path: it reads no configuration, opens no ledger, and runs the job whatever becomes of its evidence.
"""

import os
import time

from agentkit.core.errors import Exit, tell
from agentkit.core.spool import append_record, make_private_folder, spool_places
from agentkit.core.times import format_instant
from agentkit.core.tree import process_start
from agentkit.heartbeat import beat
from agentkit.heartbeat.closing import close_run, complain, describe_end
from agentkit.heartbeat.joblock import Holder, JobLock, take_job_lock
from agentkit.heartbeat.options import RunOptions, build_options, split_words
from agentkit.heartbeat.signals import Signals
from agentkit.heartbeat.supervise import Outcome, Supervision

Record = dict[str, object]


def main(words: list[str]) -> int:
    """Run the job that the words describe; return the status to end with."""
    return run_job(build_options(*split_words(words)), _environment_as_given())


def run_job(options: RunOptions, environ: dict[str, str]) -> int:
    """Run the job and write down that it did; return its status, or 124, 75 (not started), 73 (no evidence)."""
    places = spool_places(environ)
    identity: Record = {"run": beat.new_run_id(time.time())}
    try:
        signals = Signals()
    except OSError as error:
        trouble = f"{options.program[0]}: could not be started ({error.strerror})"
        _record_unstarted(options, places, identity, "failed", {"status": Exit.WRAPPER_FAILED, "trouble": trouble})
        tell(f"agentkit: error: {options.name}: {trouble}\n")
        return Exit.WRAPPER_FAILED
    lock: JobLock | None = None
    holder: Holder | None = None
    try:
        identity.update(beat.describe_this_process())
        lock, holder = take_job_lock(options, places, signals)
    except Exception as error:  # noqa: BLE001  # the job runs, whatever becomes of its lock
        tell(f"agentkit: warning: {options.name}: runs without a lock ({type(error).__name__}: {error})\n")
    status: int = Exit.TRY_LATER
    if holder is not None or signals.wait(0):
        _record_skip(options, places, identity, holder, signals.asked_by)
    else:
        for attempt in range(1, options.retries + 2):
            status, is_good = _run_once(
                options, attempt, environ=environ, places=places, identity=identity, lock=lock, signals=signals
            )
            # Who asks us to end, be it in between, does not want it tried again.
            if is_good or attempt > options.retries or signals.asked_by is not None:
                break
            if signals.wait(options.retry_delay_s):
                why = f"signal {signals.asked_by} let no other follow"
                tell(f"agentkit: {options.name}: attempt {attempt} ended with {status}, {why}\n")
                break
    if lock:
        lock.clear_holder()
        lock.release()
    return status


def _run_once(
    options: RunOptions,
    attempt: int,
    *,
    environ: dict[str, str],
    places: list[str],
    identity: Record,
    lock: JobLock | None,
    signals: Signals,
) -> tuple[int, bool]:
    """Run the program once; return the status and whether all was well."""
    run = str(identity["run"])
    head = _describe(options, run, attempt, time.time())
    holder = {**identity, "since": head["at"], "program": options.program[0]}
    program = Supervision(signals, timeout_s=options.timeout_s, kill_after_s=options.kill_after_s, tee=options.tee)
    marks: str | None = None
    before: Record = {}
    troubles: list[str] = []
    try:
        if lock:
            lock.write_holder(holder)
        place, troubles = append_record(places, _encode_start(options, head, identity), time.time())
        marks = _marks_file(place, run, attempt)
        before = _look_before(options, program)
    except Exception as error:  # noqa: BLE001  # the job runs, whatever becomes of its evidence
        troubles.append(f"{type(error).__name__}: {error}")

    own = {"AGENTKIT_RUN": run, "AGENTKIT_JOB": options.name, "AGENTKIT_MARKS": marks or os.devnull}
    if program.start(options.program, {**environ, **own}, f"AGENTKIT_RUN={run}") and lock:
        try:
            lock.write_holder({**holder, "child": program.pid, "child_start": process_start(program.pid)})
        except Exception as error:  # noqa: BLE001  # the program runs already and has to be looked after
            troubles.append(f"{type(error).__name__}: {error}")
    outcome, closing, trouble = _see_to_the_end(options, head, program, marks, before)

    is_good = closing["state"] == "ok"
    if not is_good and attempt <= options.retries and signals.asked_by is None:
        # `check` waits for the next attempt before it calls this one a failure.
        closing["retry_after_s"] = options.retry_delay_s
    written, more = append_record(places, beat.encode(closing).encode(), time.time())
    if troubles := list(dict.fromkeys(troubles + more)):
        where = f"its evidence went to {written}" if written else "its evidence could be written nowhere"
        tell(f"agentkit: warning: {options.name}: {where} ({'; '.join(troubles)})\n")
    if "retry_after_s" not in closing and (not is_good or outcome.undelivered):
        complain(options, program.output, outcome, closing)
    status = Exit.TIMED_OUT if outcome.timed_out else outcome.status
    if status == Exit.OK and (written is None or outcome.undelivered or trouble):
        status = Exit.CANNOT_WRITE
    return status, is_good


def _see_to_the_end(
    options: RunOptions, head: Record, program: Supervision, marks: str | None, before: Record
) -> tuple[Outcome, Record, str | None]:
    """Return how the program ended, its closing record, and which fault of ours made that incomplete."""
    try:
        outcome = program.finish()
        trouble = program.output.trouble
    except Exception as error:  # noqa: BLE001  # the program is not left alone, whatever becomes of us
        trouble = f"{type(error).__name__}: {error}"
        outcome = program.finish_plainly()
    try:
        closing = close_run(options, head, program.output, outcome, marks=marks, before=before)
    except Exception as error:  # noqa: BLE001  # a fault of ours must not hide how the program ended
        trouble = f"{type(error).__name__}: {error}"
        closing = describe_end(options, head, outcome, [])
        if options.declares_effects() and closing["state"] == "ok":
            closing["state"] = "failed"
    if trouble:
        closing.setdefault("trouble", trouble)
        tell(f"agentkit: error: {options.name}: its evidence is incomplete, by a bug in agentkit: {trouble}\n")
    return outcome, closing, trouble


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
        "effects": options.declares_effects() or None,
        "success_status": options.success_status if options.success_status != [0] else None,
    }
    return {key: value for key, value in expected.items() if value not in (None, [])}


def _record_skip(
    options: RunOptions, places: list[str], identity: Record, holder: Holder | None, asked_by: int | None
) -> None:
    """Write down that the program was not started, and say why: somebody else runs it, or we were asked to end."""
    facts: Record = {"status": Exit.TRY_LATER, "holder": holder, "sent": asked_by}
    _record_unstarted(options, places, identity, "skipped", facts)
    if options.quiet:
        return
    if holder is None:
        tell(f"agentkit: {options.name}: not started, asked to end by signal {asked_by}\n")
        return
    who = f"pid {holder.get('pid')}" if holder.get("pid") else "another process"
    tell(f"agentkit: {options.name}: skipped, {who} runs it since {holder.get('since', 'an unknown time')}\n")


def _record_unstarted(options: RunOptions, places: list[str], identity: Record, state: str, facts: Record) -> None:
    now = time.time()
    closing = {
        **_describe(options, str(identity["run"]), 1, now),
        "state": state,
        "ended_at": format_instant(now),
        "duration_s": 0.0,
        "boot": identity.get("boot"),
        **{key: value for key, value in facts.items() if value is not None},
        "expect": _expectation(options),
    }
    written, troubles = append_record(places, beat.encode(closing).encode(), now)
    if written is None:
        tell(f"agentkit: error: {options.name}: the {state} run left no evidence ({'; '.join(troubles)})\n")


def _look_before(options: RunOptions, program: Supervision) -> Record:
    """Return what the paths hold that are to change, and have the output searched for what was declared."""
    if options.expect_output or options.forbid_output:
        from agentkit.heartbeat.searching import Search

        program.output.search = Search([*options.expect_output, *options.forbid_output])
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


def _environment_as_given() -> dict[str, str]:
    """Return the environment without what Python itself put in: LC_CTYPE, where the locale is C (PEP 538)."""
    environ = dict(os.environ)
    environ.pop("", None)  # an entry such as `=x`, which no shell hands on either
    if "LC_CTYPE" in environ:
        try:
            with open("/proc/self/environ", "rb", buffering=0) as file:
                given = file.read().split(b"\0")
        except OSError:
            return environ
        if os.fsencode(f"LC_CTYPE={environ['LC_CTYPE']}") not in given:
            del environ["LC_CTYPE"]
            for entry in given:
                if entry.startswith(b"LC_CTYPE="):
                    environ["LC_CTYPE"] = os.fsdecode(entry[9:])
    return environ
