"""Which answers of a model are taken, and what do they come to?"""

import json
import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from agentkit.core.lines import SEVERITIES
from agentkit.core.settings import RunbookSettings
from agentkit.think.answering import LONGEST, NEEDED, Answer, AnswerError, answer_schema, read_answer


def make_runbook(name: str, *, offered: bool = True) -> RunbookSettings:
    return RunbookSettings(name=name, match={"source": "*"}, run=("true",), offered=offered)


RUNBOOKS = [make_runbook("free-disk"), make_runbook("restart-nginx"), make_runbook("wipe-disk", offered=False)]
GOOD = {"rationale": "the disk is full", "severity": "critical", "action": "notify"}
FIELDS = ["rationale", "severity", "action", "runbook", "proposal", "repository"]
WORDS = st.one_of(
    st.sampled_from([*SEVERITIES, "runbook", "propose", "notify", "none", "free-disk", "wipe-disk", "", " ", "Notify"]),
    st.text(max_size=5),
    st.sampled_from([1999, 2000, 2001, 19_999, 20_000, 20_001, 200, 201]).map(lambda size: "ä" * size),
)
VALUES = st.one_of(
    WORDS, st.none(), st.booleans(), st.integers(), st.floats(), st.lists(WORDS, max_size=2), st.just({})
)
NEARLY = st.fixed_dictionaries(
    {},
    optional={
        "rationale": WORDS,
        "severity": st.one_of(st.sampled_from(SEVERITIES), VALUES),
        "action": st.one_of(st.sampled_from(["runbook", "propose", "notify", "none"]), VALUES),
        "runbook": st.one_of(st.sampled_from(["free-disk", "restart-nginx"]), VALUES),
        "proposal": WORDS,
        "repository": VALUES,
    },
)
# Right but for what depends on what, so that about every second one is taken.
RIGHT = st.fixed_dictionaries(
    {
        "rationale": st.text(max_size=9),
        "severity": st.sampled_from(SEVERITIES),
        "action": st.sampled_from(["runbook", "propose", "notify", "none"]),
    },
    optional={
        "runbook": st.sampled_from(["free-disk", "restart-nginx"]),
        "proposal": st.one_of(st.text(max_size=9), st.just("mend it")),
        "repository": st.text(max_size=9),
    },
)
ANSWERS = st.one_of(
    RIGHT, NEARLY, st.dictionaries(st.one_of(st.sampled_from(FIELDS), st.text(max_size=9)), VALUES, max_size=6)
)


def widen(schema: dict[str, object]) -> dict[str, object]:
    """Return the schema with what is taken in the place of what is asked for: longer texts, more fields, nulls."""
    wide = json.loads(json.dumps(schema))
    for name, size in LONGEST.items():
        wide["properties"][name]["maxLength"] = size
    for name in {"runbook", "proposal", "repository"} & set(wide["properties"]):
        wide["properties"][name] = {"anyOf": [wide["properties"][name], {"type": "null"}]}
    wide["additionalProperties"] = True
    wide["required"] = list(NEEDED)
    return wide  # type: ignore[no-any-return]


def has_what_it_needs(answer: dict[str, object]) -> bool:
    if answer["action"] == "runbook":
        return answer.get("runbook") is not None
    return answer["action"] != "propose" or bool(str(answer.get("proposal") or "").strip())


def read(text: str, floor: str, runbooks: list[RunbookSettings]) -> Answer | str:
    """Return the answer, or what is wrong with it."""
    try:
        return read_answer(text, floor, runbooks)
    except AnswerError as error:
        return str(error)


@settings(max_examples=600, deadline=None)
@given(ANSWERS, st.sampled_from([RUNBOOKS, RUNBOOKS[2:], []]), st.sampled_from(SEVERITIES))
@example(GOOD | {"action": "propose", "proposal": "\t"}, RUNBOOKS, "info")
@example(GOOD | {"runbook": "wipe-disk"}, RUNBOOKS, "info")
def test_what_is_taken_is_what_the_schema_says(
    answer: dict[str, object], runbooks: list[RunbookSettings], floor: str
) -> None:
    is_right = Draft202012Validator(widen(answer_schema(runbooks))).is_valid(answer) and has_what_it_needs(answer)
    taken = read(json.dumps(answer), floor, runbooks)
    assert isinstance(taken, Answer) == is_right, taken
    if isinstance(taken, str):
        assert len(taken.splitlines()) == 1
        assert len(taken) < 400
    else:
        assert (taken.action, taken.rationale) == (answer["action"], answer["rationale"])
        assert SEVERITIES.index(taken.severity) == max(map(SEVERITIES.index, (floor, str(answer["severity"]))))
        assert (taken.runbook is not None) == (taken.action == "runbook")
        assert (taken.proposal is not None) == (taken.action == "propose")


