"""Lint every shell script of this machine: does one crash it, and does each fix that it names bound what it names?

python -m tests.sweeps.lint_machine [FOLDER…]
"""

import sys
import tempfile
import time
import traceback
from collections import Counter

from agentkit.depmap.disk import Disk
from agentkit.depmap.lint import lint
from agentkit.depmap.mapping import Reader
from agentkit.depmap.shellscript import read_script
from agentkit.depmap.wait import Wait

LOOPS = ("while", "until", "for")


def main(folders: list[str]) -> int:
    """Print the figures, every crash and every fix that does not bound; return 1 if there was one."""
    reader = Reader("/")
    counts: Counter[str] = Counter()
    faults: list[str] = []
    begin = time.monotonic()
    for folder in folders or ["/"]:
        for path in reader.find_scripts(folder, is_machine=folder == "/"):
            counts["scripts"] += 1
            try:
                script = read_script(path, reader.disk.read(path) or b"", reader.disk)
                waits = lint(script, reader.disk)
                counts["parsed in part"] += not script.is_whole
                faults.extend(fault for wait in waits if (fault := find_fault(wait)))
                counts.update(wait.type for wait in waits)
            except Exception:  # noqa: BLE001  # what it finds are crashes, of any kind
                faults.append(f"{path}:\n{traceback.format_exc()}")
    print(", ".join(f"{count} {what}" for what, count in counts.items()), f"in {time.monotonic() - begin:.0f} s")
    print(f"{len(faults)} faults", *faults, sep="\n  ")
    return 1 if faults else 0


def find_fault(wait: Wait) -> str | None:
    """Return what is wrong with the fix of a wait."""
    if "…" in wait.fix or wait.command.startswith(LOOPS):
        return None  # not known whole; a loop's own commands are told by themselves
    with tempfile.TemporaryDirectory() as folder:
        disk = Disk(folder)
        left = lint(read_script("/fixed", wait.fix.encode(errors="surrogateescape"), disk), disk)
    return f"{wait.file}:{wait.line}: {wait.command!r} -> {wait.fix!r}: {left[0].why}" if left else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
