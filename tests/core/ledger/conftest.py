"""What the tests of the ledger share: a state folder, records as the wrapper writes them, a ledger."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agentkit.core.ledger import Ledger, open_ledger
from agentkit.core.spool import append_record
from agentkit.core.times import format_instant

NOW = 1_790_000_000.0  # 2026-09-21T13:33:20Z

Record = Callable[..., bytes]
Spool = Callable[..., None]


@pytest.fixture
def state(tmp_path: Path) -> str:
    """Return the path of a state folder that does not exist yet."""
    return str(tmp_path / "state")


@pytest.fixture
def record() -> Record:
    """Return a function that makes a record; `at` is when it started or ended, other words replace or add keys."""

    def make(job: str, run: str, phase: str = "started", at: float = NOW, **more: object) -> bytes:
        found: dict[str, object] = {"v": 1, "kind": "beat", "at": format_instant(at), "job": job, "run": run}
        found |= {"attempt": 1, "state": phase, "started_at": format_instant(at)}
        if phase == "started":
            found |= {"pid": 4121, "pid_start": 99, "boot": "boot-1", "pid_namespace": 7, "boottime_s": 50.0}
        else:
            found |= {"started_at": format_instant(at - 2), "ended_at": format_instant(at), "duration_s": 2.0}
            found |= {"status": 0 if phase == "ok" else 1, "cpu_s": 0.5, "boottime_s": 52.0, "tail": "done\n"}
        return json.dumps({name: value for name, value in (found | more).items() if value is not ...}).encode()

    return make


@pytest.fixture
def spool(state: str) -> Spool:
    """Return a function that appends records to the spool of the state folder, or of another place."""

    def append(*records: bytes, place: str = state, now: float = NOW) -> None:
        for one in records:
            assert append_record([place], one, now)[0] == place

    return append


@pytest.fixture
def ledger(state: str) -> Iterator[Ledger]:
    """Return the ledger of the state folder, open."""
    with open_ledger(state) as opened:
        yield opened
