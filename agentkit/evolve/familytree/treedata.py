"""What does the page know of each candidate: no more than `log --json` tells, and as little JSON as it needs?

Only the columns that are told are read, so that nothing that a proposer printed can come into the page.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agentkit.core.lines import Record
from agentkit.core.masking import mask_texts
from agentkit.core.statefile import Store
from agentkit.core.webpage.composing import show

# The newest; what is older is counted.
MOST = 5000
LONGEST_TEXT = 2000
SHOWN_TESTS = 20
COLUMNS = ("id", "at", "ended_at", "repository", "branch", "base", "parent", "commit_id", "proposer", "state", "step",
           "kept", "reason", "cost_usd", "duration_s", "is_isolated", "decision", "findings", "batch", "reverts",
           "verdict")  # fmt: skip
NEWEST = f"""
SELECT * FROM (SELECT {", ".join(COLUMNS)} FROM candidates ORDER BY id DESC LIMIT ?) ORDER BY id"""  # noqa: S608  # names
# Written by programs and their tests: what the vault knows is masked in them.
SPOKEN = ("reason", "proposer")
LISTS = ("fixed", "new", "missing", "unstable")


@dataclass(frozen=True)
class Tree:
    """Candidates as the page gets them, the oldest first, the metrics that they are measured by, how many are older."""

    candidates: list[Record]
    metrics: list[tuple[str, str, str]]
    older: int


def read_tree(store: Store | None, environ: Mapping[str, str]) -> Tree:
    """Return what the archive tells; of no archive that is nothing.

    A candidate has `repository`, `branch`, `proposer` as texts, instants in seconds since the epoch, and no field that
    says nothing. `tests` is {regressed, fixed, …: [how many, the first of them]}; `metrics` is a list of
    [place in `Tree.metrics`, now, best, whether it is worse].
    """
    if store is None:
        return Tree([], [], 0)
    metrics: dict[tuple[str, str, str], int] = {}
    found = [_tell(dict(zip(COLUMNS, row, strict=True)), metrics) for row in store.execute(NEWEST, (MOST,))]
    count = store.first("SELECT count(*) FROM candidates")
    assert count is not None
    _mask(found, environ)
    return Tree(found, list(metrics), int(str(count[0])) - len(found))


def _tell(row: Mapping[str, object], metrics: dict[tuple[str, str, str], int]) -> Record:
    told: Record = {name: row[name] for name in ("id", "base", "parent", "state", "decision", "batch", "reverts")}
    told["commit"] = row["commit_id"]
    told |= {name: _cut(str(row[name])) for name in ("repository", "branch", *SPOKEN)}
    told |= {"at": _number(row["at"]), "ended": _number(row["ended_at"])}
    told |= {"cost": _number(row["cost_usd"]), "duration": _number(row["duration_s"])}
    told["kept"] = bool(row["kept"]) or None
    told["open"] = row["step"] if row["step"] != "done" else None
    told["isolated"] = None if row["is_isolated"] is None else bool(row["is_isolated"])
    told["findings"] = json.loads(str(row["findings"] or "[]"))
    if row["verdict"] is not None:
        verdict = json.loads(str(row["verdict"]))
        told["mechanism"] = verdict.get("mechanism")
        told["tests"] = dict(_tell_tests(verdict)) or None
        told["metrics"] = list(_tell_metrics(verdict, metrics))
    return {name: value for name, value in told.items() if value is not None and value != []}


def _tell_tests(verdict: Mapping[str, object]) -> Iterator[tuple[str, list[object]]]:
    worse = verdict.get("regressed")
    if isinstance(worse, list) and worse:
        rows = [[_cut(str(one.get(name, ""))) for name in ("id", "was", "now", "why")] for one in worse[:SHOWN_TESTS]]
        yield "regressed", [len(worse), rows]
    for name in LISTS:
        tests = verdict.get(name)
        if isinstance(tests, list) and tests:
            yield name, [len(tests), [_cut(str(one)) for one in tests[:SHOWN_TESTS]]]


def _tell_metrics(verdict: Mapping[str, object], metrics: dict[tuple[str, str, str], int]) -> Iterator[list[object]]:
    rows = verdict.get("metrics")
    for row in rows if isinstance(rows, list) else []:
        name = (_cut(str(row["name"])), _cut(str(row.get("unit", ""))), str(row.get("direction", "lower")))
        spot = metrics.setdefault(name, len(metrics))
        yield [spot, _number(row.get("now")), _number(row.get("best")), bool(row.get("worse"))]


def _mask(found: list[Record], environ: Mapping[str, str]) -> None:
    """Replace what programs said by what may be seen of it."""
    texts = list(dict.fromkeys(str(one[name]) for one in found for name in SPOKEN if name in one))
    whys = (row[3] for one in found for row in _regressed(one))
    texts = list(dict.fromkeys((*texts, *whys)))
    masked = mask_texts(texts, environ)
    if masked == texts:
        return
    known = dict(zip(texts, masked, strict=True))
    for one in found:
        one |= {name: known[str(one[name])] for name in SPOKEN if name in one}
        for row in _regressed(one):
            row[3] = known[row[3]]


def _regressed(candidate: Record) -> list[list[str]]:
    tests = candidate.get("tests")
    return list(tests["regressed"][1]) if isinstance(tests, dict) and "regressed" in tests else []


def _number(value: object) -> float | None:
    """Return a number that JSON can tell; no browser reads NaN and Infinity."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
        return None
    return round(value, 6) if isinstance(value, float) else value


def _cut(text: str) -> str:
    return show(text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}\u2026")
