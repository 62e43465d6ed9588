"""Checks whose things are well or not by what stands in a file, and what a probe of them finds."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import jsonschema

from agentkit.core.schemas import read_schema

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Record = dict[str, object]


@dataclass(frozen=True)
class Found:
    """What a probe printed with --json: its findings by subject, in their order, and its last record."""

    status: int
    findings: list[Record]
    record: Record
    stderr: str
    by_subject: Mapping[str, Record] = field(default_factory=dict)

    def types(self) -> dict[str, str]:
        """Return {subject: type} of what is not well now."""
        return {str(one["subject"]): str(one["type"]) for one in self.findings if one["severity"] != "info"}


def check(node: str, *run: str, limit: str | None = "60s") -> Record:
    """Return a table of a check."""
    return {"node": node, "run": list(run), **({} if limit is None else {"limit": limit})}


def declare(*pairs: tuple[str, str]) -> dict[str, object]:
    """Return the tables that declare who depends on what."""
    return {"declare": [{"from": source, "to": target} for source, target in pairs]}


def write_checks(file: Path, checks: Iterable[Record], pairs: Sequence[tuple[str, str]] = ()) -> Path:
    """Write a file of checks, as JSON, and return it."""
    file.write_text(json.dumps({"check": list(checks), "depmap": declare(*pairs)}))
    file.chmod(0o600)
    return file


def probe(agentkit: Run, file: Path, *words: str, **more: object) -> Found:
    """Probe the checks of a file; every record that comes fits its schema."""
    answer = agentkit("depmap", "probe", "--json", "--checks", str(file), *words, **more)
    return read_found(answer)


def read_found(answer: subprocess.CompletedProcess[str]) -> Found:
    """Return what a probe printed."""
    records = [json.loads(line) for line in answer.stdout.splitlines()]
    for record in records:
        jsonschema.validate(record, read_schema(record["kind"]))
    assert records, answer.stderr
    firing = [record for record in records[:-1] if record["state"] == "firing"]
    by_subject = {record["subject"]: record for record in records[:-1]}
    return Found(answer.returncode, firing, records[-1], answer.stderr, by_subject)
