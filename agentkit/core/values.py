"""Which kinds of values can the configuration hold, and how is each of them read?"""

import os
from collections.abc import Callable
from dataclasses import dataclass

from agentkit.core.errors import AgentkitError
from agentkit.core.times import parse_duration

UNITS = {
    "": 1,
    "b": 1,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
}


NAME_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._-")
LONGEST_NAME = 64
HOST_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-_:")
SEVERITY_WORDS = ("info", "warning", "critical")
LABEL_WORDS = ("host", "source", "type", "subject", "severity", "cause")
MOST_DIGITS = 19  # of 2**63; Python itself refuses to read a number of more than 4,300
# A sum of such amounts in nanodollars still fits in the 63 bits that SQLite has.
MOST_USD = 10**6
MOST_USD_PER_MILLION = 10**6
MOST_TOKENS = 10**6


class WrongKindError(ValueError):
    """The value is of another kind than its key holds; its text, if any, says what was found in place of the value."""


@dataclass(frozen=True)
class Kind:
    """One kind of value: what was expected, in the words of an error, and the function that reads it.

    `words` are all that it may be, where that is a choice; `hint` is the next step when it is wrong.
    """

    expected: str
    read: Callable[[object], object]
    words: tuple[str, ...] = ()
    hint: str | None = None


