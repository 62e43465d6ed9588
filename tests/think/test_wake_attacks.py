"""Is anything forgotten, done twice or paid for twice when findings change, clocks jump and others are at work too?"""

from __future__ import annotations

import json
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.think.conftest import Wake, finding
from tests.think.scriptedmodel import ScriptedModel, say

Configure = Callable[..., None]
YEAR_S = 365 * 86400.0


@contextmanager
def rows_of(home: Path) -> Iterator[sqlite3.Connection]:
    """Open the store to make it look as something else would have left it."""
    with closing(sqlite3.connect(home / "think.db")) as store, store:
        yield store


def runbook(name: str, match: str, *run: str) -> str:
    return f'[[think.runbook]]\nname = "{name}"\nmatch = {{{match}}}\nrun = {json.dumps(run)}\n'


@pytest.mark.parametrize(
    "change",
    [
        [finding(severity="critical")],
        [finding(state="resolved"), finding()],
    ],
    ids=["got worse", "fires anew"],
)
def test_what_changes_while_a_mind_thinks_about_it_is_not_forgotten(
    wake: Wake, configure: Configure, model: ScriptedModel, change: list[dict[str, object]]
) -> None:
    configure('[think]\ngroup_interval = "1ms"')
    meanwhile: list[list[dict[str, object]]] = []

    def answer(_: str) -> tuple[int, str, dict[str, str]]:
        if not meanwhile:
            meanwhile.append([])
            meanwhile[0] = wake(*change)[1]
        return 200, say(), {}

    model.script = answer
    wake(finding())
    decided = [record for record in meanwhile[0] + wake()[1] if record["status"] == "thought"]
    assert [record["severity"] for record in decided] == [change[-1]["severity"]]


def test_what_got_worse_while_another_group_had_its_turn_is_decided_as_it_is(
    wake: Wake, agentkit: Run, configure: Configure, model: ScriptedModel, home: Path
) -> None:
    configure()

    def answer(_: str) -> tuple[int, str, dict[str, str]]:
        if len(model.asked) == 1:
            # As another wake would leave it that was killed then.
            assert agentkit("think", "inbox", "add", "pump", "--severity", "critical").returncode == 0
        return 200, say(), {}

    model.script = answer
    wake(finding())
    model.asked.clear()
    agentkit("think", "inbox", "add", "pump")
    with rows_of(home) as store:
        store.execute("UPDATE findings SET waiting_since = waiting_since + 100 WHERE source = 'think.inbox'")
    records = wake(finding(type="other"))[1]
    assert [record["severity"] for record in records] == ["warning", "critical"]
    assert '"severity": "critical"' in model.questions[1]


def test_many_lines_of_a_crontab_at_once_ask_once_about_their_group(
    agentkit: Run, configure: Configure, model: ScriptedModel
) -> None:
    configure()
    found = [json.dumps(finding(f"job:{number}")) for number in range(6)]
    all_began = threading.Event()
    model.script = lambda _: (200, say() if all_began.wait(30) else "", {})
    with ThreadPoolExecutor(len(found)) as pool:
        first = pool.submit(agentkit, "think", "wake", input=found[0])
        while not model.asked and not first.done():
            time.sleep(0.02)
        others = [pool.submit(agentkit, "think", "wake", input=text) for text in found[1:]]
        assert {each.result().returncode for each in others} == {0}
        all_began.set()
        assert first.result().returncode == 0
    assert len(model.asked) == 1
    assert len(agentkit("think", "inbox", "--json").stdout.splitlines()) == len(others)


