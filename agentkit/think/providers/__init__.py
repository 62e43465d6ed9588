"""What is asked of a model, and what comes back, whoever provides it?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# What became of a call: answered; asked to come later (429, 503, 529); not let in (401, 403); not understood (another
# 4xx, a redirect); or anything else: 5xx, network, an answer that is torn, too long, too late or no JSON.
OK, OVERLOADED, REFUSED, REJECTED, FAILED = "ok", "overloaded", "refused", "rejected", "failed"


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is asked; with a JSON Schema its answer has to be one object that fits it, else it is free text."""

    system: str
    user: str
    schema: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What one call gave.

    `text` is None on any failure, and `trouble` one line for a person; `status` is that of HTTP or of a program.
    `tokens_in` and `tokens_out` are None where the provider told no usage, `cost_usd` where it told no price (only
    programs do). `is_unbilled`: surely nothing was generated.
    """

    kind: str
    text: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    status: int | None = None
    trouble: str = ""
    retry_after_s: float | None = None
    is_unbilled: bool = False
    cost_usd: float | None = None

    def __post_init__(self) -> None:
        if self.text is not None:
            # Half of a letter can be written in JSON, and nowhere else.
            object.__setattr__(self, "text", self.text.encode("utf-8", "replace").decode())
