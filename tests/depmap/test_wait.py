import jsonschema

from agentkit.core.schemas import read_schema
from agentkit.depmap.wait import PARTLY, UNBOUNDED, Wait

CURL = Wait(
    UNBOUNDED,
    "func:/opt/check.sh#ask",
    "curl -s http://db",
    "/opt/check.sh",
    7,
    "curl -s http://db",
    "curl has no limit of its own",
    "curl --max-time 30 -s http://db",
)


def test_a_wait_travels_as_a_finding_that_names_command_and_fix() -> None:
    record = CURL.to_record("web-1", 1_790_000_000.0)
    jsonschema.validate(record, read_schema("finding"))
    told = {name: record[name] for name in ("kind", "source", "type", "subject", "key", "severity")}
    assert told == {
        "kind": "finding",
        "source": "depmap.lint",
        "type": "unbounded",
        "subject": "func:/opt/check.sh#ask",
        "key": "curl -s http://db",
        "severity": "warning",
    }
    named = {name: record[name] for name in ("file", "line", "command", "why", "fix")}
    assert named == {name: getattr(CURL, name) for name in named}


def test_what_is_bounded_in_part_is_worth_less_than_what_is_not_at_all() -> None:
    partly = Wait(PARTLY, "unit:a.service", "ExecStart", "/etc/a.service", None, "ExecStart", "no limit", "Timeout…")
    record = partly.to_record("web-1", 1_790_000_000.0)
    jsonschema.validate(record, read_schema("finding"))
    assert (record["severity"], record["title"]) == ("info", "/etc/a.service: no limit")
