"""What is wrong with one run: by what it declared, and by its job's own past?"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from itertools import pairwise

from agentkit.core.evidence import BAD_STATES, Job, Run, read_number
from agentkit.core.lines import CRITICAL, INFO, WARNING
from agentkit.core.times import format_duration
from agentkit.heartbeat.bounds import Expectations, Judgement, judge
from agentkit.heartbeat.lateness import is_retired
from agentkit.heartbeat.learning import Learned
from agentkit.heartbeat.oddity import Observation, Oddity
from agentkit.heartbeat.sighting import Sighting

SKIPS_IN_A_ROW = 3
# As often as this between good and bad within a dozen runs: neither works nor fails.
FLAPPING_WINDOW, FLAPPING_CHANGES = 12, 6
SHOWN_TAIL = 2000


@dataclass(frozen=True, slots=True)
class JobMemory:
    """What a check remembers of a job from run to run; `results` is one letter a run: g(ood) or b(ad).

    `trouble` says that what was learnt could not be read.
    """

    learned: Learned
    results: str = ""
    skips: int = 0
    trouble: str = ""


def read_memory(job: Job, learned: Learned) -> JobMemory:
    """Return the memory of a job from what the ledger keeps."""
    extra = job.extra()
    skips = extra.get("skips")
    return JobMemory(learned, str(extra.get("results", "")), skips if isinstance(skips, int) else 0)


def write_extra(job: Job, memory: JobMemory) -> str:
    """Return the part of the memory that is no learning, as the ledger keeps it."""
    kept = {**job.extra(), "results": memory.results, "skips": memory.skips, "retired": is_retired(job)}
    return json.dumps(kept)


def judge_run(
    memory: JobMemory, run: Run, expected: dict[str, object], bounds_s: tuple[float, float] | None = None
) -> tuple[JobMemory, list[Sighting]]:
    """Return the memory after this run, and what is wrong with it; runs come in the order in which they ended.

    `expected` is what the run's options promised, `bounds_s` how long the configuration says that a good run takes.
    """
    subject = f"job:{run.job}"
    detail = run.detail()
    if run.state == "skipped":
        skips = memory.skips + 1
        seen = [_see_skipping(run, detail, skips)] if skips >= SKIPS_IN_A_ROW else []
        return replace(memory, skips=skips), seen
    declared = _see_declared(run, detail, subject) or _see_bounds(run, detail, subject, bounds_s)
    judgement = judge(
        memory.learned,
        _observe(run, detail),
        carries_finding=any(sighting.severity != INFO for sighting in declared),
        expectations=_read_expectations(expected, bounds_s),
    )
    results = (memory.results + ("b" if run.state in BAD_STATES else "g"))[-FLAPPING_WINDOW:]
    seen = declared + _see_oddities(run, judgement, subject, detail, is_declared=bool(declared))
    changes = sum(1 for before, after in pairwise(results) if before != after)
    if changes >= FLAPPING_CHANGES:
        title = f"{run.job} goes back and forth: {changes} changes between good and bad in its last {len(results)} runs"
        seen.append(Sighting("flapping", subject, WARNING, title, evidence={"run": run.run, "results": results}))
    return JobMemory(judgement.learned, results, 0, memory.trouble or judgement.note), seen


def _see_declared(run: Run, detail: dict[str, object], subject: str) -> list[Sighting]:
    evidence = _evidence(run, detail)
    took = "" if run.duration_s is None else f" after {format_duration(run.duration_s)}"
    if run.state == "failed":
        what = f"was ended by signal {run.signal}{took}" if run.signal else f"failed with status {run.status}{took}"
        if detail.get("trouble"):
            what = f"could not be started: {detail['trouble']}"
        return [Sighting("failed", subject, CRITICAL, f"{run.job} {what}", evidence=evidence)]
    if run.state == "timeout":
        limit = "" if run.timeout_s is None else f" of {format_duration(run.timeout_s)}"
        title = f"{run.job} was ended at its time limit{limit}"
        return [Sighting("timeout", subject, CRITICAL, title, evidence=evidence)]
    if run.state == "lost":
        why = detail.get("why", "its process is gone")
        return [Sighting("lost", subject, CRITICAL, f"{run.job} started and never came back: {why}", evidence=evidence)]
    missed = _missed_effects(detail)
    if run.state == "idle":
        what = "; ".join(missed) or "its declared work did not happen"
        # Who says what must not be said did something, though not what it should.
        outcome = "went wrong" if any(effect.startswith("--forbid-output") for effect in missed) else "did nothing"
        title = f"{run.job} ended with {run.status} and {outcome}: {what}"
        return [Sighting("idle", subject, CRITICAL, title, evidence=evidence)]
    if missed:
        # The only declared effect that leaves a run `ok` is a time above the one declared.
        return [Sighting("too-slow", subject, WARNING, f"{run.job}: {'; '.join(missed)}", "declared", evidence)]
    return []


def _see_bounds(
    run: Run, detail: dict[str, object], subject: str, bounds_s: tuple[float, float] | None
) -> list[Sighting]:
    if bounds_s is None or run.duration_s is None or bounds_s[0] <= run.duration_s <= bounds_s[1]:
        return []
    is_fast = run.duration_s < bounds_s[0]
    bound = f"at least {format_duration(bounds_s[0])}" if is_fast else f"at most {format_duration(bounds_s[1])}"
    title = f"{run.job} took {format_duration(run.duration_s)}; the configuration says {bound}"
    return [
        Sighting("too-fast" if is_fast else "too-slow", subject, WARNING, title, "declared", _evidence(run, detail))
    ]


def _missed_effects(detail: dict[str, object]) -> list[str]:
    effects = detail.get("effects")
    if not isinstance(effects, list):
        return []
    return [
        f"{effect.get('text')}: {effect.get('why')}"
        for effect in effects
        if isinstance(effect, dict) and effect.get("held") is False
    ]


def _see_oddities(
    run: Run, judgement: Judgement, subject: str, detail: dict[str, object], *, is_declared: bool
) -> list[Sighting]:
    if is_declared:
        # The run is bad already; that it was short as well is no second trouble.
        return []
    groups: dict[str, list[Oddity]] = {}
    for oddity in judgement.oddities:
        groups.setdefault(oddity.type, []).append(oddity)
    # A run that printed nothing printed neither lines nor bytes: that is one trouble, with several signs.
    seen = [_see_odd(run, subject, detail, signs) for signs in groups.values()]
    if judgement.ask:
        seen.append(Sighting("unwatched", subject, INFO, f"{run.job}: {judgement.ask}", "effect"))
    return seen


def _see_odd(run: Run, subject: str, detail: dict[str, object], signs: list[Oddity]) -> Sighting:
    first = signs[0]
    evidence = {
        **_evidence(run, detail),
        "channel": first.channel,
        "value": first.value,
        "low": first.low,
        "high": first.high,
        "runs": first.runs,
    }
    quotes = [sign.quote for sign in signs if sign.quote]
    if quotes:
        evidence["quote"] = quotes[0]
    if len(signs) > 1:
        evidence["also"] = [sign.sentence for sign in signs[1:]]
    return Sighting(first.type, subject, first.severity, f"{run.job} {first.sentence}", evidence=evidence)


def _see_skipping(run: Run, detail: dict[str, object], skips: int) -> Sighting:
    holder = detail.get("holder")
    since = f" since {holder.get('since')}" if isinstance(holder, dict) and holder.get("since") else ""
    pid = f" (pid {holder.get('pid')})" if isinstance(holder, dict) and holder.get("pid") else ""
    title = f"{run.job} was skipped {skips} times in a row: another run{pid} goes on{since}"
    evidence = {"run": run.run, "skips": skips, "holder": holder}
    return Sighting("skipping", f"job:{run.job}", WARNING, title, evidence=evidence)


def _evidence(run: Run, detail: dict[str, object]) -> dict[str, object]:
    evidence: dict[str, object] = {"run": run.run, "status": run.status, "signal": run.signal}
    if run.duration_s is not None:
        evidence["duration_s"] = run.duration_s
    tail = detail.get("tail")
    if isinstance(tail, str) and tail:
        evidence["tail"] = tail[-SHOWN_TAIL:]
    return {key: value for key, value in evidence.items() if value is not None}


def _read_expectations(expected: dict[str, object], bounds_s: tuple[float, float] | None) -> Expectations:
    changes = expected.get("changes")
    stdout = isinstance(changes, list) and "stdout" in changes
    channels = frozenset({"duration"}) if expected.get("duration_s") or bounds_s else frozenset()
    return Expectations(stdout_changes=stdout, effect=bool(expected.get("effects")), channels=channels)


def _observe(run: Run, detail: dict[str, object]) -> Observation:
    counters, watched = detail.get("counters"), detail.get("watched")
    words, orphans = detail.get("error_words"), detail.get("orphans")
    left, background_s = detail.get("left_behind"), read_number(detail.get("background_s"))
    return Observation(
        state=run.state,
        # A job that leaves its work to the background lasts as long as that is seen to go on.
        duration_s=_known(run.duration_s if background_s is None else background_s),
        cpu_s=_known(run.cpu_s),
        stdout_lines=_known(run.stdout_lines),
        stdout_bytes=_known(run.stdout_bytes),
        stderr_lines=_known(run.stderr_lines),
        stderr_bytes=_known(run.stderr_bytes),
        blocks_out=_known(run.blocks_out),
        max_rss_bytes=_known(run.max_rss_bytes),
        written_bytes=_known(_written_beside_output(run, detail)),
        page_faults=_known(read_number(detail.get("page_faults"))),
        counters={key: number for key, value in counters.items() if (number := read_number(value)) is not None}
        if isinstance(counters, dict)
        else {},
        watched={
            path: (
                _known(read_number(seen.get("bytes"))),
                _known(read_number(seen.get("entries"))),
                str(seen.get("digest") or ""),
            )
            for path, seen in watched.items()
            if isinstance(seen, dict)
        }
        if isinstance(watched, dict)
        else {},
        output_sha256=str(detail.get("output_sha256") or ""),
        tail=str(detail.get("tail") or ""),
        error_words=tuple(str(line) for line in words) if isinstance(words, list) else (),
        left_behind=len(left) if isinstance(left, list) else 0,
        orphan_failed=isinstance(orphans, list)
        and any(isinstance(orphan, dict) and orphan.get("status") for orphan in orphans),
    )


def _written_beside_output(run: Run, detail: dict[str, object]) -> float | None:
    written = read_number(detail.get("written_bytes"))
    if written is None:
        return None
    return max(0.0, written - (run.stdout_bytes or 0) - (run.stderr_bytes or 0))


def _known(value: float | None) -> float:
    return -1.0 if value is None else float(value)
