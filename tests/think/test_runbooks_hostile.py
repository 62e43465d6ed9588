"""Does a runbook that hangs, floods, forks or prints secrets harm nobody, and is it told what happened?"""

import random
import string
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentkit.core import tree
from agentkit.think.runbooks import find_runs, note_of
from agentkit.think.running import TAIL_BYTES
from agentkit.think.store import NAME, Store, open_store
from tests.conftest import ROOT
from tests.think.ownrunbooks import APPEND, STYLES, add_finding, read_referee, run
from tests.vault.ownvault import OwnVault

MOST_KIB = 100 * 1024
# The usage that the kernel tells of a process counts what its parent held when it forked, which is all of pytest.
FLOOD = """
import os
from agentkit.think.store import open_store
from tests.think.ownrunbooks import add_finding, run
with open_store(os.environ) as store:
    outcome = run(store, ("sh", "-c", "head -c 1000000000 /dev/zero; echo end"), add_finding(store, "one"), os.environ)
    with open("/proc/self/status") as file:
        most_kib = next(int(line.split()[1]) for line in file if line.startswith("VmHWM:"))
    print(outcome.state, len(outcome.tail), outcome.tail[-3:], most_kib)
"""


@pytest.fixture
def store(environ: dict[str, str]) -> Iterator[Store]:
    with open_store(environ) as opened:
        yield opened


def test_one_that_hangs_is_ended_with_all_that_it_started(
    store: Store, environ: dict[str, str], tmp_path: Path
) -> None:
    script = f"trap '' TERM; echo begun; sleep 600 & echo $! > {tmp_path}/pid; sleep 600"
    outcome = run(store, ("sh", "-c", script), add_finding(store, "one"), environ, limit_s=0.5)
    assert (outcome.state, outcome.status, outcome.tail) == ("timeout", 124, "begun")
    assert _is_gone(tmp_path / "pid")
    assert "did not end" in note_of(outcome)


def test_what_outlives_it_is_ended_and_named(store: Store, environ: dict[str, str], tmp_path: Path) -> None:
    script = f"setsid sleep 600 & echo $! > {tmp_path}/pid; until grep -q sleep /proc/$!/comm; do :; done"
    outcome = run(store, ("sh", "-c", script), add_finding(store, "one"), environ)
    assert outcome.state == "ok"
    assert outcome.tail.startswith("[ended with it, what it left running: sleep (pid ")
    assert _is_gone(tmp_path / "pid")


def test_a_thousand_megabytes_become_no_memory_of_ours(environ: dict[str, str]) -> None:
    words = [sys.executable, "-c", FLOOD]
    ended = subprocess.run(words, env=environ, cwd=ROOT, capture_output=True, text=True, timeout=300, check=True)
    state, letters, end, most_kib = ended.stdout.split()
    assert (state, end) == ("ok", "end")
    assert int(letters) <= TAIL_BYTES
    assert int(most_kib) < MOST_KIB


def test_bytes_that_are_no_text_are_told_and_harm_no_terminal(store: Store, environ: dict[str, str]) -> None:
    script = r"printf 'a\377\000b\033[31m\r\303\251'; printf '\303' >&2"
    outcome = run(store, ("sh", "-c", script), add_finding(store, "one"), environ)
    assert outcome.tail == "a\ufffd\ufffdb\\x1b[31m\\ré\n\ufffd"
    [kept] = find_runs(store, "one")
    assert kept.tail == outcome.tail


@pytest.mark.parametrize("letter", ["x", "é", "€", "\u202e", "\x1b"])
def test_the_tail_is_never_more_than_it_may_be(store: Store, environ: dict[str, str], letter: str) -> None:
    script = f"import sys; sys.stdout.buffer.write({letter!r}.encode() * 9000 + b'.')"
    outcome = run(store, (sys.executable, "-c", script), add_finding(store, "one"), environ)
    assert TAIL_BYTES - 8 < len(outcome.tail.encode()) <= TAIL_BYTES
    assert outcome.tail.endswith(".")


@pytest.mark.parametrize("closed", ["<&-", "<&- >&-", "<&- >&- 2>&-"])
def test_it_gets_its_finding_where_its_runner_has_no_streams(
    environ: dict[str, str], tmp_path: Path, closed: str
) -> None:
    with open_store(environ) as store:
        for style in STYLES:
            add_finding(store, f"{style}-1")
    words = f"exec {sys.executable} -m tests.think.ownrunbooks {tmp_path}/referee {closed}"
    ended = subprocess.run(["sh", "-c", words], env=environ, cwd=ROOT, timeout=120, check=False)
    assert ended.returncode == 0
    assert read_referee(tmp_path / "referee") == {(f"{style}-1", 1): 1 for style in STYLES}


def test_one_that_reads_nothing_is_no_trouble(store: Store, environ: dict[str, str]) -> None:
    record = {**add_finding(store, "one"), "evidence": "x" * 5_000_000}
    assert run(store, ("sh", "-c", "exec <&-; sleep 0.05"), record, environ).state == "ok"


def test_no_value_of_the_vault_is_kept_of_what_it_printed(tmp_path: Path, random_choices: random.Random) -> None:
    vault = OwnVault(tmp_path / "own")
    value = "".join(random_choices.choices(string.ascii_letters + string.digits, k=1500))
    vault.set("db/password", value.encode())
    # The tail would begin in the middle of it.
    script = f"echo hello {value}; head -c 1000 /dev/zero | tr '\\0' y"
    with open_store(vault.environ) as store:
        outcome = run(store, ("sh", "-c", script), add_finding(store, "one"), vault.environ)
    assert outcome.tail.startswith("hello {{vault:db/password}}\nyyy")
    stored = (Path(vault.environ["AGENTKIT_HOME"]) / NAME).read_bytes()
    assert not any(value[place : place + 20].encode() in stored for place in range(0, 1480, 20))


def test_where_the_vault_does_not_answer_its_words_are_left_out_and_its_end_is_not(tmp_path: Path) -> None:
    vault = OwnVault(tmp_path / "own")
    Path(vault.places.identity).unlink()
    with open_store(vault.environ) as store:
        outcome = run(store, ("echo", "words"), add_finding(store, "one"), vault.environ)
    assert outcome.state == "ok"
    assert outcome.tail.startswith("[left out: agentkit vault redact ended with ")


def test_a_runbook_that_ends_itself_by_a_signal_failed(store: Store, environ: dict[str, str], tmp_path: Path) -> None:
    script = f"{APPEND}; kill -KILL $$"
    outcome = run(store, ("sh", "-c", script, str(tmp_path / "referee")), add_finding(store, "one"), environ)
    assert (outcome.state, outcome.status) == ("failed", 137)
    assert read_referee(tmp_path / "referee") == {("one", 1): 1}


def _is_gone(path: Path) -> bool:
    stat = tree.read_stat(int(path.read_text()))
    return stat is None or not tree.runs(stat)
