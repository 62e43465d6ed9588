"""What do the words behind `vault set` say of a secret?"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.times import format_instant, parse_duration, parse_instant
from agentkit.vault.setting import DELIVERIES, Particulars

LONGEST_TEXT = 2000
DATE = re.compile(r"\d{4}-\d\d-\d\d")


def read_particulars(
    *,
    purpose: str | None,
    owner: str | None,
    consumers: list[str],
    deliver: list[str],
    expires: str | None,
    rotate_every: str | None,
    rotate_with: str | None,
    settings: list[str],
    reissue: str | None,
    now: float,
) -> Particulars:
    """Return what the options say; raises AgentkitError (usage). `now` is in seconds since the epoch."""
    for option, text in (("--purpose", purpose), ("--owner", owner), ("--reissue", reissue)):
        if text is not None and not 0 < len(text.strip()) <= LONGEST_TEXT:
            raise AgentkitError(f"{option}: expected 1 to {LONGEST_TEXT} letters", status=Exit.USAGE)
    unknown = [way for way in deliver if way not in DELIVERIES]
    if unknown:
        # What was typed is repeated nowhere: it may be the value, in the wrong place.
        raise AgentkitError(f"--deliver: expected one of {', '.join(DELIVERIES)}", status=Exit.USAGE)
    return Particulars(
        purpose=purpose,
        owner=owner,
        consumers=tuple(consumers),
        deliver=tuple(dict.fromkeys(deliver)),
        expires_at=None if expires is None else _read_expiry(expires, now),
        rotate_every_s=None if rotate_every is None else _read_duration(rotate_every, "--rotate-every", "90d"),
        rotate_with=rotate_with,
        rotate_settings=dict(_split_setting(setting) for setting in settings),
        reissue=reissue,
    )


def _read_expiry(text: str, now: float) -> str:
    if DATE.fullmatch(text):
        try:
            return format_instant(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())
        except ValueError:
            raise AgentkitError(f"--expires: there is no day {text}", status=Exit.USAGE) from None
    try:
        return format_instant(parse_instant(text))
    except ValueError:
        return format_instant(now + _read_duration(text, "--expires", "2027-06-30, or 90d from now"))


def _read_duration(text: str, option: str, example: str) -> float:
    try:
        return parse_duration(text, option)
    except AgentkitError:
        raise AgentkitError(
            f"{option}: this is none, or beyond ten years", hint=f"{option} {example}", status=Exit.USAGE
        ) from None


def _split_setting(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise AgentkitError("--setting: expected KEY=VALUE", hint="--setting role=app", status=Exit.USAGE)
    return key, value


def refuse_value() -> AgentkitError:
    """Return the error for a value on the command line, which is not repeated."""
    return AgentkitError(
        "set: a value is never taken from the command line, which every user of this machine can read",
        hint='printf %s "$VALUE" | agentkit vault set NAME --purpose …  (what was typed is known now: change it)',
        status=Exit.USAGE,
    )
