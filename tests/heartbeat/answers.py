"""What the verbs answer, as tests read it."""

import json
import subprocess
from collections.abc import Callable

import jsonschema

from agentkit.core.schemas import read_schema

Verb = Callable[..., "subprocess.CompletedProcess[str]"]


def read_records(text: str, kind: str) -> list[dict[str, object]]:
    """Return the records of an answer, each held against its schema."""
    records = [json.loads(line) for line in text.splitlines()]
    for record in records:
        jsonschema.validate(record, read_schema(kind))
    return records
