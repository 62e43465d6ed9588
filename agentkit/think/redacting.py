"""What of a text may leave this machine? What `agentkit vault redact` lets through, and nothing where it cannot run."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.hiding import HIDDEN, hide_secrets
from agentkit.core.ourselves import call_ourselves
from agentkit.core.paths import state_folder
from agentkit.core.process import run_program
from agentkit.core.program import Program
from agentkit.core.settings import RunbookSettings
from agentkit.think.groups import Group
from agentkit.think.prompting import build_prompt
from agentkit.think.providers import Prompt
from agentkit.think.quoting import Json

LIMIT = timedelta(seconds=20)
MOST_BYTES = 64 * 1024 * 1024
# Of a longer text a prompt could not show the middle, and to look for names in it takes a second for each megabyte.
MOST_SHOWN = 16 * 1024
HALF = MOST_SHOWN // 2


def redact(text: str, environ: Mapping[str, str], limit: timedelta = LIMIT) -> str:
    """Return the text with each value of the vault masked.

    Raises AgentkitError (refused) where that cannot be done within the limit; nothing of the text is in it.
    """
    if limit <= timedelta(0):
        raise _refuse("there was no time left for agentkit vault redact")
    program = Program(
        call_ourselves("vault", "redact", "--quiet"),
        limit=limit, stdin=text.encode("utf-8", "replace"), keep_bytes=MOST_BYTES, environment=environ,
    )  # fmt: skip
    ended = run_program(program)
    if ended.outcome == "timed-out":
        raise _refuse("agentkit vault redact did not end in time")
    if ended.status != Exit.OK or ended.stdout_truncated:
        raise _refuse(f"agentkit vault redact ended with {ended.status}")
    return ended.stdout.decode("utf-8", "replace")


def prepare_prompt(
    group: Group, runbooks: Sequence[RunbookSettings], now: float, environ: Mapping[str, str], limit: timedelta = LIMIT
) -> Prompt:
    """Return what a model is asked about a group, as it may be sent; raises as `redact`, whose limit is for all of it.

    What came with the findings is masked before it is cut, for half of a secret is not known any more; and then the
    text as it is sent, for there stands beside each other what did not before. What only looks like a secret, by the
    name that it stands behind, is hidden too: not every secret is in a vault.
    """
    due = time.monotonic() + limit.total_seconds()
    has_vault = os.path.lexists(f"{state_folder(environ)}/vault")

    def mask(told: Json) -> Json:
        return hide_value(mask_value(told, environ, _left(due)) if has_vault else told)

    return redact_prompt(build_prompt(group, runbooks, now, mask=mask), environ, _left(due))


def redact_prompt(prompt: Prompt, environ: Mapping[str, str], limit: timedelta = LIMIT) -> Prompt:
    """Return the prompt with each value of the vault masked; raises as `redact`."""
    return Prompt(prompt.system, redact(prompt.user, environ, limit), prompt.schema)


def hide_value(value: Json) -> Json:
    """Return plain JSON with `***` for each piece of a text that looks like a secret."""
    if isinstance(value, str):
        return hide_secrets(value if len(value) <= MOST_SHOWN else f"{value[:HALF]} … {value[-HALF:]}")
    if isinstance(value, dict):
        return {key: HIDDEN if _names_secret(key, one) else hide_value(one) for key, one in value.items()}
    return [hide_value(one) for one in value] if isinstance(value, list) else value


def _names_secret(key: str, value: Json) -> bool:
    pair = json.dumps({key: "value"})
    return isinstance(value, str) and value != "" and hide_secrets(pair) != pair


def mask_value(value: Json, environ: Mapping[str, str], limit: timedelta = LIMIT) -> Json:
    """Return plain JSON with each value of the vault masked in its texts, keys and lists; raises as `redact`."""
    texts: list[str] = []
    _collect(value, texts)
    if not texts:
        return value
    # A sign that no spelling of a value holds, and a number that nothing can know before.
    border = f"\x1f{os.urandom(16).hex()}\x1f"
    masked = redact(border.join(texts), environ, limit).split(border)
    if len(masked) != len(texts):
        raise _refuse("agentkit vault redact did not give back what it was given")
    return _replace(value, dict(zip(texts, masked, strict=True)))


def _collect(value: Json, texts: list[str]) -> None:
    if isinstance(value, str):
        texts.append(value)
    elif isinstance(value, dict):
        for key, one in value.items():
            texts.append(key)
            _collect(one, texts)
    elif isinstance(value, list):
        sign = _find_sign(value)
        if sign:
            texts.append(sign.join(map(str, value)))
        else:
            for one in value:
                _collect(one, texts)


def _replace(value: Json, masked: Mapping[str, str]) -> Json:
    if isinstance(value, str):
        return masked[value]
    if isinstance(value, dict):
        return {masked[key]: _replace(one, masked) for key, one in value.items()}
    if isinstance(value, list):
        sign = _find_sign(value)
        if not sign:
            return [_replace(one, masked) for one in value]
        together = sign.join(map(str, value))
        return value if masked[together] == together else [*masked[together].split(sign)]
    return value


def _find_sign(value: list[Json]) -> str:
    """Return what a list is joined by to be masked as one text: a value may stand in it line by line, byte by byte."""
    if all(isinstance(one, str) for one in value):
        return "\n"
    return ", " if all(isinstance(one, int) for one in value) else ""


def _left(due: float) -> timedelta:
    return timedelta(seconds=max(0.0, due - time.monotonic()))


def _refuse(why: str) -> AgentkitError:
    return AgentkitError(
        f"nothing is sent to a model: {why}", hint="agentkit vault check says what is wrong", status=Exit.REFUSED
    )
