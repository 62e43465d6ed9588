"""What is written down at the end of a run, which state it ended in, and what is said about it on stderr?

Imported by the hot verbs.
"""

import os
import time

from agentkit.core.errors import Exit, tell
from agentkit.core.times import format_duration, format_instant
from agentkit.core.tree import read_boot_id
from agentkit.heartbeat import beat
from agentkit.heartbeat.listening import Listener
from agentkit.heartbeat.measure import TAIL_BYTES
from agentkit.heartbeat.options import RunOptions
from agentkit.heartbeat.supervise import Outcome

Record = dict[str, object]


def close_run(
    options: RunOptions, head: Record, heard: Listener, outcome: Outcome, *, marks: str | None, before: Record
) -> Record:
    """Return the closing record of one start of the program."""
    out, err = heard.stdout, heard.stderr
    counters: dict[str, float] = {}
    note: str | None = None
    if marks and os.path.lexists(marks):
        from agentkit.heartbeat.marks import collect_marks

        counters, note = collect_marks(marks)
    output = [bytes(stream.head) for stream in (out, err) if stream.bytes]
    if out.bytes > len(out.head) or err.bytes > len(err.head):
        output.append(heard.tail.last(TAIL_BYTES))
    effects: list[Record] = []
    watched: Record = {}
    if options.declares_effects():
        from agentkit.heartbeat.effects import look_after, measure_path

        effects = look_after(options, before, output, heard.search, counters=counters, duration_s=outcome.duration_s)
        watched = {path: measure_path(path) for path in options.watch}
    error_words: list[str] = []
    if output and options.keep_bytes:
        from agentkit.heartbeat.errorwords import find_error_words

        error_words = find_error_words(*output)
    measured: Record = {
        "stdout_bytes": out.bytes,
        "stdout_lines": out.lines,
        "stderr_bytes": err.bytes,
        "stderr_lines": err.lines,
        "output_sha256": out.digest(),
    }
    said: Record = {
        "tail": beat.decode_text(heard.tail.last(options.keep_bytes)),
        "error_words": error_words,
        "counters": counters,
        "note": note,
        "watched": watched,
        "effects": effects,
    }
    return {
        **describe_end(options, head, outcome, effects),
        **({} if heard.trouble else measured),
        **{key: value for key, value in said.items() if value},
    }


def describe_end(options: RunOptions, head: Record, outcome: Outcome, effects: list[Record]) -> Record:
    """Return what a closing record says of the program's end itself."""
    at = format_instant(time.time())
    end: Record = {
        **head,
        "at": at,
        "state": judge_state(options, outcome, effects),
        "ended_at": at,
        "duration_s": outcome.duration_s,
        "boot": read_boot_id(),
        "boottime_s": beat.since_boot(),
        "status": Exit.TIMED_OUT if outcome.timed_out else outcome.status,
        "signal": outcome.signal,
        "cpu_s": outcome.cpu_s,
        "max_rss_bytes": outcome.max_rss_bytes,
        "blocks_in": outcome.blocks_in,
        "blocks_out": outcome.blocks_out,
        "page_faults": outcome.page_faults,
        "written_bytes": outcome.written_bytes,
    }
    special: Record = {
        "background_s": outcome.background_s,
        "left_behind": outcome.left_behind,
        "orphans": outcome.orphans,
        "unkillable": outcome.unkillable,
        "trouble": outcome.trouble,
        "undelivered": outcome.undelivered,
        "sent": outcome.sent,
    }
    return {**end, **{key: value for key, value in special.items() if value}}


def judge_state(options: RunOptions, outcome: Outcome, effects: list[Record]) -> str:
    """Return the state in which the run ended: `ok`, `failed`, `timeout` or `idle`."""
    if outcome.timed_out:
        return "timeout"
    if outcome.signal is not None or outcome.sent is not None or outcome.status not in options.success_status:
        return "failed"
    # Too slow is not idle: the work was done, and `check` speaks about its time.
    missed = [effect for effect in effects if not effect["held"]]
    slow = options.duration_s and outcome.duration_s > options.duration_s[1]
    return "idle" if any(not (slow and str(e["text"]).startswith("--expect-duration")) for e in missed) else "ok"


def complain(options: RunOptions, heard: Listener, outcome: Outcome, closing: Record) -> None:
    """Say on stderr what went wrong, the tail first, so that cron mails it."""
    if not options.quiet and not options.tee:
        tail = heard.tail.last(options.keep_bytes)
        tell(tail + (b"" if tail.endswith(b"\n") or not tail else b"\n"))
    took = format_duration(outcome.duration_s)
    if closing["state"] == "idle":
        effects = closing.get("effects")
        missed = [e for e in effects if not e["held"]] if isinstance(effects, list) else []
        what = "did nothing: " + "; ".join(f"{e['text']}: {e['why']}" for e in missed)
        what += f" (status {outcome.status} after {took})"
    elif outcome.timed_out:
        what = f"was ended at its time limit, after {took}"
    elif outcome.trouble:
        what = outcome.trouble
    elif outcome.signal is not None:
        what = f"was ended by signal {outcome.signal} after {took}"
    elif outcome.sent is not None:
        what = f"was asked to end by signal {outcome.sent}, and ended with status {outcome.status} after {took}"
    elif closing["state"] == "failed":
        what = f"failed with status {outcome.status} after {took}"
    else:
        what = f"its output could not be passed on: {outcome.undelivered}"
    if outcome.unkillable:
        what += f"; unkillable: pid {', '.join(str(pid) for pid in outcome.unkillable)}"
    what = what.replace("\n", "\\n")  # the name of a program may hold anything
    tell(f"agentkit: {options.name}: {what}; agentkit heartbeat show {closing['run']}\n")
