"""Is a measured value as good as the best one that was ever accepted?

A metric travels as {"name", "value", "unit", "direction", "tolerance"}, as JSON Lines or one JSON list. `direction` is
where better lies: `lower` or `higher`. `tolerance` is the share of the best value that may be lost (0.02, or "2%"),
`allowance` the same as an amount in the metric's unit; the greater of the two counts.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from agentkit.core.errors import AgentkitError, Exit

LOWER, HIGHER = "lower", "higher"


@dataclass(frozen=True)
class Metric:
    """A value with its unit and where better lies; None is a value that is no finite number."""

    name: str
    value: float | None
    unit: str = ""
    direction: str = LOWER
    tolerance: float = 0.0
    allowance: float = 0.0

    def record(self) -> dict[str, object]:
        """Return the object that `read_metrics` reads."""
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "direction": self.direction,
            "tolerance": self.tolerance,
            "allowance": self.allowance,
        }


@dataclass(frozen=True)
class MetricVerdict:
    """What became of a metric: the best accepted value, the value now, and why it is worse where it is."""

    name: str
    unit: str
    direction: str
    best: float | None
    now: float | None
    limit: float | None
    is_worse: bool
    why: str

    def record(self) -> dict[str, object]:
        """Return it as it stands in a verdict."""
        return {
            "name": self.name,
            "unit": self.unit,
            "direction": self.direction,
            "best": self.best,
            "now": self.now,
            "limit": self.limit,
            "worse": self.is_worse,
            "why": self.why,
        }


def read_metrics(raw: bytes) -> tuple[Metric, ...]:
    """Return the metrics that a command printed, in its order; of none where it printed nothing.

    Raises AgentkitError (bad data) naming the line that is no metric. A value that is text, NaN, infinite or absent is
    read as None: that is no fault of form, it is a worse value.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _bad(f"byte {error.start} is no UTF-8") from None
    if text.lstrip().startswith("["):
        items = _parse(text, "the list")
        assert isinstance(items, list)
        numbered = [(f"metric {number}", item) for number, item in enumerate(items, start=1)]
    else:
        lines = [(f"line {number}", line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
        numbered = [(place, _parse(line, place)) for place, line in lines]
    metrics: dict[str, Metric] = {}
    for place, item in numbered:
        metric = _read_metric(item, place)
        if metric.name in metrics:
            raise _bad(f"{place}: {metric.name!r} was there before")
        metrics[metric.name] = metric
    return tuple(metrics.values())


def write_metrics(metrics: Sequence[Metric]) -> bytes:
    """Return one JSON line a metric, sorted by name."""
    ordered = sorted(metrics, key=lambda metric: metric.name)
    return "".join(json.dumps(metric.record()) + "\n" for metric in ordered).encode()


def compare_metrics(best: Sequence[Metric], now: Sequence[Metric]) -> list[MetricVerdict]:
    """Return what became of each metric: those that were accepted before, then new ones, which are free.

    Unit, direction and tolerance are those that were accepted: a candidate cannot widen what it is measured by.
    """
    measured = {metric.name: metric for metric in now}
    verdicts = [_judge(metric, measured.pop(metric.name, None)) for metric in best]
    new = [MetricVerdict(m.name, m.unit, m.direction, None, m.value, None, False, "is new") for m in measured.values()]
    return verdicts + new


def keep_best(best: Sequence[Metric], now: Sequence[Metric]) -> tuple[Metric, ...]:
    """Return the best value of each metric, with the narrower tolerance: both only move forward."""
    kept = {metric.name: metric for metric in best}
    for metric in now:
        old = kept.get(metric.name)
        if metric.value is None:
            continue
        if old is None or old.value is None:
            kept[metric.name] = metric
            continue
        choose = min if old.direction == LOWER else max
        kept[metric.name] = replace(
            old,
            value=choose(old.value, metric.value),
            tolerance=min(old.tolerance, metric.tolerance),
            allowance=min(old.allowance, metric.allowance),
        )
    return tuple(kept.values())


def _judge(best: Metric, now: Metric | None) -> MetricVerdict:
    value = None if now is None else now.value
    limit, why = None, ""
    if best.value is not None:
        slack = max(abs(best.value) * best.tolerance, best.allowance)
        limit = best.value + slack if best.direction == LOWER else best.value - slack
    if now is None:
        why = "was not measured"
    elif value is None:
        why = "is no finite number"
    elif now.unit != best.unit:
        why = f"is in {now.unit or 'no unit'}, and was in {best.unit or 'none'}"
    elif now.direction != best.direction:
        why = f"calls {now.direction} better, and {best.direction} was"
    elif limit is not None and (value > limit if best.direction == LOWER else value < limit):
        why = f"is {'above' if best.direction == LOWER else 'below'} {limit:g}"
    return MetricVerdict(best.name, best.unit, best.direction, best.value, value, limit, bool(why), why)


def _parse(text: str, place: str) -> object:
    try:
        parsed: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        said = error.msg if isinstance(error, json.JSONDecodeError) else "too deep, or a number of too many digits"
        raise _bad(f"{place} is no JSON: {said}") from None
    return parsed


def _read_metric(item: object, place: str) -> Metric:
    if not isinstance(item, Mapping):
        raise _bad(f"{place} is no object")
    name, unit, direction = item.get("name"), item.get("unit", ""), item.get("direction")
    if not isinstance(name, str) or not name:
        raise _bad(f"{place} has no name")
    if unit is None:
        unit = ""
    if not isinstance(unit, str):
        raise _bad(f"{place}: the unit of {name!r} is no text")
    if direction not in (LOWER, HIGHER):
        raise _bad(f"{place}: the direction of {name!r} is {direction!r}; expected lower or higher")
    return Metric(
        name=name,
        value=_read_number(item.get("value")),
        unit=unit,
        direction=LOWER if direction == LOWER else HIGHER,
        tolerance=_read_tolerance(item.get("tolerance", 0), f"{place}: the tolerance of {name!r}"),
        allowance=_read_tolerance(item.get("allowance", 0), f"{place}: the allowance of {name!r}"),
    )


def _read_number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _read_tolerance(value: object, what: str) -> float:
    share = 1.0
    if isinstance(value, str) and value.endswith("%"):
        share, value = 0.01, _parse(value[:-1], what)
    number = _read_number(value)
    if number is None or number < 0:
        raise _bad(f"{what} is {value!r}; expected a number of 0 or more, such as 0.02 or 2%")
    return number * share


def _bad(message: str) -> AgentkitError:
    return AgentkitError(
        f"metrics: {message}",
        hint='one JSON object a line: {"name": "size", "value": 12, "unit": "KiB", "direction": "lower"}',
        status=Exit.BAD_DATA,
    )
