"""What is said of a check that is not well: a finding of which type, in which words, and how did it come to that?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from agentkit.core import tree
from agentkit.core.lines import CRITICAL, INFO, WARNING, Finding
from agentkit.core.times import format_duration, format_instant
from agentkit.depmap.probing.asked import Check, shorten
from agentkit.depmap.probing.blame import Blame, Cause
from agentkit.depmap.probing.memory import SOURCE, Stuck
from agentkit.depmap.probing.network import Network, Web
from agentkit.depmap.probing.rounds import FAILED, HANG, NOT_RUN, OK, UNKILLABLE, Answer

BLOCKED, NO_LIMIT, UNSTEADY = "blocked", "no-limit", "unsteady"
# Whoever has more roots than this has another trouble than not to know what falls with each.
ROOTS_WITH_IMPACT = 100
MOST_FALLEN = 1000
MOST_ROOTS = 20
ORDER = (UNKILLABLE, HANG, FAILED, NOT_RUN, BLOCKED, UNSTEADY, NO_LIMIT)
VERBS = {UNKILLABLE: "hangs", HANG: "hangs", FAILED: "fails"}


@dataclass(frozen=True, slots=True)
class Probed:
    """All that a probe found out; `nodes` are those of the checks, `places` the same as numbers of the web."""

    checks: Sequence[Check]
    nodes: Sequence[int]
    places: Sequence[int]
    web: Web
    answers: Mapping[int, Answer]
    stuck: Mapping[int, Stuck]
    blame: Blame
    said: Mapping[int, str]
    host: str
    now: float


def make_findings(probed: Probed, network: Network) -> list[Finding]:
    """Return a finding for each check that is not well, and for what is worth knowing; the roots first."""
    nodes = dict(zip(probed.places, probed.nodes, strict=True))
    fallen = {
        root: network.find_fallen(nodes[root], MOST_FALLEN) for root in islice(probed.blame.roots, ROOTS_WITH_IMPACT)
    }
    findings = [one for check in range(len(probed.checks)) for one in _judge(probed, check, fallen)]
    return sorted(findings, key=lambda one: (ORDER.index(one.type), one.subject, one.key))


def find_state(probed: Probed, check: int) -> str:
    """Return what is to be said of a check: the state of its answer, else why there is none."""
    answer = probed.answers.get(check)
    if answer is not None:
        return answer.state
    return BLOCKED if probed.blame.is_concerned(probed.places[check]) else NOT_RUN


def _judge(probed: Probed, number: int, fallen: Mapping[int, tuple[list[str], int]]) -> list[Finding]:
    check, answer, place = probed.checks[number], probed.answers.get(number), probed.places[number]
    state, found = find_state(probed, number), []
    limit = {"limit_s": check.limit_s}
    if not check.has_limit:
        title = f"its check names no limit, and gets {format_duration(check.limit_s)}: {check.shown()}"
        found.append(_make(probed, check, NO_LIMIT, INFO, title=title, evidence=limit))
    cause = probed.blame.find_cause(place) if probed.blame.is_concerned(place) else None
    if state == OK:
        if answer is not None and answer.was_asked_again:
            title = f"its check was not well, and was when it was asked again: {check.shown()}"
            found.append(_make(probed, check, UNSTEADY, INFO, title=title, evidence={}))
    elif state == BLOCKED:
        assert cause is not None
        found.append(
            _make(probed, check, BLOCKED, WARNING, title=_say_blocked(probed, cause), evidence={}, cause=cause)
        )
    elif state == NOT_RUN:
        title = f"no answer: {_say_not_run(answer)}: {check.shown()}"
        found.append(_make(probed, check, NOT_RUN, WARNING, title=title, evidence=limit))
    else:
        assert answer is not None
        stuck = probed.stuck.get(number)
        title = _say_stuck(check, stuck) if stuck else _say_answer(check, answer, probed.said.get(number, ""))
        evidence = {**limit, **_describe(answer, stuck), "said": probed.said.get(number, "")}
        found.append(
            _make(probed, check, state, CRITICAL, title=title, evidence=evidence, cause=cause, fallen=fallen.get(place))
        )
    return found


def _make(
    probed: Probed,
    check: Check,
    type_: str,
    severity: str,
    *,
    title: str,
    evidence: Mapping[str, object],
    cause: Cause | None = None,
    fallen: tuple[list[str], int] | None = None,
) -> Finding:
    names = probed.web.names
    told: dict[str, object] | None = None
    more: dict[str, object] = {}
    if cause is not None:
        told = {"root": names[cause.root], "via": [names[node] for node in cause.via]}
        if cause.between > len(cause.via):
            told["via_count"] = cause.between
        if cause.others:
            told["others"] = [names[node] for node in cause.others[:MOST_ROOTS]]
        more = {"root": names[cause.root], "confidence": cause.confidence}
    count = fallen[1] if fallen else 0
    return Finding(
        source=SOURCE,
        type=type_,
        subject=check.node,
        severity=severity,
        title=title,
        host=probed.host,
        at=probed.now,
        key=check.key,
        evidence={"command": check.shown(), "file": check.file, **evidence, **more},
        cause=told,
        impact=tuple(fallen[0]) if fallen else None,
        extra={"impact_count": count} if fallen and count > len(fallen[0]) else {},
    )


def _say_blocked(probed: Probed, cause: Cause) -> str:
    names = probed.web.names
    more = f", and by {len(cause.others)} more" if cause.others else ""
    return f"blocked by {names[cause.root]}, which {VERBS[probed.blame.roots[cause.root]]}{more}"


def _say_not_run(answer: Answer | None) -> str:
    if answer is None or answer.ended is None:
        return "the limit over all came before its turn or its own"
    return f"it could not be started ({answer.ended.trouble.rpartition(': ')[2]})"


def _say_answer(check: Check, answer: Answer, said: str) -> str:
    ended = answer.ended
    assert ended is not None
    limit = format_duration(check.limit_s)
    if answer.state == HANG:
        busy = ", on a machine too busy to run it" if ended.was_starved else ""
        return f"no answer within {limit}{busy}: {check.shown()}"
    if answer.state == UNKILLABLE:
        pids = ", ".join(f"pid {pid} waits in {where or 'the kernel'}" for pid, where in ended.unkillable)
        return f"no answer within {limit}, and it cannot be killed ({pids}): {check.shown()}"
    if ended.outcome == "not-started":
        name, _, why = ended.trouble.rpartition(": ")
        return f"its check cannot be run: {shorten(name)}: {why}"
    how = f"was ended by signal {ended.signal}" if ended.signal else f"ended with {ended.status}"
    return f"{check.shown()} {how}{f': {said}' if said else ''}"


def _say_stuck(check: Check, stuck: Stuck) -> str:
    pids = ", ".join(f"pid {pid}" for pid, _ in stuck.processes)
    return f"not asked again: {pids} of its last check cannot be killed and is there yet: {check.shown()}"


def _describe(answer: Answer, stuck: Stuck | None) -> dict[str, object]:
    if stuck:
        processes = [{"pid": pid, "waits_in": tree.wait_channel(pid)} for pid, _ in stuck.processes]
        return {"processes": processes, "since": format_instant(stuck.since)}
    ended = answer.ended
    assert ended is not None
    described: dict[str, object] = {
        "status": ended.status,
        "duration_s": round(ended.duration.total_seconds(), 3),
    }
    if ended.waits_in:
        described["waits_in"] = ended.waits_in
    if ended.was_starved:
        described["was_starved"] = True
    if ended.unkillable:
        described["processes"] = [{"pid": pid, "waits_in": where} for pid, where in ended.unkillable]
    return described
