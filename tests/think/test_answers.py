"""When may one ask again, and what do two protocols say, letter by letter?"""

import json
from collections.abc import Mapping
from email.utils import format_datetime, formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.think.calling import size_request
from agentkit.think.providers import FAILED, OK, Prompt, Reply, anthropic, openai
from agentkit.think.providers.answers import LONGEST_WAIT_S, Answer, read_document, read_retry_after
from tests.think.providers import make_provider

NOW = 1_800_000_000.0
OPEN = {"type": "object", "properties": {"action": {"type": "string"}, "proposal": {"type": "string"}}}
CLOSED = {**OPEN, "required": ["action", "proposal"], "additionalProperties": False}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", 1.0),
        ("30", 30.0),
        ("0", 0.0),
        (" 2.5 ", 2.5),
        ("9" * 400, LONGEST_WAIT_S),
        (formatdate(NOW + 90, usegmt=True), 90.0),
        (formatdate(NOW - 90, usegmt=True), 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_WAIT_S),
        ("-5", None),
        ("1e3", None),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("", None),
        (".", None),
        ("1.2.3", None),
        ("²", None),
        ("Fri, 31 Feb 2027 25:61:61 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_nonsense_is_none(text: str, expected: float | None) -> None:
    assert read_retry_after(text, None, NOW) == expected


def test_a_date_is_held_against_the_clock_of_the_server() -> None:
    ahead = NOW + 7200
    assert read_retry_after(formatdate(ahead + 30, usegmt=True), formatdate(ahead, usegmt=True), NOW) == 30.0
    assert read_retry_after(formatdate(NOW + 30, usegmt=True), "yesterday", NOW) == 30.0


@given(st.text(max_size=40) | st.datetimes().map(format_datetime))
def test_any_retry_after_is_none_or_a_time_within_30_days(text: str) -> None:
    wait = read_retry_after(text, text, NOW)
    assert wait is None or 0 <= wait <= LONGEST_WAIT_S


def test_a_date_that_comes_with_an_error_is_in_the_reply() -> None:
    headers = {"retry-after": formatdate(NOW + 60, usegmt=True)}
    reply = read_document(Answer(429, "", headers, b"{}"), NOW)
    assert isinstance(reply, Reply)
    assert (reply.retry_after_s, reply.trouble) == (60.0, "429 Too Many Requests")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1/chat/completions"),
        ("http://127.0.0.1:8080/v1/", "http://127.0.0.1:8080/v1/chat/completions"),
        ("https://host.test/a/chat/completions", "https://host.test/a/chat/completions"),
    ],
)
def test_an_openai_address_may_be_the_base_or_the_whole(url: str, expected: str) -> None:
    assert openai.build_request(make_provider(url), Prompt("s", "u", None)).url == expected


@pytest.mark.parametrize("tail", ["", "/", "/v1", "/v1/messages"])
def test_an_anthropic_address_may_be_the_host_or_the_whole(tail: str) -> None:
    request = anthropic.build_request(
        make_provider("https://host.test" + tail, kind="anthropic"), Prompt("", "u", None)
    )
    assert request.url == "https://host.test/v1/messages"
    assert request.headers["anthropic-version"] == "2023-06-01"
    assert json.loads(request.body) == {
        "model": "small",
        "max_tokens": 1024,
        "messages": [{"role": "user", "content": "u"}],
    }


@pytest.mark.parametrize(
    ("url", "name"),
    [("https://api.openai.com/v1", "max_completion_tokens"), ("http://127.0.0.1:8080/v1", "max_tokens")],
)
def test_the_longest_answer_is_named_as_the_server_knows_it(url: str, name: str) -> None:
    body = json.loads(openai.build_request(make_provider(url), Prompt("s", "u", None)).body)
    assert body == {
        "model": "small",
        "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}],
        name: 1024,
    }


