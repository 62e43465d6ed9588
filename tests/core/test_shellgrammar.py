"""Is a shell text read as a shell reads it?"""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.core.shellgrammar import read_shell, read_shell_bytes
from agentkit.core.shelltokens import TOKEN
from agentkit.core.shelltree import FUNCTION, GROUP, IF, LIST, LOOP, NOT, PIPELINE, SIMPLE, Command, walk_commands

SIGNS = [
    *("$(", ")", "${", "}", '"', "'", "`", "<<E\n", "E\n", "\n", ";", "&&", "||", "|", "if ", "then ", "fi ", "else "),
    *(
        "case x in ",
        "esac ",
        "(",
        "{ ",
        "a ",
        "x=",
        "[[ ",
        "]] ",
        "do ",
        "done ",
        "for y in ",
        "while ",
        "\\",
        "#",
        " ",
    ),
    *("f() ", "((", "))", "<(", "&", ";;", "é", ">o ", "2>&1 "),
]
SOUP = st.lists(st.sampled_from(SIGNS), max_size=40).map("".join)


def name_commands(text: str) -> list[tuple[str, ...]]:
    return [tuple(word.text for word in command.words) for command in walk_commands(read_shell(text).body)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a | b | c x\nd x >/dev/null\n", [("a",), ("b",), ("c", "x"), ("d", "x")]),
        ("h() for x in a; do five; done", [("five",)]),
        ("cat <<A <<'B'; next\n$(a)\nA\nb\nB\nlast", [("cat",), ("next",), ("last",)]),
        ("case $x in (a|b) one;; *) two;& esac", [("one",), ("two",)]),
        ("x y\n\\/opt/z w", [("x", "y"), ("/opt/z", "w")]),
        ("if a; then b; elif c; then d; else e; fi", [("a",), ("b",), ("c",), ("d",), ("e",)]),
        ("for ((i=0;i<2;i++)) { one; }", [("one",)]),
        ('one \'a b\' "c\\"d" e\\ f # g', [("one", "a b", 'c"d', "e f")]),
        ("! time { one; } 2>x && [[ a =~ ^(b|c)$ ]]", [("one",), ("[[", "a", "=~", "^(b|c)$", "]]")]),
        ("\xef\xbb\xbfone".encode("latin-1").decode(), [("one",)]),
    ],
)
def test_the_commands_of_a_text_are_those_that_a_shell_runs(text: str, words: list[tuple[str, ...]]) -> None:
    assert name_commands(text) == words
    assert read_shell(text).is_whole


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("a; b", SIMPLE),
        ("a | b", PIPELINE),
        ("a && b", LIST),
        ("! a", NOT),
        ("{ a; }", GROUP),
        ("(a)", GROUP),
        ("((1 + 2))", GROUP),
        ("if a; then b; fi", IF),
        ("case a in b) c;; esac", IF),
        ("until a; do b; done", LOOP),
        ("select a in b; do c; done", LOOP),
        ("f() { a; }", FUNCTION),
        ("function f { a; }", FUNCTION),
    ],
)
def test_the_first_part_of_a_text_is_of_its_kind(text: str, kind: str) -> None:
    assert read_shell(text).body.parts[0].kind == kind


@pytest.mark.parametrize(
    "text", ["echo 'a", 'echo "a', "a=(b", "echo $(a", "if a; then b", "fi", "a; }", "{ a", "(a", "`a"]
)
def test_what_is_never_closed_or_closes_nothing_is_no_whole_text(text: str) -> None:
    assert not read_shell(text).is_whole


def test_a_here_document_holds_the_bytes_between_its_operator_and_its_end() -> None:
    text = b"cat <<-E | b <<'F'\n\tone $x\n\tE\ntwo\nF\n"
    first, second = [
        redirect for command in walk_commands(read_shell_bytes(text).body) for redirect in command.redirects
    ]
    assert [text[slice(*(each.body or (0, 0)))] for each in (first, second)] == [b"\tone $x\n", b"two\n"]
    assert (first.is_quoted, second.is_quoted) == (False, True)


def test_a_substitution_is_found_by_the_byte_at_which_it_begins() -> None:
    text = 'é=1; a "$(b "$(c)")" `d`'
    shell = read_shell(text)
    raw = text.encode()
    assert sorted(shell.substitutions) == [raw.index(b"b "), raw.index(b"c)"), raw.index(b"d`")]


def test_text_behind_an_error_is_read_all_the_same() -> None:
    assert name_commands("one\nfi\ntwo; }; three\ndone\nfour") == [("one",), ("two",), ("three",), ("four",)]


@given(SOUP)
def test_every_text_has_an_end_and_every_command_lies_within_it(text: str) -> None:
    size = len(text.encode())

    def check(command: Command) -> None:
        assert 0 <= command.start <= command.end <= size
        for part in command.parts:
            check(part)

    check(read_shell(text).body)


@given(st.binary(max_size=300))
def test_no_bytes_end_the_reading(raw: bytes) -> None:
    read_shell_bytes(raw)


@given(
    st.lists(st.sampled_from(["a x", "b 'c d'", "if e; then f; fi", "g | h", "{ i; }", "j=$(k)", "(l; m)"]), max_size=8)
)
def test_texts_that_are_whole_are_whole_one_behind_another(texts: list[str]) -> None:
    shell = read_shell("\n".join(texts))
    assert shell.is_whole
    assert len(shell.body.parts) == len(texts)


def test_bash_takes_what_is_whole_and_nothing_else(tmp_path: Path) -> None:
    texts = [
        "a() { b; }",
        "a() {",
        "case a in b) c; esac",
        "case a in b c",
        "for a in b; do c; done",
        "for a in b; do c",
        "a <<E\nE\n",
        "(a) | { b; }",
        "a &&",
        "&& a",
        "a || | b",
        "[[ a == b ]] && c",
        "echo ${a",
        "x=(a b)",
        "(a) b",
        "(a) (b)",
        "{ a; } >x b",
        "if a; then b; fi c",
        "f() { a; } b",
        "a | { b; } c &",
        "if (a) then (b) else (c) fi",
        "case a in (a) (b) esac",
        "{ (a) }",
        "(a) # b",
    ]
    for text in texts:
        script = tmp_path / "script"
        script.write_text(text)
        ended = subprocess.run(["bash", "-n", str(script)], capture_output=True, timeout=30, check=False)
        assert read_shell(text).is_whole == (ended.returncode == 0), text


@pytest.mark.parametrize("text", ['reload}"\n    exit 2\n', "a'b\n c\n", 'x"$(y)"z\n', 'x"${y:-1}"\n'])
def test_a_word_with_a_quote_that_does_not_end_simply_is_no_simple_word(text: str) -> None:
    found = TOKEN.match(text)
    assert found is not None
    assert found.groups() == (None, None, None, None)
