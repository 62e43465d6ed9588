"""Is every provider listed with how it stands, and does a test tell what is wrong with it?"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from agentkit.core.errors import Exit
from tests.conftest import Run
from tests.think.conftest import Wake, finding
from tests.think.scriptedmodel import ScriptedModel

READY = '{"ready": true}'


def list_providers(agentkit: Run) -> list[dict[str, object]]:
    return [json.loads(line) for line in agentkit("think", "providers", "--json").stdout.splitlines()]


def test_without_any_it_says_where_to_begin(agentkit: Run) -> None:
    ended = agentkit("think", "providers")
    assert (ended.returncode, ended.stdout) == (0, "")
    assert "docs/think.md" in ended.stderr
    ended = agentkit("think", "providers", "test")
    assert (ended.returncode, ended.stdout) == (Exit.UNAVAILABLE, "")


def test_they_are_listed_in_their_order_with_their_prices(agentkit: Run, configure: Callable[..., None]) -> None:
    other = (
        '[[think.provider]]\nname = "claude"\nkind = "anthropic"\nmodel = "claude-sonnet-4-5"\nkey = "secret:a/key"\n'
        '[[think.provider]]\nname = "odd"\nkind = "command"\nrun = ["/opt/odd", "--secret-word"]\n'
    )
    configure(other)
    first, second, third = list_providers(agentkit)
    assert [(one["place"], one["name"]) for one in (first, second, third)] == [(1, "claude"), (2, "odd"), (3, "mine")]
    assert (first["price_in_usd"], first["price_out_usd"], first["key"]) == (3.0, 15.0, "secret:a/key")
    assert (second["price_in_usd"], second["program"], second["state"]) == (None, "/opt/odd", "unasked")
    assert (third["price_in_usd"], third["state"]) == (0.0, "unasked")
    assert "--secret-word" not in json.dumps(second)
    rows = [line.split()[:2] for line in agentkit("think", "providers").stdout.splitlines()[1:]]
    assert rows == [["claude", "unasked"], ["odd", "unasked"], ["mine", "unasked"]]


def test_one_that_answers_is_closed_and_one_that_fails_is_open_with_its_error(
    agentkit: Run, wake: Wake, configure: Callable[..., None], model: ScriptedModel
) -> None:
    configure('[think]\ndeadline = "5s"')
    wake(finding())
    [one] = list_providers(agentkit)
    assert (one["state"], one["not_before"], one["last_error"]) == ("closed", None, None)
    assert isinstance(one["last_ok_at"], str)
    model.script = lambda _: (500, "broken", {})
    wake(finding("job:other", source="other"))
    [one] = list_providers(agentkit)
    assert (one["state"], one["is_shut"]) == ("open", False)
    assert isinstance(one["not_before"], str)
    assert "500" in str(one["last_error"])


def test_one_that_refuses_is_shut_until_its_configuration_changes(
    agentkit: Run, wake: Wake, configure: Callable[..., None], model: ScriptedModel
) -> None:
    configure()
    model.script = lambda _: (401, "who are you", {})
    wake(finding())
    [one] = list_providers(agentkit)
    assert (one["state"], one["is_shut"], one["not_before"]) == ("open", True, None)
    assert "when changed" in agentkit("think", "providers").stdout
    assert "asked again when its configuration changes" in agentkit("think", "summary").stdout
    configure("", "price = 0\nmax_output_tokens = 99")
    assert list_providers(agentkit)[0]["state"] == "unasked"


def test_a_test_asks_even_one_that_is_shut(
    agentkit: Run, wake: Wake, configure: Callable[..., None], model: ScriptedModel
) -> None:
    configure()
    model.script = lambda _: (401, "who are you", {})
    wake(finding())
    ended = agentkit("think", "providers", "test", "mine")
    assert (ended.returncode, ended.stdout.split()[:2]) == (Exit.FINDINGS, ["mine", "failed"])
    assert "401" in ended.stdout
    model.script = lambda _: (200, READY, {})
    ended = agentkit("think", "providers", "test")
    assert (ended.returncode, ended.stdout.split()[:2]) == (0, ["mine", "ok"])
    assert list_providers(agentkit)[0]["state"] == "closed"


def test_a_model_that_does_not_keep_to_json_is_found_out(
    agentkit: Run, configure: Callable[..., None], model: ScriptedModel
) -> None:
    configure()
    model.script = lambda _: (200, "Yes, I am ready.", {})
    ended = agentkit("think", "providers", "test", "--json")
    record = json.loads(ended.stdout)
    assert (ended.returncode, record["is_well"], record["tokens"]) == (Exit.FINDINGS, False, 120)
    assert "not with the JSON that was asked for" in record["trouble"]
    model.script = lambda _: (200, f"Here it is:\n```json\n{READY}\n```", {})
    assert agentkit("think", "providers", "test").returncode == 0


def test_a_program_is_asked_with_its_prompt_on_stdin(agentkit: Run, home: Path, tmp_path: Path) -> None:
    program = tmp_path / "mind"
    program.write_text(f"#!/bin/sh\ncat > {tmp_path}/asked\necho '{READY}'\n")
    program.chmod(0o755)
    home.mkdir()
    configuration = home / "agentkit.toml"
    configuration.write_text(f'[[think.provider]]\nname = "p"\nkind = "command"\nrun = ["{program}"]\nprice = 0\n')
    configuration.chmod(0o600)
    assert agentkit("think", "providers", "test").returncode == 0
    assert "Are you ready?" in (tmp_path / "asked").read_text()


def test_a_name_that_is_none_names_those_there_are(agentkit: Run, configure: Callable[..., None]) -> None:
    configure()
    ended = agentkit("think", "providers", "test", "other")
    assert (ended.returncode, ended.stdout) == (Exit.UNAVAILABLE, "")
    assert "there is no provider other; expected one of mine" in ended.stderr


def test_one_that_said_when_to_ask_again_is_left_alone_until_then(
    agentkit: Run, wake: Wake, configure: Callable[..., None], model: ScriptedModel
) -> None:
    configure()
    model.script = lambda _: (429, "slow down", {"Retry-After": "900"})
    wake(finding())
    [one] = list_providers(agentkit)
    assert (one["state"], one["is_shut"]) == ("open", False)
    assert one["not_before"] is not None
