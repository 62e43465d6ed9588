"""What is known of one run, from its first attempt to the last line that it printed?"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping

from agentkit.core.asides import say_count
from agentkit.core.evidence import Run, read_number
from agentkit.core.ledger.findings import find_firing, find_resolved_since
from agentkit.core.ledger.runs import find_run
from agentkit.core.lines import Record, write_record
from agentkit.core.masking import mask_records
from agentkit.core.screen import Styled, find_look, print_block, print_line
from agentkit.heartbeat.history import say_end, say_marks, to_record
from agentkit.heartbeat.viewing import open_evidence, read_settings
from agentkit.heartbeat.wording import say_distance, say_duration, say_instant, say_size

Facts = list[tuple[str, str]]


def print_run(environ: Mapping[str, str], text: str, *, now: float, as_json: bool) -> None:
    """Print every attempt of the run whose id begins with the text: as a page, or as `beat` records.

    Raises AgentkitError: unavailable when no run does, usage when several do.
    """
    configuration = read_settings(environ)
    with open_evidence(environ, configuration, now) as ledger:
        attempts = find_run(ledger, text)
        findings = [
            finding
            for finding in [*find_firing(ledger), *find_resolved_since(ledger, attempts[0].started_at or 0.0)]
            if finding.evidence().get("run") == attempts[0].run
        ]
        if as_json:
            for record in mask_records([to_record(run) for run in attempts], environ):
                write_record(record)
            return
        details = mask_records([run.detail() for run in attempts], environ)
        for position, (run, detail) in enumerate(zip(attempts, details, strict=True)):
            if position:
                print_line()
            _print_attempt(run, detail, now, is_local=find_look(sys.stdout, environ).width is not None)
        for finding in findings:
            print_line(Styled(finding.severity, finding.severity), f"{finding.type}, {finding.state}: {finding.title}")


def _print_attempt(run: Run, detail: Record, now: float, *, is_local: bool) -> None:
    attempt = f"attempt {run.attempt}" if run.attempt > 1 else ""
    state = "running" if run.state == "started" else run.state
    print_line(Styled(run.job, "heading"), run.run, attempt, Styled(state, run.state))
    for name, value in [
        *_list_times(run, now, is_local=is_local),
        *_list_end(run, detail),
        *_list_measured(run, detail),
    ]:
        print_line(f"  {name:<13}", value)
    for name, lines in _list_groups(detail):
        print_line(f"  {name}")
        for line in lines:
            print_line("   ", line)
    tail = detail.get("tail")
    if isinstance(tail, str) and tail:
        print_line("  output, its end")
        print_block("".join(f"  | {line}\n" for line in tail.rstrip("\n").split("\n")))


def _list_times(run: Run, now: float, *, is_local: bool) -> Facts:
    facts = []
    for name, instant in (("started", run.started_at), ("ended", run.ended_at)):
        if instant is not None:
            facts.append((name, f"{say_instant(instant, is_local=is_local)} ({say_distance(instant, now)})"))
    if run.duration_s is not None:
        limit = "" if run.timeout_s is None else f" of at most {say_duration(run.timeout_s)}"
        facts.append(("took", f"{say_duration(run.duration_s)}{limit}"))
    return facts


def _list_end(run: Run, detail: Mapping[str, object]) -> Facts:
    facts = [("status", say_end(run))] if run.status is not None or run.signal else []
    facts += [(name, str(detail[key])) for name, key in (("why", "why"), ("trouble", "trouble")) if detail.get(key)]
    holder = detail.get("holder")
    if isinstance(holder, dict):
        words = (f"{key} {holder[key]}" for key in ("pid", "run", "since", "program") if holder.get(key))
        facts.append(("skipped for", ", ".join(words)))
    if detail.get("retry_after_s") is not None:
        facts.append(("tried again", f"after {detail['retry_after_s']}s"))
    facts += [(name, str(detail[name])) for name in ("program", "cwd") if detail.get(name)]
    process = f"{run.pid}" if run.pid is not None else ""
    facts.append(("host", f"{run.host}, wrapper {process}" if process else run.host))
    return facts


def _list_measured(run: Run, detail: Mapping[str, object]) -> Facts:
    facts = []
    if run.cpu_s is not None:
        facts.append(("cpu", say_duration(run.cpu_s)))
    if run.max_rss_bytes is not None:
        facts.append(("memory", say_size(run.max_rss_bytes)))
    if run.blocks_in is not None and run.blocks_out is not None:
        facts.append(("disk", f"{say_count(run.blocks_in, 'block')} read, {run.blocks_out} written (512 bytes each)"))
    written, faults = read_number(detail.get("written_bytes")), read_number(detail.get("page_faults"))
    if written is not None:
        facts.append(("written", f"{say_size(written)}, pipes included"))
    if faults is not None:
        facts.append(("page faults", f"{faults:.0f}"))
    streams = (("stdout", run.stdout_lines, run.stdout_bytes), ("stderr", run.stderr_lines, run.stderr_bytes))
    for name, lines, size in streams:
        if lines is not None and size is not None:
            facts.append((name, f"{say_count(lines, 'line')}, {say_size(size)}"))
    marks = say_marks(run)
    return [*facts, ("marks", marks)] if marks else facts


def _list_groups(detail: Mapping[str, object]) -> Iterable[tuple[str, list[str]]]:
    """Yield what a run says in lists, each with its heading; what has another shape is left out."""
    effects = [
        f"{'held' if effect.get('held') else 'missed'}  {effect.get('text')}"
        + (f": {effect['why']}" if effect.get("why") else "")
        for effect in _list_objects(detail.get("effects"))
    ]
    watched = detail.get("watched")
    paths = watched.items() if isinstance(watched, dict) else ()
    seen = [
        f"{path}: {say_size(read_number(found.get('bytes')) or 0)}, {found.get('entries') or 0} inside"
        for path, found in paths
        if isinstance(found, dict)
    ]
    left = [f"pid {child.get('pid')}  {child.get('argv0')}" for child in _list_objects(detail.get("left_behind"))]
    orphans = [
        f"pid {child.get('pid')}  ended with {child.get('status')}" for child in _list_objects(detail.get("orphans"))
    ]
    words = detail.get("error_words")
    groups = (
        ("declared effects", effects),
        ("watched paths", seen),
        ("left running", left),
        ("children that outlived it", orphans),
        ("error words", [str(line) for line in words] if isinstance(words, list) else []),
    )
    return ((name, lines) for name, lines in groups if lines)


def _list_objects(value: object) -> list[dict[str, object]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
