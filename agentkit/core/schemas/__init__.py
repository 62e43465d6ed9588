"""Which kinds of records travel, and what does each of them look like (JSON Schema 2020-12)?

The files beside this module are the contract. Each is strict about the keys that it knows and open for others.
"""

import os

from agentkit.core.errors import AgentkitError, Exit

FOLDER = os.path.dirname(os.path.abspath(__file__))
# What all records share; embedded into each schema that is printed, so that a reader needs no second file.
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
    # A bundled schema: the other one keeps its own $id, and references lead to it (JSON Schema 2020-12, section 9.3).
    return schema if kind == ENVELOPE else {**schema, "$defs": {ENVELOPE: _load(ENVELOPE)}}


def _load(kind: str) -> dict[str, object]:
    import json

    with open(f"{FOLDER}/{kind}.json", encoding="utf-8") as file:
        schema = json.load(file)
    assert isinstance(schema, dict)
    return schema
