"""Is what waits listed with why and since when, and does a person's word about it count?"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from agentkit.core.errors import Exit
from agentkit.think.asking import NO_PROVIDER
from tests.conftest import Run
from tests.heartbeat.terminal import Terminal
from tests.think.conftest import Wake, finding
from tests.think.scriptedmodel import ScriptedModel

LONG = "the nightly backup of the shop database has left no evidence for 26h, and it is expected every 24h"


def list_inbox(agentkit: Run) -> list[dict[str, object]]:
    ended = agentkit("think", "inbox", "--json")
    assert (ended.returncode, ended.stderr) == (0, "")
    return [json.loads(line) for line in ended.stdout.splitlines()]


def test_an_empty_inbox_says_so_and_leaves_nothing_behind(agentkit: Run, home: Path) -> None:
    for verb in ("inbox", "journal", "providers", "summary"):
        assert agentkit("think", verb).returncode == 0
    assert agentkit("think", "inbox").stdout == ""
    assert not (home / "think.db").exists()


def test_what_waits_is_listed_the_worst_first_with_its_reason(agentkit: Run, wake: Wake) -> None:
    wake(finding("job:a"), finding("job:b", "critical"), finding("job:c"))
    first, *others = list_inbox(agentkit)
    assert (first["subject"], first["severity"]) == ("job:b", "critical")
    assert {str(one["subject"]) for one in others} == {"job:a", "job:c"}
    for one in (first, *others):
        assert one["waiting_for"] == NO_PROVIDER
        assert isinstance(one["waiting_since"], str)
        assert one["not_before"] is None


def test_a_finding_keeps_what_came_with_it(agentkit: Run, wake: Wake) -> None:
    wake(finding(colour="teal", evidence={"run": "x"}))
    [one] = list_inbox(agentkit)
    assert (one["colour"], one["evidence"]) == ("teal", {"run": "x"})


def test_what_is_dealt_with_or_gone_does_not_wait(agentkit: Run, wake: Wake, configure: Callable[..., None]) -> None:
    wake(finding("job:gone"))
    wake(finding("job:gone", state="resolved"))
    configure()
    wake(finding("job:thought"))
    assert list_inbox(agentkit) == []


@pytest.mark.parametrize("width", [60, 80, 200])
def test_it_fits_the_terminal_and_no_control_character_reaches_it(
    environ: dict[str, str], wake: Wake, width: int
) -> None:
    wake(finding(title=LONG), finding("job:x", title="evil \x1b[2J title"), finding("job:漢字", title="漢字" * 40))
    _, text = Terminal(["think", "inbox"], environ, width=width).finish()
    assert "\x1b" not in text
    assert "\\x1b[2J" in text
    lines = text.replace("\r", "").splitlines()
    assert max(sum(1 + (letter in "漢字") for letter in line) for line in lines) <= width


def test_colour_is_for_who_wants_it(environ: dict[str, str], wake: Wake) -> None:
    wake(finding())
    coloured = {**environ, "TERM": "xterm-256color"}
    assert "\x1b[" in Terminal(["think", "inbox"], coloured).finish()[1]
    assert "\x1b[" not in Terminal(["think", "inbox"], {**coloured, "NO_COLOR": "1"}).finish()[1]


def test_a_finding_of_ones_own_wakes_the_model_once(
    agentkit: Run, configure: Callable[..., None], model: ScriptedModel, wake: Wake
) -> None:
    configure()
    for _ in range(2):
        assert agentkit("think", "inbox", "add", "the report\nhas no data", "--severity", "critical").returncode == 0
    [one] = list_inbox(agentkit)
    assert (one["title"], one["severity"], one["source"]) == ("the report has no data", "critical", "think.inbox")
    assert one["evidence"] == {"text": "the report\nhas no data"}
    assert wake()[1][0]["status"] == "thought"
    ended = agentkit("think", "inbox", "add", "the report\nhas no data", "--severity", "critical")
    assert "is known, and was dealt with (decision:" in ended.stdout
    assert len(model.asked) == 1


def test_what_is_dropped_wakes_nobody_until_it_fires_anew(
    agentkit: Run, configure: Callable[..., None], model: ScriptedModel, wake: Wake
) -> None:
    wake(finding())
    [one] = list_inbox(agentkit)
    name = str(one["fingerprint"])[:8]
    would = agentkit("think", "inbox", "drop", name, "--reason", "is known", "--dry-run").stdout
    assert would.startswith("would drop ")
    assert len(list_inbox(agentkit)) == 1
    assert agentkit("think", "inbox", "drop", name, "--reason", "is known").stdout == would.removeprefix(
        "would "
    ).replace("drop ", "dropped ", 1)
    configure()
    assert wake(finding())[1][0]["status"] == "asleep"
    wake(finding(state="resolved"))
    assert wake(finding())[1][0]["status"] == "thought"
    assert len(model.asked) == 1


def test_one_that_a_person_dropped_can_be_added_again(agentkit: Run) -> None:
    agentkit("think", "inbox", "add", "a thing")
    name = str(list_inbox(agentkit)[0]["fingerprint"])
    agentkit("think", "inbox", "drop", name, "--reason", "done")
    assert list_inbox(agentkit) == []
    agentkit("think", "inbox", "add", "a thing")
    assert [one["fingerprint"] for one in list_inbox(agentkit)] == [name]


def test_nothing_is_dropped_where_one_of_the_names_is_none(agentkit: Run, wake: Wake) -> None:
    wake(finding())
    name = str(list_inbox(agentkit)[0]["fingerprint"])
    ended = agentkit("think", "inbox", "drop", name, "ffffffff0000", "--reason", "x")
    assert (ended.returncode, ended.stdout) == (Exit.UNAVAILABLE, "")
    assert "there is no finding ffffffff0000" in ended.stderr
    assert len(list_inbox(agentkit)) == 1


def test_a_name_that_is_too_short_or_no_one_s_alone_is_refused(agentkit: Run, wake: Wake) -> None:
    wake(*[finding(f"job:{number}", fingerprint=f"abcd{number:060x}") for number in range(3)])
    ended = agentkit("think", "inbox", "drop", "abc", "--reason", "x")
    assert (ended.returncode, ended.stderr.splitlines()[0].split(": ", 2)[2][:23]) == (2, "'abc' is too short for ")
    ended = agentkit("think", "inbox", "drop", "abcd", "--reason", "x")
    assert ended.returncode == Exit.UNAVAILABLE
    assert "abcd may be abcd0" in ended.stderr


def test_retry_makes_due_what_an_overloaded_provider_put_off(
    agentkit: Run, configure: Callable[..., None], model: ScriptedModel, wake: Wake
) -> None:
    configure('[think]\ndeadline = "10s"')
    script = model.script
    model.script = lambda _: (429, "later", {"Retry-After": "7200"})
    assert wake(finding())[0] == Exit.TRY_LATER
    assert isinstance(list_inbox(agentkit)[0]["not_before"], str)
    model.script = script
    asked = len(model.asked)
    assert wake()[0] == Exit.TRY_LATER
    assert len(model.asked) == asked
    assert agentkit("think", "inbox", "retry", "--dry-run").stdout == "would make 1 finding due\n"
    assert wake()[0] == Exit.TRY_LATER
    assert agentkit("think", "inbox", "retry").stdout == "1 finding due: agentkit think wake\n"
    assert wake()[1][0]["status"] == "thought"


def test_one_that_was_dealt_with_is_asked_about_again_when_it_is_named(
    agentkit: Run, configure: Callable[..., None], model: ScriptedModel, wake: Wake
) -> None:
    configure()
    _, (decision,), _ = wake(finding())
    assert agentkit("think", "inbox", "retry").stdout == "nothing waits\n"
    findings = decision["findings"]
    assert isinstance(findings, list)
    assert agentkit("think", "inbox", "retry", findings[0]).returncode == 0
    assert wake()[1][0]["status"] == "thought"
    assert len(model.asked) == 2


def test_a_pause_that_is_over_is_not_shown(agentkit: Run, wake: Wake, home: Path) -> None:
    wake(finding())
    with closing(sqlite3.connect(home / "think.db")) as store, store:
        store.execute("UPDATE findings SET not_before = 1000000000.0")
    assert agentkit("think", "inbox").stdout.splitlines()[1].split()[-1] == "-"
