import pytest

from agentkit.depmap.disk import Disk
from agentkit.depmap.lint import lint
from agentkit.depmap.shellscript import read_script
from agentkit.depmap.wait import Wait
from tests.depmap.lintcases import CASES
from tests.depmap.waitlabels import BOUNDED, PARTLY, UNBOUNDED

PATH = "/opt/none/script.sh"
LOOPS = ("while", "until", "for")
WORST_FIRST = (UNBOUNDED, PARTLY)


def find_waits(text: str, tmp_path: object) -> list[Wait]:
    # An empty machine: what lies on the one that runs the tests must not speak in.
    disk = Disk(str(tmp_path))
    return lint(read_script(PATH, text.encode(), disk), disk)


def find_worst(waits: list[Wait]) -> str:
    types = {wait.type for wait in waits}
    return next((each for each in WORST_FIRST if each in types), BOUNDED)


@pytest.mark.parametrize(("label", "text"), CASES, ids=[text[:60] for _, text in CASES])
def test_a_command_is_as_bounded_as_its_label_says(label: str, text: str, tmp_path: object) -> None:
    assert find_worst(find_waits(text, tmp_path)) == label


@pytest.mark.parametrize("text", [text for label, text in CASES if label != BOUNDED])
def test_each_fix_bounds_what_it_is_given_for(text: str, tmp_path: object) -> None:
    for wait in find_waits(text, tmp_path):
        left = find_waits(wait.fix, tmp_path)
        if wait.command.startswith(LOOPS):
            # A count of its turns is no bound for what is run in each of them.
            left = [each for each in left if each.command.startswith(LOOPS)]
        assert left == [], wait.fix


@pytest.mark.parametrize(
    ("label", "text"),
    [
        (UNBOUNDED, "curl -m 5 http://a --next http://b"),
        (UNBOUNDED, "curl http://a -: -m 5 http://b"),
        (UNBOUNDED, "curl --connect-timeout 5 http://a --next http://b"),
        (PARTLY, "curl -m 5 http://a --next --connect-timeout 5 http://b"),
        (BOUNDED, "curl -m 5 http://a --next -m 5 http://b"),
        (BOUNDED, "curl -m 5 http://a --next -s file:///etc/hostname"),
    ],
)
def test_each_transfer_of_one_curl_needs_a_limit_of_its_own(label: str, text: str, tmp_path: object) -> None:
    waits = find_waits(text, tmp_path)
    assert find_worst(waits) == label
    assert [wait.fix for wait in waits] == [f"timeout -k 10 60 {text}"] * len(waits)
    assert [find_waits(wait.fix, tmp_path) for wait in waits] == [[]] * len(waits)


def test_a_shell_that_hears_no_term_says_nothing_of_the_same_limit_elsewhere() -> None:
    text = b"timeout 5 bash -c 'trap \"\" TERM; sleep 1000'\ntimeout 5 tail -f /x | cat\n"
    disk = Disk("/")
    assert [wait.line for wait in lint(read_script("/ask.sh", text, disk), disk)] == [1]
