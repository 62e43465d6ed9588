"""How did each test end, as pytest printed it for a person?

Read are the lines of `pytest -v` up to the first heading behind them, and the short summary (`-rA` puts every test
there). The last line counts how many passed and failed: where fewer or more are named, the output is torn, some of it
is not pytest's own, or it named only what failed, and it is no evidence. Ids become those of JUnit:

    tests/test_a.py::TestX::test_b[1]  ->  tests.test_a.TestX::test_b[1]

Of a skipped test the short summary names the place only (`SKIPPED [1] tests/test_a.py:9`): without `-v` it is unknown,
and an id with `] - ` in it is taken to end there.
"""

import re
from collections import Counter

from agentkit.core.errors import AgentkitError, Exit
from agentkit.ratchet.outcomes import FAIL, PASS, SKIP, XFAIL, Outcomes, worse

ENDS = {
    "PASSED": PASS,
    "XPASS": PASS,
    "FAILED": FAIL,
    "ERROR": FAIL,
    "SUBFAILED": FAIL,
    "XFAIL": XFAIL,
    "SKIPPED": SKIP,
}
COUNTED = {
    "PASSED": "passed",
    "XPASS": "xpassed",
    "FAILED": "failed",
    "SUBFAILED": "failed",
    "XFAIL": "xfailed",
    "ERROR": "error",
}
WORDS = "PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS"
_COLOURS = re.compile("\x1b\\[[0-9;]*m")
# tests/test_a.py::test_b SKIPPED (reason)      [ 50%]
_LINE = re.compile(rf"([^\s=].*?::.*?) ({WORDS}|SUBFAILED)(?: ?[(\[].*[)\]])?\s*(?:\[[^\]]*\])?\s*")
# [gw0] [ 50%] PASSED tests/test_a.py::test_b
_WORKER = re.compile(rf"\[gw\d+\] \[[^\]]*\] ({WORDS}) (.*::.*)")
# FAILED tests/test_a.py::test_b - reason
_SUMMARY = re.compile(r"(PASSED|FAILED|ERROR|XFAIL|XPASS) (\S.*)")
# SUBFAILED[message] (number=1) tests/test_a.py::test_b - reason
_SUBTEST = re.compile(r"(SUBFAILED)\b.*?[)\]] ([^\s(].*)")
_HEADING = re.compile(r"=+ (?!test session starts)\S.* =+")
_BEGIN = re.compile(r"=+ short test summary info =+")
_LAST = re.compile(r"(?:=+ )?((?:\d+ [a-z ]+, )*\d+ [a-z ]+|no tests ran) in [\d.]+s(?: \([\d:, days]+\))?(?: =+)?")
_COUNT = re.compile(r"(\d+) ([a-z ]+)")


def looks_like_pytest(text: str) -> bool:
    """Tell whether the text is what pytest printed, or the beginning of it."""
    return "= test session starts =" in text or any(
        _LAST.fullmatch(_COLOURS.sub("", line).rstrip()) for line in text.split("\n") if " in " in line
    )


def read_pytest_output(text: str) -> Outcomes:
    """Return each test's outcome; raises AgentkitError (bad data) where the output is torn or names not every test."""
    lines = _COLOURS.sub("", text).replace("\r\n", "\n").split("\n")
    last = next((place for place in range(len(lines) - 1, -1, -1) if _LAST.fullmatch(lines[place].rstrip())), None)
    if last is None:
        raise _bad("torn: the last line of pytest, with its counts, is not there")
    counts = _read_counts(lines[last])
    begin = next((place for place in range(last, -1, -1) if _BEGIN.fullmatch(lines[place])), last)
    # What tests printed stands behind the first heading, and can look like anything.
    middle = next((place for place in range(last) if _HEADING.fullmatch(lines[place])), last)
    progress = _read_progress(lines[:middle])
    summary = _read_summary(lines[begin + 1 : last], {name for _, name in progress})
    _demand_all(counts, progress, summary)
    outcomes: Outcomes = {}
    for word, name in progress + summary:
        test = find_junit_id(name)
        outcome = ENDS[word]
        outcomes[test] = worse(outcomes.get(test, outcome), outcome)
    if not outcomes:
        raise _bad("has no test in it")
    return outcomes


def find_junit_id(name: str) -> str:
    """Return the id that pytest's own JUnit report has for a test (`mangle_test_address` in its junitxml.py)."""
    address, bracket, parameters = name.partition("[")
    path, *names = address.split("::")
    groups = [path.replace("/", ".").removesuffix(".py"), *names]
    return f"{'.'.join(groups[:-1])}::{groups[-1]}{bracket}{parameters}"


def _read_counts(line: str) -> Counter[str]:
    found = _LAST.fullmatch(line.rstrip())
    assert found is not None
    return Counter(
        {word.removesuffix("s") if word == "errors" else word: int(n) for n, word in _COUNT.findall(found[1])}
    )


def _read_progress(lines: list[str]) -> list[tuple[str, str]]:
    found = []
    for line in lines:
        if "::" not in line:
            continue
        if match := _WORKER.fullmatch(line):
            found.append((match[1], match[2].rstrip()))
        elif match := _LINE.fullmatch(line):
            found.append((match[2], match[1]))
    return found


def _read_summary(lines: list[str], known: set[str]) -> list[tuple[str, str]]:
    found = []
    for line in lines:
        if match := _SUMMARY.fullmatch(line) or _SUBTEST.fullmatch(line):
            word, rest = match[1], match[2]
            found.append((word, rest if word == "PASSED" else _cut_reason(rest, known)))
    return found


def _cut_reason(text: str, known: set[str]) -> str:
    """Return the id of `ID - REASON`; both may have ` - ` in them, so an id that is known goes before a guess."""
    pieces = text.split(" - ")
    for size in range(len(pieces), 0, -1):
        if (name := " - ".join(pieces[:size])) in known:
            return name
    bracket = text.find("[")
    if 0 <= bracket < len(pieces[0]) and (end := text.find("] - ", bracket)) >= 0:
        return text[: end + 1]
    return text if text.endswith("]") and 0 <= bracket < len(pieces[0]) else pieces[0]


def _demand_all(counts: Counter[str], progress: list[tuple[str, str]], summary: list[tuple[str, str]]) -> None:
    """Raise where the names are fewer or more than pytest counted; skipped tests may have none."""
    named: Counter[str] = Counter()
    for part in (progress, summary):
        seen: Counter[str] = Counter()
        for word, times in Counter(word for word, _ in part).items():
            seen[COUNTED.get(word, "")] += times
        named |= seen
    for word in sorted(set(COUNTED.values())):
        if named[word] != counts[word]:
            raise AgentkitError(
                f"pytest counts {counts[word]} {word}, and {named[word]} are named",
                hint="write the report with pytest --junitxml FILE, or print every test with pytest -v -rA",
                status=Exit.BAD_DATA,
            )


def _bad(message: str) -> AgentkitError:
    return AgentkitError(message, status=Exit.BAD_DATA)
