"""Flip every bit of a log, of its head and of an anchor, and cut the log at every byte: is all of it found?

python -m tests.sweeps.log_bits

The log has two segments, pieces of torn records and their records; the record that is named has to be the one that was
changed.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.log.anchors import open_anchor
from agentkit.vault.log.checkpointing import make_checkpoint
from agentkit.vault.log.proving import prove_log
from agentkit.vault.log.signing import read_public_key
from tests.vault.logs import Log, make_eventful_log, make_log


def flip_bits(path: Path) -> Iterator[tuple[int, int]]:
    """Flip one bit after the other, and yield the byte and the bit while it is flipped."""
    whole = path.read_bytes()
    with path.open("r+b", buffering=0) as file:
        for at, byte in enumerate(whole):
            for bit in range(8):
                os.pwrite(file.fileno(), bytes([byte ^ 1 << bit]), at)
                yield at, bit
            os.pwrite(file.fileno(), bytes([byte]), at)


def sweep_log(log: Log) -> Iterator[str]:
    """Yield what was not found of the bits of the segments."""
    first = 0
    for path in sorted(log.folder.glob("*.jsonl")):
        whole = path.read_bytes()
        for at, bit in flip_bits(path):
            trouble = prove_log(str(log.folder), []).verdict.trouble
            wanted = first + whole[:at].count(b"\n")
            if trouble is None or trouble.record != wanted:
                yield f"{path.name} byte {at} bit {bit}: {trouble and trouble.record} named, not {wanted}"
        first += whole.count(b"\n")


def sweep_head(log: Log) -> Iterator[str]:
    """Yield which bits of audit/head were not found."""
    for at, bit in flip_bits(log.head):
        if prove_log(str(log.folder), []).verdict.trouble is None:
            yield f"head byte {at} bit {bit}: not found"


def sweep_anchor(log: Log, anchor: Path) -> Iterator[str]:
    """Yield which bits of a signed note were not found."""
    key = read_public_key(str(log.folder))
    for at, bit in flip_bits(anchor):
        try:
            open_anchor(anchor.read_bytes(), "anchor", key)
        except AgentkitError as error:
            if error.status in (Exit.BAD_DATA, Exit.TAMPERED):
                continue
        yield f"anchor byte {at} bit {bit}: not found"


def sweep_prefixes(log: Log) -> Iterator[str]:
    """Yield at which bytes a log could be cut."""
    whole = log.path.read_bytes()
    for size in range(len(whole) - 1, -1, -1):
        os.truncate(log.path, size)
        trouble = prove_log(str(log.folder), []).verdict.trouble
        if trouble is None or trouble.record != whole[:size].count(b"\n"):
            yield f"{size} bytes of {len(whole)}: {trouble and trouble.record} named"
    log.path.write_bytes(whole)


def main() -> int:
    """Sweep and say what was not found."""
    with tempfile.TemporaryDirectory() as folder:
        environ = {"HOME": folder, "AGENTKIT_HOME": f"{folder}/home", "PATH": os.environ["PATH"]}
        os.mkdir(f"{folder}/home", 0o700)
        log = make_eventful_log(Path(folder) / "home/vault/audit")
        anchor = Path(folder) / "anchor"
        make_checkpoint(environ, [str(anchor)])
        plain = make_log(Path(folder) / "plain", 8)
        faults = [*sweep_head(log), *sweep_anchor(log, anchor), *sweep_prefixes(plain), *sweep_log(log)]
        bits = 8 * sum(path.stat().st_size for path in [*log.folder.glob("*.jsonl"), log.head, anchor])
        print(*faults, f"{bits} bits and {plain.size} prefixes, {len(faults)} not found", sep="\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
