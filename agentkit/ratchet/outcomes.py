"""How did each test end, which end is the better one, and how is that written down?"""

import re

from agentkit.core.errors import AgentkitError, Exit

PASS, XFAIL, FAIL, SKIP, MISSING = "pass", "xfail", "fail", "skip", "missing"
RANK = {PASS: 4, XFAIL: 3, FAIL: 2, SKIP: 1, MISSING: 0}

# The id of a test (JUnit's `classname::name`) and how it ended. The words are the constants above, so `is` compares.
Outcomes = dict[str, str]

# What a report may say of a test; `missing` is what it does not say.
WORDS = {PASS: PASS, XFAIL: XFAIL, FAIL: FAIL, SKIP: SKIP}
# A line must stay a line, git must not take the file for a binary one, and surrogates have no UTF-8.
_UNFIT = re.compile("[\\\\\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]")
_NAMES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
_ESCAPE = re.compile(r"\\(?:([\\tnr])|x([0-9a-f]{2})|u([0-9a-f]{4})|)")
_LETTERS = {"\\": "\\", "t": "\t", "n": "\n", "r": "\r"}


def write_lines(outcomes: Outcomes) -> bytes:
    r"""Return a line `outcome TAB id LF` for each test, sorted by id; `\`, TAB, CR, LF and the like are escaped."""
    lines = [
        f"{outcomes[name]}\t{name if name.isprintable() and chr(92) not in name else escape_id(name)}\n"
        for name in sorted(outcomes)
    ]
    return "".join(lines).encode()


def read_lines(raw: bytes) -> Outcomes:
    """Return what `write_lines` wrote, or another program in that form; of an id that stands there twice the worst end.

    Raises AgentkitError (bad data) naming the line that is none, or saying that the last one has no end.
    """
    # A file name may be any bytes; such letters come through as lone surrogates, and are written escaped.
    text = raw.decode("utf-8", "surrogateescape")
    return _read_plain(text) or _read_each(text)


def _read_plain(text: str) -> Outcomes | None:
    """Return the outcomes where no line needs a second look, which is most files and a third of the time."""
    count = text.count("\n")
    starts = sum(f"\n{text}".count(f"\n{word}\t") for word in WORDS)
    # One tab a line, behind a word that is known, and an end behind each.
    if not starts == count == text.count("\t") or "\r" in text or not text.endswith("\n"):
        return None
    pieces = text.replace("\n", "\t").split("\t")
    words, names = pieces[:-1:2], pieces[1::2]
    if not all(names):
        return None
    if "\\" in text:
        names = [_ESCAPE.sub(_read_escape, name) if "\\" in name else name for name in names]
    outcomes = dict(zip(names, map(WORDS.__getitem__, words), strict=True))
    return outcomes if len(outcomes) == len(names) else None


def _read_each(text: str) -> Outcomes:
    lines = text.split("\n")
    if lines.pop():
        raise _bad(f"line {len(lines) + 1} has no end: the file is torn")
    outcomes: Outcomes = {}
    for number, line in enumerate(lines, start=1):
        word, _, name = line.removesuffix("\r").partition("\t")
        outcome = WORDS.get(word)
        if outcome is None or not name:
            raise _bad(f"line {number} is {line[:60]!r}; expected pass, xfail, fail or skip, a tab and the test's id")
        name = _ESCAPE.sub(_read_escape, name)
        outcomes[name] = worse(outcome, outcomes.get(name, outcome))
    return outcomes


def worse(one: str, other: str) -> str:
    """Return the worse one of two outcomes."""
    return one if RANK[one] < RANK[other] else other


def escape_id(name: str) -> str:
    """Return the id as it is written in a line."""
    return _UNFIT.sub(_write_escape, name)


def _write_escape(match: re.Match[str]) -> str:
    letter = match[0]
    code = ord(letter)
    return _NAMES.get(letter) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def _read_escape(match: re.Match[str]) -> str:
    if match[1]:
        return _LETTERS[match[1]]
    code = match[2] or match[3]
    # A backslash that nobody escaped stands for itself: other programs write such lines too.
    return chr(int(code, 16)) if code else "\\"


def _bad(message: str) -> AgentkitError:
    return AgentkitError(message, status=Exit.BAD_DATA)
