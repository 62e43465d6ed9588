"""Does anything leak from `vault redact`, or change beside a value, however value, encoding and cut are chosen?

    python -m tests.sweeps.redact_random [--cases 1000000] [--seed N] [--engine plain|stream|both] [--jobs 2]

Each case is one value, in one encoding, in a text that is cut at random; what must come out is known byte for byte.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from concurrent.futures import ProcessPoolExecutor

from agentkit.vault.redaction.masker import Masker
from tests.vault.encodings import draw_value, find_encodings

TOGETHER = 40
SIZES = (1, 3, 10, 60, 200)
FILLERS = (b" ", b"\n", b"<", b"> ", b"; ", b"\tfiller text\n", b"[", b"] ", b"| a |", b"\n\n")


def check_text(seed: int, engine: str) -> list[str]:
    """Hide `TOGETHER` values in one text and mask it; return what was wrong, with neither value nor text in it.

    To make ready for a value costs a hundred times what it costs to look for it, so a few values are hidden often, each
    time in another encoding and cut at other places.
    """
    chance = random.Random(seed)
    values = [(f"value{number}", draw_value(chance)) for number in range(chance.randrange(1, 4))]
    encodings = {name: find_encodings(value, rare=True) for name, value in values}
    text, wanted = b"", b""
    hidden = []
    counts: dict[str, int] = {}
    for number in range(TOGETHER):
        name, value = chance.choice(values)
        encoding = chance.choice(list(encodings[name]))
        before, covered, behind = encodings[name][encoding](value, chance)
        head, tail = b"\n-- %d --" % number + chance.choice(FILLERS), chance.choice(FILLERS)
        text += head + before + covered + behind + tail
        wanted += head + before + b"{{vault:%s}}" % name.encode() + behind + tail
        hidden.append((encoding, covered))
        counts[name] = counts.get(name, 0) + 1
    masker = Masker(values, engine=engine)
    given = b""
    at = 0
    while at < len(text):
        # Now by the byte, now in one piece with what follows.
        cut = at + chance.randrange(1, chance.choice(SIZES) + 1)
        given += masker.feed(text[at:cut])
        at = cut
    given += masker.close()
    if given == wanted and masker.counts == counts:
        return []
    parts, meant = given.split(b"\n-- "), wanted.split(b"\n-- ")
    if len(parts) != len(meant):
        return ["other bytes are changed, or masks go on over more than a value"]
    return [
        f"{encoding}: {'leaks' if covered in part else 'changes other bytes or masks in pieces'}"
        for (encoding, covered), part, one in zip(hidden, parts[1:], meant[1:], strict=True)
        if part != one
    ] or ["the counts are wrong"]


def run_block(seed: int, texts: int, engine: str) -> list[tuple[int, str]]:
    """Run texts that one seed each repeats; return (seed, what was wrong)."""
    wrong = []
    for number in range(seed, seed + texts):
        chosen = engine if engine != "both" else ("plain", "stream")[number % 2]
        wrong += [(number, what) for what in check_text(number, chosen)]
    return wrong


def main(arguments: list[str]) -> int:
    """Print what was wrong, and the number of cases."""
    parser = argparse.ArgumentParser(description="random values, encodings and cuts")
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engine", default="plain", choices=("plain", "stream", "both"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    block = 25
    texts = -(-options.cases // TOGETHER)
    begins = range(options.seed, options.seed + texts, block)
    wrong: list[tuple[int, str]] = []
    with ProcessPoolExecutor(options.jobs) as pool:
        for found in pool.map(run_block, begins, [block] * len(begins), [options.engine] * len(begins)):
            for seed, what in found:
                print(f"seed {seed}: {what}", flush=True)
            wrong += found
    print(f"{len(begins) * block * TOGETHER} cases, {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
