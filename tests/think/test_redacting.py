"""Does a value of the vault reach a model, however it is spelled and cut, and what if values cannot be known?"""

import json
import os
import random
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.think import redacting
from agentkit.think.groups import Group
from agentkit.think.prompting import MOST_BYTES
from agentkit.think.providers import Prompt
from agentkit.think.redacting import mask_value, prepare_prompt, redact, redact_prompt
from tests.think.planting import Planter, build_bare, draw_values, find_leaks
from tests.vault.ownvault import OwnVault

LIMIT = timedelta(seconds=60)
NOW = 1_795_004_000.0
PROMPTS = 6


@pytest.fixture
def needle() -> str:
    return f"needle-{os.urandom(16).hex()}"


@pytest.fixture
def vault(tmp_path: Path, needle: str) -> OwnVault:
    made = OwnVault(tmp_path / "own")
    made.set("shop/token", needle.encode())
    return made


def draw_group(text: object, **more: object) -> Group:
    record = {"title": "it failed", "subject": "job:backup", "severity": "warning", "evidence": {"tail": text}, **more}
    return Group("key", {"source": "heartbeat.check"}, (record,), NOW, NOW, 1, "warning")


def test_no_value_in_any_spelling_reaches_a_prompt_wherever_it_stands_and_is_cut(
    tmp_path: Path, random_choices: random.Random
) -> None:
    vault = OwnVault(tmp_path / "own")
    values = draw_values(random_choices, 20)
    for number, value in enumerate(values):
        vault.set(f"drawn/v{number}", value)
    for _ in range(PROMPTS):
        planter = Planter(values, random_choices)
        group = planter.draw_group()
        prompt = prepare_prompt(group, [], NOW, vault.environ, LIMIT)
        assert find_leaks(prompt.user, planter.spelled) == []
        assert find_leaks(build_bare(group, [], NOW).user, planter.spelled), "nothing could have leaked"


@pytest.mark.parametrize("at", range(3, 40, 9))
def test_a_value_at_the_edge_of_what_is_left_out_is_not_shown_in_part(vault: OwnVault, needle: str, at: int) -> None:
    # Half of each length that a text is cut to, so that the cut goes through the value from before and from behind.
    halves = (1000, 500, 250, 125, 60, 30, 15)
    texts = ["x" * max(0, half - at) + needle + "y" * 5000 for half in halves]
    texts += ["y" * 5000 + needle + "x" * max(0, half - at) for half in halves]
    for group in (draw_group(texts[0], more=texts), draw_group({f"k{at}": text for at, text in enumerate(texts)})):
        user = prepare_prompt(group, [], NOW, vault.environ, LIMIT).user
        assert not [piece for piece in (needle[:6], needle[-6:]) if piece in user]
        assert needle[:6] in build_bare(group, [], NOW).user


@pytest.mark.parametrize(
    "value", [pytest.param(list, id="letters"), pytest.param(lambda text: [*text.encode()], id="numbers")]
)
def test_a_value_that_stands_in_a_list_piece_by_piece_is_not_shown(vault: OwnVault, needle: str, value: type) -> None:
    masked = mask_value({"evidence": [1, value(needle), "x"]}, vault.environ, LIMIT)
    assert masked == {"evidence": [1, ["{{vault:shop/token}}"], "x"]}


def test_a_short_value_behind_its_name_is_masked_in_the_text_that_is_sent(vault: OwnVault) -> None:
    vault.set("db/pin", b"k7")
    user = prepare_prompt(draw_group("x", evidence={"db_pin": "k7"}), [], NOW, vault.environ, LIMIT).user
    assert '{"db_pin": "{{vault:db/pin}}"}' in user


def test_a_value_that_is_a_word_of_ours_changes_the_words_and_nothing_else(vault: OwnVault) -> None:
    vault.set("silly/one", b"finding")
    vault.set("silly/two", b"severity")
    user = prepare_prompt(draw_group("severity of the finding"), [], NOW, vault.environ, LIMIT).user
    assert '"{{vault:silly/one}}": 1' in user
    assert "severity" not in user


def test_what_holds_no_value_comes_back_as_it_was(vault: OwnVault) -> None:
    value = {"a": [1, 2.5, None, True, "x\ny", ["p", "q"], [1, 2], []], "\x1f": {"": {"b": "漏れ\0"}}, "c": {}}
    assert mask_value(value, vault.environ, LIMIT) == value
    assert mask_value([None, 1], vault.environ, LIMIT) == [None, 1]


def test_without_a_vault_text_passes(environ: Mapping[str, str]) -> None:
    prompt = Prompt("system", "text with \ud83d half a letter", {"type": "object"})
    passed = redact_prompt(prompt, environ, LIMIT)
    assert (passed.system, passed.user, passed.schema) == ("system", "text with ? half a letter", {"type": "object"})
    assert redact("a\r\n\0 z", environ, LIMIT) == "a\r\n\0 z"


