"""Is a value masked whatever program wrote it, exactly where it stands, and nothing else?"""

import base64
import json
import random
import string
from collections.abc import Callable
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


@pytest.mark.parametrize(
    "shape", ["&#{:d};", "&#{:03d};", "&#x{:x};", "&#x{:02X};", "%{:02X}", "\\x{:02x}", "\\{:03o}"]
)
def test_a_value_without_four_letters_in_a_row_may_be_escaped_letter_by_letter(
    shape: str, random_choices: random.Random
) -> None:
    # A backslash, a percent sign or an ampersand that is escaped may begin an escape of what follows, and need not.
    for _ in range(SAMPLE // 10):
        seed = random_choices.randrange(2**32)
        chance = random.Random(seed)
        parts = [
            "".join(chance.choices("abzXR19", k=chance.randrange(1, 4))) + chance.choice("\\%&'#;") for _ in range(5)
        ]
        value = "".join(parts).encode()
        text = b"\nx " + "".join([shape.format(byte) for byte in value]).encode() + b" y\n"
        assert mask([("it", value)], text) == b"\nx {{vault:it}} y\n", f"seed {seed}"


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


@pytest.mark.parametrize("width", [4, 6, 10, 15, 16, 40])
def test_a_value_coded_in_short_lines_is_masked(width: int, value: bytes) -> None:
    coded = base64.b64encode(value).decode()
    lines = "\n".join([coded[at : at + width] for at in range(0, len(coded), width)]).encode()
    for cut in (1, 1000):
        assert mask([("it", value)], b"<\n" + lines + b"\n>", cut=cut) == b"<\n{{vault:it}}\n>"


@pytest.mark.parametrize("before", range(6))
@pytest.mark.parametrize("coded", [base64.b64encode, base64.b32encode])
def test_a_coded_value_at_any_place_of_other_bytes_is_masked_alike_however_it_is_cut(
    before: int, coded: Callable[[bytes], bytes], value: bytes
) -> None:
    text = coded(b"?" * before + value + b"!")
    masked = mask([("it", value)], text)
    assert masked.count(b"{{vault:it}}") == 1
    assert len(masked) <= len(coded(b"?" * before)) + len(b"{{vault:it}}") + 8
    assert mask([("it", value)], text, cut=1) == masked
    assert mask([("it", value)], text, "stream", cut=3) == masked


@pytest.mark.parametrize(
    "write",
    [
        " ".join,
        "-".join,
        "\n".join,
        lambda text: json.dumps(list(text)),
        "\u200b".join,
        lambda text: "".join([f"\x1b[3{at % 8}m{one}" for at, one in enumerate(text)]),
        lambda text: "".join([f"{one}\b{one}" for one in text]),
        lambda text: f'"{text[:9]}" +\n    "{text[9:]}"',
        lambda text: text.swapcase(),
        lambda text: text.upper(),
    ],
    ids=["spaced", "dashed", "by line", "list", "no width", "coloured", "struck twice", "joined", "swapped", "upper"],
)
def test_letters_that_are_parted_or_changed_do_not_show_a_value(
    write: Callable[[str], str], random_choices: random.Random
) -> None:
    text = "".join(random_choices.choices(string.ascii_letters, k=9)) + "-k7.Xy9wq"
    written = write(text).encode()
    masked = mask([("it", text.encode())], b"<" + written + b">")
    assert b"{{vault:it}}" in masked
    assert len(masked) < len(b"<{{vault:it}}>") + 8
    assert mask([("it", text.encode())], b"<" + written + b">", cut=1) == masked


@pytest.mark.parametrize(
    "words", [["xxd"], ["xxd", "-p"], ["od", "-x"], ["od", "-c"], ["od", "-An", "-tx1"], ["hexdump", "-C"]]
)
def test_what_a_dump_of_a_file_shows_is_masked(words: list[str], random_choices: random.Random, tmp_path: Path) -> None:
    value = "".join(random_choices.choices(string.ascii_letters + string.digits, k=24))
    dumped = write_dump(words, value.encode())
    masked = mask([("it", value.encode())], dumped)
    assert b"{{vault:it}}" in masked
    assert value[:8].encode().hex() not in masked.decode().replace(" ", "").replace("\n", "")


def write_dump(words: list[str], data: bytes) -> bytes:
    """Return what the program would print; not every machine has each of them."""
    lines = []
    for at in range(0, len(data), 16):
        part = data[at : at + 16]
        shown = part.decode()
        if words == ["xxd"]:
            pairs = " ".join([part[index : index + 2].hex() for index in range(0, len(part), 2)])
            lines.append(f"{at:08x}: {pairs:40} {shown}")
        elif words == ["xxd", "-p"]:
            lines.append(part.hex())
        elif words == ["od", "-x"]:
            numbers = [int.from_bytes(part[index : index + 2], "little") for index in range(0, len(part), 2)]
            lines.append(f"{at:07o} " + " ".join([f"{number:04x}" for number in numbers]))
        elif words == ["od", "-c"]:
            lines.append(f"{at:07o}" + "".join([f"{one:>4}" for one in shown]))
        elif words == ["hexdump", "-C"]:
            lines.append(f"{at:08x}  {part[:8].hex(' '):23}  {part[8:].hex(' '):23}  |{shown}|")
        else:
            lines.append(" " + part.hex(" "))
    return "\n".join([*lines, ""]).encode()


def test_a_value_with_colours_in_it_or_joined_from_strings_is_masked(value: bytes) -> None:
    plain = b"Zq9" * 2 + b"tokenXY7" + b"abcdefgh1"
    coloured = plain[:12] + b"\x1b[01;31m\x1b[K" + plain[12:17] + b"\x1b[m\x1b[K" + plain[17:]
    assert mask([("it", plain)], b"<" + coloured + b">") == b"<{{vault:it}}>"
    assert mask([("it", plain)], b'"' + plain[:12] + b'" + "' + plain[12:] + b'"') == b'"{{vault:it}}"'
    assert mask([("it", plain)], plain[:12] + b"\\\n    " + plain[12:]) == b"{{vault:it}}"


@pytest.mark.parametrize("engine", ["plain", "stream"])
@pytest.mark.parametrize("feed", [b"\\f", b"\\014"])
def test_a_value_of_hardly_any_letters_is_masked_as_shells_write_it(engine: str, feed: bytes) -> None:
    value = b"\x99'\x0c\\\xc6T{\x119F"
    written = b"$'\\231\\'" + feed + b"\\\\\\306T{\\0219F'"
    assert mask([("it", value)], b"<" + written + b">", engine) == b"<$'{{vault:it}}'>"


@pytest.mark.parametrize("engine", ["plain", "stream"])
def test_a_value_of_hardly_any_letters_is_masked_as_others_write_it(engine: str) -> None:
    values = [("a", b"4\xc1'\x95\x9a{\xeb\x88\xce X1N\xe8\x08Fzm"), ("b", b"l\\R\xff\x88\xe5\x15Z\xa3$\x8d\x0b")]
    shown = repr(values[0][1] + b'"').encode()[:-2]
    assert mask(values, shown + b"\"'", engine) == b"b'{{vault:a}}\"'"
    # Each backslash may begin a layer of its own, or be one.
    assert mask(values, b"<l%5c%52%ff%88%e5%15Z%a3%24%8d%0b>", engine) == b"<{{vault:b}}>"
