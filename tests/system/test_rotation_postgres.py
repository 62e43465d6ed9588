"""Is the password of a role of a real PostgreSQL rotated, never without one that works, and seen by nobody?"""

import base64
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from agentkit.vault.access import Wish, release
from agentkit.vault.age import open_sealed
from agentkit.vault.asker import find_asker
from agentkit.vault.founding import found_vault
from agentkit.vault.keys import read_identities
from agentkit.vault.locked import lock_vault
from agentkit.vault.places import Places, find_places
from agentkit.vault.rotations.hooks.scram import make_verifier
from agentkit.vault.rotations.rotation import Progress, hold_rotations, rotate_secret
from agentkit.vault.rotations.rotationhook import Call, StepFailedError, call_hook, find_hook
from agentkit.vault.rotations.rotationopen import Bench
from agentkit.vault.rotations.rotationstate import read_rotation
from agentkit.vault.setting import Particulars, set_secret
from tests.processes import wait_until
from tests.system.postgres import Cluster
from tests.vault.killing import PROGRAM

KILLS, LONGEST_RUN_S, LIMIT_S = 2, 3.0, 120
ADMIN_SECRET = "db/admin"
START_S = 1_800_000_000.0
DAY_S = 86400.0


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    made = Cluster()
    yield made
    made.stop()


@pytest.fixture
def places(own_environ: dict[str, str], tmp_path: Path) -> Places:
    made = find_places(own_environ)
    found_vault(made, ["agentkit"], recovery=None, new_recovery=str(tmp_path / "recovery.key"))
    return made


class Database:
    """One secret whose value a role of the server has."""

    def __init__(self, places: Places, environ: dict[str, str], cluster: Cluster, **settings: str) -> None:
        self.places, self.environ, self.cluster = places, environ, cluster
        self.now = START_S
        self.settings = {"server": cluster.server_setting, **settings}
        admin = Particulars(purpose="sets passwords")
        set_secret(environ, ADMIN_SECRET, cluster.password.encode(), admin, self.now)

    def set(self, value: str) -> None:
        row = Particulars(purpose="the shop", rotate_with="postgres", rotate_settings=self.settings)
        set_secret(self.environ, "db/shop", value.encode(), row, self.now)

    def get(self) -> str:
        asker = find_asker(self.environ, ["test"], self.places)
        with lock_vault(self.places, asker) as vault:
            return release(vault, [Wish("get", "db/shop", "stdout", "test")])[0].decode()

    def rotate(self) -> Progress:
        asker = find_asker(self.environ, ["agentkit"], self.places)
        bench = Bench(self.places, self.environ, asker, lambda: self.now)
        with hold_rotations(self.places):
            return rotate_secret(bench, "db/shop")

    def pending(self) -> list[str]:
        """Return the value of a rotation under way."""
        identities = read_identities(self.places.identity)
        rotation = read_rotation(self.places, "db/shop", identities)
        if rotation is None or rotation.new is None:
            return []
        return [open_sealed(base64.b64decode(rotation.new), identities, "test").decode()]

    def works(self, value: str) -> bool:
        """Tell whether a value opens the server."""
        return self.cluster.open_url(value) if "://" in value else self.cluster.log_in("kill_a", value)

    def url(self, role: str, password: str) -> str:
        return f"postgresql://{role}:{password}@127.0.0.1:{self.cluster.port}/postgres"


@pytest.fixture
def make_database(places: Places, own_environ: dict[str, str], cluster: Cluster) -> Callable[..., Database]:
    return lambda **settings: Database(places, own_environ, cluster, **settings)


def make_role(cluster: Cluster, *names: str) -> str:
    """Make roles afresh, the first with a password, and return that."""
    password = os.urandom(16).hex()
    for name in names:
        cluster.ask(f'DROP ROLE IF EXISTS "{name}"')
        cluster.ask(f'CREATE ROLE "{name}" LOGIN')
    cluster.ask(f"ALTER ROLE \"{names[0]}\" PASSWORD '{password}'")
    return password


def test_two_roles_take_turns_and_the_old_one_works_until_it_is_revoked(
    make_database: Callable[..., Database], cluster: Cluster
) -> None:
    database = make_database(roles="app_a,app_b", admin="boss", admin_password=f"secret:{ADMIN_SECRET}")
    old = database.url("app_a", make_role(cluster, "app_a", "app_b"))
    database.set(old)
    for role in ("app_b", "app_a", "app_b"):
        progress = database.rotate()
        assert progress.rotation.failure is None
        new = database.get()
        assert new.startswith(f"postgresql://{role}:")
        assert cluster.open_url(new)
        assert cluster.open_url(old)
        database.now += DAY_S
        assert database.rotate().rotation.is_over
        assert cluster.open_url(new)
        assert not cluster.open_url(old)
        old = new


