"""What is masked where values are short, blank, alike or lie over each other, and when does a byte come out?"""

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agentkit.vault.redaction.masker import KEPT, Masker
from agentkit.vault.redaction.units import is_open, read_unit
from agentkit.vault.redaction.walk import Walk
from tests.vault.test_redact_encodings import mask

LONG = b"Tk7" + b"secretly-long" + b"42x"


def test_text_without_a_value_comes_out_as_it_came() -> None:
    text = bytes(range(256)) * 40
    assert mask([("it", LONG)], text) == text
    assert mask([("it", LONG)], text, cut=1) == text


def test_blank_and_empty_values_mask_nothing() -> None:
    assert mask([("a", b""), ("b", b"  \n\t ")], b"a  \n\t b") == b"a  \n\t b"


def test_a_value_is_masked_without_the_blanks_at_its_ends_too() -> None:
    assert mask([("it", b" \n" + LONG + b"\n")], b"<" + LONG + b">") == b"<{{vault:it}}>"


def test_the_longest_value_wins_at_a_place() -> None:
    values = [("short", LONG[:12]), ("long", LONG), ("end", LONG[5:])]
    assert mask(values, b"<" + LONG + b"> " + LONG[:12]) == b"<{{vault:long}}> {{vault:short}}"


def test_values_side_by_side_are_masked_each() -> None:
    assert mask([("a", LONG), ("b", LONG[::-1])], LONG + LONG + LONG[::-1]) == b"{{vault:a}}{{vault:a}}{{vault:b}}"


def test_what_a_value_covers_beyond_another_one_is_masked_as_well() -> None:
    first, second = b"K1" + b"common77", b"common77" + b"Z9rest"
    assert mask([("a", first), ("b", second)], b"<K1" + b"common77" + b"Z9rest>") == b"<{{vault:a}}{{vault:b}}>"


def test_a_value_that_nearly_stands_there_stays() -> None:
    near = LONG[:-1] + b"y"
    text = b" ".join([near, near.hex().encode(), LONG[1:], LONG[:-1]])
    assert mask([("it", LONG)], text) == text


@pytest.mark.parametrize(
    "line",
    [
        b"db_pin=$&\n", b"DB-PIN: $&\n", b'"db/pin": "$&"\n', b"{'dbPin': '$&'}", b"export DB_PIN='$&'",
        b"my_db_pin => $&", b'{\\"db.pin\\":\\"$&\\"}', b"db pin := $&",
    ],
)  # fmt: skip
@pytest.mark.parametrize("short", [b"k7", b"12345", b"1234567", b"a$ b"])
def test_a_short_value_is_masked_behind_its_name(line: bytes, short: bytes) -> None:
    text = b"x\n" + line.replace(b"$&", short)
    for engine in ("plain", "stream"):
        assert mask([("db/pin", short)], text, engine) == b"x\n" + line.replace(b"$&", b"{{vault:db/pin}}")
    assert mask([("db/pin", short)], text, cut=1) == b"x\n" + line.replace(b"$&", b"{{vault:db/pin}}")


@pytest.mark.parametrize(
    "text", [b"k7", b"k7=db_pin", b"other_pin=k7", b"db_pin=k77", b"db_pin k7", b"xdb_pin=k7", b"db_pin=\n\nk7"]
)
def test_a_short_value_elsewhere_stays(text: bytes) -> None:
    assert mask([("db/pin", b"k7")], text) == text


def test_a_number_of_eight_digits_is_masked_anywhere_and_one_of_seven_is_not() -> None:
    assert mask([("a", b"71946203"), ("b", b"8194620")], b"71946203 8194620") == b"{{vault:a}} 8194620"


def test_the_frame_of_a_key_is_no_secret_of_its_own() -> None:
    key = b"-----BEGIN-----\n" + LONG + b"\n-----END-----"
    assert mask([("k", key)], b"-----BEGIN-----\n" + LONG) == b"-----BEGIN-----\n{{vault:k}}"


def test_counts_tell_how_often_which_name_was_masked() -> None:
    masker = Masker([("a", LONG), ("b", LONG[::-1]), ("c", b"never" + LONG)])
    masker.feed(b" ".join([LONG, LONG.hex().encode(), LONG[::-1]]))
    masker.close()
    assert masker.counts == {"a": 2, "b": 1}


@pytest.mark.parametrize(
    "text", [b"password: ", b"ready.\n", b'{"a": "b \\"c\\" d"}\n', b"10% [##   ] \r", b"$ ", b"> "]
)
def test_what_begins_no_value_comes_out_at_once(text: bytes) -> None:
    masker = Masker([("it", LONG), ("other", b"Wq3rty-Other-one"), ("pin", b"77")])
    assert masker.feed(text) == text


def test_the_beginning_of_a_value_is_held_back_until_it_is_none() -> None:
    masker = Masker([("it", LONG)])
    assert masker.feed(b"say " + LONG[:7]) == b"say "
    assert masker.feed(b" no.") == LONG[:7] + b" no."
    assert masker.feed(b"\n" + LONG[:-1]) == b"\n"
    assert masker.feed(LONG[-1:] + b".") == b"{{vault:it}}."


def test_what_the_end_leaves_open_comes_out() -> None:
    assert mask([("it", LONG)], b"a " + LONG[:-1]) == b"a " + LONG[:-1]
    assert mask([("it", LONG)], b"a %5") == b"a %5"


