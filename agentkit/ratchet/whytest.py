"""What is the history of one test: since when is it there, when did it pass, which verdicts name it, who changed it?"""

from __future__ import annotations

from dataclasses import dataclass

from agentkit.core.errors import AgentkitError
from agentkit.core.lines import Record
from agentkit.core.repo.blobs import read_blobs
from agentkit.core.repo.repository import Repository
from agentkit.core.times import format_instant
from agentkit.ratchet.outcomes import MISSING, escape_id, read_lines
from agentkit.ratchet.state import State, read_state
from agentkit.ratchet.testnames import suggest_names
from agentkit.ratchet.testsource import Revision, find_source, list_revisions
from agentkit.ratchet.verdicts import Filed, list_places, read_verdicts

AT_ONCE = 50
# Which list of a verdict names a test, and what it says of it there.
NAMED = ("regressed", "missing", "fixed", "new", "unstable")


@dataclass(frozen=True)
class Span:
    """A row of states in which a test ended in the same way; `missing` where the baseline does not have it."""

    outcome: str
    first: int
    last: int
    since: float
    accepted: str


@dataclass(frozen=True)
class Mention:
    """A verdict that names the test, and how."""

    verdict: Filed
    said: str


@dataclass(frozen=True)
class Past:
    """The history of a test: spans, mentions and revisions, each the newest first; `path` is where it stands now."""

    name: str
    spans: tuple[Span, ...]
    mentions: tuple[Mention, ...]
    path: str
    revisions: tuple[Revision, ...]

    def record(self, host: str, at: str) -> Record:
        """Return the record that travels (kind `test`)."""
        known = [span for span in self.spans if span.outcome != MISSING]
        return {
            "v": 1,
            "kind": "test",
            "at": at,
            "host": host,
            "id": self.name,
            "outcome": self.spans[0].outcome if self.spans else MISSING,
            "since": format_instant(known[-1].since) if known else None,
            "spans": [
                {
                    "outcome": span.outcome,
                    "first_state": span.first,
                    "last_state": span.last,
                    "since": format_instant(span.since),
                    "accepted": span.accepted,
                }
                for span in self.spans
            ],
            "verdicts": [
                {
                    "at": mention.verdict.record.get("at"),
                    "answer": mention.verdict.record.get("answer"),
                    "candidate": mention.verdict.place.candidate,
                    "said": mention.said,
                    "evidence": mention.verdict.record.get("evidence"),
                }
                for mention in self.mentions
            ],
            "path": self.path or None,
            "commits": [
                {"commit": one.commit, "at": format_instant(one.at), "author": one.author, "subject": one.subject}
                for one in self.revisions
            ],
        }


def find_past(repository: Repository, asked: str) -> Past:
    """Return the history of a test.

    Raises AgentkitError: unavailable naming the nearest ones where nothing knows it, and as `read_state` does.
    """
    states = _list_states(repository, read_state(repository))
    verdicts = read_verdicts(repository, list_places(repository))
    newest = _read_raw(repository, states[:1])[0]
    name = _choose_name(asked, newest, verdicts)
    spans = _find_spans(repository, states, name)
    mentions = [mention for one in verdicts for mention in _find_mention(one, name)]
    if not mentions and all(span.outcome == MISSING for span in spans):
        raise AgentkitError(f"no baseline and no verdict knows the test {asked!r}", hint=suggest_names(asked, newest))
    commit = states[0][1]
    source = find_source(repository, commit, name)
    revisions = list_revisions(repository, commit, source) if source else []
    return Past(name, tuple(spans), tuple(mentions), source.place if source else "", tuple(revisions))


def _list_states(repository: Repository, newest: State) -> list[tuple[str, str, float]]:
    """Return (commit, accepted commit, when) of each state, the newest first."""
    words = ("log", "--first-parent", f"--max-count={newest.number}", "--format=%H %ct %P", "--end-of-options")
    rows = [row.split(" ") for row in repository.git(*words, newest.commit).decode().splitlines()]
    return [(commit, parents[-1] if parents else "", float(at_s)) for commit, at_s, *parents in rows]


def _read_raw(repository: Repository, states: list[tuple[str, str, float]]) -> list[bytes]:
    blobs = read_blobs(repository, [f"{commit}:baseline" for commit, _, _ in states])
    return [blobs.get(f"{commit}:baseline", b"") for commit, _, _ in states]


def _choose_name(asked: str, newest: bytes, verdicts: list[Filed]) -> str:
    """Return the id that is meant: as it stands, as it is printed (escaped), as pytest names it, or by its end."""
    ways = [asked, *_unescape(asked), *_read_node(asked)]
    for name in ways:
        if _line_end(name) in b"\n" + newest or any(_find_mention(one, name) for one in verdicts):
            return name
    ends = [line for line in newest.split(b"\n") if line.endswith(f"::{escape_id(asked)}".encode())]
    if len(ends) == 1:
        return next(iter(read_lines(ends[0] + b"\n")))
    return asked


def _unescape(asked: str) -> list[str]:
    try:
        return list(read_lines(b"pass\t" + asked.encode("utf-8", "surrogateescape") + b"\n"))
    except AgentkitError:
        return []


def _read_node(asked: str) -> list[str]:
    """Return the id of what pytest calls `tests/test_a.py::TestX::test_b[1]`."""
    path, _, rest = asked.partition("::")
    if not path.endswith(".py") or not rest:
        return []
    bare, bracket, parameters = rest.partition("[")
    *classes, test = bare.split("::")
    return ["::".join((".".join([path[:-3].replace("/", "."), *classes]), test + bracket + parameters))]


def _line_end(name: str) -> bytes:
    return f"\t{escape_id(name)}\n".encode()


def _find_spans(repository: Repository, states: list[tuple[str, str, float]], name: str) -> list[Span]:
    spans: list[Span] = []
    end = _line_end(name)
    known: dict[bytes, str] = {}
    for first in range(0, len(states), AT_ONCE):
        block = states[first : first + AT_ONCE]
        for place, ((_, accepted, at), raw) in enumerate(zip(block, _read_raw(repository, block), strict=True)):
            outcome = known.setdefault(raw, "") or _find_outcome(raw, end)
            known[raw] = outcome
            number = len(states) - first - place
            if spans and spans[-1].outcome == outcome:
                spans[-1] = Span(outcome, number, spans[-1].last, at, accepted)
            else:
                spans.append(Span(outcome, number, number, at, accepted))
    return spans


def _find_outcome(raw: bytes, end: bytes) -> str:
    """Return what the line of a baseline says that ends so; nothing else of it is read."""
    place = raw.find(end)
    if place < 0:
        return MISSING
    return raw[raw.rfind(b"\n", 0, place) + 1 : place].decode("ascii", "replace")


def _find_mention(one: Filed, name: str) -> list[Mention]:
    for change in one.tables("regressed"):
        if change.get("id") == name:
            return [Mention(one, f"{change.get('was')} -> {change.get('now')}, {change.get('why')}")]
    return [Mention(one, key) for key in NAMED[1:] if name in one.texts(key)][:1]
