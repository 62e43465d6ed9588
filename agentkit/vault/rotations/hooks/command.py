"""How does a program that knows nothing of rotations rotate a secret?

The hook `command`. Settings: `set` and `test` (needed), `create`, `revoke`, `prove`, `list`, each a command line; and
those of `token` for the value where there is no `create`. Words `{key}` and `{old_key}` stand for the names of the
keys at the provider. Values come on stdin, one a line, never among the words:

    create  the current value                       its stdout is the new value
    set     the new value, the current one
    test    the value                               0 it works, 1 it is refused, else nobody knows
    revoke  the old value, the one that lives on
    prove   the old value                           0 it is dead, 1 it lives, else nobody knows
    list    the value that lives                    its stdout: the keys that live, one a line

Without `revoke` the provider is taken to hold one value, which `set` replaces. Without `prove` it is `test` that has
to refuse the old value.
"""

import os
import shlex
from datetime import timedelta

from agentkit.core.process import Ended, Program, run_program
from agentkit.vault.rotations.hooks import generated
from agentkit.vault.rotations.hooks.speaking import Answer, HookError, Request, encode_value

COMMANDS = ("create", "set", "test", "revoke", "prove", "list")
# So that it is this hook that tells of the time limit, and not the end of this hook.
SPARE_S = 1.0
MOST_OUTPUT_BYTES = 256 * 1024
REFUSED = 1


def _create(request: Request) -> Answer:
    request.demand_known(*COMMANDS, *generated.SETTINGS)
    for needed in ("set", "test"):
        if needed not in request.settings:
            raise HookError(f"setting {needed} is missing: what is not {needed} is never put in another's place")
    if "create" not in request.settings:
        return {"value": encode_value(generated.make_token(request).encode()), "key": request.key_name}
    ended = _demand_success("create", _run(request, "create", request.values.get("current", b"")))
    value = ended.stdout.removesuffix(b"\n")
    if not value or ended.stdout_truncated:
        raise HookError(f"create: {ended.stdout_bytes} bytes on stdout; expected the new value")
    return {"value": encode_value(value), "key": request.key_name}


def _set(request: Request) -> Answer:
    _demand_success("set", _run(request, "set", request.value("pending"), request.values.get("current", b"")))
    return {} if "revoke" in request.settings else {"old_is_dead": True}


def _test(request: Request) -> Answer:
    return {"alive": _ask(request, "test", request.value("pending"))}


def _revoke(request: Request) -> Answer:
    if "revoke" in request.settings:
        _demand_success("revoke", _run(request, "revoke", request.value("previous"), request.value("current")))
    return {}


def _prove(request: Request) -> Answer:
    if "prove" in request.settings:
        return {"dead": _ask(request, "prove", request.value("previous"))}
    # What refuses everything, because it cannot reach the provider for one, proves nothing.
    if not _ask(request, "test", request.value("current")):
        raise HookError("test refuses the value that should work, so what it says of the old one proves nothing")
    return {"dead": not _ask(request, "test", request.value("previous"))}


def _list(request: Request) -> Answer:
    if "list" not in request.settings:
        return {"unsupported": True}
    ended = _demand_success("list", _run(request, "list", request.value("current")))
    return {"live": [line for line in ended.stdout.decode(errors="replace").splitlines() if line.strip()]}


STEPS = {"create": _create, "set": _set, "test": _test, "revoke": _revoke, "prove": _prove, "list": _list}


def _run(request: Request, step: str, *values: bytes) -> Ended:
    values = tuple(value.removesuffix(b"\n") for value in values)
    if any(b"\n" in value for value in values):
        raise HookError(f"{step}: a value of several lines; expected one line, as stdin holds one value a line")
    keys = {"{key}": request.key_name, "{old_key}": request.keys.get("previous" if step == "revoke" else "current", "")}
    try:
        words = shlex.split(request.settings[step])
    except ValueError as error:
        raise HookError(f"setting {step}: {error}") from None
    if not words:
        raise HookError(f"setting {step} is empty")
    for name, key in keys.items():
        words = [word.replace(name, key) for word in words]
    stdin = b"".join(value + b"\n" for value in values)
    limit = timedelta(seconds=max(1.0, request.limit_s - SPARE_S))
    ended = run_program(Program(tuple(words), limit, stdin=stdin, keep_bytes=MOST_OUTPUT_BYTES))
    # What it has to say goes where ours goes, and is masked there; stdout may be a value, and never goes on.
    if ended.stderr:
        os.write(2, ended.stderr)
    return ended


def _demand_success(step: str, ended: Ended) -> Ended:
    if ended.outcome != "exited" or ended.status != 0:
        raise HookError(f"{step}: {_tell(ended)}")
    return ended


def _ask(request: Request, step: str, value: bytes) -> bool:
    """Return whether the command says yes (0) or no (1); raises HookError where it cannot tell."""
    ended = _run(request, step, value)
    if ended.outcome != "exited" or ended.status not in (0, REFUSED):
        raise HookError(f"{step}: {_tell(ended)}; expected 0 for yes and {REFUSED} for no")
    return ended.status == 0


def _tell(ended: Ended) -> str:
    if ended.outcome == "exited":
        return f"it ended with status {ended.status}"
    return ended.trouble or f"it was {ended.outcome}, status {ended.status}"
