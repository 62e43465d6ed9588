"""What is there to know of one candidate: who proposed what and why, what it cost, and what the verdict says?"""

from __future__ import annotations

import json
import os
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence

from agentkit.core.asides import say_count, say_when
from agentkit.core.lines import Record, write_record
from agentkit.core.masking import mask_texts
from agentkit.core.screen import Cell, Column, Styled, print_block, print_fact, print_line, print_table
from agentkit.core.times import format_duration
from agentkit.evolve.candidate import DONE, REVERTED, SHOWN_ID, Candidate
from agentkit.evolve.judge import read_outputs
from agentkit.evolve.store import open_existing
from agentkit.evolve.telling import STYLES
from agentkit.evolve.underway import AT_WORK, OPEN_STYLES, OpenCandidate, find_underway
from agentkit.evolve.viewing import find_candidate, read_host, say_instant, say_usd

TITLE_WIDTH = 10
SHORT = 12
SHOWN_TESTS, SHOWN_OUTPUTS, SHOWN_FINDINGS = 20, 3, 5
LONGEST_TAIL, LONGEST_OUTPUT = 2000, 3000
TESTS = (Column("test", folds=True), Column("was"), Column("now"), Column("why", folds=True, rank=1))
Fact = tuple[str, Cell]


def print_candidate(environ: Mapping[str, str], name: str, *, as_json: bool) -> None:
    """Print one candidate whole, named by the first letters of its id or of its commit.

    Its record has what it was told and what its proposer and the failed tests said besides, with the values of the
    vault masked. Raises AgentkitError (unavailable) where there is none.
    """
    candidate, host = find_candidate(environ, name), read_host(environ)
    verdict = candidate.judgement or {}
    outputs = _find_outputs(environ, candidate)
    texts = [candidate.stdout, candidate.stderr, *(str(one.get("text", "")) for one in outputs)]
    stdout, stderr, *said = mask_texts(texts, environ)
    tests = [{"id": str(one.get("id")), "text": text} for one, text in zip(outputs, said, strict=True)]
    if as_json:
        write_record(
            {
                **candidate.record(host),
                "subject": candidate.subject,
                "attempts": candidate.attempts,
                "stdout": stdout,
                "stderr": stderr,
                "outputs": tests,
            }
        )
        return
    now = time.time()
    opened = _find_open(environ, candidate)
    if opened is None:
        print_fact((Styled(candidate.state, STYLES[candidate.state]),), candidate.reason)
    else:
        print_fact((Styled(opened.how, OPEN_STYLES[opened.how]),), opened.said)
    for title, cell in _describe(candidate, now):
        print_fact((" ", Styled(f"{title:<{TITLE_WIDTH}}", "dim")), cell)
    _draw_tests(verdict)
    for one in tests[:SHOWN_OUTPUTS]:
        _draw_block(one["id"], one["text"], LONGEST_OUTPUT)
    _draw_block("the end of what the proposer printed", stdout, LONGEST_TAIL)
    _draw_block("the end of what it printed on stderr", stderr, LONGEST_TAIL)
    print_line()
    for words in _list_next(candidate, opened):
        print_line(Styled(words, "dim"))


def _find_outputs(environ: Mapping[str, str], candidate: Candidate) -> Sequence[Record]:
    """Return what the tests said that it made fail, as the archive has it, or else the ratchet."""
    if candidate.outputs is not None:
        return _list_tables({"outputs": json.loads(candidate.outputs)}, "outputs")
    if not (candidate.judgement or {}).get("regressed"):
        return []
    return read_outputs(candidate.repository, environ, str(candidate.commit_id))


def _find_open(environ: Mapping[str, str], candidate: Candidate) -> OpenCandidate | None:
    if candidate.step == DONE:
        return None
    with open_existing(environ) as store:
        found = find_underway(store).candidates if store else ()
    return next((one for one in found if one.candidate.id == candidate.id), None)


def _describe(candidate: Candidate, now: float) -> Iterator[Fact]:
    yield "candidate", candidate.id
    yield "proposer", candidate.proposer
    yield from _say_why(candidate)
    if candidate.base:
        made = "" if candidate.parent is None else f", made by candidate {candidate.parent[:SHOWN_ID]}"
        yield "branch", f"{candidate.branch.removeprefix('refs/heads/')} of {candidate.repository}"
        yield "base", f"{candidate.base[:SHORT]}{made}"
    else:
        yield "repository", candidate.repository
    yield "commit", "none" if candidate.commit_id is None else candidate.commit_id[:SHORT]
    if candidate.forgotten_at is not None:
        yield "forgotten", f"{say_when(candidate.forgotten_at, now)}: its ref and what was printed are gone"
    elif candidate.commit_id is not None:
        yield "held by", candidate.ref
    yield "kept", _say_kept(candidate)
    if candidate.reverts is not None:
        yield "reverts", f"candidate {candidate.reverts[:SHOWN_ID]}"
    if candidate.batch is not None:
        yield "run", candidate.batch[:SHOWN_ID]
    yield "begun", f"{say_instant(candidate.at)} ({say_when(candidate.at, now)})"
    if candidate.ended_at is not None:
        yield "ended", f"{say_instant(candidate.ended_at)} ({say_when(candidate.ended_at, now)})"
    yield "took", _say_time(candidate)
    if candidate.cost_usd is not None:
        yield "cost", f"{say_usd(candidate.cost_usd)}, as the proposer says"
    if candidate.is_isolated is not None:
        yield (
            "isolated",
            "yes" if candidate.is_isolated else Styled("no: its proposer could see more than its copy", "warning"),
        )
    if candidate.allowed is not None:
        yield "allowed", f"protected paths, because: {candidate.allowed}"
    yield from _say_verdict(candidate.judgement or {})