def test_the_schema_is_so_plain_that_any_server_can_hold_a_model_to_it() -> None:
    for runbooks in (RUNBOOKS, []):
        schema = answer_schema(runbooks)
        Draft202012Validator.check_schema(schema)
        assert set(schema) == {"$schema", "type", "additionalProperties", "required", "properties"}
        properties = schema["properties"]
        assert isinstance(properties, dict)
        for name, told in properties.items():
            assert set(told) in ({"type", "enum"}, {"type", "maxLength"})
            # llama.cpp writes a rule for each letter, and refuses 2,000 of them.
            assert told.get("maxLength", 0) < 2000
            assert told.get("maxLength", 0) <= LONGEST.get(name, 0) or "enum" in told
    assert answer_schema(RUNBOOKS)["properties"]["runbook"]["enum"] == ["free-disk", "restart-nginx"]  # type: ignore[index]
    assert "runbook" not in str(answer_schema(RUNBOOKS[2:]))


def test_reasons_come_before_what_they_are_for() -> None:
    assert list(answer_schema(RUNBOOKS)["properties"]) == FIELDS  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "shape",
    [
        "%s", "\n\n%s\n", "```json\n%s\n```", "Here is my decision:\n\n%s\nI hope that it helps.", "\ufeff%s", "[%s]",
        "{{vault:shop/token}} is not in {braces}: %s", "<think>maybe {\"action\": \"none\"}?</think>\n%s", "%s%%",
    ],
)  # fmt: skip
def test_words_and_fences_around_the_object_are_passed_over(shape: str) -> None:
    assert read_answer(shape % json.dumps(GOOD), "info", []) == Answer("notify", "critical", "the disk is full")


def test_what_looks_like_an_object_or_a_thought_within_a_text_is_text() -> None:
    text = 'it printed {"a": 1} </think> ```json {"b"} ``` and stopped'
    assert read_answer(json.dumps(GOOD | {"rationale": text}), "info", []).rationale == text


@pytest.mark.parametrize(("said", "group", "taken"), [
    ("info", "critical", "critical"), ("info", "warning", "warning"), ("warning", "critical", "critical"),
    ("warning", "warning", "warning"), ("critical", "info", "critical"), ("info", "not known", "info"),
])  # fmt: skip
def test_a_severity_is_raised_and_never_lowered(said: str, group: str, taken: str) -> None:
    assert read_answer(json.dumps(GOOD | {"severity": said}), group, []).severity == taken


@pytest.mark.parametrize("more", [{"runbook": None, "proposal": None, "repository": None}, {"confidence": 0.9}])
def test_nulls_and_fields_that_nobody_asked_for_are_passed_over(more: dict[str, object]) -> None:
    assert read_answer(json.dumps(GOOD | more), "info", RUNBOOKS) == Answer("notify", "critical", "the disk is full")


def test_what_belongs_to_another_action_is_dropped() -> None:
    given_all = GOOD | {"runbook": "free-disk", "proposal": "mend it", "repository": "shop"}
    assert read_answer(json.dumps(given_all), "info", RUNBOOKS) == Answer("notify", "critical", "the disk is full")
    proposed = read_answer(json.dumps(given_all | {"action": "propose"}), "info", RUNBOOKS)
    assert (proposed.runbook, proposed.proposal, proposed.repository) == (None, "mend it", "shop")
    run = read_answer(json.dumps(given_all | {"action": "runbook"}), "info", RUNBOOKS)
    assert (run.runbook, run.proposal, run.repository) == ("free-disk", None, None)


