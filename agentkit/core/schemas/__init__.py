"""Which kinds of records travel, and what does each of them look like (JSON Schema 2020-12)?

The files beside this module are the contract. Each is strict about the keys that it knows and open for others.
"""

import os

from agentkit.core.errors import AgentkitError, Exit

FOLDER = os.path.dirname(os.path.abspath(__file__))
# What all records share.
ENVELOPE = "common"


def list_kinds() -> list[str]:
    """Return the names that `read_schema` knows, in alphabetical order."""
    return sorted(name.removesuffix(".json") for name in os.listdir(FOLDER) if name.endswith(".json"))


def read_schema(kind: str) -> dict[str, object]:
    """Return the schema of a kind, whole in itself; raises AgentkitError (unavailable) naming the kinds there are."""
    kinds = list_kinds()
    if kind not in kinds:
        raise AgentkitError(
            f"there is no schema of {kind!r}; expected one of {', '.join(kinds)}",
            hint="agentkit schema",
            status=Exit.UNAVAILABLE,
        )
    schema = _load(kind)
    # A bundled schema: the others keep their own $id, and references lead to them (JSON Schema 2020-12, section 9.3).
    others = _find_others(kind)
    return {**schema, "$defs": {name: _load(name) for name in sorted(others)}} if others else schema


def _find_others(kind: str) -> set[str]:
    """Return the kinds to which references of a schema lead, those of theirs too, so that a reader needs no other."""
    import re

    found: set[str] = set()
    left = {kind}
    while left:
        with open(f"{FOLDER}/{left.pop()}.json", encoding="utf-8") as file:
            named = set(re.findall(r'"\$ref": "urn:agentkit:(\w+):1', file.read()))
        left |= named - found - {kind}
        found |= named - {kind}
    return found


def _load(kind: str) -> dict[str, object]:
    import json

    with open(f"{FOLDER}/{kind}.json", encoding="utf-8") as file:
        schema = json.load(file)
    assert isinstance(schema, dict)
    return schema
