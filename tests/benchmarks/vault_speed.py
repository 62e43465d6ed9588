"""What does `vault get` cost beside bare Python and beside `passage show`, and how many records a second are there?

    python -m tests.benchmarks.vault_speed [--pairs 40] [--python /usr/bin/python3] [--passage PROGRAM]

Installs agentkit into an environment of its own as the README says, and prints ratios of what is measured side by
side: instructions (valgrind), CPU and clock of whole processes (medians of pairs that take turns), with one secret and
with 10,000, and the records of many gets at once.
"""

import argparse
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.wrapper import count_instructions, install

LIMIT_S = 300.0
GETTING = """
import os, sys
from agentkit.vault import get
os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
sys.argv[0] = "agentkit"
for _ in range(int(sys.argv[1])):
    get.give_value(os.environ, "db/password", "many", reveals=False)
"""


def measure(words: list[str]) -> tuple[float, float]:
    """Return the seconds of CPU and of clock that a process and its children took."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=LIMIT_S, check=True)
    after, took = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - began
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, took


def compare(one: list[str], other: list[str], pairs: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the medians of CPU and of clock of both, measured by turns."""
    found: tuple[list[tuple[float, float]], list[tuple[float, float]]] = ([], [])
    for number in range(pairs + 3):
        for words, times in ((one, found[0]), (other, found[1])):
            used = measure(words)
            if number >= 3:  # the first warm caches
                times.append(used)
    return tuple(  # type: ignore[return-value]
        (statistics.median(cpu for cpu, _ in times), statistics.median(clock for _, clock in times)) for times in found
    )


def tell(title: str, one: list[str], other: list[str], pairs: int) -> None:
    """Print both ratios, and what they are made of."""
    (cpu, clock), (other_cpu, other_clock) = compare(one, other, pairs)
    print(
        f"{title:32} CPU {cpu / other_cpu:.2f} ({cpu * 1e3:.1f} and {other_cpu * 1e3:.1f} ms), "
        f"clock {clock / other_clock:.2f} ({clock * 1e3:.1f} and {other_clock * 1e3:.1f} ms)"
    )


def count_records(folder: Path) -> int:
    """Return how many lines the log has."""
    return sum(path.read_bytes().count(b"\n") for path in (folder / "vault" / "audit").glob("*.jsonl"))


def get_at_once(python: str, home: Path, workers: int, gets: int) -> tuple[int, float, float]:
    """Return how many records came of that many gets in that many processes, and in which seconds of clock and CPU."""
    before, began, used = count_records(home), time.monotonic(), os.times()
    started = [subprocess.Popen([python, "-c", GETTING, str(gets)]) for _ in range(workers)]
    for process in started:
        if process.wait(LIMIT_S):
            raise SystemExit("a worker failed")
    took_s, now = time.monotonic() - began, os.times()
    cpu_s = now.children_user + now.children_system - used.children_user - used.children_system
    return count_records(home) - before, took_s, cpu_s


def time_syncs(folder: Path, count: int = 2000) -> float:
    """Return the seconds that as many bare writes with their fdatasync take on this disk."""
    descriptor = os.open(folder / "bare", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    began = time.monotonic()
    for _ in range(count):
        os.write(descriptor, b"x" * 500)
        os.fdatasync(descriptor)
    os.close(descriptor)
    return time.monotonic() - began


def make_passage(folder: Path, program: str | None) -> tuple[str, list[str]]:
    """Make a store of passage with one secret, and return what shows it, and its title.

    Without a program it is what `passage show` starts, one by one: bash, `getopt`, age into `base64`, and `base64 -d`.
    Debian's package of that name is a game.
    """
    store = folder / "passage"
    (store / "store" / "db").mkdir(parents=True)
    subprocess.run(
        ["age-keygen", "-o", str(store / "identities")], check=True, timeout=LIMIT_S, stderr=subprocess.DEVNULL
    )
    found = re.search("age1[0-9a-z]+", (store / "identities").read_text())
    assert found
    subprocess.run(
        ["age", "-r", found[0], "-o", str(store / "store" / "db" / "password.age")],
        input=b"value", check=True, timeout=LIMIT_S,
    )  # fmt: skip
    if program:
        os.environ |= {"PASSAGE_DIR": f"{store}/store", "PASSAGE_IDENTITIES_FILE": f"{store}/identities"}
        return "get beside passage show", [program, "show", "db/password"]
    script = store / "like-passage"
    script.write_text(
        "#!/usr/bin/env bash\n"
        'words="$(getopt -o c -l clip -n passage -- "$1")"\neval set -- "$words"\n'
        f'value="$(age -d -i {store}/identities {store}/store/"$2".age | base64)"\n'
        'echo "$value" | base64 -d\n'
    )
    script.chmod(0o700)
    return "get beside what passage starts", [str(script), "db/password"]


def main() -> int:
    """Print every figure with the two that it is made of."""
    parser = argparse.ArgumentParser(description="what a get costs")
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--passage", help="the program itself, where it is installed")
    options = parser.parse_args()
    # Without its compiled files each start would compile the program anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        home = folder / "home"
        os.environ |= {"HOME": name, "AGENTKIT_HOME": str(home)}
        os.environ.pop("XDG_CONFIG_HOME", None)
        programs = install(options.python, folder / "environment")
        python, agentkit = str(programs / "python"), str(programs / "agentkit")
        ours = [agentkit, "vault", "get", "db/password", "--reason", "speed"]
        bare = [python, "-I", "-c", "pass"]
        subprocess.run(
            [agentkit, "vault", "init", "--new-recovery", f"{name}/recovery.key"],
            check=True, timeout=LIMIT_S, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        setting = [agentkit, "vault", "set", "db/password", "--purpose", "speed"]
        subprocess.run(setting, input=b"value", check=True, timeout=LIMIT_S)
        title, passage = make_passage(folder, options.passage)
        for words in (bare, ours):
            subprocess.run(words, check=True, timeout=LIMIT_S, stdout=subprocess.DEVNULL)
        version = subprocess.run([python, "-VV"], capture_output=True, text=True, check=True, timeout=LIMIT_S)
        print(version.stdout.strip())

        whole, least = count_instructions(ours, folder), count_instructions(bare, folder)
        print(f"{'instructions, bare Python':32} {whole / least:.3f} ({whole / 1e6:.1f} and {least / 1e6:.1f} million)")
        tell("get beside bare Python", ours, bare, options.pairs)
        tell(title, ours, passage, options.pairs)
        for where in ("secrets", "manifest", "audit/versions"):
            for number in range(10_000):
                (home / "vault" / where / "db" / f"other-{number}.age").write_bytes(b"x")
        many = count_instructions(ours, folder)
        print(f"{'instructions, 10,000 secrets':32} {many / whole:.3f} of with one")
        syncs_s = time_syncs(folder)
        for workers, gets in ((1, 2000), (2, 1000), (8, 250)):
            count, took_s, cpu_s = get_at_once(python, home, workers, gets)
            title = f"{workers} x {gets} gets at once"
            print(
                f"{title:32} {count} records, {count / took_s:.0f} a second, {cpu_s / count * 1e3:.2f} ms of CPU each"
            )
        print(f"{'bare syncs on this disk':32} {2000 / syncs_s:.0f} a second")
    return 0


if __name__ == "__main__":
    sys.exit(main())
