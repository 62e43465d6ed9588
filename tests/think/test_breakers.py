import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agentkit.core.settings import ProviderSettings
from agentkit.think.breakers import (
    COOL_DOWNS_S,
    Breaker,
    Verdict,
    digest_provider,
    may_call,
    note_failure,
    note_success,
    read_breaker,
)
from agentkit.think.providers import FAILED, OVERLOADED, REFUSED, REJECTED
from agentkit.think.store import Store, open_store

NOON = 1_795_780_800.0
NAME, DIGEST = "p", "digest"
ROOT = Path(__file__).parents[2]
# Says that it is ready, asks whether it may call, says so, and stays until its stdin ends.
ASKER = """
import os, sys
from agentkit.think.breakers import may_call
from agentkit.think.store import open_store
with open_store(os.environ) as store:
    print("ready", flush=True)
    verdict = may_call(store, "p", "digest", float(sys.argv[1]))
print("probe" if verdict.is_probe else "open" if verdict.is_open else "closed", flush=True)
sys.stdin.read()
"""
LATE = """
import os, sys
from agentkit.think.breakers import note_failure
from agentkit.think.store import open_store
with open_store(os.environ) as store:
    now = float(sys.argv[1])
    note_failure(store, "p", "digest", kind="failed", trouble="", retry_after_s=None, now=now, chance=0.5)
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store({"AGENTKIT_HOME": str(tmp_path)}) as found:
        yield found


def fail(store: Store, now: float, kind: str = FAILED, after_s: float | None = None, *, chance: float = 0.5) -> Breaker:
    note_failure(
        store, NAME, DIGEST, kind=kind, trouble=f"it {kind}", retry_after_s=after_s, now=now, chance=chance
    )  # fmt: skip
    return known(store)


def known(store: Store) -> Breaker:
    found = read_breaker(store, NAME)
    assert found is not None
    return found


def ask(store: Store, now: float, digest: str = DIGEST) -> Verdict:
    return may_call(store, NAME, digest, now)


def launch(folder: Path, now: float) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", ASKER, repr(now)], cwd=ROOT, text=True, env={"AGENTKIT_HOME": str(folder)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip


def hear(asker: subprocess.Popen[str]) -> str:
    assert asker.stdout is not None
    return asker.stdout.readline().strip()


def start_asker(folder: Path, now: float) -> tuple[subprocess.Popen[str], str]:
    asker = launch(folder, now)
    assert hear(asker) == "ready"
    return asker, hear(asker)


def end_asker(asker: subprocess.Popen[str]) -> None:
    asker.kill()
    asker.communicate(timeout=30)


def test_whom_nobody_asked_yet_may_be_asked(store: Store) -> None:
    assert read_breaker(store, NAME) is None
    assert ask(store, NOON) == Verdict(is_open=False)


@pytest.mark.parametrize("kind", [FAILED, OVERLOADED, REJECTED])
def test_the_pause_grows_with_each_trial_that_fails_and_stays_at_an_hour(store: Store, kind: str) -> None:
    now = NOON
    for pause_s in (*COOL_DOWNS_S, COOL_DOWNS_S[-1]):
        assert not ask(store, now).is_open
        assert fail(store, now, kind).open_until == now + pause_s
        refused = ask(store, now + pause_s - 1)
        assert refused.is_open
        assert refused.not_before == now + pause_s
        assert refused.why == f"it {kind}"
        now += pause_s
    assert ask(store, now).is_probe


@pytest.mark.parametrize(("chance", "pause_s"), [(0.0, 54.0), (1.0, 66.0)])
def test_the_pause_is_spread_by_a_tenth_to_both_sides(store: Store, chance: float, pause_s: float) -> None:
    assert (fail(store, NOON, chance=chance).open_until or 0) - NOON == pytest.approx(pause_s)


def test_a_crowd_that_fails_at_once_is_one_failure(store: Store) -> None:
    for number in range(20):
        fail(store, NOON + number)
    assert known(store).open_until == NOON + COOL_DOWNS_S[0]
    assert known(store).step == 1


@pytest.mark.parametrize("after_s", [1.0, 30.0, 86400.0])
def test_what_the_provider_asked_for_is_waited_exactly_and_is_no_step_of_the_pause(
    store: Store, after_s: float
) -> None:
    fail(store, NOON, OVERLOADED, after_s)
    assert ask(store, NOON + after_s - 0.001).not_before == NOON + after_s
    assert ask(store, NOON + after_s) == Verdict(is_open=False)
    assert known(store).step == 0


def test_retry_at_once_is_no_pause_and_is_answered_with_our_own(store: Store) -> None:
    assert fail(store, NOON, OVERLOADED, 0.0).open_until == NOON + COOL_DOWNS_S[0]


def test_a_trial_that_is_asked_to_wait_waits_and_is_tried_by_one_again(store: Store) -> None:
    fail(store, NOON)
    assert ask(store, NOON + 60).is_probe
    fail(store, NOON + 61, OVERLOADED, 10.0)
    assert ask(store, NOON + 70).is_open
    assert ask(store, NOON + 71).is_probe
    assert fail(store, NOON + 72).open_until == NOON + 72 + COOL_DOWNS_S[1]


def test_a_late_answer_shortens_no_pause(store: Store) -> None:
    fail(store, NOON)
    fail(store, NOON + 1, OVERLOADED, 1.0)
    assert ask(store, NOON + 59).is_open
    fail(store, NOON + 2, REFUSED)
    fail(store, NOON + 3, OVERLOADED, 1.0)
    assert ask(store, NOON + 10**7).is_open


def test_whoever_refused_us_is_not_asked_until_the_configuration_changes(store: Store) -> None:
    fail(store, NOON, REFUSED)
    refused = ask(store, NOON + 10**8)
    assert (refused.is_open, refused.not_before) == (True, None)
    assert "until its configuration changes" in refused.why
    assert ask(store, NOON + 1, "another") == Verdict(is_open=False)


def test_a_changed_configuration_begins_anew(store: Store) -> None:
    fail(store, NOON)
    ask(store, NOON + 60)
    fail(store, NOON + 60)
    note_failure(store, NAME, "another", kind=FAILED, trouble="", retry_after_s=None, now=NOON + 61, chance=0.5)
    assert known(store).open_until == NOON + 61 + COOL_DOWNS_S[0]


def test_an_answer_lets_all_ask_again(store: Store) -> None:
    fail(store, NOON)
    assert ask(store, NOON + 60).is_probe
    note_success(store, NAME, DIGEST, began_at=NOON + 60, now=NOON + 62)
    assert ask(store, NOON + 62) == Verdict(is_open=False)
    found = known(store)
    assert (found.state, found.step, found.last_ok_at, found.last_error) == ("closed", 0, NOON + 62, "it failed")
    assert fail(store, NOON + 63).open_until == NOON + 63 + COOL_DOWNS_S[0]


def test_the_answer_to_an_older_call_proves_nothing(store: Store) -> None:
    fail(store, NOON, OVERLOADED, 30.0)
    note_success(store, NAME, DIGEST, began_at=NOON - 5, now=NOON + 1)
    assert ask(store, NOON + 2).is_open
    assert known(store).last_ok_at == NOON + 1
    note_success(store, NAME, DIGEST, began_at=NOON + 3, now=NOON + 4)
    assert not ask(store, NOON + 5).is_open


def test_a_trial_that_succeeds_counts_though_a_late_failure_came_meanwhile(store: Store, tmp_path: Path) -> None:
    fail(store, NOON)
    assert ask(store, NOON + 60).is_probe
    subprocess.run(
        [sys.executable, "-c", LATE, repr(NOON + 61)],
        cwd=ROOT,
        env={"AGENTKIT_HOME": str(tmp_path)},
        timeout=60,
        check=True,
    )
    assert known(store).step == 1
    note_success(store, NAME, DIGEST, began_at=NOON + 60, now=NOON + 62)
    assert ask(store, NOON + 62) == Verdict(is_open=False)


def test_one_process_tries_and_the_others_wait_for_how_it_ends(store: Store, tmp_path: Path) -> None:
    fail(store, NOON)
    askers: list[tuple[subprocess.Popen[str], str]] = []
    try:
        # One after the other, and those that were started are ended even if the next one is not.
        askers.extend(start_asker(tmp_path, NOON + 60) for _ in range(4))
        assert [told for _, told in askers] == ["probe", "open", "open", "open"]
        waiting = ask(store, NOON + 60)
        assert waiting.is_open
        assert f"process {askers[0][0].pid} tries" in waiting.why
    finally:
        for asker, _ in askers:
            end_asker(asker)


def test_the_trial_of_a_process_that_was_killed_is_taken_over(store: Store, tmp_path: Path) -> None:
    fail(store, NOON)
    asker, told = start_asker(tmp_path, NOON + 60)
    assert told == "probe"
    os.kill(asker.pid, signal.SIGKILL)
    # Even before it is waited for: a zombie makes no call.
    asker.wait(timeout=30)
    end_asker(asker)
    assert ask(store, NOON + 61).is_probe
    assert ask(store, NOON + 62).is_probe


def test_a_holder_of_before_the_machine_started_anew_holds_nothing(store: Store, tmp_path: Path) -> None:
    fail(store, NOON)
    asker, _ = start_asker(tmp_path, NOON + 60)
    try:
        assert ask(store, NOON + 60).is_open
        store.execute("UPDATE providers SET probe = probe || ' of another start'")
        assert ask(store, NOON + 60).is_probe
    finally:
        end_asker(asker)


@pytest.mark.parametrize("probe", ["1", "1 2", "x y z", "", "99999999 1 boot"])
def test_a_holder_that_makes_no_sense_holds_nothing(store: Store, probe: str) -> None:
    fail(store, NOON)
    store.execute("UPDATE providers SET state = 'half-open', probe = ?", (probe,))
    assert ask(store, NOON + 60).is_probe


def test_of_many_that_ask_at_once_one_tries(store: Store, tmp_path: Path) -> None:
    fail(store, NOON)
    # While somebody writes they all see that a trial is due, and then queue for it.
    with store.transaction():
        askers = [launch(tmp_path, NOON + 60) for _ in range(12)]
        assert [hear(asker) for asker in askers] == ["ready"] * 12
        time.sleep(0.2)
    told = {str(asker.pid): hear(asker) for asker in askers}
    for asker in askers:
        end_asker(asker)
    assert sorted(told.values()) == ["open"] * 11 + ["probe"]
    assert told[str(known(store).probe).partition(" ")[0]] == "probe"


@pytest.mark.parametrize(("kind", "after_s"), [(FAILED, None), (OVERLOADED, 86400.0)])
def test_a_clock_that_ran_ahead_shuts_nobody_out_for_years(store: Store, kind: str, after_s: float | None) -> None:
    fail(store, NOON + 10**9, kind, after_s)
    assert not ask(store, NOON).is_open
    note_success(store, NAME, DIGEST, began_at=NOON, now=NOON + 1)
    assert ask(store, NOON + 2) == Verdict(is_open=False)


def test_a_clock_that_is_a_little_behind_opens_nothing(store: Store) -> None:
    fail(store, NOON)
    assert ask(store, NOON - 5).is_open


def test_the_digest_changes_with_what_is_asked_of_whom_and_not_with_the_price() -> None:
    base = ProviderSettings(name="p", kind="openai", model="m", key="secret:a")
    digest = digest_provider(base)
    assert digest_provider(replace(base, price=1.0, price_in=2.0)) == digest
    for change in ({"model": "n"}, {"key": "secret:b"}, {"url": "http://127.0.0.1:1"}, {"max_output_tokens": 5}):
        assert digest_provider(replace(base, **change)) != digest  # type: ignore[arg-type]
