"""Which lines say that something went wrong, and which only look so?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.heartbeat import errorwords
from agentkit.heartbeat.errorwords import find_error_words

COUNTS = """ERROR: disk
error
Error.
[error] x
<error>
Traceback (most recent call last):
permission denied
Permission denied (publickey).
RESULT CODE: 1
exit status 2
process exited with 1
exited with code 3
returned non-zero exit status 1.
rc=5
returncode: -9
exit code -1
KeyError: 'x'
java.io.IOException: Stream closed
java.lang.OutOfMemoryError
"errors":3
"error": "no route"
{"level":"error","msg":"x"}
errors: 10
errors=0x80070005
error_count=3
errors: 0.5%
error(s): 2
failures=2
failed=1 unreachable=0
0 errors, 1 failed
10 errors
100 failures
1.0 errors
bash: foo: command not found
No such file or directory
No space left on device
Segmentation fault (core dumped)
Killed
could not connect
cannot open /var/log/error.log
Connection refused
connection timed out
FATAL: password authentication failed for user
kernel panic - not syncing
backup failed!
3 files failed
\x1b[31mERROR\x1b[0m something
\x1b[1;38;5;196mfailed\x1b[0m
errno 13
Operation not permitted
archive is corrupt
checksum missing
invalid argument
Task failed successfully
host unreachable
Unable to lock
read-only file system
ERROR - no rows
E: Unable to fetch some archives
rsync error: some files could not be transferred (code 23)""".splitlines()

COUNTS_NOT = """0 errors
errors: 0
no errors found
No error
error_count=0
errors=0
failed=0
ok=3 changed=0 unreachable=0 failed=0
without errors
without any error
completed without any errors
RESULT CODE: 0
RESULT CODE: 00
exit status 0
exit code: 0
rc=0
errorless.txt
/var/log/error.log
wrote error-handling.md
wrote docs/errors/index.html
"error": null
"error":null,"x":1
"errors": []
"errors": [ ]
"errors": {}
"error": ""
"failed": false
"err":null
error: none
0 files failed
0 of 12 files failed
no new errors
no fatal errors
no such errors
zero failures
not an error
never failed
did not fail
didn't fail
error rate: 0.00
error rate: 0%
0% errors
0.0 % errors
0 error(s)
error(s): 0
errors: 0, warnings: 0
Errors: 0 Failures: 0
Tests run: 10, Failures: 0, Errors: 0, Skipped: 0
\x1b[32m0 errors\x1b[0m
error-free
non-fatal
linux 6.1-rc1
v1.0 rc 1
exits: 0
exiting
terrorist
mirror done
nothing missing
0 missing
0 invalid records
test_error.py ok
copied x.error.log
100% done
failed: no""".splitlines()


@pytest.mark.parametrize("line", COUNTS)
def test_a_line_that_says_what_went_wrong_counts(line: str) -> None:
    assert len(find_error_words(f"started\n{line}\ndone\n".encode())) == 1


@pytest.mark.parametrize("line", COUNTS_NOT)
def test_a_line_that_denies_it_or_only_names_it_does_not(line: str) -> None:
    assert find_error_words(f"started\n{line}\ndone\n".encode()) == []


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_kind_of_end_of_line_is_one(end: str) -> None:
    raw = end.join(["copying 99%", "ERROR: disk", "copying 100%"]).encode()
    assert find_error_words(raw) == ["ERROR: disk"]


def test_each_line_is_said_once_in_order_and_at_most_20() -> None:
    raw = b"".join(b"error %d\nerror 1\n" % number for number in range(1, 50))
    assert find_error_words(raw, raw) == [f"error {number}" for number in range(1, 21)]


def test_a_line_is_said_without_colour_and_cut_to_200_characters() -> None:
    [line] = find_error_words(b"  \x1b[31merror\x1b[0m: " + b"x" * 5000)
    assert line == "error: " + "x" * 193


def test_an_error_after_many_lines_that_deny_one_is_found() -> None:
    raw = b"".join(b"file %d: 0 errors\n" % number for number in range(40_000))
    assert find_error_words(b"error: first\n" + raw + b"error: last\n") == ["error: first", "error: last"]


def test_a_word_anywhere_in_a_line_without_end_is_found() -> None:
    for before in (0, 990, 995, 1000, 1040, 123_456):
        assert len(find_error_words(b"x" * before + b" error " + b"y" * 200_000)) >= 1


def test_bytes_that_are_no_text_are_shown_as_such() -> None:
    assert find_error_words(b"error: \xff\xfe") == ["error: \\xff\\xfe"]


@given(st.binary(max_size=2000))
def test_any_bytes_are_looked_at(raw: bytes) -> None:
    for line in find_error_words(raw):
        assert len(line) <= 200


@given(st.lists(st.sampled_from(COUNTS_NOT), max_size=20))
def test_lines_that_count_not_do_not_count_together(lines: list[str]) -> None:
    assert find_error_words("\n".join(lines).encode()) == []


@given(st.lists(st.sampled_from(COUNTS_NOT), max_size=20), st.sampled_from(COUNTS))
def test_one_that_counts_is_found_among_many_that_do_not(lines: list[str], one: str) -> None:
    assert len(find_error_words("\n".join([*lines, one]).encode())) == 1


def test_no_line_makes_the_patterns_explode() -> None:
    """Each takes well under a second; one that exploded would take hours, and the run its time limit."""
    size = 1 << 20
    for piece in (
        "error: 0" + "0" * 999,
        "no error ",
        "error ",
        "no ",
        "0 a-b c ",
        "no aaaa ",
        "fail",
        "AaErro",
        "\x1b[",
    ):
        raw = (piece * (size // len(piece)) + "errors").encode()
        assert len(find_error_words(raw)) <= errorwords.MOST_LINES
    assert find_error_words(b"error: " + b"0" * size) in ([], ["error: " + "0" * 193])
