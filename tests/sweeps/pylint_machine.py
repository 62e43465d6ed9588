"""Lint all packages and modules of some folders, and print how many waits there are, what was slow, and a sample.

python -m tests.sweeps.pylint_machine [--sample N] [--seed N] [FOLDER…]
"""

import argparse
import multiprocessing
import os
import random
import sys
import time
import traceback
from collections import Counter
from pathlib import Path

from agentkit.depmap.lintreading import lint_paths
from agentkit.depmap.wait import Wait

FOLDERS = ("/usr/lib/python3/dist-packages", "/usr/lib/python3.11")
LIMIT_S = 3600
SLOW_S = 60.0
Told = tuple[str, list[Wait], list[str], float, str]


def lint_one(path: str) -> Told:
    """Return (path, waits, complaints, seconds of the processor, the traceback of a crash)."""
    troubles: list[str] = []
    before = time.process_time()
    try:
        waits = lint_paths([path], troubles.append)
    except Exception:  # noqa: BLE001  # every crash is what this looks for
        return path, [], troubles, time.process_time() - before, traceback.format_exc()
    # What is imported from beside it is linted by itself.
    own = [wait for wait in waits if wait.file == path or wait.file.startswith(f"{path}/")]
    return path, own, troubles, time.process_time() - before, ""


def find_programs(folder: str) -> list[str]:
    """Return the packages and modules that stand in a folder, each of which is linted as one program."""
    found = sorted(Path(folder).iterdir())
    return [str(path) for path in found if path.suffix == ".py" or (path.is_dir() and any(path.rglob("*.py")))]


def main() -> int:
    """Print what was found; return 1 if there was a crash."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sample", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("folders", nargs="*", default=FOLDERS)
    options = parser.parse_args()
    os.nice(19)
    paths = [path for folder in options.folders for path in find_programs(folder)]
    count = sum(len([*Path(path).rglob("*.py")]) if Path(path).is_dir() else 1 for path in paths)
    # Leaving the block ends what still works: a program that takes for ever holds nothing up.
    with multiprocessing.Pool(2) as pool:
        told = pool.map_async(lint_one, paths, chunksize=1).get(LIMIT_S)
    waits = [wait for _, found, _, _, _ in told for wait in found]
    crashes = [(path, crash) for path, _, _, _, crash in told if crash]
    unread = [trouble for _, _, troubles, _, _ in told for trouble in troubles]
    print(
        f"{len(told)} programs of {count} files, {len(waits)} waits {dict(Counter(wait.type for wait in waits))},",
        end=" ",
    )
    print(f"{len(crashes)} crashes, {len(set(unread))} complaints")
    print(Counter(wait.why for wait in waits).most_common(40))
    for path, _, _, took_s, _ in sorted(told, key=lambda each: -each[3])[:5]:
        print(f"  {took_s:.1f} s {path}{' SLOW' if took_s > SLOW_S else ''}")
    for path, crash in crashes[:5]:
        print(f"  {path}\n{crash}")
    choices = random.Random(options.seed)
    for wait in choices.sample(waits, min(options.sample, len(waits))):
        print(f"{wait.file}:{wait.line} [{wait.type}] {wait.command}\n    {wait.why}\n    {wait.fix}")
    return 1 if crashes else 0


if __name__ == "__main__":
    sys.exit(main())
