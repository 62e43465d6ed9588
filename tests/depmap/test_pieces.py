"""Are words of shell text taken apart where a shell takes them apart?"""

from hypothesis import given
from hypothesis import strategies as st

from agentkit.depmap.pieces import LITERAL, SUBSTITUTION, VARIABLE, Piece, read_here_document, read_pieces

LETTERS = st.text(st.sampled_from("abXY09_./: -,é"), min_size=1, max_size=12)


def tell(word: str) -> list[tuple[str, str, bool]]:
    return [(piece.kind, piece.text, piece.is_quoted) for piece in read_pieces(word)]


def test_a_word_falls_into_literal_text_variables_and_substitutions() -> None:
    assert tell("a\"b$c\"'d'$(e f)`g`") == [
        (LITERAL, "a", False),
        (LITERAL, "b", True),
        (VARIABLE, "c", True),
        (LITERAL, "d", True),
        (SUBSTITUTION, "e f", False),
        (SUBSTITUTION, "g", False),
    ]


def test_of_a_variable_in_braces_the_index_and_the_operator_are_told() -> None:
    assert read_pieces("${a[1]:-b}") == [Piece(VARIABLE, "a", start=6, index="1", operator=":-b")]
    assert read_pieces("${#a}")[0].is_length
    assert read_pieces("${!a}")[0].is_indirect


def test_a_parenthesis_of_a_pattern_ends_no_substitution() -> None:
    assert tell("$(case a in b) c;; esac; d)") == [(SUBSTITUTION, "case a in b) c;; esac; d", False)]


def test_quotes_are_letters_of_a_here_document() -> None:
    assert [(piece.kind, piece.text) for piece in read_here_document("'$a' \\$b")] == [
        (LITERAL, "'"),
        (VARIABLE, "a"),
        (LITERAL, "' $b"),
    ]


@given(LETTERS, LETTERS)
def test_quotes_lose_no_letter(first: str, second: str) -> None:
    for word in (f"'{first}'\"{second}\"", f"\"{first}\"'{second}'", f"$'{first}'\"{second}\""):
        assert "".join(piece.text for piece in read_pieces(word)) == first + second


@given(st.text(st.sampled_from("ab$(){}[]\"'`\\#! <>é\n"), max_size=40))
def test_no_word_ends_the_reading(word: str) -> None:
    for piece in read_pieces(word):
        assert len(piece.text) <= len(word)