def test_a_role_alone_sets_its_own_password_and_the_old_one_is_dead_at_once(
    make_database: Callable[..., Database], cluster: Cluster
) -> None:
    database = make_database(role="alone")
    old = make_role(cluster, "alone")
    database.set(old + "\n")
    assert database.rotate().rotation.is_over
    assert database.get() != old
    assert cluster.log_in("alone", database.get())
    assert not cluster.log_in("alone", old)


def test_the_log_of_the_server_holds_no_password(make_database: Callable[..., Database], cluster: Cluster) -> None:
    database = make_database(role="quiet")
    database.set(make_role(cluster, "quiet"))
    before = len(cluster.log())
    database.rotate()
    assert "ALTER ROLE" in cluster.log()[before:]
    assert "SCRAM-SHA-256$" in cluster.log()[before:]
    assert database.get() not in cluster.log()


def test_no_password_is_among_the_words_or_in_the_environment_of_psql(
    make_database: Callable[..., Database], cluster: Cluster, tmp_path: Path, own_environ: dict[str, str]
) -> None:
    database = make_database(roles="seen_a,seen_b", admin="boss", admin_password=f"secret:{ADMIN_SECRET}")
    old = database.url("seen_a", make_role(cluster, "seen_a", "seen_b"))
    database.set(old)
    real = subprocess.run(["sh", "-c", "command -v psql"], capture_output=True, text=True, check=True).stdout.strip()
    watcher, seen = tmp_path / "bin/psql", tmp_path / "seen"
    watcher.parent.mkdir()
    watcher.write_text(f'#!/bin/sh\ncat /proc/$$/cmdline /proc/$$/environ >>"{seen}"\nexec {real} "$@"\n')
    watcher.chmod(0o755)
    database.environ = {**own_environ, "PATH": f"{watcher.parent}:{own_environ['PATH']}"}
    database.rotate()
    database.now += DAY_S
    assert database.rotate().rotation.is_over
    told = seen.read_text(errors="replace")
    assert told.count("PGPASSFILE=/proc/self/fd/") > 4
    values = [old, database.get(), *(url.split(":")[2].split("@")[0] for url in (old, database.get()))]
    assert [value for value in [*values, cluster.password] if value in told] == []


def test_a_rotation_that_was_killed_after_the_password_was_set_goes_on(
    make_database: Callable[..., Database], cluster: Cluster
) -> None:
    old, new = make_role(cluster, "twice"), os.urandom(16).hex()
    settings = {"server": cluster.server_setting, "role": "twice"}
    values = {"current": old.encode(), "pending": new.encode()}
    for _ in range(2):
        assert ask(settings, "set", values) == {"old_is_dead": True}
    assert cluster.log_in("twice", new)


@pytest.mark.parametrize("alternates", [True, False])
def test_a_rotation_killed_at_any_moment_leaves_a_password_that_the_vault_knows_and_goes_on(
    make_database: Callable[..., Database], cluster: Cluster, random_choices: random.Random, alternates: bool
) -> None:
    settings = {"roles": "kill_a,kill_b", "admin": "boss", "admin_password": f"secret:{ADMIN_SECRET}"}
    database = make_database(adopt_within="0s", **(settings if alternates else {"role": "kill_a"}))
    password = make_role(cluster, "kill_a", "kill_b")
    database.set(database.url("kill_a", password) if alternates else password)
    for _ in range(KILLS):
        value = database.get()
        process = subprocess.Popen([sys.executable, "-c", PROGRAM, "db/shop"], env=database.environ)
        time.sleep(random_choices.uniform(0.2, LONGEST_RUN_S))
        process.kill()
        process.wait(60)
        known = [database.get(), *database.pending()]
        assert any(database.works(one) for one in known)
        if alternates:
            assert database.works(database.get())
        words = [sys.executable, "-c", PROGRAM, "db/shop"]
        assert subprocess.run(words, env=database.environ, timeout=LIMIT_S, check=False).returncode == 0
        assert database.works(database.get())
        assert database.get() != value
        assert not database.works(value)


