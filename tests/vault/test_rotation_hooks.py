"""Do the hooks that ship do what they say, and is no hook run that somebody else could have put there?"""

import os
import stat
import string
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.rotations.hooks.conninfo import read_server, read_url, write_url
from agentkit.vault.rotations.hooks.speaking import HookError
from agentkit.vault.rotations.rotationhook import Call, StepFailedError, call_hook, find_hook, mask_values, read_value

ROOM = timedelta(seconds=60)


def ask(hook: str, step: str, settings: dict[str, str], **values: bytes) -> dict[str, object]:
    call = Call("shop/key", "0" * 16, "agentkit-shop-key-0", settings, {"current": "k1", "previous": "k1"}, values)
    return dict(call_hook(find_hook(hook), step, call, os.environ, ROOM))


def make_hook(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return str(path)


@pytest.mark.parametrize(
    ("settings", "length", "allowed"),
    [
        ({}, 32, string.ascii_letters + string.digits),
        ({"length": "64", "alphabet": "hex"}, 64, "0123456789abcdef"),
        ({"length": "20", "alphabet": "printable"}, 20, string.printable[:94]),
        ({"length": "90", "alphabet": "ab", "prefix": "b"}, 91, "ab"),
    ],
)
def test_a_token_is_as_long_and_of_the_letters_that_were_asked_for(
    settings: dict[str, str], length: int, allowed: str
) -> None:
    values = {read_value(ask("token", "create", settings, current=b"x"), "value").decode() for _ in range(3)}
    assert len(values) == 3
    assert {len(value) for value in values} == {length}
    assert set("".join(values)) <= set(allowed)


@pytest.mark.parametrize(
    "settings",
    [
        {"length": "8"}, {"length": "0"}, {"length": "x"}, {"length": "9999999"}, {"alphabet": "a"},
        {"alphabet": "aab", "length": "99"}, {"alphabet": "\u00e4b", "length": "99"}, {"lenght": "32"},
    ],
)  # fmt: skip
def test_a_token_that_could_be_guessed_or_a_setting_that_is_not_known_is_refused(settings: dict[str, str]) -> None:
    with pytest.raises(StepFailedError):
        ask("token", "create", settings, current=b"x")


def test_a_command_gets_the_new_value_and_the_old_one_on_stdin_and_the_name_of_the_key_as_a_word(
    tmp_path: Path,
) -> None:
    kept = tmp_path / "kept"
    command = make_hook(tmp_path / "command", f'{{ echo "$@"; cat; }} >"{kept}"')
    settings = {"set": f"{command} --key {{key}} 'two words'", "test": "true"}
    assert ask("command", "set", settings, pending=b"new", current=b"old\n") == {"old_is_dead": True}
    assert kept.read_text() == "--key agentkit-shop-key-0 two words\nnew\nold\n"


def test_a_command_that_makes_the_value_says_it_on_stdout() -> None:
    settings = {"create": "sh -c 'read old; echo made from $old'", "set": "true", "test": "true"}
    answer = ask("command", "create", settings, current=b"old")
    assert (read_value(answer, "value"), answer["key"]) == (b"made from old", "agentkit-shop-key-0")


@pytest.mark.parametrize(("status", "alive"), [(0, True), (1, False)])
def test_a_command_that_tests_answers_by_its_status(status: int, alive: bool) -> None:
    assert ask("command", "test", {"test": f"sh -c 'exit {status}'"}, pending=b"x") == {"alive": alive}


@pytest.mark.parametrize("command", ["sh -c 'exit 2'", "sh -c 'kill -9 $$'", "/nowhere", "", "'"])
def test_a_command_that_cannot_tell_has_failed(command: str) -> None:
    with pytest.raises(StepFailedError):
        ask("command", "test", {"test": command}, pending=b"x")


def test_what_refuses_every_value_proves_nothing(tmp_path: Path) -> None:
    knows = make_hook(tmp_path / "knows", 'read value; test "$value" = new')
    values = {"previous": b"old", "current": b"new"}
    assert ask("command", "prove", {"test": knows}, **values) == {"dead": True}
    assert ask("command", "prove", {"test": "true"}, **values) == {"dead": False}
    with pytest.raises(StepFailedError, match="proves nothing"):
        ask("command", "prove", {"test": "false"}, **values)


@pytest.mark.parametrize("missing", ["set", "test"])
def test_a_command_without_a_way_to_set_and_to_test_is_never_begun(missing: str) -> None:
    settings = {"set": "true", "test": "true"}
    del settings[missing]
    with pytest.raises(StepFailedError, match=f"setting {missing} is missing"):
        ask("command", "create", settings, current=b"x")


def test_a_command_lists_the_keys_that_live() -> None:
    settings = {"list": "printf 'k1\\nk2\\n'"}
    assert ask("command", "list", settings, current=b"x") == {"live": ["k1", "k2"]}
    assert ask("command", "list", {}, current=b"x") == {"unsupported": True}


def test_a_value_of_several_lines_is_refused_where_a_line_is_a_value() -> None:
    with pytest.raises(StepFailedError, match="one line"):
        ask("command", "test", {"test": "true"}, pending=b"one\ntwo")


def test_a_hook_gets_no_variable_but_those_that_are_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    kept = tmp_path / "kept"
    hook = make_hook(tmp_path / "hook", f'env >"{kept}"; echo "{{}}"')
    assert ask(hook, "set", {}) == {}
    assert "AWS_SECRET_ACCESS_KEY" not in kept.read_text()
    assert "AGENTKIT_ROTATION=0000000000000000" in kept.read_text()


def test_no_value_is_among_the_words_or_in_the_environment_of_a_hook(tmp_path: Path, needle: str) -> None:
    kept = tmp_path / "kept"
    hook = make_hook(tmp_path / "hook", f'cat /proc/$$/cmdline /proc/$$/environ >"{kept}"; echo "{{}}"')
    ask(hook, "set", {}, pending=needle.encode(), current=needle.encode())
    assert "hook" in kept.read_text()
    assert needle not in kept.read_text()


def test_what_a_hook_says_of_its_failure_is_masked(tmp_path: Path, needle: str) -> None:
    hook = make_hook(tmp_path / "hook", "cat >&2; exit 1")
    with pytest.raises(StepFailedError) as caught:
        ask(hook, "set", {}, pending=needle.encode())
    assert "{{vault:shop/key}}" in str(caught.value)
    hexed, short = needle.encode().hex(), "a1b2"
    call = Call("shop/key", "0", "name", {}, {}, {"pending": needle.encode(), "current": short.encode() + b"\n"})
    told = mask_values(f"it was {needle}, {hexed}, {short}!".encode(), call)
    assert told == "it was {{vault:shop/key}}, {{vault:shop/key}}, ***!"


@pytest.mark.parametrize("length", [1, 5000])
def test_a_value_at_which_what_was_said_is_cut_is_not_told_by_half(tmp_path: Path, needle: str, length: int) -> None:
    value = needle * length
    (tmp_path / "value").write_text(value)
    hook = make_hook(tmp_path / "hook", f"cat {tmp_path}/value >&2; printf '%0280d' 0 >&2; exit 1")
    with pytest.raises(StepFailedError) as caught:
        ask(hook, "set", {}, pending=value.encode())
    assert value[-12:] not in str(caught.value)


@pytest.mark.parametrize("answer", ["", "[]", "nonsense", "{}{}", "'\\xff'"])
def test_an_answer_that_is_no_object_is_a_failure(tmp_path: Path, answer: str) -> None:
    hook = make_hook(tmp_path / "hook", f"printf {answer!r}")
    with pytest.raises(StepFailedError, match="no JSON object"):
        ask(hook, "set", {})


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777])
def test_a_hook_that_others_may_write_is_refused(tmp_path: Path, mode: int) -> None:
    hook = make_hook(tmp_path / "hook", "true")
    os.chmod(hook, mode)
    with pytest.raises(AgentkitError) as caught:
        find_hook(hook)
    assert caught.value.status == Exit.REFUSED


