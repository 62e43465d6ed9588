"""Is all that was asked and answered found again, with what it cost and what came of it?"""

from __future__ import annotations

import json
from collections.abc import Callable

from agentkit.core.errors import Exit
from tests.conftest import Run
from tests.think.conftest import Wake, finding
from tests.think.scriptedmodel import ScriptedModel, say


def list_journal(agentkit: Run, *words: str) -> list[dict[str, object]]:
    ended = agentkit("think", "journal", "--json", *words)
    assert ended.returncode == 0
    return [json.loads(line) for line in ended.stdout.splitlines()]


def test_a_call_is_written_down_with_its_decision(agentkit: Run, wake: Wake, configure: Callable[..., None]) -> None:
    configure()
    _, (decision,), _ = wake(finding(title="the disk is full"))
    [entry] = list_journal(agentkit)
    assert (entry["purpose"], entry["provider"], entry["model"], entry["tokens"]) == ("wake", "mine", "m", 120)
    assert "the disk is full" in str(entry["prompt"])
    assert json.loads(str(entry["answer"]))["action"] == "notify"
    found = entry["decision"]
    assert isinstance(found, dict)
    assert found["id"] == decision["id"]


def test_an_answer_that_did_not_fit_has_no_decision_and_the_next_one_has(
    agentkit: Run, wake: Wake, configure: Callable[..., None], model: ScriptedModel
) -> None:
    configure()
    model.script = lambda _: (200, "no object" if len(model.asked) == 1 else say(), {})
    assert wake(finding())[0] == 0
    newest, first = list_journal(agentkit)
    assert (first["answer"], first["decision"]) == ("no object", None)
    assert isinstance(newest["decision"], dict)


def test_it_is_searched_as_it_stands_and_cut_to_the_limit(
    agentkit: Run, configure: Callable[..., None], model: ScriptedModel
) -> None:
    configure()
    for text in ("what of 100% here", "what of 100 here", "what of ÄPFEL"):
        model.script = lambda _, text=text: (200, f"about {text[-4:]}", {})  # type: ignore[misc]
        assert agentkit("think", "ask", text).returncode == 0
    assert len(list_journal(agentkit)) == 3
    assert [one["answer"] for one in list_journal(agentkit, "--limit", "1")] == ["about PFEL"]
    # A percent sign is a percent sign.
    assert len(list_journal(agentkit, "--search", "100% HERE")) == 1
    assert len(list_journal(agentkit, "--search", "about pfel")) == 1
    ended = agentkit("think", "journal", "--search", "nowhere")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "agentkit: nothing holds 'nowhere'\n")


def test_one_is_shown_whole_by_its_first_letters_or_by_its_decision(
    agentkit: Run, wake: Wake, configure: Callable[..., None]
) -> None:
    configure()
    _, (decision,), _ = wake(finding(title="evil \x1b[2J title"))
    [entry] = list_journal(agentkit)
    for word in (str(entry["id"])[:16], str(decision["id"])):
        ended = agentkit("think", "journal", "show", word)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert ended.stdout.startswith(f"{entry['id']}\n")
        assert "\x1b" not in ended.stdout
        assert "sent:\n" in ended.stdout
        assert "answered:\n" in ended.stdout
        assert "look at it: because" in ended.stdout
    assert json.loads(agentkit("think", "journal", "show", str(entry["id"]), "--json").stdout) == entry


def test_one_that_is_not_there_is_69(agentkit: Run, wake: Wake, configure: Callable[..., None]) -> None:
    assert agentkit("think", "journal", "show", "0123").returncode == Exit.UNAVAILABLE
    configure()
    wake(finding())
    ended = agentkit("think", "journal", "show", "ffff")
    assert (ended.returncode, ended.stdout) == (Exit.UNAVAILABLE, "")
    assert "there is no entry ffff" in ended.stderr
    assert agentkit("think", "journal", "show", "").returncode == Exit.UNAVAILABLE


def test_a_call_that_failed_says_why(
    agentkit: Run, wake: Wake, configure: Callable[..., None], model: ScriptedModel
) -> None:
    configure('[think]\ndeadline = "3s"')
    model.script = lambda _: (400, "no such model", {})
    wake(finding())
    [entry] = list_journal(agentkit)
    assert (entry["answer"], entry["decision"]) == (None, None)
    assert "400" in str(entry["trouble"])
    assert "400" in agentkit("think", "journal").stdout