def _say_why(candidate: Candidate) -> Iterator[Fact]:
    for index, row in enumerate(row for row in candidate.subject.splitlines() if row.strip()):
        yield "asked for" if not index else "", row.strip()
    decision = _read_decision(candidate)
    if decision.get("rationale"):
        yield "because", str(decision["rationale"])
    if candidate.decision is not None:
        yield "decision", candidate.decision
    findings = [str(one) for one in json.loads(candidate.findings)]
    if findings:
        more = f" and {len(findings) - SHOWN_FINDINGS} more" if len(findings) > SHOWN_FINDINGS else ""
        yield "findings", f"{', '.join(one[:SHORT] for one in findings[:SHOWN_FINDINGS])}{more}"


def _read_decision(candidate: Candidate) -> Record:
    try:
        told = json.loads(candidate.request or "{}")
    except (ValueError, RecursionError):
        return {}
    decision = told.get("decision") if isinstance(told, dict) else None
    return decision if isinstance(decision, dict) else {}


def _say_kept(candidate: Candidate) -> str:
    if candidate.kept:
        return "yes, the branch has it"
    return "no more: it was taken back" if candidate.state == REVERTED else "no"


def _say_time(candidate: Candidate) -> str:
    verdict = candidate.judgement or {}
    # That of a twin is the verdict on another one, which took that time.
    runs = _list_tables(verdict, "runs") if verdict.get("candidate") == candidate.commit_id else []
    spent = sum(float(str(run["duration_s"])) for run in runs if isinstance(run.get("duration_s"), (int, float)))
    parts = [format_duration(candidate.duration_s)]
    if runs:
        parts.append(f"{format_duration(spent)} of it in {say_count(len(runs), 'run')} of the tests")
    if candidate.attempts > 1:
        parts.append(f"judged in {candidate.attempts} attempts")
    return ", ".join(parts)


def _say_verdict(verdict: Mapping[str, object]) -> Iterator[Fact]:
    if not verdict:
        return
    yield "verdict", f"{verdict.get('answer')} on {verdict.get('host')}"
    if verdict.get("mechanism"):
        yield "mechanism", str(verdict["mechanism"])
    for metric in _list_tables(verdict, "metrics"):
        told = f"{metric.get('name')}: best {metric.get('best')}, now {metric.get('now')}"
        yield "metric", Styled(f"{told}, {metric.get('why')}", "warning") if metric.get("worse") else told


def _draw_tests(verdict: Mapping[str, object]) -> None:
    changes = _list_tables(verdict, "regressed")
    if not changes:
        return
    print_line()
    print_table(
        TESTS, [[str(one.get(key, "")) for key in ("id", "was", "now", "why")] for one in changes[:SHOWN_TESTS]]
    )
    if len(changes) > SHOWN_TESTS:
        print_line(Styled(f"and {len(changes) - SHOWN_TESTS} more, which --json has", "dim"))


def _draw_block(title: str, text: str, most: int) -> None:
    if text.strip():
        print_line()
        print_line(Styled(f"-- {title}", "heading"))
        print_block(text[-most:])


def _list_next(candidate: Candidate, opened: OpenCandidate | None) -> Iterator[str]:
    short = candidate.id[:SHOWN_ID]
    if opened is not None and opened.how != AT_WORK:
        yield "agentkit evolve resume"
    if candidate.commit_id is not None:
        yield f"agentkit evolve diff {short}"
    if candidate.verdict is not None:
        # The ratchet looks at the repository that it is called in.
        is_inside = f"{os.getcwd()}/".startswith(f"{candidate.repository}/")
        there = "" if is_inside else f"cd {shlex.quote(candidate.repository)} && "
        yield f"{there}agentkit ratchet show {str(candidate.commit_id)[:SHORT]}"
    if candidate.kept:
        yield f"agentkit evolve revert {short}"


def _list_tables(record: Mapping[str, object], key: str) -> Sequence[Record]:
    rows = record.get(key)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