def test_a_hook_in_a_folder_that_others_may_write_is_refused_also_behind_a_link(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    hook = make_hook(folder / "hook", "true")
    link = tmp_path / "link"
    link.symlink_to(hook)
    find_hook(str(link))
    folder.chmod(0o777)
    with pytest.raises(AgentkitError) as caught:
        find_hook(str(link))
    assert caught.value.status == Exit.REFUSED
    folder.chmod(0o777 | stat.S_ISVTX)
    find_hook(str(link))


@pytest.mark.parametrize(("name", "status"), [("nothing", 78), ("../hook", 78), ("/nowhere/hook", 78), ("/tmp", 77)])
def test_a_hook_that_is_none_is_named(name: str, status: int) -> None:
    with pytest.raises(AgentkitError) as caught:
        find_hook(name)
    assert caught.value.status == status


def test_a_module_beside_the_hooks_that_ship_never_stands_for_one_of_python() -> None:
    words = find_hook("token").words
    assert words[:2] == (sys.executable, "-I")


@pytest.mark.parametrize(
    ("server", "url"),
    [
        ("host=db.example port=5433 dbname=shop", "postgresql://r%40le:p%3Aw%2F@db.example:5433/shop"),
        ("host=/run/postgresql dbname=shop", "postgresql://r%40le:p%3Aw%2F@/shop?host=/run/postgresql"),
        ("host=::1 sslmode=require", "postgresql://r%40le:p%3Aw%2F@[::1]/?sslmode=require"),
        ("host=a,b port=1,2 dbname=x", "postgresql://r%40le:p%3Aw%2F@/x?host=a%2Cb&port=1%2C2"),
    ],
)
def test_a_url_says_where_who_and_the_password(server: str, url: str) -> None:
    assert write_url(read_server(server), "r@le", "p:w/") == url
    assert read_url(url) == ("r@le", "p:w/")


@pytest.mark.parametrize("server", ["", "dbname=x", "host=x password=y", "host=x user=y", "nonsense", "host='x"])
def test_a_server_that_is_none_is_refused(server: str) -> None:
    with pytest.raises(HookError):
        read_server(server)


@pytest.mark.parametrize("url", ["", "secret", "postgresql://role@host/", "http://a:b@c/", "postgresql://[::1/"])
def test_a_url_that_is_none_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(HookError) as caught:
        read_url(url)
    assert str(caught.value) == "the value is no postgresql://ROLE:PASSWORD@…"
