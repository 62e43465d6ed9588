"""Which provider answers, inside the budget and before the deadline?

They are asked in their order. What a call may cost is reserved before it and settled after it. Who is overloaded is
asked again when it said so, if that is before the deadline; else the instant is kept, and nobody waits for it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TypedDict

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.ids import new_id
from agentkit.core.settings import ProviderSettings, ThinkSettings
from agentkit.think import breakers, spending
from agentkit.think.calling import call_provider, size_request
from agentkit.think.caps import require_cap, to_nanodollars
from agentkit.think.prices import Price, price_of, worst_cost
from agentkit.think.providers import FAILED, OK, OVERLOADED, Prompt, Reply
from agentkit.think.store import Store

# Less than this is left: no model answers in it.
SHORTEST_CALL_S = 0.2
# Less than this would be left for another try, which is worse than none.
SHORTEST_RETRY_S = 1.0
ROUNDS = 3
PAUSE_S = 1.0
DEADLINE_OVER = "the deadline is over"
NO_PROVIDER = "no provider is configured"
# What a gateway says for a moment; all else will be the same a second later.
PASSING = (500, 502, 503, 504, 529)


class Costs(TypedDict):
    """What a decision tells of its question; money in nanodollars."""

    spent: int
    reserved: int
    tokens: int
    providers_tried: list[str]


@dataclass(slots=True)
class Asked:
    """What became of a question: the text of the answer or None, and why; money in nanodollars.

    `status` is the exit status that `reason` calls for, `not_before` when it is worth trying again.
    """

    text: str | None = None
    provider: str = ""
    status: int = Exit.OK
    reason: str = ""
    not_before: float | None = None
    spent: int = 0
    reserved: int = 0
    tokens: int = 0
    tried: list[str] = field(default_factory=list)

    def after(self, before: Asked) -> Asked:
        """Return this question and one before it as one: the end of this one, and what both took."""
        return replace(
            self,
            spent=before.spent + self.spent,
            reserved=before.reserved + self.reserved,
            tokens=before.tokens + self.tokens,
            tried=before.tried + self.tried,
        )

    def costs(self) -> Costs:
        """Return what a decision tells of it."""
        return {
            "spent": self.spent, "reserved": self.reserved, "tokens": self.tokens, "providers_tried": self.tried,
        }  # fmt: skip


class Asker:
    """Asks for one purpose (`wake`, `ask`, `test`) until its deadline, and writes all of it down."""

    def __init__(self, store: Store, settings: ThinkSettings, environ: Mapping[str, str], purpose: str) -> None:
        self.store = store
        self.settings = settings
        self.environ = environ
        self.purpose = purpose
        self.due = time.monotonic() + settings.deadline_s

    def ask(self, prompt: Prompt, group_key: str = "") -> Asked:
        """Return what the first provider that can says; the prompt has been redacted."""
        asked = Asked()
        ready = list(self.settings.providers)
        if not ready:
            _put_off(asked, NO_PROVIDER, None)
        for number in range(ROUNDS):
            again: list[tuple[ProviderSettings, Reply]] = []
            for place, provider in enumerate(ready):
                if number == 0 and not self._may_call(provider, asked):
                    continue
                began_at = time.time()
                reply = self._call(provider, prompt, group_key, asked, others=len(ready) - place - 1)
                if reply is None:
                    continue
                if reply.kind == OK:
                    self._note_success(provider, began_at)
                    self._give_up(again, asked)
                    asked.text, asked.provider, asked.status, asked.reason = reply.text, provider.name, Exit.OK, ""
                    return asked
                if number < ROUNDS - 1 and self._is_passing(reply):
                    again.append((provider, reply))
                else:
                    self._note_failure(provider, reply, asked)
            if not again:
                break
            time.sleep(min(_wait_of(reply) for _, reply in again))
            ready = [provider for provider, _ in again]
        return asked

    def find_pause(self) -> Asked | None:
        """Return why nobody can be asked at all now, None where somebody can: then a question is worth its masking."""
        asked = Asked()
        if self._left_s() < SHORTEST_CALL_S:
            _put_off(asked, DEADLINE_OVER, None)
            return asked
        for provider in self.settings.providers:
            verdict = breakers.is_paused(self.store, provider.name, breakers.digest_provider(provider), time.time())
            if not verdict.is_open:
                return None
            _put_off(asked, f"{provider.name}: {verdict.why}", verdict.not_before)
        if not self.settings.providers:
            _put_off(asked, NO_PROVIDER, None)
        return asked

    def _may_call(self, provider: ProviderSettings, asked: Asked) -> bool:
        verdict = breakers.may_call(self.store, provider.name, breakers.digest_provider(provider), time.time())
        if verdict.is_open:
            _put_off(asked, f"{provider.name}: {verdict.why}", verdict.not_before)
        return not verdict.is_open

    def _call(
        self, provider: ProviderSettings, prompt: Prompt, group_key: str, asked: Asked, *, others: int
    ) -> Reply | None:
        """Call a provider inside the budget; None where it may not be called, and `asked` says why."""
        left_s = self._left_s()
        if left_s < SHORTEST_CALL_S:
            _put_off(asked, DEADLINE_OVER, None)
            return None
        price = price_of(provider)
        if price is None:
            name = f"{provider.name}: the price of {provider.model or 'its model'} is not known"
            _put_off(asked, f"{name}; give price_in and price_out", None, Exit.CONFIGURATION)
            return None
        tokens_in = size_request(provider, prompt)
        more_cost, more_tokens = spending.find_excess(self.store, provider.name)
        cost = worst_cost(price, tokens_in, provider.max_output_tokens)
        cost = max(cost, more_cost) if cost else 0
        tokens = max(tokens_in + provider.max_output_tokens, more_tokens)
        try:
            if cost:
                require_cap(self.settings.budget, provider.name)
            call = spending.reserve(
                self.store, self.settings.budget, provider=provider.name, model=provider.model or "",
                purpose=self.purpose, tokens=tokens, cost=cost, now=time.time(),
            )  # fmt: skip
        except AgentkitError as error:
            _put_off(asked, error.message, getattr(error, "room_at", None), error.status)
            return None
        asked.tried.append(provider.name)
        asked.reserved += cost
        # One that hangs must leave the others their time.
        limit = timedelta(seconds=left_s / 2 if others else left_s)
        reply = call_provider(
            provider, prompt, limit=limit, environ=self.environ, reason=f"think {self.purpose}: {provider.name}"
        )
        self._settle(call, reply, asked, price=price, tokens=tokens, cost=cost)
        self._write_down(call, provider, prompt, reply, group_key)
        return reply

    def _settle(self, call: int, reply: Reply, asked: Asked, *, price: Price, tokens: int, cost: int) -> None:
        """Write down what the call took; `tokens` and `cost` are what was reserved for it."""
        now, outcome = time.time(), reply.trouble or reply.kind
        if reply.tokens_in is not None and reply.tokens_out is not None:
            tokens = reply.tokens_in + reply.tokens_out
            told = reply.cost_usd if cost else None
            # A program may have taken several turns, of which it alone knows what they cost.
            cost = worst_cost(price, reply.tokens_in, reply.tokens_out) if told is None else to_nanodollars(told)
            spending.settle(self.store, call, tokens=tokens, cost=cost, outcome=outcome, now=now)
        elif reply.is_unbilled:
            cost = tokens = 0
            spending.release(self.store, call, outcome=outcome, now=now)
        else:
            # Where it tells only what it cost, and that is more than it should, it is the more that was spent.
            told = to_nanodollars(reply.cost_usd) if cost and reply.cost_usd else 0
            cost = max(cost, told)
            spending.settle(self.store, call, tokens=None, cost=cost if told else None, outcome=outcome, now=now)
        asked.spent += cost
        asked.tokens += tokens

    def _write_down(self, call: int, provider: ProviderSettings, prompt: Prompt, reply: Reply, group_key: str) -> None:
        now, sent = time.time(), f"{prompt.system}\n\n{prompt.user}"
        self.store.execute(
            "INSERT INTO journal (id, at, purpose, group_key, provider, model, prompt, answer, trouble, call, cost, "
            "tokens) SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, id, cost, tokens FROM calls WHERE id = ?",
            (new_id(now), now, self.purpose, group_key, provider.name, provider.model, sent, reply.text,
             reply.trouble, call),
        )  # fmt: skip

    def _is_passing(self, reply: Reply) -> bool:
        """Tell whether it is worth waiting for the provider before the deadline."""
        is_passing = reply.kind == OVERLOADED or (reply.kind == FAILED and reply.status in PASSING)
        return is_passing and self._left_s() > _wait_of(reply) + SHORTEST_RETRY_S

    def _give_up(self, again: Sequence[tuple[ProviderSettings, Reply]], asked: Asked) -> None:
        for provider, reply in again:
            self._note_failure(provider, reply, asked)

    def _note_success(self, provider: ProviderSettings, began_at: float) -> None:
        digest = breakers.digest_provider(provider)
        breakers.note_success(self.store, provider.name, digest, began_at=began_at, now=time.time())

    def _note_failure(self, provider: ProviderSettings, reply: Reply, asked: Asked) -> None:
        breakers.note_failure(
            self.store, provider.name, breakers.digest_provider(provider), kind=reply.kind, trouble=reply.trouble,
            retry_after_s=reply.retry_after_s, now=time.time(), chance=random.random(),  # noqa: S311  # jitter
        )  # fmt: skip
        breaker = breakers.read_breaker(self.store, provider.name)
        until = [] if breaker is None else [at for at in (breaker.open_until, breaker.not_before) if at is not None]
        # As the next wake will say it, which asks nobody: the same reason is told once.
        is_shut = breaker is not None and breaker.state != breakers.CLOSED and breaker.open_until is None
        why = f"{reply.trouble}; {breakers.UNTIL_CHANGED}" if is_shut else reply.trouble
        _put_off(asked, f"{provider.name}: {why}", max(until, default=None))

    def left(self) -> timedelta:
        """Return how much time there is before the deadline, at least none."""
        return timedelta(seconds=max(0.0, self._left_s()))

    def _left_s(self) -> float:
        return self.due - time.monotonic()


def _wait_of(reply: Reply) -> float:
    return PAUSE_S if reply.retry_after_s is None else reply.retry_after_s


def _put_off(asked: Asked, reason: str, not_before: float | None, status: int = Exit.TRY_LATER) -> None:
    """Note why there is no answer; what can be tried again by itself counts more than what a person has to mend."""
    # What the budget says is the same for every provider.
    if f"; {reason}; " not in f"; {asked.reason}; ":
        asked.reason = f"{asked.reason}; {reason}" if asked.reason else reason
    if asked.status in (Exit.OK, Exit.CONFIGURATION):
        asked.status = status
    if not_before is not None:
        asked.not_before = not_before if asked.not_before is None else min(asked.not_before, not_before)
