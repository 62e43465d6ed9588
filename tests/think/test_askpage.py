"""Does a person get an answer to one question, inside the budget and with every secret masked?"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from agentkit.core.errors import Exit
from agentkit.think.asking import NO_PROVIDER
from tests.conftest import Run
from tests.think.scriptedmodel import ScriptedModel


def test_the_answer_is_all_of_stdout(agentkit: Run, configure: Callable[..., None], model: ScriptedModel) -> None:
    configure()
    model.script = lambda question: (200, f"you asked: {question}\nand \x1b[2J", {})
    ended = agentkit("think", "ask", "is it well?")
    assert (ended.returncode, ended.stdout) == (0, "you asked: is it well?\nand \\x1b[2J\n")
    assert ended.stderr == "agentkit: mine: 0.00 usd, 120 tokens\n"
    assert agentkit("think", "ask", "is it well?", "--quiet").stderr == ""
    record = json.loads(agentkit("think", "ask", "is it well?", "--json").stdout)
    assert (record["text"], record["providers_tried"]) == ("you asked: is it well?\nand \x1b[2J", ["mine"])


def test_a_question_comes_through_a_pipe(agentkit: Run, configure: Callable[..., None], model: ScriptedModel) -> None:
    configure()
    model.script = lambda question: (200, question, {})
    assert agentkit("think", "ask", "-", "--quiet", input="two\nlines\n").stdout == "two\nlines\n"
    assert agentkit("think", "ask", "-", input=" \n").returncode == Exit.USAGE
    assert agentkit("think", "ask", "-", input="x" * 70_000).returncode == Exit.USAGE
    assert len(model.asked) == 1


def test_a_value_of_the_vault_does_not_leave_the_machine(
    agentkit: Run, configure: Callable[..., None], model: ScriptedModel, tmp_path: Path
) -> None:
    configure()
    value = "".join(chr(97 + number * 7 % 26) for number in range(24))
    assert agentkit("vault", "init", "--new-recovery", str(tmp_path / "recovery.key")).returncode == 0
    assert agentkit("vault", "set", "shop/token", "--purpose", "orders", input=value).returncode == 0
    assert agentkit("think", "ask", f"why is {value} refused?").returncode == 0
    assert model.questions == ["why is {{vault:shop/token}} refused?"]
    assert value not in agentkit("think", "journal", "--json").stdout


def test_nothing_is_sent_where_the_vault_cannot_mask(
    agentkit: Run, configure: Callable[..., None], model: ScriptedModel, tmp_path: Path, home: Path
) -> None:
    configure()
    assert agentkit("vault", "init", "--new-recovery", str(tmp_path / "recovery.key")).returncode == 0
    assert agentkit("vault", "set", "a", "--purpose", "b", input="c" * 20).returncode == 0
    (home / "vault/secrets/a.age").write_bytes(b"broken")
    ended = agentkit("think", "ask", "is it well?")
    assert (ended.returncode, ended.stdout, model.asked) == (Exit.REFUSED, "", [])


def test_without_a_provider_it_is_75_and_says_so(agentkit: Run) -> None:
    ended = agentkit("think", "ask", "is it well?")
    assert (ended.returncode, ended.stdout) == (Exit.TRY_LATER, "")
    assert ended.stderr.startswith(f"agentkit: error: {NO_PROVIDER}\n")


def test_a_price_that_nobody_knows_is_78(agentkit: Run, configure: Callable[..., None], model: ScriptedModel) -> None:
    configure("", "")
    ended = agentkit("think", "ask", "is it well?")
    assert (ended.returncode, ended.stdout, model.asked) == (Exit.CONFIGURATION, "", [])
    assert "give price_in and price_out" in ended.stderr
