"""How the tests of a checkout are run, and what is made of a report."""

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from agentkit.core import tree
from agentkit.core.errors import AgentkitError, Exit
from agentkit.ratchet.harness.pytestharness import name_test, wait_at
from agentkit.ratchet.running import Job, Run, _check_rows, run_tests
from agentkit.ratchet.settings import Settings

TESTS = """
import os
import pytest

def test_good():
    pass

def test_bad():
    assert os.environ["HOME"] == 1

@pytest.mark.parametrize("x", [1, "a]b"])
def test_with(x):
    pass

class TestA:
    def test_in_class(self):
        pass

@pytest.fixture
def broken():
    yield
    raise ValueError

def test_that_does_not_clean_up(broken):
    pass

def test_environment():
    assert "SECRET" not in os.environ and os.environ["SEEN"] == "1"
"""


def _run(tmp_path: Path, text: str, settings: Settings | None = None, *, only: tuple[str, ...] | None = None) -> Run:
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / "test_it.py").write_text(text)
    work = tmp_path / "work"
    work.mkdir()
    return run_tests(
        Job(
            name="it",
            checkout=str(checkout),
            person="",
            python=sys.executable,
            settings=settings or Settings(environment=("SEEN",)),
            test_files=("test_it.py",),
            tops=(),
            folder=str(work),
            environ={"PATH": os.environ["PATH"], "SECRET": "1", "SEEN": "1"},
            only=only,
        )
    )


def _fill_late(tmp_path: Path, prepare: Callable[[], None]) -> Run:
    """Run the tests of a checkout that is empty until `prepare` fills it."""
    for folder in ("checkout", "work"):
        (tmp_path / folder).mkdir()
    environ = {"PATH": os.environ["PATH"]}
    place, work = str(tmp_path / "checkout"), str(tmp_path / "work")
    return run_tests(
        Job("it", place, "", sys.executable, Settings(), ("test_it.py",), (), work, environ, prepare=prepare)
    )


def test_the_checkout_may_come_while_pytest_is_loaded(tmp_path: Path) -> None:
    def prepare() -> None:
        time.sleep(0.5)
        (tmp_path / "checkout/test_it.py").write_text("import here\n\n\ndef test_it():\n    assert here.x == 1\n")
        (tmp_path / "checkout/here.py").write_text("x = 1\n")

    run = _fill_late(tmp_path, prepare)
    assert (run.trouble, run.outcomes) == ("", {"test_it::test_it": "pass"})


def test_where_the_checkout_cannot_be_made_nothing_goes_on_running(tmp_path: Path) -> None:
    def prepare() -> None:
        raise AgentkitError("no room")

    before = tree.list_children(os.getpid())
    with pytest.raises(AgentkitError, match="no room"):
        _fill_late(tmp_path, prepare)
    assert tree.list_children(os.getpid()) == before


def test_whoever_waits_for_the_checkout_waits_no_longer_than_the_limit(tmp_path: Path) -> None:
    gate = str(tmp_path / "gate")
    os.mkfifo(gate)
    with pytest.raises(SystemExit, match="nobody has said"):
        wait_at(gate, 0.1)
    held = os.open(gate, os.O_RDWR)
    os.write(held, b"\n")
    wait_at(gate, 60)
    os.close(held)


def test_each_test_has_its_id_and_how_it_ended(tmp_path: Path) -> None:
    run = _run(tmp_path, TESTS)
    assert run.trouble == ""
    assert run.outcomes == {
        "test_it::test_good": "pass",
        "test_it::test_bad": "fail",
        "test_it::test_with[1]": "pass",
        "test_it::test_with[a]b]": "pass",
        "test_it.TestA::test_in_class": "pass",
        "test_it::test_that_does_not_clean_up": "fail",
        "test_it::test_environment": "pass",
    }
    assert "assert os.environ" in run.failures["test_it::test_bad"]
    assert (run.changed, run.strangers, run.looks, run.status) == ((), (), (), 1)


def test_only_what_is_asked_for_is_run(tmp_path: Path) -> None:
    run = _run(tmp_path, TESTS, only=("test_it::test_good", "test_it::gone"))
    assert run.outcomes == {"test_it::test_good": "pass"}