def test_a_prompt_is_masked_as_it_is_sent(vault: OwnVault, needle: str) -> None:
    assert redact_prompt(Prompt("", f"<{needle}>"), vault.environ, LIMIT).user == "<{{vault:shop/token}}>"


def spoil_identity(vault: OwnVault) -> None:
    Path(vault.places.identity).unlink()


def spoil_ciphertext(vault: OwnVault) -> None:
    path = next((Path(vault.places.vault) / "secrets").rglob("*.age"))
    path.write_bytes(path.read_bytes()[:-1])


def spoil_log(vault: OwnVault) -> None:
    vault.segment.write_bytes(b"")


def spoil_folder(vault: OwnVault) -> None:
    Path(vault.places.vault).rename(vault.folder / "away")
    Path(vault.places.vault).write_text("no folder")


@pytest.mark.parametrize("spoil", [spoil_identity, spoil_ciphertext, spoil_log, spoil_folder])
def test_where_values_cannot_be_known_nothing_is_sent_and_nothing_is_quoted(
    vault: OwnVault, needle: str, spoil: "type[None]"
) -> None:
    spoil(vault)
    for ask in (
        lambda: redact(f"text of mine {needle}", vault.environ, LIMIT),
        lambda: prepare_prompt(draw_group(f"text of mine {needle}"), [], NOW, vault.environ, LIMIT),
    ):
        with pytest.raises(AgentkitError) as caught:
            ask()
        assert caught.value.status == Exit.REFUSED
        assert caught.value.message.startswith("nothing is sent to a model: agentkit vault redact ended with ")
        assert not [word for word in ("text of mine", needle, needle[:8]) if word in caught.value.lines()]


# What stands in for `agentkit vault redact` where that one would have to be broken first.
STAND_INS = {
    "says what it read": "import sys; sys.stderr.write(sys.stdin.read()); sys.exit(1)",
    "gives all back and fails": "import sys; sys.stdout.write(sys.stdin.read()); sys.exit(76)",
    "hangs": "import time; time.sleep(600)",
    "ends by a signal": "import os; os.kill(os.getpid(), 9)",
    "loses what it read": "import sys; sys.stdin.read()",
    "is not there": None,
}


@pytest.mark.parametrize("name", STAND_INS)
def test_whatever_becomes_of_redaction_nothing_of_the_text_is_in_the_error(
    name: str, environ: Mapping[str, str], needle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = STAND_INS[name]
    words = (sys.executable, "-c", script) if script else ("/nonexistent/python",)
    monkeypatch.setattr(redacting, "call_ourselves", lambda *_: words)
    with pytest.raises(AgentkitError) as caught:
        mask_value([f"text of mine {needle}", [None, "more"]], environ, timedelta(seconds=1 if name == "hangs" else 60))
    assert caught.value.status == Exit.REFUSED
    told = caught.value.lines() + repr(caught.value.__context__) + repr(caught.value.__cause__)
    assert not [word for word in ("text of mine", needle, needle[:8]) if word in told]


def test_without_time_nothing_is_started(environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redacting, "run_program", lambda _: pytest.fail("it was started"))
    with pytest.raises(AgentkitError, match="no time left") as caught:
        redact("text", environ, timedelta(0))
    assert caught.value.status == Exit.REFUSED


def test_a_huge_finding_is_masked_and_told_in_a_few_words(vault: OwnVault, needle: str) -> None:
    evidence = {
        "tail": needle * 100_000,
        "log": [needle, "x" * 100_000 + needle] * 50,
        "map": {str(n): n for n in range(10**5)},
    }
    user = prepare_prompt(draw_group("x", evidence=evidence), [], NOW, vault.environ, LIMIT).user
    assert needle[:8] not in user
    assert "[left out: 3900000 letters]" in user
    assert len(user.encode()) <= MOST_BYTES


@pytest.mark.parametrize(
    "evidence",
    [
        {"tail": "login with --password %s failed"},
        {"tail": "curl -H 'Authorization: Bearer %s' http://db"},
        {"env": {"DB_PASSWORD": "%s"}},
        {"tail": "x" * 100_000 + " token=%s"},
        {"words": ["postgres://me:%s@db/shop"]},
    ],
)
def test_what_looks_like_a_secret_is_hidden_without_any_vault(
    environ: dict[str, str], needle: str, evidence: dict[str, object]
) -> None:
    held = json.loads(json.dumps(evidence).replace("%s", needle))
    group = draw_group("x", evidence=held)
    assert needle in build_bare(group, [], NOW).user
    user = prepare_prompt(group, [], NOW, environ, LIMIT).user
    assert needle not in user
    assert "***" in user
