import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.ledger import jobs, notes, open_ledger, opening, schema, upgrade
from agentkit.core.ledger.faults import CorruptLedgerError

NOW = 1_790_000_000.0


def add_colour(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE jobs ADD COLUMN colour TEXT")
    connection.execute("UPDATE jobs SET colour = 'blue'")


def add_taste(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE jobs ADD COLUMN taste TEXT")


def stumble(connection: sqlite3.Connection) -> None:
    connection.execute("DROP TABLE notes")
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    raise error


@pytest.fixture
def newer(monkeypatch):
    """Make this program one that knows version 3."""
    for module in (opening, upgrade):
        monkeypatch.setattr(module, "VERSION", 3)


@pytest.fixture
def old(state) -> str:
    with open_ledger(state) as ledger:
        jobs.remember_job(ledger, "a", NOW)
    return state


def versions(state: str, name: str = "ledger.db") -> tuple[int, list[str]]:
    with closing(sqlite3.connect(f"{state}/{name}")) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(jobs)")]
        return connection.execute("PRAGMA user_version").fetchone()[0], columns[17:]


def test_an_older_ledger_takes_each_step_once_and_stays_beside_itself_as_it_was(old, newer):
    steps = {1: add_colour, 2: add_taste}
    told = upgrade.upgrade(old, steps=steps, target=3)
    assert "from version 1 to 3" in told
    assert f"{old}/ledger.db.before-v3" in told
    assert versions(old) == (3, ["colour", "taste"])
    assert versions(old, "ledger.db.before-v3") == (1, [])
    assert os.stat(f"{old}/ledger.db.before-v3").st_mode & 0o777 == 0o600
    assert "upgraded by another program" in upgrade.upgrade(old, steps=steps, target=3)
    assert versions(old) == (3, ["colour", "taste"])


def test_opening_an_older_ledger_upgrades_it_and_says_so(old, newer, monkeypatch):
    monkeypatch.setattr(
        upgrade.upgrade, "__kwdefaults__", {"steps": {1: add_colour, 2: add_taste}, "target": 3, "limit_s": 5.0}
    )
    with open_ledger(old) as ledger:
        assert [job.name for job in jobs.iterate_jobs(ledger)] == ["a"]
        assert "from version 1 to 3" in ledger.notices[0]
    with open_ledger(old) as ledger:
        assert ledger.notices == ()


def test_an_upgrade_that_fails_leaves_the_old_version_whole(old, newer):
    with pytest.raises(AgentkitError) as caught:
        upgrade.upgrade(old, steps={1: add_colour, 2: stumble}, target=3)
    assert caught.value.status == Exit.CANNOT_WRITE
    assert versions(old) == (1, [])
    upgrade.upgrade(old, steps={1: add_colour, 2: add_taste}, target=3)
    assert versions(old) == (3, ["colour", "taste"])


def test_an_upgrade_waits_until_nobody_has_the_ledger_open(old, newer, monkeypatch):
    monkeypatch.setattr(opening, "VERSION", 1)
    with open_ledger(old), pytest.raises(AgentkitError) as caught:
        upgrade.upgrade(old, steps={1: add_colour, 2: add_taste}, target=3, limit_s=0.05)
    assert caught.value.status == Exit.TRY_LATER


def test_a_version_that_no_step_leads_on_from_was_written_by_no_agentkit(old):
    with closing(sqlite3.connect(f"{old}/ledger.db")) as connection:
        connection.execute("PRAGMA user_version = 0")
    before = Path(f"{old}/ledger.db").read_bytes()
    with pytest.raises(CorruptLedgerError, match="no way from version 0"):
        upgrade.upgrade(old)
    assert Path(f"{old}/ledger.db").read_bytes() == before
    with open_ledger(old) as ledger:
        assert [note.kind for note in notes.find_unseen_notes(ledger)] == ["corrupt"]
        assert [job.name for job in jobs.iterate_jobs(ledger)] == ["a"]


def test_every_version_before_this_one_has_its_step():
    assert sorted(upgrade.STEPS) == list(range(1, schema.VERSION))
