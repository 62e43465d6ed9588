"""Is a value masked whatever program wrote it, exactly where it stands, and nothing else?"""

import random
import string
from pathlib import Path

import pytest

from agentkit.vault.redaction.masker import Masker
from tests.vault.encodings import ANY, LINE, RARE, RARE_TEXT, TEXT, draw_value, find_encodings

# With a sign of each kind that some encoding escapes, put together here: no test holds a value.
SIGNS = "".join([*"Ab3", "'", '"', "\\", "/", "+", "&", "<", "%", "=", "$", " ", "é", *"xYz9"])
ENCODINGS = {**ANY, **TEXT, **LINE, **RARE, **RARE_TEXT}
SAMPLE = 150


def mask(values: list[tuple[str, bytes]], text: bytes, engine: str = "plain", cut: int = 1 << 20) -> bytes:
    masker = Masker(values, engine=engine)
    pieces = [masker.feed(text[at : at + cut]) for at in range(0, len(text), cut)]
    return b"".join([*pieces, masker.close()])


@pytest.fixture
def value(random_choices: random.Random) -> bytes:
    return ("".join(random_choices.choices(string.ascii_letters, k=3)) + SIGNS).encode()


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize("engine", ["plain", "stream"])
def test_an_encoded_value_is_masked_and_what_stands_around_it_stays(
    name: str, engine: str, value: bytes, random_choices: random.Random
) -> None:
    before, covered, behind = ENCODINGS[name](value, random_choices)
    masked = mask([("db/password", value)], b"head <" + before + covered + behind + b"> tail\n", engine)
    assert masked == b"head <" + before + b"{{vault:db/password}}" + behind + b"> tail\n"


@pytest.mark.parametrize("name", ENCODINGS)
def test_a_value_that_comes_byte_by_byte_is_masked_as_one_that_comes_at_once(
    name: str, value: bytes, random_choices: random.Random
) -> None:
    text = b"a <" + b"".join(ENCODINGS[name](value, random_choices)) + b"> z"
    assert mask([("it", value)], text, cut=1) == mask([("it", value)], text)


def test_random_values_in_random_encodings_cut_at_random_do_not_leak(random_choices: random.Random) -> None:
    for _ in range(SAMPLE):
        seed = random_choices.randrange(2**32)
        chance = random.Random(seed)
        value = draw_value(chance)
        encodings = find_encodings(value, rare=True)
        before, covered, behind = encodings[chance.choice(list(encodings))](value, chance)
        text = b"\n" + before + covered + behind + b" ."
        wanted = b"\n" + before + b"{{vault:it}}" + behind + b" ."
        assert mask([("it", value)], text, cut=chance.randrange(1, 40)) == wanted, f"seed {seed}"


def test_letters_that_no_encoder_escapes_may_be_escaped_among_raw_ones(value: bytes) -> None:
    halves = b"".join([b"%%%02x" % byte if at % 2 else b"\\x%02X" % byte for at, byte in enumerate(value)])
    assert mask([("it", value)], b"<" + halves + b">") == b"<{{vault:it}}>"


def test_a_key_is_masked_as_one_where_it_stands_whole_and_line_by_line_where_it_does_not(tmp_path: Path) -> None:
    chance = random.Random(3)
    lines = ["".join(chance.choices(string.ascii_letters + "0123456789+/", k=64)) for _ in range(4)]
    key = "\n".join(["-----BEGIN KEY-----", *lines, "-----END KEY-----", ""]).encode()
    assert mask([("k", key)], b"x\n" + key + b"y") == b"x\n{{vault:k}}y"
    assert mask([("k", key)], b"x\n" + key.strip() + b" y") == b"x\n{{vault:k}} y"
    indented = key.replace(b"\n", b"\r\n      ")
    assert mask([("k", key)], b"key: |\n      " + indented + b"y").startswith(b"key: |\n      {{vault:k}}")
    numbered = b"".join([b"%3d  %s\n" % (at, line) for at, line in enumerate(key.splitlines())])
    assert mask([("k", key)], numbered) == (
        b"  0  -----BEGIN KEY-----\n" + b"".join([b"%3d  {{vault:k}}\n" % at for at in (1, 2, 3, 4)])
        + b"  5  -----END KEY-----\n"
    )  # fmt: skip


def test_a_dump_of_memory_does_not_show_a_value(value: bytes) -> None:
    rows = []
    data = b"....." + value + b"......"
    for at in range(0, len(data), 16):
        part = data[at : at + 16]
        pairs = " ".join([part[index : index + 2].hex() for index in range(0, len(part), 2)])
        rows.append(f"{at:08x}: {pairs:40} {''.join([chr(b) if 32 <= b < 127 else '.' for b in part])}\n")
    masked = mask([("it", value)], "".join(rows).encode())
    assert b"{{vault:it}}" in masked
    assert value[:6].hex().encode() not in masked.replace(b" ", b"")


def test_a_value_with_colours_in_it_or_joined_from_strings_is_masked(value: bytes) -> None:
    plain = b"Zq9" * 2 + b"tokenXY7" + b"abcdefgh1"
    coloured = plain[:12] + b"\x1b[01;31m\x1b[K" + plain[12:17] + b"\x1b[m\x1b[K" + plain[17:]
    assert mask([("it", plain)], b"<" + coloured + b">") == b"<{{vault:it}}>"
    assert mask([("it", plain)], b'"' + plain[:12] + b'" + "' + plain[12:] + b'"') == b'"{{vault:it}}"'
    assert mask([("it", plain)], plain[:12] + b"\\\n    " + plain[12:]) == b"{{vault:it}}"
