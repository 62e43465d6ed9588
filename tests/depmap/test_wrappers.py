"""Is the command found that stands behind the options of each wrapper?"""

import pytest

from agentkit.depmap.calls import HOLE
from agentkit.depmap.wrappers import HEARTBEAT_FLAGS, unwrap
from agentkit.heartbeat.options import FLAG, WORDS


@pytest.mark.parametrize(
    ("line", "inner"),
    [
        ("sudo -u bob -n x y", "x y"),
        ("timeout -k 5 60 x y", "x y"),
        ("timeout --signal=KILL 60 x", "x"),
        ("nice -n 5 x", "x"),
        ("ionice -c3 x", "x"),
        ("env -u A B=c x y", "x y"),
        ("env -S x y", "x y"),
        ("flock -n /l x y", "x y"),
        ("chroot --userspec=a /r x", "x"),
        ("xargs -n 1 x", f"x {HOLE}"),
        ("xargs -I{} x {} y", f"x {HOLE} y"),
        ("find . -exec x {} ;", f"x {HOLE}"),
        ("fd -x x", f"x {HOLE}"),
        ("bash /s a", "/s a"),
        ("python3 /s a", "/s a"),
        ("start-stop-daemon --start --exec /x -- a", "/x a"),
        ("ip netns exec n x", "x"),
        ("docker exec -it c x", "x"),
        ("kubectl exec p -- x", "x"),
        ("bwrap --ro-bind / / -- x", "x"),
        ("screen -dmS n x", "x"),
        ("agentkit heartbeat run n -- x y", "x y"),
        ("systemd-run --unit u x", "x"),
        ("strace -f -o /t x", "x"),
        ("busybox x y", "x y"),
    ],
)
def test_the_words_behind_a_wrapper_are_its_command(line: str, inner: str) -> None:
    assert [" ".join(each.words) for each in unwrap(tuple(line.split()))] == [inner]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("sh", "-c", "a b", "x"), "a b"),
        (("bash", "-ec", "a"), "a"),
        (("su", "-", "bob", "-c", "a b"), "a b"),
        (("watch", "-n", "5", "a", "b"), "a b"),
        (("ssh", "-p", "22", "h", "a", "b"), "a b"),
        (("flock", "/l", "-c", "a"), "a"),
        (("script", "-c", "a", "/t"), "a"),
        (("tmux", "new-session", "-d", "-s", "n", "a b"), "a b"),
    ],
)
def test_the_text_behind_a_wrapper_is_for_a_shell(words: tuple[str, ...], text: str) -> None:
    assert [each.text for each in unwrap(words)] == [text]


@pytest.mark.parametrize("line", ["sudo -v", "timeout 5", "run-parts --test /d", "docker ps", "find . -name x", "ls x"])
def test_what_starts_nothing_has_no_command(line: str) -> None:
    assert unwrap(tuple(line.split())) == []


def test_a_shell_without_words_reads_its_input() -> None:
    assert [each.reads_stdin for each in unwrap(("sh",)) + unwrap(("bash", "-s", "a"))] == [True, True]


def test_what_takes_no_value_behind_heartbeat_run_is_what_takes_none_there() -> None:
    assert {option for option, kind in WORDS.items() if kind == FLAG} == HEARTBEAT_FLAGS
