import json
import re

import jsonschema
import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.schemas import list_kinds, read_schema

BEAT = {
    "v": 1,
    "kind": "beat",
    "at": "2026-11-22T03:00:00.000Z",
    "host": "web-1",
    "job": "backup",
    "run": "01ARZ3NDEKTSV4RRFFQ69G5FAV",
    "attempt": 1,
    "state": "ok",
    "started_at": "2026-11-22T03:00:00.000Z",
    "ended_at": "2026-11-22T03:00:01.000Z",
    "duration_s": 1.0,
    "status": 0,
}


@pytest.mark.parametrize("kind", list_kinds())
def test_every_schema_is_a_schema_of_2020_12_and_whole_in_itself(kind: str) -> None:
    schema = read_schema(kind)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"] == kind
    jsonschema.Draft202012Validator.check_schema(schema)
    # References are followed here; one that leads nowhere raises.
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({}, schema)


@pytest.mark.parametrize("kind", list_kinds())
def test_whoever_has_one_schema_has_all_that_it_refers_to(kind: str) -> None:
    schema = read_schema(kind)
    named = set(re.findall(r'"\$ref": "(urn:[^"#]+)', json.dumps(schema)))
    assert named <= {schema["$id"], *(part["$id"] for part in schema.get("$defs", {}).values() if "$id" in part)}


def test_the_kinds_are_the_records_that_travel() -> None:
    assert set(list_kinds()) >= {"beat", "common", "finding", "summary"}


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"kind": "finding"},
        {"at": "2026-11-22 03:00"},
        {"host": ""},
        {"state": "fine"},
        {"run": "two words"},
        {"attempt": 0},
        {"duration_s": -1},
        {"status": None, "state": "ok", "duration_s": "1"},
        {"left_behind": [{"pid": 1}]},
        {"counters": {"items": "many"}},
    ],
)
def test_a_known_key_of_a_wrong_type_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**BEAT, **change}, read_schema("beat"))


def test_unknown_keys_are_welcome() -> None:
    jsonschema.validate({**BEAT, "colour": "teal"}, read_schema("beat"))


def test_a_run_that_only_started_needs_no_end() -> None:
    started = {key: value for key, value in BEAT.items() if key not in ("ended_at", "duration_s", "status")}
    jsonschema.validate({**started, "state": "started"}, read_schema("beat"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(started, read_schema("beat"))


@pytest.mark.parametrize("kind", ["nonsense", "../config", ""])
def test_an_unknown_kind_names_the_known_ones(kind: str) -> None:
    with pytest.raises(AgentkitError, match=f"expected one of {', '.join(list_kinds())}") as caught:
        read_schema(kind)
    assert caught.value.status == Exit.UNAVAILABLE
