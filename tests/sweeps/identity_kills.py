"""Kill a rotation of the identity: at each system call that changes anything, and of 1,000 secrets again and again.

Is everything readable at each instant, also while secrets are set and read, does it go on, and opens the old identity
nothing at the end, by stock age?

python -m tests.sweeps.identity_kills [SECRETS [KILLS [SEED]]]
"""

import os
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.vault.identityscene import LIMIT_S, Scene, list_points

SMALL = 3
# Short at first, so that kills fall into its beginning; then longer, so that it comes to its end.
SHORTEST_S, LONGEST_S = 0.1, 4.0


def main(secrets: int, kills: int, seed: int) -> int:
    """Print how often it was killed and every fault; return 1 if there was one."""
    print(f"seed {seed}")
    choices = random.Random(seed)
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        small = Scene(Path(folder, "small"), SMALL)
        for words in ((), ("--new-recovery", "recovery-2.key")):
            faults += _kill_at_all_calls(small, Path(folder), words, choices)
        faults += _kill_at_moments(Scene(Path(folder, "large"), secrets), kills, choices)
    print(f"{len(faults)} faults", *faults, sep="\n  ")
    return int(bool(faults))


def _kill_at_all_calls(scene: Scene, folder: Path, words: tuple[str, ...], choices: random.Random) -> list[str]:
    counted = scene.copy_to(folder / f"counted-{len(words)}")
    counts = counted.count_calls(folder / "table", words=_place(counted, words))
    points, faults, late = list_points(counts), [], 0
    for number, (call, place) in enumerate(points):
        victim = scene.copy_to(folder / f"{len(words)}-{number}")
        late += not victim.kill_at(call, place, words=_place(victim, words))
        found = [f"now: {fault}" for fault in victim.find_faults_now()]
        if choices.random() < 0.5:
            victim.set_anew(choices.choice(list(victim.values)))
            found += [f"after a set: {fault}" for fault in victim.find_faults_now()]
        if words:
            victim.old_recovery = victim.folder / words[1]
        found += [f"at its end: {fault}" for fault in victim.finish(words=_place(victim, words))]
        faults += [f"{call} {place} {' '.join(words)}: {fault}" for fault in found]
    told = ", ".join(f"{call} {count}" for call, count in counts.items() if count)
    print(f"killed at {len(points)} system calls ({told}) {' '.join(words)}; {late} came to their end", flush=True)
    return faults


def _place(scene: Scene, words: tuple[str, ...]) -> tuple[str, ...]:
    return (words[0], str(scene.folder / words[1])) if words else ()


def _kill_at_moments(scene: Scene, kills: int, choices: random.Random) -> list[str]:
    faults, done, gets, sets = [], 0, 0, 0
    names = list(scene.values)
    for number in range(kills):
        if scene.is_over():
            break
        done += 1
        process = scene.start()
        due = time.monotonic() + choices.uniform(SHORTEST_S, SHORTEST_S + (LONGEST_S - SHORTEST_S) * number / kills)
        # Meanwhile it is read and set.
        while time.monotonic() < due and process.poll() is None:
            name = choices.choice(names)
            if choices.random() < 0.05:
                scene.set_anew(name)
                sets += 1
            gets += 1
            if scene.get(name) != scene.values[name]:
                faults.append(f"kill {number}: {name} was another value while it was rotated")
        process.kill()
        process.communicate(timeout=LIMIT_S)
        if number % 10 == 0:
            faults += [f"kill {number}: {fault}" for fault in scene.find_faults_now()]
    began = time.monotonic()
    faults += scene.finish()
    print(
        f"{len(names)} secrets: killed {done} times, {gets} gets and {sets} sets meanwhile;"
        f" going on and looking at everything with age took {time.monotonic() - began:.0f} s"
    )
    return faults


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    defaults = (1000, 60, int.from_bytes(os.urandom(4)))
    sys.exit(main(*given, *defaults[len(given) :]))
