"""Is what small commands print known before they are run?"""

import os
import subprocess

import pytest

from agentkit.depmap.calls import HOLE
from agentkit.depmap.outputs import find_output


def find(*words: str, folder: str | None = None) -> str:
    return find_output(words, folder, os.path.realpath)


@pytest.mark.parametrize(
    "words",
    [
        ("printf", "%s\\n", "a", "b"),
        ("printf", "p%s", "76"),
        ("printf", "a\\tb%%\\n"),
        ("printf", "%s-%s ", "a", "b", "c"),
        ("printf", "plain"),
        ("echo", "a", "b"),
        ("echo", "-n", "a"),
        ("dirname", "/a/b/c"),
        ("dirname", "a"),
        ("dirname", "/"),
        ("basename", "/a/b.sh", ".sh"),
        ("basename", "/a/b/"),
        ("basename", ".sh", ".sh"),
    ],
)
def test_what_is_known_is_what_the_program_prints(words: tuple[str, ...]) -> None:
    ended = subprocess.run(["bash", "-c", '"$@"', "_", *words], capture_output=True, text=True, timeout=30, check=True)
    assert find(*words) == ended.stdout.removesuffix("\n")


@pytest.mark.parametrize("words", [("date",), ("printf", "%x", "10"), ("readlink", "a"), ("printf", HOLE, "a")])
def test_what_only_a_run_can_tell_is_not_known(words: tuple[str, ...]) -> None:
    assert find(*words) == HOLE


def test_where_a_script_stands_is_known_when_its_folder_is() -> None:
    assert find("pwd", folder="/opt/x") == "/opt/x"
    assert find("pwd") == HOLE
    assert find("dirname", f"/opt/{HOLE}") == "/opt"
