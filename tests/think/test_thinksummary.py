"""Does the summary say what waits, what was spent and who is left alone, and is it quiet when all is well?"""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.conftest import Run
from tests.think.conftest import Wake, finding
from tests.think.scriptedmodel import ScriptedModel


def read_summary(agentkit: Run) -> dict[str, object]:
    ended = agentkit("think", "summary", "--json")
    assert (ended.returncode, ended.stderr) == (0, "")
    record = json.loads(ended.stdout)
    assert isinstance(record, dict)
    return record


def severities(record: dict[str, object]) -> list[str]:
    lines = record["lines"]
    assert isinstance(lines, list)
    return [line["severity"] for line in lines]


def test_a_machine_that_never_had_a_finding_says_how_to_begin(agentkit: Run) -> None:
    record = read_summary(agentkit)
    assert (record["title"], severities(record), record["next"]) == ("think: asleep", ["info"], None)
    assert "agentkit think wake" in json.dumps(record)


def test_when_all_is_dealt_with_it_is_asleep_and_asks_for_nothing(
    agentkit: Run, wake: Wake, configure: Callable[..., None]
) -> None:
    configure("[think.budget]\nusd_per_day = 1", "price_in = 2\nprice_out = 10")
    wake(finding())
    record = read_summary(agentkit)
    assert (record["title"], severities(record), record["next"]) == ("think: asleep", ["info", "info"], None)
    assert "1 call this month, 0.0004 usd spent or reserved" in json.dumps(record)


def test_what_waits_is_counted_and_the_worst_is_named(agentkit: Run, wake: Wake) -> None:
    wake(finding(), finding("job:b", "critical", title="the disk is full"))
    record = read_summary(agentkit)
    assert (record["title"], record["next"]) == ("think: 2 findings wait", "agentkit think inbox")
    assert severities(record)[:2] == ["critical", "critical"]
    assert "the disk is full: waits: no provider is configured" in json.dumps(record)


def test_a_provider_that_is_left_alone_is_named(
    agentkit: Run, wake: Wake, configure: Callable[..., None], model: ScriptedModel
) -> None:
    configure('[think]\ndeadline = "3s"')
    model.script = lambda _: (529, "overloaded", {"Retry-After": "3600"})
    wake(finding())
    wake(finding(state="resolved"))
    record = read_summary(agentkit)
    assert (record["title"], record["next"]) == ("think: asleep", "agentkit think providers")
    assert severities(record)[-1] == "warning"
    assert "asked again in" in json.dumps(record)


def test_checkup_shows_it(agentkit: Run, wake: Wake) -> None:
    wake(finding())
    assert "think: 1 finding waits" in agentkit("checkup").stdout