VALUES = st.lists(
    st.one_of(
        st.binary(min_size=1, max_size=24),
        st.text(alphabet="ab1'\"\\%&=+/ \n{}-é", min_size=6, max_size=14).map(str.encode),
        st.sampled_from([b"aaaaaaa", b"abababab", b"ab\\n'\"%41"]),
    ),
    min_size=1,
    max_size=4,
)


@st.composite
def values_and_text(draw: st.DrawFn) -> tuple[list[tuple[str, bytes]], bytes]:
    values = draw(VALUES)
    ways = [
        bytes,
        bytes.hex,
        repr,
        lambda value: "".join([f"%{byte:02x}" for byte in value]),
        lambda v: v[: len(v) // 2],
    ]
    pieces = []
    for _ in range(draw(st.integers(0, 6))):
        written = draw(st.sampled_from(ways))(draw(st.sampled_from(values)))
        pieces.append(written.encode() if isinstance(written, str) else written)
        pieces.append(
            draw(st.one_of(st.just(b""), st.binary(max_size=5), st.sampled_from([b"n1=", b"\\", b"%", b"\n "])))
        )
    return [(f"n{number}", value) for number, value in enumerate(values)], b"".join(pieces)


@settings(max_examples=60, deadline=None)
@given(values_and_text(), st.lists(st.integers(1, 9), min_size=1, max_size=8))
@example(([("n0", b"ab\\n'\"%41")], b"ab\\\\n\\'\\\"%2541ab\\n'\"%41"), [1])
def test_neither_the_engine_nor_the_cuts_change_what_comes_out(
    given_text: tuple[list[tuple[str, bytes]], bytes], cuts: list[int]
) -> None:
    values, text = given_text
    wanted = mask(values, text)
    for engine in ("plain", "stream"):
        masker = Masker(values, engine=engine)
        got, at = b"", 0
        while at < len(text):
            size = cuts[at % len(cuts)]
            got += masker.feed(text[at : at + size], more=size % 2 == 0)
            at += size
        assert got + masker.close() == wanted


@settings(max_examples=60, deadline=None)
@given(values_and_text())
def test_no_value_of_more_than_a_few_letters_is_left(given_text: tuple[list[tuple[str, bytes]], bytes]) -> None:
    values, text = given_text
    # What lies between the masks; a mask itself may hold what a value of letters looks like.
    left = mask(values, text).split(b"{{vault:n")
    for name, value in values:
        if len(value.strip()) >= 8:
            assert not any(value in part[part.find(b"}}") + 2 if at else 0 :] for at, part in enumerate(left)), name


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(
    [b"\\", b"%", b"25", b"5C", b"&", b"#", b"x", b"u", b"00", b"41", b"amp;", b"quot;", b"26", b";", b"{", b"}",
     b"d83d", b"de00", b"n", b"'", b"=", b"\r", b"\n", b"1"]), min_size=1, max_size=9).map(b"".join))  # fmt: skip
def test_a_unit_that_is_not_open_is_the_same_whatever_follows(text: bytes) -> None:
    for size in range(1, len(text)):
        if not is_open(text[:size], 0):
            assert read_unit(text[:size], 0) == read_unit(text, 0)


@pytest.mark.parametrize(
    "unit",
    [
        b"%",
        b"\\",
        b"&",
        b"%25",
        b"&amp;",
        b"\\u00",
        b"=",
        b"'\"",
        b"%5C",
        b"\\\n",
        b"A\x1b[0m",
        b"0x",
        LONG[:9],
        LONG[:9] + b"\r\n",
    ],
)
def test_text_made_to_be_slow_takes_steps_in_proportion_to_its_length(
    unit: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = 0
    branch = Walk._branch

    def count(*arguments: object) -> bool:
        nonlocal steps
        steps += 1
        return branch(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Walk, "_branch", count)
    took = []
    for times in (1, 4):
        text = unit * (10_000 * times // len(unit))
        steps = 0
        masker = Masker([("it", LONG), ("quotes", b"'\"\\%&=" * 2), ("n", b"0" * 12)], engine="plain")
        masker.feed(text[: len(text) // 2])
        masker.feed(text[len(text) // 2 :])
        masker.close()
        took.append(steps)
        assert len(masker._text) <= 2 * KEPT
    assert took[1] <= 5 * took[0] + 1000


def test_a_long_stream_is_masked_across_the_change_of_engines() -> None:
    chance = random.Random(5)
    values = [(f"n{number}", chance.randbytes(12).hex().encode()) for number in range(40)]
    parts = []
    for _ in range(3000):
        parts.append(chance.choice(values)[1])
        parts.append(b" line of a log %d\n" % chance.randrange(10**9) * chance.randrange(1, 20))
    text = b"".join(parts)
    masker = Masker(values)
    got = b"".join(
        [*[masker.feed(text[at : at + 65536], more=True) for at in range(0, len(text), 65536)], masker.close()]
    )
    wanted = text
    for name, value in values:
        wanted = wanted.replace(value, b"{{vault:%s}}" % name.encode())
    assert got == wanted
    assert not masker._is_plain


def test_a_thousand_values_are_masked_in_the_usual_encodings() -> None:
    chance = random.Random(6)
    values = [(f"n{number}", chance.randbytes(15).hex().encode()) for number in range(1000)]
    text = b" ".join([value.hex().encode() for _, value in values])
    assert mask(values, text) == b" ".join([b"{{vault:%s}}" % name.encode() for name, _ in values])
