"""Which decisions of `think` ask for a change, and what else did an input hold?

A decision is what a model said, on its way through programs of others: each field is looked at before it is believed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.jsonlines import LONGEST_LINE_BYTES, is_deeper, parse_object, split_lines
from agentkit.core.lines import Record

KIND, ACTION = "decision", "propose"
# Forty times what a model may say; what is longer was not written by one.
LONGEST_BYTES = 1024 * 1024
LONGEST_ID = 200
DEEPEST = 100


@dataclass(frozen=True)
class Proposed:
    """A decision that asks for a change: its id, the change in words, fingerprints, and the whole record."""

    id: str
    words: str
    findings: tuple[str, ...]
    record: Record


@dataclass
class Input:
    """What was read: each line as it came with what it asks for, None where that is nothing; `faults` counts others."""

    lines: list[tuple[bytes, Proposed | None]] = field(default_factory=list)
    count: int = 0
    faults: int = 0

    @property
    def proposals(self) -> list[Proposed]:
        """Return what is asked for, in order; of a decision that was told twice, what it said first."""
        found: dict[str, Proposed] = {}
        for _, asked in self.lines:
            if asked is not None:
                found.setdefault(asked.id, asked)
        return list(found.values())

    def pass_on(self, *, with_proposals: bool) -> None:
        """Write the lines to stdout as they came: all of them, or those that ask for nothing."""
        out = sys.stdout.buffer
        for line, asked in self.lines:
            if asked is None or with_proposals:
                out.write(line if line.endswith(b"\n") else line + b"\n")
        out.flush()


def read_decisions(complain: Callable[[str], None]) -> Input:
    """Return what stdin holds; a line that is of no use goes to `complain` with its number, and is left out.

    Raises AgentkitError: usage where stdin is a terminal, bad data where it cannot be read.
    """
    if sys.stdin.isatty():
        raise AgentkitError(
            "decisions are expected on stdin, and it is a terminal",
            hint="agentkit think wake --json | agentkit evolve try, or --propose, --patch, --rev",
            status=Exit.USAGE,
        )
    found = Input()
    try:
        _read(sys.stdin.buffer, found, complain)
    except OSError as error:
        raise AgentkitError(f"stdin: cannot be read: {error.strerror}", status=Exit.BAD_DATA) from error
    return found


def _read(stream: IO[bytes], found: Input, complain: Callable[[str], None]) -> None:
    for line in split_lines(stream):
        found.count += 1
        if line is not None and not line.strip():
            continue
        try:
            asked = _look_at(line)
        except ValueError as error:
            found.faults += 1
            complain(f"stdin: line {found.count} {error}")
        else:
            found.lines.append((line or b"", asked))


def _look_at(line: bytes | None) -> Proposed | None:
    """Return what a line asks for; raises ValueError, which says what is wrong with it."""
    if line is None:
        raise ValueError(f"is longer than {LONGEST_LINE_BYTES} bytes")
    record = parse_object(line)
    if record is None:
        raise ValueError("is no JSON object")
    if record.get("kind") == KIND and record.get("action") is None:
        raise ValueError("is no decision: action is missing")
    if record.get("kind") != KIND or record.get("action") != ACTION:
        return None
    if len(line) > LONGEST_BYTES:
        raise ValueError(f"is no decision: it is longer than {LONGEST_BYTES} bytes")
    if is_deeper(record, DEEPEST):
        raise ValueError(f"is no decision: it is nested more than {DEEPEST} deep")
    name, words, findings = record.get("id"), record.get("proposal"), record.get("findings", [])
    # It becomes a line of a commit's message.
    if not isinstance(name, str) or not name.strip() or not name.isprintable() or len(name) > LONGEST_ID:
        raise ValueError(f"is no decision: id is {_show(name)}; expected text")
    if not isinstance(words, str) or not words.strip():
        raise ValueError(f"is no decision: proposal is {_show(words)}; expected what is to be changed, in words")
    if not isinstance(findings, list) or not all(isinstance(one, str) for one in findings):
        raise ValueError(f"is no decision: findings is {_show(findings)}; expected a list of fingerprints")
    record = _make_whole(record)
    return Proposed(name, _clean(words), tuple(map(_clean, findings)), record)


def _make_whole(record: Record) -> Record:
    """Return a record without halves of letters, which can be written in JSON and nowhere else."""
    try:
        text = json.dumps(record, ensure_ascii=False, allow_nan=False)
    except ValueError:
        raise ValueError("is no decision: a number in it is too large") from None
    return dict(json.loads(text.encode("utf-8", "replace")))


def _clean(text: str) -> str:
    # git takes no NUL in a message, and a terminal obeys escape sequences.
    return "".join(letter if letter.isprintable() or letter in "\n\t" else " " for letter in text)


def _show(value: object) -> str:
    return "missing" if value is None else repr(value)[:60]
