"""Does anything leak from `vault redact`, or change beside a value, however value, encoding and cut are chosen?

    python -m tests.sweeps.redact_random [--cases 1000000] [--seed N] [--engine plain|stream|both] [--jobs 2]

Each case hides one value, in one encoding, in a text cut at random; what must come out is known byte for byte.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from concurrent.futures import ProcessPoolExecutor

from agentkit.vault.redaction.masker import Masker
from tests.vault.encodings import draw_value, find_encodings

FILLERS = (b" ", b"\n", b"<", b"> ", b"; ", b"\tfiller text\n", b"[", b"] ", b"| a |", b"\n\n")


def check_case(chance: random.Random, engine: str) -> str | None:
    """Run one case; return what was wrong, with neither value nor text in it, or None."""
    value = draw_value(chance)
    encodings = find_encodings(value, rare=True)
    name = chance.choice(list(encodings))
    before, covered, behind = encodings[name](value, chance)
    head, tail = chance.choice(FILLERS), chance.choice(FILLERS)
    others = [(f"other{number}", draw_value(chance)) for number in range(chance.randrange(3))]
    text = head + before + covered + behind + tail
    wanted = head + before + b"{{vault:it}}" + behind + tail
    masker = Masker([*others, ("it", value)], engine=engine)
    given = b""
    at = 0
    size = chance.choice((1, 2, 5, 20, 100))
    while at < len(text):
        cut = at + chance.randrange(1, size + 1)
        given += masker.feed(text[at:cut])
        at = cut
    given += masker.close()
    if given == wanted and masker.counts == {"it": 1}:
        return None
    kind = "leaks" if covered in given else "changes other bytes or masks in pieces"
    return f"{name}: {kind}"


def run_block(seed: int, cases: int, engine: str) -> list[tuple[int, str]]:
    """Run cases that one seed each repeats; return (seed, what was wrong)."""
    wrong = []
    for number in range(seed, seed + cases):
        chosen = engine if engine != "both" else ("plain", "stream")[number % 2]
        found = check_case(random.Random(number), chosen)
        if found:
            wrong.append((number, found))
    return wrong


def main(arguments: list[str]) -> int:
    """Print what was wrong, and the number of cases."""
    parser = argparse.ArgumentParser(description="random values, encodings and cuts")
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engine", default="plain", choices=("plain", "stream", "both"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    block = 500
    begins = range(options.seed, options.seed + options.cases, block)
    wrong: list[tuple[int, str]] = []
    with ProcessPoolExecutor(options.jobs) as pool:
        for found in pool.map(run_block, begins, [block] * len(begins), [options.engine] * len(begins)):
            for seed, what in found:
                print(f"seed {seed}: {what}", flush=True)
            wrong += found
    print(f"{len(begins) * block} cases, {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
