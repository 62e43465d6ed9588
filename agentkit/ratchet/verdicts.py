"""Which verdicts were ever given, newest first, and what does each of them say?

The chain ends with a commit that has one parent, its candidate: what lies behind that is the history of the code.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from agentkit.core.lines import Record
from agentkit.core.repo.blobs import read_blobs
from agentkit.core.repo.repository import Repository
from agentkit.ratchet.verdict import STATUSES
from agentkit.ratchet.verdictlog import VERDICT_REF

RECORD_FILE = "verdict.json"
AT_ONCE = 200


@dataclass(frozen=True)
class Place:
    """Where a verdict stands: its own commit, the one before it ("" for the first), its candidate, and when (s)."""

    commit: str
    before: str
    candidate: str
    at: float


@dataclass(frozen=True)
class Filed:
    """A verdict as it was filed; `trouble` says why its record cannot be read, and is "" where it can."""

    place: Place
    record: Record
    trouble: str = ""

    def text(self, key: str) -> str:
        """Return a text of the record, "" where there is none."""
        value = self.record.get(key)
        return value if isinstance(value, str) else ""

    def texts(self, key: str) -> list[str]:
        """Return a list of texts of the record."""
        value = self.record.get(key)
        return [str(one) for one in value] if isinstance(value, list) else []

    def tables(self, key: str) -> list[dict[str, object]]:
        """Return a list of objects of the record."""
        value = self.record.get(key)
        return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def list_places(repository: Repository, most: int | None = None) -> list[Place]:
    """Return where the verdicts stand, the newest first; raises AgentkitError where the chain cannot be walked."""
    if repository.ask("rev-parse", "--verify", "--quiet", f"{VERDICT_REF}^{{commit}}").status != 0:
        return []
    words = ["log", "--first-parent", "--format=%H %ct %P"]
    if most is not None:
        words.append(f"--max-count={most}")
    places: list[Place] = []
    for row in repository.git(*words, "--end-of-options", VERDICT_REF).decode().splitlines():
        commit, at_s, *parents = row.split(" ")
        before = parents[0] if len(parents) > 1 else ""
        places.append(Place(commit, before, parents[-1] if parents else "", float(at_s)))
        if not before:
            break
    return places


def read_verdicts(repository: Repository, places: Sequence[Place]) -> list[Filed]:
    """Return the verdicts that stand there, in the same order."""
    filed: list[Filed] = []
    for first in range(0, len(places), AT_ONCE):
        block = places[first : first + AT_ONCE]
        blobs = read_blobs(repository, [f"{place.commit}:{RECORD_FILE}" for place in block])
        filed += [_read(place, blobs.get(f"{place.commit}:{RECORD_FILE}")) for place in block]
    return filed


def find_verdict(repository: Repository, commit: str, places: Sequence[Place] | None = None) -> Filed | None:
    """Return the newest verdict on a candidate, None where there is none."""
    places = list_places(repository) if places is None else places
    found = next((place for place in places if place.candidate == commit), None)
    return read_verdicts(repository, [found])[0] if found else None


def _read(place: Place, raw: bytes | None) -> Filed:
    if raw is None:
        return Filed(place, {}, f"it has no {RECORD_FILE}")
    try:
        record = json.loads(raw)
    except (ValueError, RecursionError) as error:
        return Filed(place, {}, f"{RECORD_FILE}: {error}")
    if not isinstance(record, dict) or record.get("kind") != "verdict" or record.get("answer") not in STATUSES:
        return Filed(place, {}, f"{RECORD_FILE} is no verdict")
    trouble = "" if record.get("candidate") == place.candidate else "it is filed with another candidate than it names"
    # Where it would stand was not known when it was written.
    return Filed(place, {**record, "evidence": f"{VERDICT_REF}@{place.commit}"}, trouble)
