"""What is sent to a provider over HTTP: where, with which headers and key, and how is JSON asked for?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from agentkit.think.providers import Prompt

DEMAND = "\n\nAnswer with nothing but one JSON object that fits this JSON Schema:\n"


@dataclass(frozen=True, slots=True)
class Key:
    """In which header a secret of the vault goes, and behind which word."""

    secret: str
    header: str
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """One POST; the key is put in by the process that sends it."""

    url: str
    body: bytes
    headers: Mapping[str, str]
    key: Key | None = None


def make_headers(**more: str) -> dict[str, str]:
    """Return the headers of a request; `more` are further ones, written with `_` for `-`."""
    return {
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "Connection": "close",
        "Content-Type": "application/json",
        "User-Agent": "agentkit",
        **{name.replace("_", "-"): value for name, value in more.items()},
    }


def encode(document: Mapping[str, object]) -> bytes:
    """Return the body of a request.

    Letters stay letters: `\\u00e4` would be six bytes of which a model makes one. A lone surrogate becomes `?`.
    """
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def demand_json(prompt: Prompt) -> str:
    """Return the system text, with the schema in it where there is one and the protocol does not enforce it."""
    if prompt.schema is None:
        return prompt.system
    return prompt.system + DEMAND + json.dumps(prompt.schema, ensure_ascii=False, separators=(",", ":"))
