"""A record may say anything: a damaged one is held against its job alone, and every other job is judged as ever."""

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from agentkit.core.ledger import open_ledger
from agentkit.core.ledger.jobs import iterate_jobs
from agentkit.core.ledger.runs import find_runs_of
from agentkit.core.schemas import read_schema
from agentkit.core.times import format_instant
from agentkit.heartbeat.history import to_record
from tests.heartbeat.machine import HOUR, Machine

ODD_VALUES: tuple[object, ...] = (
    None, True, 0, -1, 2**70, -(2**70), 10**400, 1e308, float("inf"), float("nan"), "", "x", "\0", "\x1b[31m", "\ud800",
    "9999-12-31T23:59:59.999Z", "0001-01-01T00:00:00Z", [], [None, 1, "x", {}], {}, {"a": {"b": [1]}}, {"a": 10**400},
    {"a": "x"}, {"/p": {"bytes": "x", "entries": [], "digest": 5}}, {"/p": {"bytes": 10**400, "entries": -5}},
    [{"pid": "x", "argv0": "\ud800"}], [{"text": 5, "held": False, "why": {"a": "\ud800"}}],
)  # fmt: skip
FIELDS = (
    "at", "attempt", "background_s", "boot", "boottime_s", "counters", "cpu_s", "duration_s", "effects", "ended_at",
    "error_words", "expect", "holder", "host", "job", "kind", "left_behind", "max_rss_bytes", "orphans",
    "output_sha256", "page_faults", "retry_after_s", "run", "signal", "started_at", "state", "status", "tail",
    "trouble", "v", "watched", "why", "written_bytes",
)  # fmt: skip
PROMISES: tuple[tuple[dict[str, object], str, tuple[object, ...]], ...] = (
    ({}, "every_s", (-5, 0, 10**400, 1e308, "x", True, [])),
    ({"every_s": 60}, "grace_s", (-1e308, 1e308, 10**400, "x")),
    ({}, "cron", ("x", 5, "\0", "* * * * *\n* * * * *", "61 * * * *")),
    ({"cron": "* * * * *"}, "tz", ("Mars/Phobos", 5, "\0", "../../../etc/passwd", ["x"])),
    ({"every_s": 60, "duration_s": "x", "effects": "x"}, "changes", (5,)),
)
ODD_PROMISES = [{**rest, key: value} for rest, key, values in PROMISES for value in values]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def spool(machine: Machine, records: list[dict[str, object]]) -> None:
    """Leave records as some program might have written them, and a plain failure behind them."""
    machine.end("witness", "failed", status=7, expect={"every_s": HOUR})
    path = next((machine.folder / "spool").glob("*.jsonl"))
    path.write_bytes(path.read_bytes() + b"".join(json.dumps(record).encode() + b"\n" for record in records))


def closing(machine: Machine, job: str, state: str) -> dict[str, object]:
    at = format_instant(machine.now)
    return {
        "v": 1, "kind": "beat", "at": at, "job": job, "run": f"01{job.upper()}", "attempt": 1, "state": state,
        "ended_at": at, "duration_s": 1.0, "status": 0, "expect": {"every_s": HOUR},
    }  # fmt: skip


@pytest.mark.parametrize("field", FIELDS)
def test_no_value_of_a_field_keeps_other_jobs_from_being_judged(machine: Machine, field: str) -> None:
    records = [
        {**closing(machine, f"odd-{number}-{state}", state), field: value}
        for number, value in enumerate(ODD_VALUES)
        for state in ("ok", "idle", "failed", "skipped")
    ]
    spool(machine, records)
    assert ("failed", "job:witness") in machine.firing()
    machine.step(120)
    assert ("failed", "job:witness") in machine.firing()


@pytest.mark.parametrize("promise", ODD_PROMISES, ids=repr)
def test_a_promise_that_no_option_could_make_is_none(machine: Machine, promise: dict[str, object]) -> None:
    spool(machine, [{**closing(machine, "odd", "ok"), "expect": promise}])
    found = {finding.subject: finding.type for finding in machine.check().firing}
    assert found.pop("job:witness") == "failed"
    machine.step(120)
    machine.check()
    assert found in ({}, {"job:odd": "unwatched"})


def test_a_watched_path_that_could_not_be_measured_is_not_an_empty_one(machine: Machine) -> None:
    healthy = {"/mirror": {"bytes": 1 << 30, "entries": 500, "digest": None}}
    for _ in range(25):
        machine.end(watched=healthy, expect={"every_s": HOUR})
        machine.step(60)
    unmeasured = {"/mirror": {"bytes": None, "entries": None, "digest": None, "how": "it took too long"}}
    machine.end(watched=unmeasured, expect={"every_s": HOUR})
    assert machine.firing() == []
    machine.step(60)
    machine.end(watched={"/mirror": {"bytes": 0, "entries": 0, "digest": None}}, expect={"every_s": HOUR})
    assert machine.firing() == [("too-small", "job:backup")]


def test_half_a_letter_is_told_as_an_escape(
    machine: Machine, agentkit: Callable[..., "subprocess.CompletedProcess[str]"], tmp_path: Path
) -> None:
    machine.now = time.time()
    half = {"trouble": "half \ud800 a letter", "tail": "half \ud800 a letter\n"}
    spool(machine, [{**closing(machine, "odd", "failed"), **half}])
    inbox = tmp_path / "inbox"
    more = {"AGENTKIT_HOME": str(machine.folder)}
    ended = agentkit("heartbeat", "check", "--notify", f"tee {inbox}", more=more)
    assert (ended.returncode, ended.stderr) == (1, "")
    told = [json.loads(line) for line in inbox.read_text().splitlines()]
    assert {record["subject"] for record in told} == {"job:odd", "job:witness"}
    assert agentkit("heartbeat", "check", "--json", more=more).returncode == 1


def test_what_comes_out_again_fits_the_schema(machine: Machine) -> None:
    records = [
        {**closing(machine, f"odd-{number}", "ok"), "run": f"{field}-{number}", field: value}
        for field in FIELDS
        for number, value in enumerate(ODD_VALUES)
    ]
    spool(machine, records)
    machine.check()
    registry: Registry[Any] = Registry()
    for kind in ("common", "beat"):
        registry = registry.with_resource(f"urn:agentkit:{kind}:1", Resource.from_contents(read_schema(kind)))
    validator = Draft202012Validator(read_schema("beat"), registry=registry)
    with open_ledger(str(machine.folder)) as ledger:
        runs = [run for job in iterate_jobs(ledger) for run in find_runs_of(ledger, job.name, limit=1000)]
    assert len(runs) > len(records) / 2
    for run in runs:
        validator.validate(json.loads(json.dumps(to_record(run), allow_nan=False)))