WHOLE = json.dumps(GOOD)
WRONG = {
    "": "there is no JSON object in the answer",
    "none": "there is no JSON object in the answer",
    "{{vault:a}}": "there is no JSON object in the answer",
    json.dumps(WHOLE): "there is no JSON object in the answer",
    WHOLE + WHOLE: "there is more than one JSON object in the answer",
    f"not {{}} but {WHOLE}": "there is more than one JSON object in the answer",
    f'{{"action": "none", "more": {WHOLE}': "the JSON object cannot be read: Expecting ',' delimiter",
    WHOLE[:-1]: "the JSON object cannot be read: Expecting ',' delimiter",
    WHOLE[:-3]: "the JSON object cannot be read: Unterminated string starting at",
    "{}": "action is missing; expected one of propose, notify, none",
    WHOLE.replace("{", '{"action": "none", '): "a field stands twice in the JSON object",
    json.dumps(GOOD | {"action": "delete"}): 'action is "delete"; expected one of propose, notify, none',
    json.dumps(GOOD | {"action": "runbook"}): 'action is "runbook"; expected one of propose, notify, none',
    json.dumps(GOOD | {"action": ["none"]}): "action is no text in quotes",
    json.dumps(GOOD | {"severity": "INFO\n" * 99}): (
        'severity is "' + "INFO\\n" * 8 + '"…; expected one of info, warning, critical'
    ),
    json.dumps(GOOD | {"action": "propose"}): (
        "proposal is missing; with the action propose it says what is to be changed"
    ),
    json.dumps(GOOD | {"rationale": "x" * 2001}): "rationale has 2001 letters; at most 2000 are allowed",
    json.dumps(GOOD | {"rationale": None}): "rationale is missing",
    json.dumps(GOOD | {"rationale": 7}): "rationale is no text in quotes",
    json.dumps({"severity": "info", "action": "none"}): "rationale is missing",
    WHOLE.replace('"notify"', "NaN"): "NaN is no JSON",
    WHOLE.replace('"notify"', "9" * 5000): "the JSON object cannot be read: ValueError",
    '{"a":' * 100_000: "the answer has 500000 letters; at most 262144 are read",
    '{"a":' * 40_000: "the JSON object cannot be read: RecursionError",
}  # fmt: skip


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_an_answer_that_cannot_be_used_is_told_in_one_line(number: int) -> None:
    text, why = list(WRONG.items())[number]
    with pytest.raises(AnswerError) as caught:
        read_answer(text, "info", [])
    assert str(caught.value) == why


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (None, "runbook is missing; with the action runbook it is one of free-disk, restart-nginx"),
        ("wipe-disk", 'runbook is "wipe-disk"; expected one of free-disk, restart-nginx'),
        ("free-disk; reboot", 'runbook is "free-disk; reboot"; expected one of free-disk, restart-nginx'),
    ],
)
def test_only_a_runbook_that_was_offered_can_be_chosen(name: str | None, why: str) -> None:
    answer = GOOD | {"action": "runbook"} | ({"runbook": name} if name else {})
    with pytest.raises(AnswerError) as caught:
        read_answer(json.dumps(answer), "info", RUNBOOKS)
    assert str(caught.value) == why


def test_an_error_stays_short_however_many_runbooks_there_are() -> None:
    with pytest.raises(AnswerError) as caught:
        read_answer(json.dumps(GOOD | {"action": "runbook"}), "info", [make_runbook(f"book-{at}") for at in range(999)])
    assert str(caught.value).endswith("book-8, book-9 and 989 more")


def test_half_a_letter_becomes_a_sign_that_can_be_stored() -> None:
    taken = read_answer('{"rationale": "\\ud83d \\ud83d\\ude00", "severity": "info", "action": "none"}', "info", [])
    assert taken.rationale == "\ufffd 😀"


def test_no_random_text_makes_another_error(random_choices: random.Random) -> None:
    pieces = [
        '{"',
        '"}',
        "{",
        "}",
        "[",
        "]",
        '"',
        "\\",
        ":",
        ",",
        "action",
        "none",
        "0",
        " ",
        "\n",
        "</think>",
        "<think>",
    ]
    for _ in range(3000):
        text = "".join(random_choices.choices(pieces, k=random_choices.randrange(30)))
        with pytest.raises(AnswerError):
            read_answer(text, "info", [])
