"""Is a text signed with a key, and are all ways refused in which a note can be no note?"""

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.log.note import Key, decode_base64, make_key, open_note, read_skey, read_vkey, sign_note

NAME = "web-1/7f3a"
TEXT = "web-1/7f3a\n7\nroot\n"
# Of Go's own tests (x/mod/sumdb/note): a key pair, and a note that was signed with it.
GO_SKEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
GO_NOTE = GO_TEXT + (
    "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


@pytest.fixture
def key() -> Key:
    return make_key(NAME, bytes(range(32)))


def test_the_key_and_the_note_are_those_of_go() -> None:
    key = read_skey(GO_SKEY, "it")
    assert (key.vkey(), key.skey()) == (GO_VKEY, GO_SKEY)
    assert sign_note(GO_TEXT, key) == GO_NOTE
    assert open_note(GO_NOTE.encode(), read_vkey(GO_VKEY, "it"), "it") == GO_TEXT


@given(
    st.text(st.characters(min_codepoint=32, exclude_categories=("Cs",)), max_size=60),
    st.binary(min_size=32, max_size=32),
)
def test_what_was_signed_is_opened(text: str, seed: bytes) -> None:
    key = make_key(NAME, seed)
    note = sign_note(f"{text}\n", key)
    assert open_note(note.encode(), read_vkey(key.vkey(), "it"), "it") == f"{text}\n"


def test_every_flipped_bit_of_a_note_is_found(key: Key) -> None:
    note = sign_note(TEXT, key).encode()
    for at in range(len(note)):
        for bit in range(8):
            changed = note[:at] + bytes([note[at] ^ 1 << bit]) + note[at + 1 :]
            with pytest.raises(AgentkitError) as caught:
                open_note(changed, key, "it")
            assert caught.value.status in (Exit.BAD_DATA, Exit.TAMPERED)


def test_base64_has_one_way_to_be_written() -> None:
    assert decode_base64("AAE=") == b"\0\1"
    # The last bits are no part of a byte; the padding is no letter; a blank is nothing.
    assert [decode_base64(text) for text in ("AAF=", "AAE", "AAE==", "A AE=", "AAE=\n")] == [None] * 5


def test_a_signature_that_does_not_hold_is_tampering(key: Key) -> None:
    with pytest.raises(AgentkitError, match="it: its signature by web-1/7f3a does not hold") as caught:
        open_note(sign_note(TEXT, key).replace("\n7\n", "\n8\n").encode(), key, "it")
    assert caught.value.status == Exit.TAMPERED


def test_a_note_of_another_key_is_named_with_both(key: Key) -> None:
    other = make_key("db-1/22", b"\1" * 32)
    with pytest.raises(AgentkitError, match=r"it is signed by db-1/22, and not with the key web-1/7f3a\+") as caught:
        open_note(sign_note(TEXT, other).encode(), key, "it")
    assert caught.value.status == Exit.TAMPERED


def test_a_key_of_our_name_and_another_hash_is_another_key(key: Key) -> None:
    with pytest.raises(AgentkitError, match="and not with the key"):
        open_note(sign_note(TEXT, make_key(NAME, b"\1" * 32)).encode(), key, "it")


def test_signatures_of_witnesses_are_passed_over(key: Key) -> None:
    ours = sign_note(TEXT, key)
    line = sign_note(TEXT, make_key("witness.example", b"\1" * 32)).splitlines()[-1]
    assert open_note(f"{ours}{line}\n".encode(), key, "it") == TEXT
    head, _, last = ours.rpartition("\n— ")
    assert open_note(f"{head}\n{line}\n— {last}".encode(), key, "it") == TEXT


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: b"",
        lambda _: b"\n",
        lambda note: note[:-1],
        lambda note: note + b"\n",
        lambda note: note + b"more\n",
        lambda note: note.replace(b"\n\n", b"\n"),
        lambda note: note.replace(b"\n", b"\r\n"),
        lambda note: note.replace("—".encode(), b"-"),
        lambda note: note.replace(b"root", b"ro\0t"),
        lambda note: note.replace(b"root", b"ro\xfft"),
        lambda note: b"x" * 2_000_000 + note,
        lambda note: note + note.splitlines()[-1] * 200,
        lambda note: note + (note.splitlines()[-1] + b"\n") * 200,
        lambda _: random.Random(1).randbytes(500),
    ],
)
def test_what_is_no_note_is_bad_data(key: Key, spoil: Callable[[bytes], bytes]) -> None:
    with pytest.raises(AgentkitError, match="it is no signed note") as caught:
        open_note(spoil(sign_note(TEXT, key).encode()), key, "it")
    assert caught.value.status == Exit.BAD_DATA


@pytest.mark.parametrize(
    "text",
    ["", "a", "a+b", "a+00000000+AAAA", GO_VKEY[:-1], GO_VKEY.replace("c7", "c8"), GO_VKEY.replace("Peter", "Pe ter"),
     f"{GO_VKEY}\n", GO_SKEY],
)  # fmt: skip
def test_what_is_no_key_is_said(text: str) -> None:
    with pytest.raises(AgentkitError, match="it is no verifier key"):
        read_vkey(text, "it")
    with pytest.raises(AgentkitError, match="it is no signing key"):
        read_skey(text.replace("PRIVATE+KEY+P", "PRIVATE+KEY+Q"), "it")
