"""Is a checkpoint read for what it says, and its tree the one of RFC 6962?"""

import hashlib
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.log.checkpoints import Checkpoint, read_checkpoint
from agentkit.vault.log.merkle import Tree, hash_trees
from agentkit.vault.log.segments import take_snapshot
from tests.vault.logs import make_eventful_log

WHOLE = Checkpoint("web-1/7f3a", 12, bytes(32), head="ab" * 32, segment=3, offset=99)
# RFC 6962 names no vectors; these are those of certificate-transparency-go (merkletree) and of trillian.
LEAVES = [
    b"", b"\0", b"\x10", bytes.fromhex("2021"), bytes.fromhex("3031"), bytes.fromhex("40414243"),
    bytes.fromhex("5051525354555657"), bytes.fromhex("606162636465666768696a6b6c6d6e6f"),
]  # fmt: skip
ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


def test_what_is_written_is_read() -> None:
    found = read_checkpoint(WHOLE.text(), "it")
    assert (found.origin, found.size, found.root) == (WHOLE.origin, 12, bytes(32))
    assert (found.head, found.segment, found.offset) == ("ab" * 32, 3, 99)


def test_lines_of_others_are_passed_over() -> None:
    found = read_checkpoint(f"o\n3\n{'A' * 43}=\nother line\nmore\n", "it")
    assert (found.size, found.head, found.segment) == (3, None, None)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: "",
        lambda _: "o\n3\n",
        lambda text: text[:-1],
        lambda text: text.replace("\n12\n", "\n012\n"),
        lambda text: text.replace("\n12\n", "\n0\n"),
        lambda text: text.replace("\n12\n", "\n-1\n"),
        lambda text: text.replace("\n12\n", f"\n{'9' * 99}\n"),
        lambda text: text.replace("\n12\n", "\n\u0661\n"),
        lambda text: text.replace("AAAA=", "AAA="),
        lambda text: text.replace("web-1/7f3a", ""),
        lambda text: text.replace("head ab", "head AB"),
        lambda text: text.replace("head ab", "head "),
        lambda text: text.replace("at 3 99", "at 3"),
        lambda text: text.replace("at 3 99", "at 0 99"),
    ],
)
def test_what_is_no_checkpoint_is_bad_data(spoil: Callable[[str], str]) -> None:
    with pytest.raises(AgentkitError, match="it is no checkpoint of a log") as caught:
        read_checkpoint(spoil(WHOLE.text()), "it")
    assert caught.value.status == Exit.BAD_DATA


@pytest.mark.parametrize("size", ROOTS)
def test_the_tree_is_the_one_of_rfc_6962(size: int) -> None:
    tree = Tree()
    tree.grow(LEAVES[:size])
    assert tree.root().hex() == ROOTS[size]


def _root(leaves: list[bytes]) -> bytes:
    """Return MTH as section 2.1 of the RFC defines it."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    middle = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + _root(leaves[:middle]) + _root(leaves[middle:])).digest()


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=70), st.integers(1, 9))
def test_it_does_not_matter_in_how_many_steps_a_tree_grows(leaves: list[bytes], step: int) -> None:
    tree = Tree()
    for start in range(0, len(leaves), step):
        tree.grow(leaves[start : start + step])
    assert tree.root() == _root(leaves)


def test_the_leaves_are_the_raw_lines_of_all_segments(tmp_path: Path, random_choices: random.Random) -> None:
    log = make_eventful_log(tmp_path / "audit")
    lines = log.lines()
    sizes = [len(lines), *random_choices.sample(range(1, len(lines)), 5)]
    found = hash_trees(take_snapshot(str(log.folder)).segments, sizes)
    assert found == {size: _root(lines[:size]) for size in sizes}
