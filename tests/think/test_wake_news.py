"""Is a reason to wait told once, in words that say when it ends, and not at every tick of a crontab?"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from agentkit.think.decisions import is_same_reason
from tests.conftest import Run
from tests.think.conftest import Wake, finding
from tests.think.scriptedmodel import ScriptedModel, say

Configure = Callable[..., None]


def test_a_pause_of_a_provider_is_no_news_and_it_is_told_when_it_ends(
    agentkit: Run, configure: Configure, model: ScriptedModel
) -> None:
    configure('[think]\ndeadline = "1s"')
    model.script = lambda _: (500, "oops", {})
    told = [agentkit("think", "wake", input=json.dumps(finding())) for _ in range(3)]
    assert [ended.returncode for ended in told] == [75, 75, 75]
    assert [ended.stderr.count("deferred: mine: 500") for ended in told] == [1, 0, 0]
    assert "(not before 20" in told[0].stderr
    # Another one waits now, too.
    another = agentkit("think", "wake", input=json.dumps(finding("job:other")))
    assert "and 1 more: deferred: mine: 500" in another.stderr


def test_who_refuses_says_at_once_that_nobody_asks_again(
    agentkit: Run, configure: Configure, model: ScriptedModel
) -> None:
    configure()
    model.script = lambda _: (401, "Incorrect API key", {})
    told = [agentkit("think", "wake", input=json.dumps(finding())).stderr for _ in range(2)]
    assert "401" in told[0]
    assert "not asked until its configuration changes" in told[0]
    assert told[1] == ""


def test_what_holds_for_every_provider_is_said_once(wake: Wake, configure: Configure, model: ScriptedModel) -> None:
    other = f'[[think.provider]]\nname = "other"\nkind = "openai"\nurl = "{model.url}"\nmodel = "m"\nprice = 0'
    configure("[think.budget]\ncalls_per_day = 0", f"price = 0\n{other}")
    assert str(wake(finding())[1][0]["reason"]).count("calls_per_day") == 1


def test_an_answer_that_never_fits_is_no_news_when_its_group_is_due_again(
    agentkit: Run, configure: Configure, model: ScriptedModel
) -> None:
    model.script = lambda _: (200, "hm", {})
    told = []
    for interval in ("1ms", "1h", "1ms"):
        configure(f'[think]\ngroup_interval = "{interval}"')
        told.append(agentkit("think", "wake", input=json.dumps(finding())))
    assert [ended.returncode for ended in told] == [75, 0, 75]
    assert [ended.stderr.count("does not fit") for ended in told] == [1, 0, 0]


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("a: no answer within 2.4s", "a: no answer within 12s", True),
        ("a: 500; b: 429 slow down", "b: 429 slow down; a: 500", True),
        ("usd_per_day allows 1.00 usd: 0.99 usd spent", "usd_per_day allows 1.00 usd: 0.97 usd spent", True),
        ("usd_per_day allows 1.00 usd", "usd_per_hour allows 1.00 usd", False),
        ("a: 500 Internal Server Error", "a: 401 Unauthorized", False),
    ],
)
def test_amounts_and_the_order_of_providers_make_no_other_reason(one: str, other: str, is_same: bool) -> None:
    assert is_same_reason(one, other) is is_same


def test_a_line_names_the_worst_of_its_findings(agentkit: Run, configure: Configure) -> None:
    configure()
    found = [finding("job:a", title="a is slow"), finding("job:b", "critical", title="b is \x1b[2J gone")]
    ended = agentkit("think", "wake", input="\n".join(map(json.dumps, found)))
    assert ended.returncode == 0
    assert ended.stdout == "critical: b is \\x1b[2J gone and 1 more: look at it: because\n"


def test_a_line_tells_what_became_of_a_chosen_runbook_and_where_a_proposal_is(
    agentkit: Run, configure: Configure, model: ScriptedModel
) -> None:
    configure('[[think.runbook]]\nname = "fix"\nmatch = {type = "no such"}\nrun = ["sh", "-c", "echo no luck; exit 4"]')
    model.script = lambda _: (200, say("runbook", runbook="fix"), {})
    line = agentkit("think", "wake", input=json.dumps(finding(title="a is gone"))).stdout
    assert line.startswith("warning: a is gone: runbook fix: because; runbook fix at ")
    assert "failed with status 4" in line
    assert "no luck" in line
    [entry] = map(json.loads, agentkit("think", "journal", "--json").stdout.splitlines())
    assert "failed with status 4" in entry["decision"]["outcome"]
    assert "failed with status 4" in agentkit("think", "journal", "show", entry["id"]).stdout
    model.script = lambda _: (200, say("propose", proposal="rotate the logs", repository="ops"), {})
    line = agentkit("think", "wake", input=json.dumps(finding(type="slow", title="a is slow"))).stdout
    assert line.startswith("warning: a is slow: a proposal: because; agentkit think journal show ")
    assert "rotate the logs" in agentkit(*line.split()[-4:]).stdout


def test_what_holds_back_many_groups_is_one_line(agentkit: Run) -> None:
    found = [
        finding(f"job:{n}", "critical" if n == 7 else "warning", source=f"s{n}", title=f"{n} is gone")
        for n in range(20)
    ]
    ended = agentkit("think", "wake", input="\n".join(map(json.dumps, found)))
    line = "agentkit: critical: 7 is gone and 19 more: deferred: no provider is configured\n"
    assert (ended.returncode, ended.stderr) == (75, line)


def test_a_deadline_that_is_over_is_told_of_what_nobody_told_of_before(
    agentkit: Run, configure: Configure, model: ScriptedModel
) -> None:
    model.script = lambda _: (500, "oops", {})
    configure('[think]\ndeadline = "1s"')
    text = json.dumps(finding())
    assert "500" in agentkit("think", "wake", input=text).stderr
    configure('[think]\ndeadline = "1ms"')
    late = agentkit("think", "wake", input=text)
    assert (late.returncode, late.stderr) == (75, "")
    later = agentkit("think", "wake", input=json.dumps(finding(type="slow", title="a is slow")))
    assert later.stderr.startswith("agentkit: warning: a is slow: deferred: ")