def _read_text(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise WrongKindError
    return value


def _read_node(value: object) -> str:
    kind, colon, name = _read_text(value).partition(":")
    if not (kind.isascii() and kind.isalpha() and kind.islower() and colon and name):
        raise WrongKindError
    return f"{kind}:{name}"


def _read_words(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise WrongKindError
    return tuple(_read_text(word) for word in value)


def _read_command(value: object) -> tuple[str, ...]:
    # Unlike the words of a list, an argument may be empty.
    if not isinstance(value, list) or not all(isinstance(word, str) and "\0" not in word for word in value):
        raise WrongKindError
    if value and not value[0].strip():
        raise WrongKindError
    try:
        for word in value:
            os.fsencode(word)
    except UnicodeEncodeError as error:
        raise WrongKindError from error  # half of a pair, as JSON can write it: no program can be given that
    return tuple(value)


def _read_paths(value: object) -> tuple[str, ...]:
    paths = _read_words(value)
    if not all(path.startswith("/") for path in paths):
        raise WrongKindError
    return paths


def _read_variables(value: object) -> tuple[str, ...]:
    names = _read_words(value)
    if not all(name.isascii() and name.isidentifier() for name in names):
        raise WrongKindError
    return names


def _read_folder(value: object) -> str:
    path = _read_text(value)
    if not path.startswith("/"):
        raise WrongKindError
    return path


def _read_address(value: object) -> str:
    text = _read_text(value)
    if not text.startswith(("http://", "https://")) or any(letter.isspace() for letter in text):
        raise WrongKindError
    return text


def _read_duration(value: object) -> float:
    return _parse_duration(_read_text(value), zero=False)


def _read_duration_or_zero(value: object) -> float:
    return _parse_duration(_read_text(value), zero=True)


def _parse_duration(text: str, *, zero: bool) -> float:
    try:
        return parse_duration(text, "", zero=zero)
    except AgentkitError as error:
        raise WrongKindError from error


def _read_range(value: object) -> tuple[float, float]:
    low, dots, high = _read_text(value).partition("..")
    if not dots or not (low or high):
        raise WrongKindError
    least = _parse_duration(low, zero=True) if low else 0.0
    most = _parse_duration(high, zero=False) if high else float("inf")
    if least > most:
        raise WrongKindError
    return least, most


def _read_size(value: object) -> int:
    if not isinstance(value, str):
        return _read_whole(value)
    number = value.strip().rstrip("BbiKkMmGgTt ")
    unit = value.strip()[len(number) :].strip().lower()
    if unit not in UNITS or not number.isascii() or not number.isdigit() or len(number) > MOST_DIGITS:
        raise WrongKindError
    return _read_whole(int(number) * UNITS[unit])


def _read_whole(value: object) -> int:
    # To Python, true is a number too.
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**63:
        raise WrongKindError
    return value


def _read_whole_or_zero(value: object) -> int:
    is_zero = isinstance(value, int) and not isinstance(value, bool) and value == 0
    return 0 if is_zero else _read_whole(value)


def _read_amount(value: object, most: int) -> float:
    # TOML has inf and nan; the comparison lets neither pass.
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= most:
        raise WrongKindError
    return float(value)


def _read_money(value: object) -> float:
    return _read_amount(value, MOST_USD)


def _read_price(value: object) -> float:
    return _read_amount(value, MOST_USD_PER_MILLION)


def _read_tokens(value: object) -> int:
    tokens = _read_whole(value)
    if tokens > MOST_TOKENS:
        raise WrongKindError
    return tokens


def _read_rate(value: object) -> tuple[int, float]:
    if isinstance(value, int):
        return _read_whole(value), 86400.0
    count, slash, per = (part.strip() for part in _read_text(value).partition("/"))
    if not count.isascii() or not count.isdigit() or len(count) > MOST_DIGITS:
        raise WrongKindError
    return _read_whole(int(count)), _parse_duration(per, zero=False) if slash else 86400.0


def _read_name(value: object) -> str:
    text = _read_text(value)
    if len(text) > LONGEST_NAME or text[0] in "._-" or not NAME_LETTERS.issuperset(text):
        raise WrongKindError
    return text


def _read_secret(value: object) -> str:
    # Whatever else stands here may be the secret itself: it is told, never shown.
    if not isinstance(value, str) or not value.startswith("secret:"):
        raise WrongKindError("something else, which is not shown: it may be the secret itself")
    for part in value.removeprefix("secret:").split("/"):
        if not part or part[0] in "._-" or ".." in part or not NAME_LETTERS.issuperset(part):
            raise WrongKindError("secret: and no name behind it")
    return value


def _read_url(value: object) -> str:
    # What is wrong with it may be that it holds a password or a token: it is told, never shown.
    from urllib.parse import urlsplit

    if not isinstance(value, str) or not value.startswith(("http://", "https://")):
        raise WrongKindError("none that begins with http:// or https://")
    for letter, what in (("@", "a user or a password"), ("?", "a query"), ("#", "a fragment")):
        if letter in value:
            raise WrongKindError(f"one with {what}")
    if not value.isascii() or not value.isprintable() or " " in value or "\\" in value:
        raise WrongKindError("one with a letter that no address has")
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise WrongKindError("one without a valid host and port") from None
    if not host or not HOST_LETTERS.issuperset(host) or port == 0:
        raise WrongKindError("one without a valid host and port")
    return value


def _read_labels(value: object) -> tuple[str, ...]:
    words = _read_words(value)
    if len(set(words)) < len(words) or not set(words) <= set(LABEL_WORDS):
        raise WrongKindError
    return words


def _read_match(value: object) -> object:
    # What stands in it is read as a table of its own.
    if not isinstance(value, dict):
        raise WrongKindError
    return value


def _read_severity(value: object) -> str:
    from agentkit.core.patterns import fits_pattern

    text = _read_text(value)
    if not any(fits_pattern(text, severity) for severity in SEVERITY_WORDS):
        raise WrongKindError
    return text


def _choose(*words: str) -> Kind:
    def read(value: object) -> str:
        text = _read_text(value)
        if text not in words:
            raise WrongKindError
        return text

    return Kind(f"one of {', '.join(words)}", read, words)


def _read_switch(value: object) -> bool:
    if not isinstance(value, bool):
        raise WrongKindError
    return value


def _read_zone(value: object) -> str:
    from zoneinfo import ZoneInfo

    text = _read_text(value)
    try:
        ZoneInfo(text)
    except (ValueError, OSError, KeyError) as error:
        raise WrongKindError from error
    return text


def _read_cron(value: object) -> str:
    from agentkit.core.cronfields import validate_schedule

    text = _read_text(value)
    try:
        validate_schedule(text)
    except AgentkitError as error:
        raise WrongKindError from error
    return text


TEXT = Kind("text", _read_text)
NODE = Kind('a node such as "unit:nginx.service" or "cmd:restic"', _read_node)
WORDS = Kind('a list of words such as ["mail", "-s", "agentkit", "root"]', _read_words)
COMMAND = Kind('a program and its words such as ["fail2ban-client", "ping"]', _read_command)
PROGRAM = Kind('a program and its words such as ["/usr/local/bin/mend", "--quick"]', _read_command)
METRICS = Kind('a list of names of metrics such as ["backup seconds"]', _read_words)
PATTERNS = Kind('a list of patterns of paths such as ["deploy", "*.service"]', _read_words)
VARIABLES = Kind('a list of names of variables such as ["ANTHROPIC_API_KEY"]', _read_variables)
PATHS = Kind('a list of absolute paths such as ["/run/backup.pid"]', _read_paths)
FOLDER = Kind('an absolute path such as "/srv/jobs"', _read_folder)
ADDRESS = Kind('an address such as "https://example.org/ping"', _read_address)
DURATION = Kind('a duration such as "90s", "15m", "6h" or "2d"', _read_duration)
DURATION_OR_ZERO = Kind('a duration such as "0s", "90s" or "15m"', _read_duration_or_zero)
DURATION_RANGE = Kind('a range of durations such as "1s..10m", "1s.." or "..10m"', _read_range)
SIZE = Kind('a size such as "500MiB", "1GiB" or a number of bytes', _read_size)
WHOLE = Kind("a whole number above 0", _read_whole)
SWITCH = Kind("true or false", _read_switch)
CRON = Kind('a cron expression such as "*/5 * * * *"', _read_cron)
ZONE = Kind('a time zone such as "Europe/Berlin"', _read_zone)
WHOLE_OR_ZERO = Kind("a whole number, 0 or above", _read_whole_or_zero)
MONEY = Kind(f"a number of dollars from 0 to {MOST_USD} such as 0.05", _read_money)
PRICE = Kind(f"a number of dollars from 0 to {MOST_USD_PER_MILLION} such as 2.50", _read_price)
TOKENS = Kind(f"a whole number from 1 to {MOST_TOKENS}", _read_tokens)
RATE = Kind('a number of times above 0 such as 3, or "3/1h" with the time in which', _read_rate)
NAME = Kind(f'a name such as "local" of [a-z0-9][a-z0-9._-]*, at most {LONGEST_NAME} letters', _read_name)
SECRET = Kind(
    'the name of a secret in the vault such as "secret:openai/key"',
    _read_secret,
    hint='agentkit vault set openai/key --purpose "asks a model" < FILE, then key = "secret:openai/key"',
)
URL = Kind('an address such as "http://127.0.0.1:8080/v1"', _read_url)
LABELS = Kind(f"a list, each once, of {', '.join(LABEL_WORDS)}", _read_labels, LABEL_WORDS)
MATCH = Kind('patterns such as { source = "heartbeat.check", subject = "job:*" }', _read_match)
PATTERN = Kind('a pattern such as "*web*"', _read_text)
SEVERITY = Kind('a pattern such as "critical" that one of info, warning, critical fits', _read_severity, SEVERITY_WORDS)
PROVIDER = _choose("openai", "anthropic", "command")
ANSWER = _choose("json_schema", "json_object", "text")