def test_a_decision_of_the_last_time_does_not_act_on_this_time(
    wake: Wake, configure: Configure, model: ScriptedModel, home: Path, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    configure('[think]\ngroup_interval = "1ms"\n' + runbook("fix", 'type = "x"', "sh", "-c", f"echo ran >> {ran}"))
    model.script = lambda _: (200, say("runbook", runbook="fix"), {})
    wake(finding())
    with rows_of(home) as store:
        # As if it had been killed after the runbook ran, and before the decision was told.
        store.execute("UPDATE decisions SET printed_at = NULL, teller = '1 1 another-boot 1'")
    model.script = lambda _: (200, say(), {})
    records = wake(finding(state="resolved"), finding())[1]
    assert [record["action"] for record in records] == ["runbook", "notify"]
    assert ran.read_text() == "ran\n"


def test_a_clock_that_was_wrong_for_a_while_silences_nothing_that_fires(
    wake: Wake, configure: Configure, model: ScriptedModel, home: Path
) -> None:
    configure('[think]\nrepeat_interval = "1h"')
    wake(finding())
    with rows_of(home) as store:
        store.execute("UPDATE groups SET thought_at = thought_at + ?", (YEAR_S,))
        store.execute("UPDATE findings SET handled_at = handled_at + ?", (YEAR_S,))
    assert wake(finding())[1][0]["status"] == "thought"
    assert wake(finding())[1][0]["status"] == "asleep"


def test_an_info_that_comes_while_a_runbook_runs_has_its_own_runbook(
    wake: Wake, configure: Configure, tmp_path: Path
) -> None:
    add = f"exec {sys.executable} -m agentkit think inbox add disk --severity info"
    configure(
        runbook("slow", 'source = "heartbeat.check"', "sh", "-c", add)
        + runbook("note", 'source = "think.inbox"', "touch", f"{tmp_path}/noted")
    )
    assert wake(finding())[1][0]["runbook"] == "slow"
    assert wake()[1][0]["runbook"] == "note"
    assert (tmp_path / "noted").exists()


def test_a_critical_finding_of_which_nobody_has_heard_for_long_silences_nothing(
    wake: Wake, configure: Configure, home: Path
) -> None:
    configure()
    wake(finding(severity="critical"))
    assert wake(finding(type="slow"))[1][0]["status"] == "asleep"
    with rows_of(home) as store:
        # Its source was taken away, and will never say that it is gone.
        store.execute("UPDATE findings SET last_seen_at = ? WHERE severity = 'critical'", (time.time() - 3 * 86400,))
    assert wake(finding(type="slow"))[1][0]["status"] == "thought"


def test_an_answer_that_does_not_fit_is_not_paid_for_again_where_the_second_try_is_too_dear(
    wake: Wake, configure: Configure, model: ScriptedModel, home: Path
) -> None:
    configure("[think.budget]\ncalls_per_day = 1")
    model.script = lambda _: (200, say("format-the-disk"), {})
    assert wake(finding())[0] == 75
    with rows_of(home) as store:
        store.execute("DELETE FROM calls")
    wake(finding())
    assert len(model.asked) == 1


def test_half_a_letter_in_an_answer_is_no_bug(
    wake: Wake, agentkit: Run, configure: Configure, model: ScriptedModel
) -> None:
    configure()
    model.script = lambda _: (200, say() + " \ud83d", {})
    status, (record,), _ = wake(finding())
    assert (status, record["status"]) == (0, "thought")
    ended = agentkit("think", "ask", "what is half a letter?")
    assert (ended.returncode, ended.stderr.count("bug")) == (0, 0)


def test_what_a_program_says_that_it_cost_counts_without_usage_too(wake: Wake, home: Path, tmp_path: Path) -> None:
    home.mkdir()
    said = {"type": "result", "result": say(), "total_cost_usd": 5}
    (tmp_path / "said").write_text(json.dumps(said))
    (home / "agentkit.toml").write_text(
        '[think]\ngroup_interval = "1ms"\n[think.budget]\nusd_per_day = 1\n'
        f'[[think.provider]]\nname = "c"\nkind = "command"\nrun = ["cat", "{tmp_path}/said"]\nprice = 1\n'
    )
    _, (record,), _ = wake(finding())
    assert (record["status"], record["spent_usd"]) == ("thought", 5)
    assert wake(finding("job:other"))[0] == 75


def test_half_a_letter_in_a_finding_loses_no_finding(wake: Wake) -> None:
    odd = [finding("job:\ud800"), finding(host="h\udfff"), finding(fingerprint="f\udfff"), finding(type="\ud83d")]
    status, records, _ = wake(*odd, finding("job:whole"))
    assert status == 75
    assert sum(len(record["findings"]) for record in records) == 5  # type: ignore[arg-type]


@pytest.mark.parametrize("depth", [90, 110, *range(970, 995, 3)])
def test_a_finding_that_can_be_taken_in_can_be_dealt_with(agentkit: Run, depth: int) -> None:
    deep = json.dumps({**finding(cause={"root": "x"}, fingerprint="f"), "evidence": 0})
    deep = deep.replace('"evidence": 0', f'"evidence": {"[" * depth}{"]" * depth}')
    ended = agentkit("think", "wake", input=f"{deep}\n{json.dumps(finding())}\n")
    assert ended.returncode in (75, 65), ended.stderr
    assert agentkit("think", "inbox", "--json").returncode == 0
