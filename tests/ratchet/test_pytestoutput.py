"""Is what pytest prints for a person read like its JUnit report, and refused where it names not every test?"""

import functools
import subprocess
import sys
from pathlib import Path

import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.ratchet.outcomes import FAIL, PASS, SKIP, XFAIL
from agentkit.ratchet.reports.pytestoutput import find_junit_id, looks_like_pytest, read_pytest_output
from tests.ratchet.junitreports import OUTCOMES, write_suite

LIMIT_S = 120
SKIPPED = "tests.test_a::test_skipped"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a suite of every kind of end."""
    made = tmp_path_factory.mktemp("suite")
    write_suite(made)
    return made


@functools.cache
def run_pytest(folder: Path, *options: str) -> str:
    fixed = ["-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", ".", "--continue-on-collection-errors"]
    words = [sys.executable, "-m", "pytest", *fixed, *options, "tests"]
    ended = subprocess.run(words, cwd=folder, capture_output=True, timeout=LIMIT_S, check=False)
    assert ended.returncode == 1, ended.stdout
    return ended.stdout.decode()


@pytest.mark.parametrize("options", [["-v", "--tb=no"], ["-v", "-rA"], ["-v", "-rA", "--color=yes"]])
def test_verbose_output_says_what_the_junit_report_says(options: list[str], folder: Path) -> None:
    text = run_pytest(folder, *options)
    assert looks_like_pytest(text)
    assert read_pytest_output(text) == OUTCOMES


@pytest.mark.parametrize("options", [["-rA"], ["-q", "-rA"]])
def test_the_short_summary_names_all_but_the_skipped(options: list[str], folder: Path) -> None:
    text = run_pytest(folder, *options)
    assert looks_like_pytest(text)
    expected = {name: end for name, end in OUTCOMES.items() if name != SKIPPED}
    # Where an id with this in it ends and its reason begins, the summary alone does not say.
    del expected["tests.test_a::test_fails_too[c] - d]"]
    assert read_pytest_output(text) == {**expected, "tests.test_a::test_fails_too[c]": FAIL}


def test_output_that_names_only_what_failed_is_no_evidence(folder: Path) -> None:
    with pytest.raises(AgentkitError, match="pytest counts 13 passed, and 0 are named") as caught:
        read_pytest_output(run_pytest(folder))
    assert caught.value.status == Exit.BAD_DATA
    assert "--junitxml" in str(caught.value.hint)


def test_output_that_was_cut_off_anywhere_is_no_evidence(folder: Path) -> None:
    lines = run_pytest(folder, "-v", "-rA").splitlines(keepends=True)
    for count in range(len(lines)):
        with pytest.raises(AgentkitError):
            read_pytest_output("".join(lines[:count]))


def test_a_line_more_or_less_than_pytest_counted_is_no_evidence(folder: Path) -> None:
    lines = run_pytest(folder, "-v", "--tb=no").splitlines(keepends=True)
    named = [place for place, line in enumerate(lines) if "::test_b[" in line]
    for place in named:
        with pytest.raises(AgentkitError, match="pytest counts 13 passed, and 12 are named"):
            read_pytest_output("".join(lines[:place] + lines[place + 1 :]))
    with pytest.raises(AgentkitError, match="pytest counts 13 passed, and 14 are named"):
        read_pytest_output("".join([*lines[: named[0]], "tests/test_z.py::test_forged PASSED\n", *lines[named[0] :]]))


def test_workers_lines_are_read() -> None:
    text = (
        "============================= test session starts ==============================\n"
        "scheduling tests via LoadScheduling\n\n"
        "tests/test_a.py::test_b \n"
        "[gw0] [ 50%] PASSED tests/test_a.py::test_b \n"
        "[gw1] [100%] FAILED tests/test_a.py::test_c[x y] \n"
        "[gw1] [100%] SKIPPED tests/test_a.py::test_d \n"
        "[gw1] [100%] XFAIL tests/test_a.py::test_e \n\n"
        "=================================== FAILURES ===================================\n"
        "=========================== short test summary info ============================\n"
        "FAILED tests/test_a.py::test_c[x y] - assert 0\n"
        "============== 1 failed, 1 passed, 1 skipped, 1 xfailed in 61.12s (0:01:01) ===============\n"
    ).replace("\n", "\r\n")
    assert read_pytest_output(text) == {
        "tests.test_a::test_b": PASS,
        "tests.test_a::test_c[x y]": FAIL,
        "tests.test_a::test_d": SKIP,
        "tests.test_a::test_e": XFAIL,
    }


@pytest.mark.parametrize(
    ("name", "test"),
    [
        ("tests/test_a.py::TestX::test_b[1]", "tests.test_a.TestX::test_b[1]"),
        ("test_a.py::test_b[a/b.py::c]", "test_a::test_b[a/b.py::c]"),
        ("src/mod.py::mod.function", "src.mod::mod.function"),
        ("tests/test_c.py", "::tests.test_c"),
    ],
)
def test_an_id_becomes_that_of_junit(name: str, test: str) -> None:
    assert find_junit_id(name) == test


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("= test session starts =\n= no tests ran in 0.01s =\n", "has no test in it"),
        ("= test session starts =\na.py::b PASSED [100%]\n", "torn"),
        ("1 passed in 0.01s\n", "pytest counts 1 passed, and 0 are named"),
    ],
)
def test_what_says_nothing_of_a_test_is_no_evidence(text: str, said: str) -> None:
    with pytest.raises(AgentkitError, match=said) as caught:
        read_pytest_output(text)
    assert caught.value.status == Exit.BAD_DATA


def test_any_text_is_not_taken_for_pytest() -> None:
    assert not looks_like_pytest("3 passed the exam in 10s flat\nhello\n")
