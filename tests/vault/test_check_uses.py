"""Is told who uses a secret without being declared, and who is declared and does not use it?"""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from agentkit.core.times import format_instant
from agentkit.vault.checks.checking import check_vault
from agentkit.vault.checks.checkingsighting import Sighting
from agentkit.vault.checks.checkinguses import look_at_uses
from agentkit.vault.lastuses import LastUses, Past
from agentkit.vault.log.segments import take_snapshot
from agentkit.vault.places import Places
from agentkit.vault.rows import Row, write_row
from tests.vault.conftest import LIMIT_S, Vault
from tests.vault.logs import Log

DAY_S = 86400.0


@pytest.fixture
def script(tmp_path: Path, environ: dict[str, str]) -> Path:
    """Return a script that gets `token`; its path is what the log knows it by."""
    path = tmp_path / "report.sh"
    path.write_text(f"#!/bin/sh\n{sys.executable} -m agentkit vault get token --reason report > /dev/null\n:\n")
    path.chmod(0o755)
    return path


def start(script: Path, environ: dict[str, str]) -> None:
    subprocess.run([str(script)], env=environ, check=True, capture_output=True, timeout=LIMIT_S)


def look(places: Places, environ: dict[str, str], days: float = 0) -> list[Sighting]:
    return list(check_vault(places, environ, now=time.time() + days * DAY_S, host="web-1").sightings)


@pytest.mark.parametrize("declared", ["report.sh", "PATH"])
def test_a_declared_consumer_is_known_by_its_path_and_by_its_name(
    declared: str, vault: Vault, places: Places, environ: dict[str, str], script: Path
) -> None:
    consumer = declared.replace("PATH", str(script))
    vault("set", "token", "--purpose", "x", "--consumer", consumer, stdin=b"one")
    start(script, environ)
    assert look(places, environ) == []


def test_one_that_is_not_declared_is_told_until_it_is(
    vault: Vault, places: Places, environ: dict[str, str], script: Path
) -> None:
    vault("set", "token", "--purpose", "x", "--consumer", "/opt/other", stdin=b"one")
    start(script, environ)
    [seen] = look(places, environ)
    assert (seen.type, seen.key) == ("undeclared-consumer", str(script))
    assert str(script) in seen.title
    assert f"--consumer /opt/other --consumer {script}" in seen.next_step
    vault("set", "token", "--keep-value", "--consumer", "/opt/other", "--consumer", str(script))
    assert look(places, environ) == []


def test_one_that_used_a_version_before_is_told_no_more(
    vault: Vault, places: Places, environ: dict[str, str], script: Path
) -> None:
    vault("set", "token", "--purpose", "x", "--consumer", "/opt/other", stdin=b"one")
    start(script, environ)
    vault("set", "token", stdin=b"two")
    assert look(places, environ) == []


def test_the_program_of_exec_counts_and_not_only_who_started_it(
    vault: Vault, places: Places, environ: dict[str, str]
) -> None:
    vault("set", "token", "--purpose", "x", "--consumer", "true", stdin=b"one")
    assert vault("exec", "--fd", "3=token", "--reason", "x", "--", "true").returncode == 0
    assert look(places, environ) == []
    assert vault("exec", "--fd", "3=token", "--reason", "x", "--", "/bin/echo").returncode == 0
    [seen] = look(places, environ)
    assert (seen.type, seen.key) == ("undeclared-consumer", "/bin/echo")


def test_where_none_is_declared_anybody_may_use_it(
    vault: Vault, places: Places, environ: dict[str, str], script: Path
) -> None:
    vault("set", "token", "--purpose", "x", stdin=b"one")
    start(script, environ)
    assert look(places, environ) == []


def test_what_nobody_has_used_for_long_is_worth_knowing_and_no_alarm(
    vault: Vault, places: Places, environ: dict[str, str]
) -> None:
    vault("set", "token", "--purpose", "x", stdin=b"one")
    assert look(places, environ, 99) == []
    [seen] = look(places, environ, 101)
    assert (seen.type, seen.severity, seen.key) == ("unused", "info", "")


def make_row(consumers: list[str], set_at: float) -> Row:
    fields = {"name": "token", "version": 1, "sha256": "0" * 64, "consumers": consumers}
    return Row("token", write_row({**fields, "set_at": format_instant(set_at)}, b"key"))


def read_past(folder: Path, *uses: dict[str, object]) -> Past:
    """Return what a log knows of `token` that has these uses."""
    log = Log(folder)
    for use in uses:
        log.add(**{"op": "get", "name": "token", "version": 1, **use})
    found = LastUses()
    found.read_on(take_snapshot(str(folder)).segments)
    return found.of("token")


def test_a_declared_one_that_has_not_used_it_for_long_is_named_when_others_do(tmp_path: Path) -> None:
    now = time.time()
    past = read_past(
        tmp_path / "audit",
        {"parent": "/opt/old", "at": format_instant(now - 150 * DAY_S)},
        {"parent": "/opt/report.sh", "at": format_instant(now - DAY_S)},
    )
    consumers = ["/opt/report.sh", "/opt/old", "/opt/never"]
    seen = list(look_at_uses(make_row(consumers, now - 200 * DAY_S), past, now))
    assert [(one.type, one.key, one.severity) for one in seen] == [
        ("unused", "/opt/old", "info"),
        ("unused", "/opt/never", "info"),
    ]
    # A row that changed lately may have got its consumers then.
    assert list(look_at_uses(make_row(consumers, now - 90 * DAY_S), past, now)) == []


def test_what_was_refused_and_what_a_rotation_opened_is_no_use(tmp_path: Path) -> None:
    past = read_past(
        tmp_path / "audit",
        {"outcome": "refused"},
        {"op": "rotate"},
        {"phase": "failed"},
        {"name": "other"},
        {"reason": 'x", "name": "token", "op": "get'},
    )
    assert past.uses == 1


def test_of_very_many_programs_those_that_came_last_are_known(tmp_path: Path) -> None:
    past = read_past(tmp_path / "audit", *({"parent": f"/tmp/x.{number}"} for number in range(1000)))
    known = [use.parent for _, use in past.users()]
    assert past.uses == 1000
    assert len(known) + past.forgotten == 1000
    assert known == [f"/tmp/x.{number}" for number in range(999, 999 - len(known), -1)]
