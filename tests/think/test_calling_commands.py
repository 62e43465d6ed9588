"""What does a program give that is asked instead of a server?"""

import hashlib
import json
import os
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from agentkit.core.settings import ProviderSettings
from agentkit.think.calling import call_provider, size_request
from agentkit.think.providers import FAILED, OK, Prompt, Reply
from tests.think.providers import PATIENCE, PROMPT
from tests.vault.ownvault import OwnVault

USAGE = {"input_tokens": 10, "cache_creation_input_tokens": 5, "cache_read_input_tokens": 7, "output_tokens": 3}
RESULT = {"type": "result", "subtype": "success", "is_error": False, "result": "yes", "usage": USAGE}


def run(environ: dict[str, str], code: str, *, prompt: Prompt = PROMPT, limit: timedelta = PATIENCE) -> Reply:
    """Ask a program that is written in Python."""
    provider = ProviderSettings(name="one", kind="command", run=(sys.executable, "-c", code))
    return call_provider(provider, prompt, limit=limit, environ=environ, reason="a test")


def say(*documents: object) -> str:
    """Return a program that prints each of these in a line."""
    return f"print({chr(10).join(map(json.dumps, documents))!r})"


def test_plain_text_is_the_answer_and_tells_no_tokens(environ: dict[str, str]) -> None:
    assert run(environ, "print('It is full.\\n')") == Reply(OK, "It is full.", status=0)


def test_an_object_that_is_no_envelope_is_the_answer_itself(environ: dict[str, str]) -> None:
    assert run(environ, say({"action": "none"})).text == '{"action": "none"}'


def test_the_prompt_is_on_stdin_with_the_schema_that_is_wanted(environ: dict[str, str]) -> None:
    prompt = Prompt("You look after a machine.", "Größe?", {"type": "object"})
    reply = run(environ, "import sys; print(sys.stdin.read())", prompt=prompt)
    assert reply.text == (
        "You look after a machine.\n\nAnswer with nothing but one JSON object that fits this JSON Schema:\n"
        '{"type":"object"}\n\nGröße?'
    )


def test_words_of_the_prompt_reach_no_shell(environ: dict[str, str]) -> None:
    provider = ProviderSettings(name="one", kind="command", run=("cat",))
    prompt = Prompt("", "$(id) `id` ; id", None)
    reply = call_provider(provider, prompt, limit=PATIENCE, environ=environ, reason="a test")
    assert reply.text == "$(id) `id` ; id"
    assert size_request(provider, prompt) == len("$(id) `id` ; id\n")


@pytest.mark.parametrize("documents", [RESULT, [{"type": "system"}, RESULT]], ids=["one", "list"])
def test_what_claude_prints_is_understood(environ: dict[str, str], documents: object) -> None:
    if isinstance(documents, dict):
        documents = {**documents, "total_cost_usd": 0.25}
    reply = run(environ, say(documents))
    cost = 0.25 if isinstance(documents, dict) else None
    assert reply == Reply(OK, "yes", 22, 3, 0, cost_usd=cost)


def test_what_claude_was_given_a_schema_for_is_the_answer(environ: dict[str, str]) -> None:
    reply = run(environ, say({**RESULT, "structured_output": {"action": "none"}}))
    assert reply.text == '{"action": "none"}'


def test_what_claude_says_of_its_failure_is_kept_with_what_it_cost(environ: dict[str, str]) -> None:
    document = {**RESULT, "is_error": True, "result": "Credit balance is too low", "total_cost_usd": 0.5}
    reply = run(environ, say(document) + "; raise SystemExit(1)")
    assert (reply.kind, reply.text, reply.status, reply.cost_usd, reply.tokens_in) == (FAILED, None, 1, 0.5, 22)
    assert reply.trouble.endswith(" ended with 1: Credit balance is too low")


def test_what_codex_prints_is_understood(environ: dict[str, str]) -> None:
    events = [
        {"type": "thread.started", "thread_id": "1"},
        {"type": "error", "message": "Reconnecting... 1/5"},
        {"type": "item.completed", "item": {"type": "reasoning", "text": "hm"}},
        {"type": "item.completed", "item": {"type": "agent_message", "text": "yes"}},
        {"type": "turn.completed", "usage": {"input_tokens": 24, "cached_input_tokens": 20, "output_tokens": 2}},
    ]
    assert run(environ, say(*events)) == Reply(OK, "yes", 24, 2, 0)
    failed = run(environ, say(*events[:2], {"type": "turn.failed", "error": {"message": "no credit"}}))
    assert (failed.kind, failed.trouble) == (FAILED, "no credit")
    acted = {"type": "item.completed", "item": {"type": "command_execution", "command": "id"}}
    reply = run(environ, say(*events[:3], acted, *events[3:]))
    assert (reply.kind, reply.trouble) == (FAILED, "the model called a tool that it was not offered")


def test_a_program_that_is_not_there_costs_nothing(environ: dict[str, str]) -> None:
    provider = ProviderSettings(name="one", kind="command", run=("no-such-program",))
    reply = call_provider(provider, PROMPT, limit=PATIENCE, environ=environ, reason="a test")
    assert reply == Reply(FAILED, status=127, trouble="no-such-program: No such file or directory", is_unbilled=True)


def test_a_program_that_fails_says_why_in_its_last_line(environ: dict[str, str]) -> None:
    reply = run(environ, "import sys; print('half'); print('oh\\nno key', file=sys.stderr); raise SystemExit(3)")
    assert (reply.kind, reply.status, reply.text, reply.is_unbilled) == (FAILED, 3, None, False)
    assert reply.trouble.endswith(" ended with 3: no key")


@pytest.mark.parametrize(
    ("code", "trouble"),
    [
        ("pass", "an answer without a word"),
        ("print('x' * 2_000_000)", "the answer is longer than 1 MiB"),
        ("import time; time.sleep(3600)", "no answer within 3s"),
    ],
    ids=["nothing", "too much", "hangs"],
)
def test_no_answer_has_failed(environ: dict[str, str], code: str, trouble: str) -> None:
    reply = run(environ, code, limit=timedelta(seconds=3 if "sleep" in code else 30))
    assert (reply.kind, reply.text, reply.trouble, reply.is_unbilled) == (FAILED, None, trouble, False)


def test_a_program_with_a_key_reads_it_from_descriptor_3(tmp_path: Path) -> None:
    vault, key = OwnVault(tmp_path), os.urandom(20).hex()
    vault.set("think/provider", key.encode())
    code = "import hashlib, os; print(hashlib.sha256(os.read(3, 100)).hexdigest(), 'TOKEN' in os.environ)"
    provider = ProviderSettings(
        name="one", kind="command", run=(sys.executable, "-c", code), key="secret:think/provider"
    )
    environ = {**vault.environ, "TOKEN": "x"}
    reply = call_provider(provider, PROMPT, limit=PATIENCE, environ=environ, reason="a test")
    assert reply.text == f"{hashlib.sha256(key.encode()).hexdigest()} False"
