"""How are a few objects (blobs, trees, a commit) put into a repository by one process of git, their ids known before?

They go in as one pack, which `git unpack-objects` checks and writes as loose objects: five calls of `hash-object`,
`mktree` and `commit-tree` would cost five processes (https://git-scm.com/docs/pack-format).
"""

import hashlib
import zlib
from collections.abc import Mapping, Sequence

from agentkit.core.repo.repository import Repository

KINDS = {b"commit": 1, b"tree": 2, b"blob": 3}
NAME = "agentkit <agentkit@agentkit.invalid>"
FOLDER, FILE = "40000", "100644"


class Objects:
    """Objects of a repository that are made here and written together."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        # Git's own choice of a hash; it names content here and guards nothing.
        self._hash = hashlib.sha256 if repository.object_format == "sha256" else hashlib.sha1
        self._made: dict[str, tuple[bytes, bytes]] = {}

    def blob(self, content: bytes) -> str:
        """Return the id of a blob."""
        return self._make(b"blob", content)

    def tree(self, files: Mapping[str, bytes]) -> str:
        """Return the id of a tree of these files; a name with `/` lies in a folder."""
        entries: dict[str, tuple[str, str]] = {}
        folders: dict[str, dict[str, bytes]] = {}
        for name, content in files.items():
            folder, _, rest = name.partition("/")
            if rest:
                folders.setdefault(folder, {})[rest] = content
            else:
                entries[name] = (FILE, self.blob(content))
        for folder, inner in folders.items():
            entries[folder] = (FOLDER, self.tree(inner))
        # Git sorts a folder as if its name ended with a slash.
        order = sorted(entries, key=lambda name: (name + "/" if entries[name][0] == FOLDER else name).encode())
        rows = [f"{entries[name][0]} {name}\0".encode() + bytes.fromhex(entries[name][1]) for name in order]
        return self._make(b"tree", b"".join(rows))

    def commit(self, tree: str, parents: Sequence[str], message: str, at_s: int) -> str:
        """Return the id of a commit whose author and committer is agentkit itself."""
        rows = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
        rows += [f"{who} {NAME} {at_s} +0000" for who in ("author", "committer")]
        return self._make(b"commit", ("\n".join(rows) + f"\n\n{message}\n").encode())

    def write(self) -> None:
        """Put all of them into the repository; what they name must be there. Raises AgentkitError."""
        pack = b"PACK" + (2).to_bytes(4, "big") + len(self._made).to_bytes(4, "big")
        pack += b"".join(_header(kind, len(content)) + zlib.compress(content) for kind, content in self._made.values())
        self._repository.git("unpack-objects", "-q", "--strict", stdin=pack + self._hash(pack).digest())

    def _make(self, kind: bytes, content: bytes) -> str:
        name = self._hash(kind + b" %d\0" % len(content) + content).hexdigest()
        self._made[name] = (kind, content)
        return name


def _header(kind: bytes, size: int) -> bytes:
    # Four bits of the size stand beside the kind, seven in each byte after it, the lowest first.
    row = bytearray([KINDS[kind] << 4 | size & 15])
    size >>= 4
    while size:
        row[-1] |= 128
        row.append(size & 127)
        size >>= 7
    return bytes(row)
