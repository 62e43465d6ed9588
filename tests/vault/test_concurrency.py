"""Do many at once each get their record, in one chain, and never half of a change?"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.vault.ownvault import OwnVault, count_granted

NAME = "db/password"
LIMIT_S = 120.0
# What the verb calls, again and again in one process; each value that came out is a line.
GETTING = """
import os, sys
from agentkit.vault import get
values = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
sys.argv[0] = "agentkit"
os.dup2(values, 1)
for _ in range(int(sys.argv[1])):
    get.give_value(os.environ, "db/password", "many", reveals=False)
    os.write(1, b"\\n")
"""
SETTING = """
import os, sys
from agentkit.vault.setting import Particulars, set_secret
for number in range(int(sys.argv[1])):
    set_secret(os.environ, "db/password", b"value-%06d" % number, Particulars(), 1.8e9 + number)
"""


IMPATIENT = """
import sys
from agentkit.vault.log import loglock
loglock.LOCK_LIMIT_S = 0.5
from agentkit.__main__ import main
sys.exit(main())
"""


def start(own: OwnVault, program: str, *words: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-c", program, *words], env=own.environ, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


def wait(processes: list["subprocess.Popen[bytes]"]) -> None:
    for process in processes:
        _, said = process.communicate(timeout=LIMIT_S)
        assert (process.returncode, said) == (0, b"")


@pytest.mark.parametrize(("workers", "gets"), [(2, 1000), (8, 250)])
def test_of_many_at_once_each_get_has_its_record_in_one_chain(tmp_path: Path, workers: int, gets: int) -> None:
    own = OwnVault(tmp_path / "own")
    own.set(NAME, b"value-000000")
    before = len(own.records())
    wait([start(own, GETTING, str(gets), str(tmp_path / f"out-{number}")) for number in range(workers)])
    records = own.records()
    assert len(records) - before == workers * gets == count_granted(records)
    assert len({record["pid"] for record in records[before:]}) == workers
    for number in range(workers):
        assert (tmp_path / f"out-{number}").read_bytes() == b"value-000000\n" * gets


def test_who_reads_while_others_set_gets_whole_values_in_their_order(tmp_path: Path) -> None:
    own = OwnVault(tmp_path / "own")
    own.set(NAME, b"value-000000")
    setting = start(own, SETTING, "40")
    reading = [start(own, GETTING, "200", str(tmp_path / f"out-{number}")) for number in range(3)]
    wait([setting, *reading])
    for number in range(3):
        values = (tmp_path / f"out-{number}").read_bytes().split()
        assert len(values) == 200
        assert set(values) <= {b"value-%06d" % value for value in range(40)}
        assert values == sorted(values)
    assert own.get(NAME) == b"value-000039"
    records = own.records()
    assert [record["version"] for record in records if (record["op"], record["phase"]) == ("set", "commit")] == list(
        range(1, 42)
    )


def test_whole_processes_at_once(tmp_path: Path) -> None:
    own = OwnVault(tmp_path / "own")
    own.set(NAME, b"value")
    before = len(own.records())
    processes = [own.start("get", NAME, "--reason", "x") for _ in range(24)]
    for process in processes:
        out, said = process.communicate(timeout=LIMIT_S)
        assert (process.returncode, out, said) == (0, b"value", b"")
    assert len(own.records()) - before == 24


def test_two_that_make_a_vault_at_once_make_one_and_its_identity_is_the_one_that_stays(tmp_path: Path) -> None:
    for turn in range(3):
        own = OwnVault(tmp_path / str(turn), is_founded=False)
        processes = [own.start("init", "--new-recovery", str(own.folder / f"{number}.key")) for number in range(4)]
        statuses = []
        for process in processes:
            process.communicate(timeout=LIMIT_S)
            statuses.append(process.returncode)
        assert sorted(statuses) == [0, 77, 77, 77]
        own.set(NAME, b"value")
        assert own.get(NAME) == b"value"
        assert list((own.folder / "home").glob(".vault-*")) == []


def test_two_vaults_made_at_once_with_one_identity_both_open(tmp_path: Path) -> None:
    for turn in range(2):
        folder = tmp_path / str(turn)
        own = OwnVault(folder, is_founded=False)
        homes = [str(folder / f"home-{number}") for number in range(3)]
        processes = [own.start("init", "--new-recovery", f"{home}.key", more={"AGENTKIT_HOME": home}) for home in homes]
        for process in processes:
            _, said = process.communicate(timeout=LIMIT_S)
            assert (process.returncode, said) == (0, b"")
        for home in homes:
            more = {"AGENTKIT_HOME": home}
            assert own.run("set", NAME, "--purpose", "x", stdin=b"value", more=more).returncode == 0
            assert own.run("get", NAME, "--reason", "x", more=more).stdout == b"value"


def test_who_holds_the_lock_and_is_stopped_lets_the_others_try_later(tmp_path: Path) -> None:
    own = OwnVault(tmp_path / "own")
    own.set(NAME, b"value")
    holding = "import fcntl, os, sys, time\nfcntl.flock(os.open(sys.argv[1], 0), 2)\nprint('held', flush=True)\n"
    holding += "time.sleep(300)"
    with subprocess.Popen([sys.executable, "-c", holding, own.places.audit], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        done = own.run("get", NAME, "--reason", "x", program=("-c", IMPATIENT))
        holder.kill()
    assert (done.returncode, done.stdout) == (75, b"")
    assert done.stderr.count(b"agentkit: error:") == 1
    assert os.fsencode(own.places.audit) in done.stderr
    assert own.get(NAME) == b"value"
