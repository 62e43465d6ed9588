"""How is a hook run, so that nobody sees a value, nobody else can have put it there, and it always comes to an end?"""

import base64
import json
import os
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from agentkit.core import tree
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.process import Ended, Program, run_program
from agentkit.core.times import format_duration
from agentkit.vault.handover.allowed import cut_environment
from agentkit.vault.redaction.masker import Masker
from agentkit.vault.separate.hookuser import hand_over

SHIPPED = ("command", "postgres", "token")
STEP_LIMIT = timedelta(seconds=30)
# A value has at most 64 MiB, as base64 a third more.
MOST_ANSWER_BYTES = 96 * 1024 * 1024
LONGEST_TOLD = 300
MARK_NAME = "AGENTKIT_ROTATION"
END_LIMIT_S = 5.0
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
MASK = b"***"

Answer = Mapping[str, object]


class StepFailedError(Exception):
    """A step that did not come to its end; its text holds no value."""


@dataclass(frozen=True)
class Hook:
    """A program to run, by the words before the step."""

    name: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Call:
    """What a hook is told; `keys` and `values` by "current", "pending", "previous" or the name of a setting."""

    secret: str
    rotation: str
    key_name: str
    settings: Mapping[str, str]
    keys: Mapping[str, str]
    values: Mapping[str, bytes]


def find_hook(name: str) -> Hook:
    """Return a hook that ships, or the program at a path.

    Raises AgentkitError: configuration where there is none, refused where somebody else could have put it there.
    """
    if name in SHIPPED:
        runner = os.path.join(os.path.dirname(os.path.realpath(__file__)), "hooks", "__main__.py")
        return Hook(name, (sys.executable, "-I", runner, name))
    if not name.startswith("/"):
        raise AgentkitError(
            f"hook {name} is not known",
            hint=f"one of {', '.join(SHIPPED)}, or the path of a program, from / on",
            status=Exit.CONFIGURATION,
        )
    path = os.path.realpath(name)
    try:
        _demand_trusted(path)
    except OSError as error:
        raise AgentkitError(f"hook {name}: {error.strerror}", status=Exit.CONFIGURATION) from error
    return Hook(name, (path,))


def call_hook(hook: Hook, step: str, call: Call, environ: Mapping[str, str], limit: timedelta = STEP_LIMIT) -> Answer:
    """Run one step of a hook and return what it answers; raises StepFailedError, whose text is masked."""
    request = {
        "v": 1,
        "secret": call.secret,
        "rotation": call.rotation,
        "key_name": call.key_name,
        "limit_s": limit.total_seconds(),
        "settings": dict(call.settings),
        "keys": dict(call.keys),
        "values": {name: base64.b64encode(value).decode() for name, value in call.values.items()},
    }
    where = hook.name if hook.name in SHIPPED else hook.words[0]
    program = Program(
        (*hand_over(where, hook.words, environ), step),
        limit,
        environment={"PATH": os.defpath, **cut_environment(environ, []), MARK_NAME: call.rotation},
        stdin=json.dumps(request).encode(),
        keep_bytes=MOST_ANSWER_BYTES,
    )
    ended = run_program(program)
    answer = _read_answer(ended)
    if ended.outcome == "exited" and ended.status == 0 and answer is not None:
        return answer
    told = _tell_end(ended, limit) if answer is None else str(answer.get("error") or _tell_end(ended, limit))
    # Masked before it is cut: of a value that was cut in two the half would be found no more.
    said = mask_values(ended.stderr, call).strip()[-LONGEST_TOLD:]
    told = mask_values(told.encode(errors="replace"), call)[:LONGEST_TOLD]
    raise StepFailedError(" ".join(f"{told}: {said}".split()) if said else told)


def mask_values(raw: bytes, call: Call) -> str:
    """Return what a hook said, as text, without the values: in whatever spelling, and short ones too."""
    masker = Masker([(call.secret, value) for value in call.values.values()])
    raw = masker.feed(raw) + masker.close()
    for value in call.values.values():
        # The masker leaves a short value alone where it could be any other word.
        if value.strip():
            raw = raw.replace(value.strip(), MASK)
    return raw.decode(errors="replace")


def end_leftovers(rotation: str) -> None:
    """End what a killed run of this rotation left; raises AgentkitError (try later) where something would not end.

    What it still does could otherwise undo what this run does.
    """
    mark = f"{MARK_NAME}={rotation}".encode()
    left = tree.end_all(lambda: tree.find_marked(mark), grace_s=0.0, limit_s=END_LIMIT_S)
    if left:
        raise AgentkitError(
            f"a hook of an earlier run would not end: pid {', '.join(map(str, left))}",
            hint=f"ps -fp {left[0]}",
            status=Exit.TRY_LATER,
        )


def read_value(answer: Answer, key: str) -> bytes:
    """Return a value out of an answer; raises StepFailedError where there is none."""
    text = answer.get(key)
    try:
        value = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except ValueError:
        value = b""
    if not value:
        raise StepFailedError(f"the answer holds no {key}")
    return value


def read_flag(answer: Answer, key: str) -> bool:
    """Return what an answer says for sure; raises StepFailedError where it says neither true nor false."""
    flag = answer.get(key)
    if not isinstance(flag, bool):
        raise StepFailedError(f"the answer does not say {key}: true or {key}: false")
    return flag


def _read_answer(ended: Ended) -> Answer | None:
    if ended.stdout_truncated:
        return None
    try:
        answer = json.loads(ended.stdout)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


def _tell_end(ended: Ended, limit: timedelta) -> str:
    if ended.outcome in ("timed-out", "unkillable"):
        return f"no answer within {format_duration(limit.total_seconds())}"
    if ended.outcome == "not-started":
        return ended.trouble
    if ended.outcome == "signalled":
        return f"it was ended by signal {ended.signal}"
    return "its answer is no JSON object" if ended.status == 0 else f"it ended with status {ended.status}"


def _demand_trusted(path: str) -> None:
    """Raise AgentkitError (refused) where somebody else than root and this user could have written the program."""
    found = os.stat(path)
    if not stat.S_ISREG(found.st_mode):
        raise AgentkitError(f"hook {path} is no plain file", status=Exit.REFUSED)
    place = path
    while True:
        if found.st_uid not in (0, os.geteuid()):
            raise AgentkitError(f"hook {path}: {place} belongs to uid {found.st_uid}", status=Exit.REFUSED)
        # In a folder like /tmp others may write, and yet not replace what is ours.
        if found.st_mode & OTHERS_WRITE and not (stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX):
            raise AgentkitError(
                f"hook {path}: others may write {place}", hint=f"chmod go-w {place}", status=Exit.REFUSED
            )
        if place == "/":
            return
        place = os.path.dirname(place)
        found = os.stat(place)
