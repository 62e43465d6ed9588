"""Which RFC 6962 tree do these raw lines make?

Section 2.1: a leaf is SHA-256(0x00 || line), a node SHA-256(0x01 || left || right). A line has no newline here.
"""

from __future__ import annotations

from _collections_abc import Iterable, Iterator

from agentkit.vault.log.rawline import sha256
from agentkit.vault.log.segments import Segment, read_blocks


class Tree:
    """A tree that grows at its right side; it holds one hash a level, whatever its size."""

    def __init__(self) -> None:
        self.size = 0
        # The roots of the whole subtrees from left to right, each of the size of a bit that is set in `size`.
        self._roots: list[bytes] = []

    def grow(self, lines: Iterable[bytes]) -> None:
        """Put lines at the right side."""
        roots, size = self._roots, self.size
        for line in lines:
            node = sha256(b"\0" + line).digest()
            rest = size
            while rest & 1:
                node = sha256(b"\1" + roots.pop() + node).digest()
                rest >>= 1
            roots.append(node)
            size += 1
        self.size = size

    def root(self) -> bytes:
        """Return the hash of the whole tree, 32 bytes."""
        if not self._roots:
            return sha256(b"").digest()
        node = self._roots[-1]
        for left in reversed(self._roots[:-1]):
            node = sha256(b"\1" + left + node).digest()
        return node


def hash_trees(segments: list[Segment], sizes: Iterable[int]) -> dict[int, bytes]:
    """Return the roots over so many of the first raw lines of a log, by the number of lines; it has them all."""
    tree, wanted, found = Tree(), sorted(set(sizes)), {}
    for lines in _iterate_lines(segments):
        while wanted and wanted[0] <= tree.size + len(lines):
            size = wanted.pop(0)
            taken = size - tree.size
            tree.grow(lines[:taken])
            lines = lines[taken:]  # noqa: PLW2901  # the rest of the block
            found[size] = tree.root()
        if not wanted:
            break
        tree.grow(lines)
    return found


def _iterate_lines(segments: list[Segment]) -> Iterator[list[bytes]]:
    for segment in segments:
        for _, _, lines, _ in read_blocks(segment):
            yield lines
