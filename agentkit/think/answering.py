"""What may a model answer about a group of findings, and what does its answer say?

The schema is plain, so that a server can hold even a very small model to it; what depends on what is checked here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from agentkit.core.lines import SEVERITIES
from agentkit.core.settings import RunbookSettings
from agentkit.think.decisions import NONE, NOTIFY, PROPOSE, RUNBOOK

NEEDED = ("rationale", "severity", "action")
LONGEST = {"rationale": 2000, "proposal": 20_000, "repository": 200}
# What is asked for is shorter than what is taken: a small model fills whatever room there is, until it is cut off.
# llama.cpp takes no `maxLength` of 2,000 and more, in some of its releases.
ASKED_LETTERS = {"rationale": 600, "proposal": 1800, "repository": 200}
LONGEST_ANSWER = 256 * 1024
QUOTED_LETTERS = 40
NAMED_CHOICES = 10
# An object begins so; a brace in a sentence or in `{{vault:NAME}}` does not.
OPENING = re.compile(r'\{\s*["}]')
THOUGHTS = re.compile(r"\s*<think>.*?</think>", re.DOTALL)


class AnswerError(ValueError):
    """The answer cannot be used; one line says why, for whoever is asked again."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was decided; `runbook` only with the action "runbook", `proposal` and `repository` only with "propose"."""

    action: str
    severity: str
    rationale: str
    runbook: str | None = None
    proposal: str | None = None
    repository: str | None = None


def list_offered(runbooks: Sequence[RunbookSettings]) -> list[str]:
    """Return the names of the runbooks that a model may choose."""
    return [runbook.name for runbook in runbooks if runbook.offered]


def answer_schema(runbooks: Sequence[RunbookSettings]) -> dict[str, object]:
    """Return the JSON Schema (draft 2020-12) of an answer; reasons come first, so that a model has them first."""
    offered = list_offered(runbooks)
    actions = [RUNBOOK, PROPOSE, NOTIFY, NONE] if offered else [PROPOSE, NOTIFY, NONE]
    properties: dict[str, object] = {
        "rationale": {"type": "string", "maxLength": ASKED_LETTERS["rationale"]},
        "severity": {"type": "string", "enum": list(SEVERITIES)},
        "action": {"type": "string", "enum": actions},
    }
    if offered:
        properties["runbook"] = {"type": "string", "enum": offered}
    for name in ("proposal", "repository"):
        properties[name] = {"type": "string", "maxLength": ASKED_LETTERS[name]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": False,
        # A model that is held to it letter by letter could not name one after it had chosen to run one.
        "required": [*NEEDED, *(["runbook"] if offered else [])],
        "properties": properties,
    }


def read_answer(text: str, group_severity: str, runbooks: Sequence[RunbookSettings]) -> Answer:
    """Return what an answer says; there may be a fence or words around its one object.

    A severity below that of the group is raised to it; fields that nobody asked for are passed over, and so is null.
    Raises AnswerError where it is not what `answer_schema` says (with longer texts, see `LONGEST`), or where what its
    action needs is missing.
    """
    offered = list_offered(runbooks)
    fields = [*NEEDED, *(["runbook"] if offered else []), "proposal", "repository"]
    found = {name: value for name, value in _find_object(text).items() if name in fields and value is not None}
    for name, value in found.items():
        if not isinstance(value, str):
            raise AnswerError(f"{name} is no text in quotes")
        if len(value) > LONGEST.get(name, len(value)):
            raise AnswerError(f"{name} has {len(value)} letters; at most {LONGEST[name]} are allowed")
    told = {name: _clean(value) for name, value in found.items() if isinstance(value, str)}
    actions = [RUNBOOK, PROPOSE, NOTIFY, NONE] if offered else [PROPOSE, NOTIFY, NONE]
    action = _choose(told, "action", actions)
    severity = _choose(told, "severity", SEVERITIES)
    if "rationale" not in told:
        raise AnswerError("rationale is missing")
    if "runbook" in told:
        _choose(told, "runbook", offered)
    if action == RUNBOOK and "runbook" not in told:
        raise AnswerError(f"runbook is missing; with the action runbook it is one of {_list(offered)}")
    if action == PROPOSE and not told.get("proposal", "").strip():
        raise AnswerError("proposal is missing; with the action propose it says what is to be changed")
    floor = group_severity if group_severity in SEVERITIES else SEVERITIES[0]
    return Answer(
        action,
        max(severity, floor, key=SEVERITIES.index),
        told["rationale"],
        told["runbook"] if action == RUNBOOK else None,
        told["proposal"] if action == PROPOSE else None,
        told.get("repository") or None if action == PROPOSE else None,
    )


def _find_object(text: str) -> dict[str, object]:
    """Return the one object in the text.

    Where the first one cannot be read none inside of it is taken: a piece of an answer that was cut off is no answer.
    """
    if len(text) > LONGEST_ANSWER:
        raise AnswerError(f"the answer has {len(text)} letters; at most {LONGEST_ANSWER} are read")
    thoughts = THOUGHTS.match(text)
    begin = OPENING.search(text, thoughts.end() if thoughts else 0)
    if begin is None:
        raise AnswerError("there is no JSON object in the answer")
    decoder = json.JSONDecoder(object_pairs_hook=_pair_up, parse_constant=_refuse_constant)
    try:
        found, end = decoder.raw_decode(text, begin.start())
    except AnswerError:
        raise
    except (ValueError, RecursionError) as error:
        why = error.msg if isinstance(error, json.JSONDecodeError) else type(error).__name__
        raise AnswerError(f"the JSON object cannot be read: {why}") from None
    if OPENING.search(text, end):
        raise AnswerError("there is more than one JSON object in the answer")
    assert isinstance(found, dict)
    return found


def _pair_up(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise AnswerError("a field stands twice in the JSON object")
    return found


def _refuse_constant(name: str) -> object:
    raise AnswerError(f"{name} is no JSON")


def _choose(told: dict[str, str], name: str, choices: Sequence[str]) -> str:
    if name not in told:
        raise AnswerError(f"{name} is missing; expected one of {_list(choices)}")
    if told[name] not in choices:
        raise AnswerError(f"{name} is {_show(told[name])}; expected one of {_list(choices)}")
    return told[name]


def _list(choices: Sequence[str]) -> str:
    more = len(choices) - NAMED_CHOICES
    return ", ".join(choices[:NAMED_CHOICES]) + (f" and {more} more" if more > 0 else "")


def _show(text: str) -> str:
    return json.dumps(text[:QUOTED_LETTERS]) + ("…" if len(text) > QUOTED_LETTERS else "")


def _clean(text: str) -> str:
    # Half of a letter can be written in JSON, and nowhere else.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
