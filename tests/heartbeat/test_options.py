"""Do the words of `heartbeat run` mean what they say, and does everything else end in one clear line?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.core.errors import AgentkitError, Exit
from agentkit.heartbeat import options
from agentkit.heartbeat.options import WORDS, RunOptions, build_options, split_words


def parse(*words: str) -> RunOptions:
    return build_options(*split_words(list(words)))


def test_what_is_not_said_has_its_default() -> None:
    found = parse("backup", "--", "true")
    assert (found.name, found.program, found.timeout_s, found.kill_after_s) == ("backup", ["true"], 86400.0, 10.0)
    assert (found.overlap, found.retries, found.success_status, found.keep_bytes) == ("skip", 0, [0], 65536)
    assert (found.every_s, found.cron, found.tz, found.grace_s, found.duration_s) == (None, None, None, None, None)
    assert (found.tee, found.quiet, found.declares_effects()) == (False, False, False)


def test_every_option_arrives() -> None:
    found = parse(
        *("--cron", "*/5 * * * *", "--tz=Europe/Berlin", "--grace", "0", "--timeout", "1h30m", "--kill-after=0s"),
        *("--overlap", "wait", "--retries", "3", "--retry-delay", "5s", "--tee", "--quiet", "--keep-output", "0"),
        *("--expect-output", "a", "--expect-output=b", "--forbid-output", "c", "--expect-change", "/x"),
        *("--expect-fresh", "/a=b=26h", "--expect-count", "items>=1", "--expect-duration", "1s..10m"),
        *("--watch", "/y", "--success-status", "3, 0,3"),
        *("backup", "--", "tar", "--", "-x"),
    )
    assert (found.cron, found.tz, found.grace_s, found.timeout_s) == ("*/5 * * * *", "Europe/Berlin", 0.0, 5400.0)
    assert (found.kill_after_s, found.overlap, found.retries, found.retry_delay_s) == (0.0, "wait", 3, 5.0)
    assert (found.tee, found.quiet, found.keep_bytes) == (True, True, 0)
    assert (found.expect_output, found.forbid_output, found.changes) == (["a", "b"], ["c"], ["/x"])
    assert (found.fresh, found.counts) == ([("/a=b", 93600.0)], [("items", ">=", 1.0)])
    assert (found.duration_s, found.watch, found.success_status) == ((1.0, 600.0), ["/y"], [0, 3])
    assert found.program == ["tar", "--", "-x"]


def test_the_last_word_counts_where_one_is_wanted() -> None:
    assert parse("x", "--timeout", "1s", "--timeout", "2s", "--", "true").timeout_s == 2.0


def test_an_open_end_of_a_duration_is_open() -> None:
    assert parse("x", "--expect-duration", "..10m", "--", "true").duration_s == (0.0, 600.0)
    assert parse("x", "--expect-duration", "1s..", "--", "true").duration_s == (1.0, float("inf"))


@pytest.mark.parametrize("comparison", [">=", "<=", "==", "!=", ">", "<"])
def test_every_comparison_is_understood(comparison: str) -> None:
    assert parse("x", "--expect-count", f"a.b-c{comparison}-1.5", "--", "true").counts == [("a.b-c", comparison, -1.5)]


WRONG = {
    "the job's name is missing": [],
    "the program is missing": ["x", "--"],
    "no such option: --evry": ["x", "--evry", "1h", "--", "true"],
    "no such option: -v": ["x", "-v", "--", "true"],
    "option '--tee' does not take a value": ["x", "--tee=yes", "--", "true"],
    "option '--timeout' requires an argument": ["x", "--timeout"],
    "--every and --cron: give one of them": ["x", "--every", "1h", "--cron", "* * * * *", "--", "true"],
    "--timeout: '5' is no duration": ["x", "--timeout", "5", "--", "true"],
    "--timeout: '0s' is no duration": ["x", "--timeout", "0s", "--", "true"],
    "--grace: '-1s' is no duration": ["x", "--grace", "-1s", "--", "true"],
    "--overlap: 'kill' is none of": ["x", "--overlap", "kill", "--", "true"],
    "--retries: '-1' is no whole number": ["x", "--retries", "-1", "--", "true"],
    "--retries: '101' is no whole number": ["x", "--retries", "101", "--", "true"],
    "--retries: '１' is no whole number": ["x", "--retries", "１", "--", "true"],  # noqa: RUF001  # a digit, not one of ours
    "--expect-output: '(' is no regular expression": ["x", "--expect-output", "(", "--", "true"],
    "--expect-change: a path is missing": ["x", "--expect-change", "", "--", "true"],
    "--expect-fresh: '/x' is not PATH=AGE": ["x", "--expect-fresh", "/x", "--", "true"],
    "--expect-fresh: 'yes' is no duration": ["x", "--expect-fresh", "/x=yes", "--", "true"],
    "--expect-count: 'items' is not KEY>=NUMBER": ["x", "--expect-count", "items", "--", "true"],
    "--expect-count: 'items>=nan' is not": ["x", "--expect-count", "items>=nan", "--", "true"],
    "--expect-count: '>=3' is not": ["x", "--expect-count", ">=3", "--", "true"],
    "--expect-duration: '5s' is not LOW..HIGH": ["x", "--expect-duration", "5s", "--", "true"],
    "--expect-duration: '..' is not LOW..HIGH": ["x", "--expect-duration", "..", "--", "true"],
    "--expect-duration: '9s..5s' ends before it begins": ["x", "--expect-duration", "9s..5s", "--", "true"],
    "--success-status: '256' is no whole number": ["x", "--success-status", "256", "--", "true"],
    "--success-status: '' is no whole number": ["x", "--success-status", "0,", "--", "true"],
    "--keep-output: '1k' is no whole number": ["x", "--keep-output", "1k", "--", "true"],
    "--tz: 'Mars/Base' is no time zone": ["x", "--tz", "Mars/Base", "--", "true"],
    "--tz: '../etc/passwd' is no time zone": ["x", "--tz", "../etc/passwd", "--", "true"],
    "'Backup' is no name of a job": ["Backup", "--", "true"],
}


@pytest.mark.parametrize("message", WRONG)
def test_wrong_words_are_named_with_what_was_expected(message: str) -> None:
    with pytest.raises(AgentkitError) as caught:
        parse(*WRONG[message])
    assert message in caught.value.message
    assert caught.value.status == Exit.USAGE
    assert caught.value.lines().count("\n") <= 2


WORD = st.one_of(
    st.text(max_size=12),
    st.sampled_from([*WORDS, "--", "-", "x", "true", "=", "--timeout=", "1h", "*/5 * * * *", "a=b", "1s..2s", "n>=1"]),
    st.tuples(st.sampled_from(sorted(WORDS)), st.text(max_size=12)).map("=".join),
)


@given(st.lists(WORD, max_size=12))
def test_any_words_are_options_or_one_clear_line(words: list[str]) -> None:
    status, lines = Exit.USAGE, 2
    try:
        found = parse(*words)
    except AgentkitError as error:
        status, lines = error.status, error.lines().count("\n")
    else:
        assert found.program
        assert set(found.name) <= set(options.NAME_LETTERS + "._-")
    assert status == Exit.USAGE
    assert lines in (1, 2)  # the failure, and the next step where there is one


@given(st.text(max_size=140))
def test_a_name_is_a_safe_file_name(name: str) -> None:
    try:
        options.check_name(name)
    except AgentkitError:
        return
    assert name[0] in options.NAME_LETTERS
    assert "/" not in name
    assert len(name.encode()) + len(".lock") < 255
