"""What may be shown of what a job or a check printed, when a vault knows values that must not be seen?

What jobs print stays in the ledger as it came. Whatever shows it, to a person, a program or a mail, asks
`agentkit vault redact` first, as a process: no command imports another one. Without a vault nothing is asked.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta

from agentkit.core.lines import Record
from agentkit.core.ourselves import call_ourselves
from agentkit.core.paths import state_folder
from agentkit.core.process import run_program
from agentkit.core.program import Program

LIMIT = timedelta(seconds=20)
MOST_BYTES = 64 * 1024 * 1024
# Under these names stands what a job printed.
PRINTED = frozenset(("tail", "error_words", "also", "quote", "note"))


def mask_records(records: Iterable[Record], environ: Mapping[str, str]) -> list[Record]:
    """Return the records with each value of the vault masked in what jobs printed.

    Where the vault does not answer, what would have to be masked is left out, and its place says why.
    """
    known = list(records)
    texts = list(dict.fromkeys(text for record in known for text in _iterate_printed(record)))
    masked = mask_texts(texts, environ)
    return known if masked == texts else [_replace(record, dict(zip(texts, masked, strict=True))) for record in known]


def mask_texts(texts: list[str], environ: Mapping[str, str]) -> list[str]:
    """Return the texts with each value of the vault masked; as `mask_records` where the vault does not answer."""
    if not texts or not os.path.lexists(f"{state_folder(environ)}/vault"):
        return texts
    return _ask(texts, environ)


def _ask(texts: list[str], environ: Mapping[str, str]) -> list[str]:
    lines = "".join(json.dumps(text) + "\n" for text in texts).encode()
    program = Program(
        call_ourselves("vault", "redact", "--quiet"),
        limit=LIMIT, stdin=lines, keep_bytes=MOST_BYTES, environment=environ,
    )  # fmt: skip
    ended = run_program(program)
    if ended.status == 0:
        try:
            masked = [json.loads(line) for line in ended.stdout.splitlines()]
        except ValueError:
            masked = []
        if len(masked) == len(texts):
            return masked
    return [f"[left out: agentkit vault redact ended with {ended.status}]"] * len(texts)


def _iterate_printed(value: object, *, is_printed: bool = False) -> Iterator[str]:
    """Yield each text that a job printed, wherever it stands in a record."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from _iterate_printed(one, is_printed=is_printed or key in PRINTED)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _iterate_printed(one, is_printed=is_printed)
    elif isinstance(value, str) and is_printed:
        yield value


def _replace(record: Mapping[str, object], masked: Mapping[str, str]) -> Record:
    return {key: _replace_value(value, masked, is_printed=key in PRINTED) for key, value in record.items()}


def _replace_value(value: object, masked: Mapping[str, str], *, is_printed: bool) -> object:
    if isinstance(value, Mapping):
        return {key: _replace_value(one, masked, is_printed=is_printed or key in PRINTED) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_replace_value(one, masked, is_printed=is_printed) for one in value]
    return masked[value] if isinstance(value, str) and is_printed else value