@pytest.mark.parametrize(
    ("answer", "schema", "expected"),
    [
        ("json_schema", CLOSED, {"type": "json_schema", "strict": True}),
        ("json_schema", OPEN, {"type": "json_schema", "strict": False}),
        ("json_object", CLOSED, {"type": "json_object"}),
        ("text", CLOSED, {}),
        ("json_schema", None, {}),
    ],
)
def test_json_is_asked_for_as_far_as_the_server_can(
    answer: str, schema: Mapping[str, object] | None, expected: dict[str, object]
) -> None:
    whole = None if schema is None else {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    request = openai.build_request(make_provider("http://127.0.0.1/v1", answer=answer), Prompt("s", "u", whole))
    body = json.loads(request.body)
    wanted = body.get("response_format", {})
    told = {"type": wanted["type"]} if wanted else {}
    if "json_schema" in wanted:
        assert wanted["json_schema"]["schema"] == schema
        told["strict"] = wanted["json_schema"]["strict"]
    assert told == expected
    # Where no protocol enforces it, words have to ask for it.
    is_told = "JSON Schema" in body["messages"][0]["content"]
    assert is_told == (schema is not None and answer != "json_schema")


@pytest.mark.parametrize(
    ("choice", "trouble"),
    [
        ({"message": {"content": None, "tool_calls": [{"id": "1"}]}}, "the model called a tool"),
        ({"message": {"content": "x", "function_call": {"name": "f"}}}, "the model called a tool"),
        ({"message": {"content": None, "refusal": "I cannot"}}, "the model refused: I cannot"),
        ({"message": {"content": "x"}, "finish_reason": "content_filter"}, "the provider's filter"),
        ({"message": {"content": " "}}, "an answer without a word"),
        ({"message": {"content": 7}}, "an answer without a word"),
        ({"message": "x"}, "the answer has no choices[0].message"),
        ([], "the answer has no choices[0].message"),
        (None, "the answer has no choices[0].message"),
    ],
)
def test_a_choice_that_cannot_be_used_says_why(choice: object, trouble: str) -> None:
    document = {"choices": [choice], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
    reply = openai.read_reply(make_provider("http://127.0.0.1/v1"), document)
    assert (reply.kind, reply.text, reply.tokens_in, reply.tokens_out) == (FAILED, None, 3, 2)
    assert reply.trouble.startswith(trouble)


def test_text_in_parts_is_one_text() -> None:
    content = [{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}]
    document = {"choices": [{"message": {"content": content}}]}
    assert openai.read_reply(make_provider("http://127.0.0.1/v1"), document) == Reply(OK, "ab", status=200)
    reply = anthropic.read_reply(make_provider("http://127.0.0.1/v1"), {"content": content})
    assert reply == Reply(OK, "ab", status=200)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}, (3, 2)),
        ({"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 905}, (3, 902)),
        ({"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 1}, (3, 2)),
        ({"prompt_tokens": -3, "completion_tokens": 2}, (None, 2)),
        ({"prompt_tokens": True, "completion_tokens": 2.5}, (None, None)),
        ({"prompt_tokens": 10**30, "completion_tokens": "2"}, (None, None)),
        ("many", (None, None)),
        (None, (None, None)),
    ],
)
def test_tokens_are_whole_numbers_or_not_told(usage: object, expected: tuple[int | None, int | None]) -> None:
    document = {"choices": [{"message": {"content": "x"}}], "usage": usage}
    reply = openai.read_reply(make_provider("http://127.0.0.1/v1"), document)
    assert (reply.tokens_in, reply.tokens_out) == expected


def test_what_is_in_the_cache_of_anthropic_is_read_as_well() -> None:
    usage = {"input_tokens": 1, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 300, "output_tokens": 4}
    document = {"content": [{"type": "text", "text": "x"}], "stop_reason": "end_turn", "usage": usage}
    assert anthropic.read_reply(make_provider("http://127.0.0.1"), document) == Reply(OK, "x", 321, 4, 200)


@pytest.mark.parametrize(
    ("document", "trouble"),
    [
        ({"content": [{"type": "tool_use", "name": "shell"}]}, "the model called a tool"),
        ({"content": [{"type": "server_tool_use"}, {"type": "text", "text": "x"}]}, "the model called a tool"),
        ({"content": [{"type": "text", "text": "x"}], "stop_reason": "refusal"}, "the model refused"),
        ({"content": []}, "an answer without a word"),
        ({"content": "x"}, "the answer has no content"),
        ({}, "the answer has no content"),
    ],
)
def test_a_message_that_cannot_be_used_says_why(document: Mapping[str, object], trouble: str) -> None:
    reply = anthropic.read_reply(make_provider("http://127.0.0.1"), document)
    assert (reply.kind, reply.text) == (FAILED, None)
    assert reply.trouble.startswith(trouble)


def test_an_error_in_an_answer_of_success_is_one() -> None:
    for error in ({"message": "no credit"}, "no credit"):
        reply = read_document(Answer(200, "OK", {}, json.dumps({"error": error}).encode()), NOW)
        assert isinstance(reply, Reply)
        assert (reply.kind, reply.trouble) == (FAILED, "no credit")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "message", "content", "usage", "text", "type", "error", "prompt_tokens"]), inner
        )
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["choices", "content", "usage", "error", "stop_reason"]), json_values))
def test_no_answer_breaks_the_reading(document: Mapping[str, object]) -> None:
    for read in (openai.read_reply, anthropic.read_reply):
        reply = read(make_provider("http://127.0.0.1"), document)
        assert (reply.text is None) == (reply.kind == FAILED)
    read_document(Answer(400, "", {}, json.dumps(document).encode()), NOW)


@given(st.text(max_size=200), st.text(max_size=200))
def test_no_prompt_has_more_tokens_than_its_request_is_said_to_have(system: str, user: str) -> None:
    least = len((system + user).encode("utf-8", "replace"))
    for kind in ("openai", "anthropic"):
        assert size_request(make_provider("http://127.0.0.1", kind=kind), Prompt(system, user, None)) >= least
    command = make_provider("http://127.0.0.1", kind="command", run=("cat",))
    assert size_request(command, Prompt(system, user, None)) >= least