@pytest.mark.parametrize("role", ['we"ird', "it's", "UPPER case", "b\\s", "ünï", ":name", "$$"])
def test_a_role_of_any_name_is_rotated(cluster: Cluster, role: str) -> None:
    quoted = role.replace('"', '""')
    cluster.ask(f'DROP ROLE IF EXISTS "{quoted}"')
    old, new = os.urandom(16).hex(), os.urandom(16).hex()
    cluster.ask(f"CREATE ROLE \"{quoted}\" LOGIN PASSWORD '{old}'")
    settings = {"server": cluster.server_setting, "role": role}
    values = {"current": old.encode(), "pending": new.encode(), "previous": old.encode()}
    ask(settings, "set", values)
    assert ask(settings, "test", values) == {"alive": True}
    assert ask(settings, "prove", {"previous": old.encode(), "current": new.encode()}) == {"dead": True}
    cluster.ask(f'DROP ROLE "{quoted}"')


def test_a_role_that_may_not_log_in_is_not_taken_for_one_whose_password_is_dead(cluster: Cluster) -> None:
    old = make_role(cluster, "resting")
    cluster.ask("ALTER ROLE resting NOLOGIN")
    settings = {"server": cluster.server_setting, "role": "resting"}
    with pytest.raises(StepFailedError, match="not permitted to log in"):
        ask(settings, "test", {"pending": old.encode()})


def test_a_password_that_still_works_is_not_dead(cluster: Cluster) -> None:
    old = make_role(cluster, "lively")
    settings = {"server": cluster.server_setting, "role": "lively"}
    assert ask(settings, "prove", {"previous": old.encode(), "current": old.encode()}) == {"dead": False}


def test_a_server_that_is_down_proves_nothing(cluster: Cluster) -> None:
    settings = {"server": "host=127.0.0.1 port=1 dbname=postgres", "role": "app"}
    for step in ("prove", "test"):
        # What is said to any password is said to a dead one too: here that nobody is there.
        with pytest.raises(StepFailedError, match="refused"):
            ask(settings, step, {"previous": b"x", "pending": b"x", "current": b"y"})


def test_a_server_that_asks_for_no_password_lets_nothing_be_tested(cluster: Cluster) -> None:
    make_role(cluster, "trusting")
    settings = {"server": cluster.server_setting, "role": "trusting"}
    with pytest.raises(StepFailedError, match="with any password"):
        ask(settings, "test", {"pending": b"x"})


def test_an_administrator_whom_the_server_knows_needs_no_password(cluster: Cluster) -> None:
    me = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    if cluster.ask(f"SELECT count(*) FROM pg_roles WHERE rolname = '{me}'") == "0":
        cluster.ask(f'CREATE ROLE "{me}" LOGIN SUPERUSER')
    old, new = make_role(cluster, "peered"), os.urandom(16).hex()
    server = f"host={cluster.folder} port={cluster.port} dbname=postgres"
    settings = {"server": server, "role": "peered", "admin": me}
    ask(settings, "set", {"current": old.encode(), "pending": new.encode()})
    assert cluster.log_in("peered", new)


def test_what_is_logged_in_as_the_old_role_is_ended_where_that_is_wanted(cluster: Cluster) -> None:
    old = make_role(cluster, "kick_a", "kick_b")
    new = os.urandom(16).hex()
    cluster.ask(f"ALTER ROLE kick_b PASSWORD '{new}'")
    port = cluster.port
    environ = {"PATH": os.environ["PATH"], "PGPASSWORD": old}
    words = ["psql", "-X", "-w", "-d", f"{cluster.server_setting} user=kick_a", "-c", "SELECT pg_sleep(60)"]
    session = subprocess.Popen(words, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    counted = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'kick_a'"
    wait_until(lambda: cluster.ask(counted) == "1")
    settings = {"server": cluster.server_setting, "roles": "kick_a,kick_b", "admin": "boss", "end_sessions": "yes"}
    values = {
        "previous": f"postgresql://kick_a:{old}@127.0.0.1:{port}/postgres".encode(),
        "current": f"postgresql://kick_b:{new}@127.0.0.1:{port}/postgres".encode(),
        "admin_password": cluster.password.encode(),
    }
    ask(settings, "revoke", values)
    assert session.wait(30) != 0
    assert session.stdout is not None
    session.stdout.close()
    assert ask(settings, "prove", values) == {"dead": True}


def test_the_verifier_is_the_one_that_postgresql_makes(cluster: Cluster) -> None:
    password = make_role(cluster, "verified")
    kept = cluster.ask("SELECT rolpassword FROM pg_authid WHERE rolname = 'verified'")
    iterations, salt = kept.split("$")[1].split(":")
    assert make_verifier(password, base64.b64decode(salt), int(iterations)) == kept


def ask(settings: dict[str, str], step: str, values: dict[str, bytes]) -> object:
    call = Call("db/shop", "0" * 16, "agentkit-db-shop", settings, {}, values)
    return call_hook(find_hook("postgres"), step, call, os.environ, timedelta(seconds=60))
