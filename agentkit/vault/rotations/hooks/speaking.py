"""What does a hook hear on stdin, and what does it answer on stdout?

One JSON object each way. In: `v` (1), `secret`, `rotation`, `key_name`, `limit_s`, `settings` {name: text}, `keys` and
`values` {"current" | "pending" | "previous" | the name of a setting: key of the provider, base64}. Out: what the step
has to say, or {"error": text} and a status that is not 0.
"""

import base64
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from agentkit.core.errors import Exit

Answer = dict[str, object]


class HookError(Exception):
    """A step that failed, in words that hold no value of a secret."""


@dataclass(frozen=True)
class Request:
    """What a step is asked; `key_name` is what a new key is to be called at the provider, the same at each attempt."""

    secret: str
    key_name: str
    limit_s: float
    settings: Mapping[str, str]
    keys: Mapping[str, str]
    values: Mapping[str, bytes] = field(repr=False)

    def value(self, name: str) -> bytes:
        """Return one of the values; raises HookError where it was not handed over."""
        found = self.values.get(name)
        if found is None:
            raise HookError(f"the {name} value was not handed over")
        return found

    def text(self, name: str) -> str:
        """Return one of the values as text; raises HookError where it is none."""
        try:
            return self.value(name).decode()
        except UnicodeDecodeError:
            raise HookError(f"the {name} value is no UTF-8") from None

    def demand_known(self, *names: str) -> None:
        """Raise HookError for a setting that the hook does not know."""
        for name in self.settings:
            if name not in names:
                raise HookError(f"setting {name} is not known; there are {', '.join(sorted(names))}")


Steps = Mapping[str, Callable[[Request], Answer]]


def answer(steps: Steps, step: str) -> int:
    """Read the request, take the step, write the answer; return the exit status."""
    if step not in steps:
        return _write({"unsupported": True}, Exit.OK)
    try:
        return _write(steps[step](_read_request(sys.stdin.buffer.read())), Exit.OK)
    except HookError as error:
        return _write({"error": str(error)}, Exit.FINDINGS)


def encode_value(value: bytes) -> str:
    """Return a value as it travels."""
    return base64.b64encode(value).decode()


def _read_request(raw: bytes) -> Request:
    try:
        told = json.loads(raw)
        values = {name: base64.b64decode(value, validate=True) for name, value in told["values"].items()}
        return Request(told["secret"], told["key_name"], float(told["limit_s"]), told["settings"], told["keys"], values)
    except (ValueError, KeyError, TypeError, AttributeError):
        # The text of such an error would quote what it could not read.
        raise HookError("stdin holds no request that can be read") from None


def _write(told: Answer, status: int) -> int:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    return status