def test_tests_that_are_never_run_are_missing(tmp_path: Path) -> None:
    run = _run(
        tmp_path, "import os\n\ndef test_a():\n    pass\n\ndef test_b():\n    os._exit(0)\n\ndef test_c():\n    pass\n"
    )
    assert run.outcomes == {"test_it::test_a": "pass", "test_it::test_b": "missing", "test_it::test_c": "missing"}
    assert run.mechanism == "early-exit"
    assert run.trouble


def test_doubles_take_the_fate_of_the_tests_beside_them(tmp_path: Path) -> None:
    run = _run(
        tmp_path,
        "import pytest\n\npytestmark = pytest.mark.s\x6bip\n\ndef test_a():\n    pass\n\ndef test_b():\n    pass\n",
    )
    assert (run.trouble, run.outcomes) == ("", {"test_it::test_a": "skip", "test_it::test_b": "skip"})


def test_no_test_is_no_evidence(tmp_path: Path) -> None:
    run = _run(tmp_path, "x = 1\n")
    assert (run.trouble, run.outcomes) == ("no test was found", {})


def test_an_endless_test_ends_at_the_limit(tmp_path: Path) -> None:
    run = _run(tmp_path, "def test_a():\n    while True:\n        pass\n", Settings(limit=timedelta(seconds=3)))
    assert "its limit" in run.trouble
    assert run.outcomes == {"test_it::test_a": "missing"}


def test_what_is_left_running_is_ended_and_told(tmp_path: Path) -> None:
    run = _run(
        tmp_path, "import subprocess\n\ndef test_a():\n    subprocess.Popen(['sleep', '60'], start_new_session=True)\n"
    )
    assert run.outcomes == {"test_it::test_a": "pass"}
    assert run.mechanism == "detached-process"
    assert run.hints == ("it left 1 processes running: sleep",)


def test_an_interpreter_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(AgentkitError, match="cannot be run") as caught:
        run_tests(
            Job("it", str(tmp_path), "", "/no/python", Settings(), (), (), str(tmp_path), {"PATH": os.environ["PATH"]})
        )
    assert caught.value.status == Exit.UNAVAILABLE


WRITE = "printf 'pass\\ta::a\\n{second}' > {report}; exit {status}"


@pytest.mark.parametrize(
    ("second", "status", "trouble"),
    [
        ("", 0, ""),
        ("fail\\ta::b\\n", 1, ""),
        ("fail\\ta::b\\n", 0, "it ended with 0, and its report tells of a failed test"),
        ("", 3, "it ended with 3, and its report tells of no failed test"),
        ("pass", 0, "its report"),
    ],
)
def test_a_command_of_its_own_has_to_agree_with_its_report(
    tmp_path: Path, second: str, status: int, trouble: str
) -> None:
    script = WRITE.replace("{second}", second).replace("{status}", str(status))
    run = _run(tmp_path, "", Settings(command=("sh", "-c", script)))
    assert run.trouble.startswith(trouble)
    assert bool(run.outcomes) == (not trouble)


def _rows(*values: object, key: str = "key") -> bytes:
    state = hashlib.blake2b(key=key.encode(), digest_size=16)
    lines = []
    for value in values:
        text = json.dumps(["test", value]).encode()
        state.update(text)
        lines.append(text + b"\t" + state.copy().hexdigest().encode() + b"\n")
    return b"".join(lines)


def test_rows_are_read_as_far_as_their_chain_holds() -> None:
    raw = _rows(1, 2, 3)
    assert _check_rows(raw, "key") == ([("test", 1), ("test", 2), ("test", 3)], True)
    first, second, third = raw.splitlines(keepends=True)
    for forged in (first + third, first + second.replace(b"2", b"4"), first + b"x", first + b"\n" + second, first[:-1]):
        rows, is_whole = _check_rows(forged, "key")
        assert not is_whole
        assert rows in ([("test", 1)], [])
    assert _check_rows(raw, "other") == ([], False)


@pytest.mark.parametrize(
    ("nodeid", "name"),
    [
        ("tests/test_a.py::test_b", "tests.test_a::test_b"),
        ("tests/test_a.py::TestX::test_b[1/2::3]", "tests.test_a.TestX::test_b[1/2::3]"),
        ("test_a.py::test_b[[x]]", "test_a::test_b[[x]]"),
    ],
)
def test_ids_are_those_of_junit(nodeid: str, name: str) -> None:
    assert name_test(nodeid) == name
