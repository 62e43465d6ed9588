"""How are the errors understood that OpenAI and Anthropic really answer, and what does llmock think of who asks?"""

from collections.abc import Iterator

import pytest

from agentkit.think.calling import size_request
from agentkit.think.providers import FAILED, OK, OVERLOADED, REFUSED, REJECTED, Prompt
from tests.think.providers import MockProvider, call, start_mock

KINDS = ["openai", "anthropic"]
SCHEMA = {
    "type": "object",
    "properties": {"action": {"type": "string"}},
    "required": ["action"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def running() -> Iterator[MockProvider]:
    with start_mock() as mock:
        yield mock


@pytest.fixture
def mock(running: MockProvider) -> Iterator[MockProvider]:
    """Give a mock that remembers nothing, and ask afterwards whether we were a good client."""
    running.forget()
    yield running
    verdict = running.verdict()
    assert verdict["errors"] == 0, verdict
    # One call is one request: whether and when to ask again is for who calls.
    assert verdict["attempts"] == verdict["calls"] == 1


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_has_its_text_and_its_tokens(mock: MockProvider, environ: dict[str, str], kind: str) -> None:
    mock.behave(type="reply", text='{"action": "none"}')
    provider = mock.provider(kind)
    prompt = Prompt("You look after a machine.", "Is the disk full?", SCHEMA)
    reply = call(provider, environ, prompt=prompt)
    assert (reply.kind, reply.text) == (OK, '{"action": "none"}')
    assert reply.tokens_in is not None
    assert 0 < reply.tokens_in <= size_request(provider, prompt)
    assert reply.tokens_out


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wait", [1, 30])
def test_too_many_requests_say_when_to_come_again(
    mock: MockProvider, environ: dict[str, str], kind: str, wait: int
) -> None:
    mock.behave(type="fail", status=429, retry_after=wait)
    reply = call(mock.provider(kind), environ)
    assert (reply.kind, reply.status, reply.retry_after_s, reply.is_unbilled) == (OVERLOADED, 429, wait, True)
    assert reply.trouble.startswith("429 Too Many Requests: ")


@pytest.mark.parametrize("kind", KINDS)
def test_overloaded_has_its_own_status(mock: MockProvider, environ: dict[str, str], kind: str) -> None:
    mock.behave(type="fail", status=529)
    reply = call(mock.provider(kind), environ)
    assert (reply.kind, reply.status, reply.is_unbilled) == (OVERLOADED, 529, True)
    assert reply.trouble.startswith("529 Overloaded: ")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, REJECTED),
        (401, REFUSED),
        (403, REFUSED),
        (404, REJECTED),
        (500, FAILED),
        (502, FAILED),
        (503, OVERLOADED),
        (504, FAILED),
    ],
)
def test_each_error_has_its_kind(
    mock: MockProvider, environ: dict[str, str], kind: str, status: int, expected: str
) -> None:
    mock.behave(type="fail", status=status)
    reply = call(mock.provider(kind), environ)
    assert (reply.kind, reply.status, reply.text) == (expected, status, None)


@pytest.mark.parametrize("kind", KINDS)
def test_a_tool_that_was_not_offered_is_not_called(mock: MockProvider, environ: dict[str, str], kind: str) -> None:
    calls = [{"name": "shell", "arguments": {"command": "rm -rf /"}}]
    mock.behave(type="reply", text="I will clean up.", tool_calls=calls)
    reply = call(mock.provider(kind), environ)
    assert (reply.kind, reply.text) == (FAILED, None)
    assert reply.trouble == "the model called a tool that it was not offered"
    assert not reply.is_unbilled


@pytest.mark.parametrize(("kind", "reason"), [("openai", "length"), ("anthropic", "max_tokens")])
def test_half_an_answer_is_none(mock: MockProvider, environ: dict[str, str], kind: str, reason: str) -> None:
    mock.behave(type="reply", text='{"action": "no', finish_reason=reason)
    reply = call(mock.provider(kind, max_output_tokens=7), environ)
    assert (reply.kind, reply.trouble) == (FAILED, "the answer was cut off at max_output_tokens = 7")
    assert reply.tokens_out
