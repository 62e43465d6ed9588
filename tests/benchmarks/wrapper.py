"""What does `heartbeat run` cost beside bare Python, beside `chronic`, and beside a plain pipe?

    python -m tests.benchmarks.wrapper [--pairs 60] [--python /usr/bin/python3]

Installs agentkit into an environment of its own as the README says, and prints ratios of what is measured side by
side: instructions (valgrind), CPU of a whole process (medians of pairs that take turns), resident memory while the job
runs, and 1 GiB of output through the wrapper.
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

ROOT = Path(__file__).parent.parent.parent
LIMIT_S = 300.0
GIB = 1 << 30


def install(python: str, folder: Path) -> Path:
    """Return the folder of programs of a new environment that holds agentkit."""
    subprocess.run([python, "-m", "venv", str(folder)], check=True, timeout=LIMIT_S)
    pip = [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", str(ROOT)]
    subprocess.run(pip, check=True, timeout=2 * LIMIT_S, stderr=subprocess.DEVNULL)
    return folder / "bin"


def count_instructions(words: list[str], folder: Path) -> int:
    """Return the instructions of a whole process, its children left out."""
    out = folder / "callgrind.out"
    watched = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", *words]
    ended = subprocess.run(watched, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    found = re.search(r"Collected : (\d+)", ended.stderr)
    if not found:
        raise SystemExit(f"valgrind counted nothing of {words}: {ended.stderr[-500:]}")
    return int(found[1])


def measure_cpu(words: list[str]) -> float:
    """Return the seconds of CPU that a process and its children took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=LIMIT_S, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compare_cpu(one: list[str], other: list[str], pairs: int) -> tuple[float, float]:
    """Return the medians of both, measured by turns."""
    found: tuple[list[float], list[float]] = ([], [])
    for number in range(pairs + 3):
        for words, times in ((one, found[0]), (other, found[1])):
            used = measure_cpu(words)
            if number >= 3:  # the first warm caches
                times.append(used)
    return statistics.median(found[0]), statistics.median(found[1])


def measure_memory(run: list[str], folder: Path) -> dict[str, int]:
    """Return resident KiB of the wrapper while its job sleeps, now and at most."""
    ready = folder / "ready"
    process = subprocess.Popen(
        [*run, "sleeping", "--", "sh", "-c", f": > '{ready}'; exec sleep 5"], stderr=subprocess.DEVNULL
    )
    due = time.monotonic() + LIMIT_S
    while not ready.exists() and time.monotonic() < due:
        time.sleep(0.01)
    time.sleep(0.2)
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    process.terminate()
    process.wait(LIMIT_S)
    return {line.split(":")[0]: int(line.split()[1]) for line in lines if line.startswith(("VmRSS", "VmHWM"))}


def pour(words: list[str]) -> tuple[float, float]:
    """Return seconds of clock and of CPU that it takes to read 1 GiB from a shell's command line."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        heard = 0
        while piece := os.read(process.stdout.fileno(), 1 << 20):
            heard += len(piece)
    took = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if heard != GIB:
        raise SystemExit(f"{heard} bytes of {GIB} came through {words}")
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    """Print every figure with the two that it is made of."""
    parser = argparse.ArgumentParser(description="what a run costs")
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("--python", default=sys.executable)
    options = parser.parse_args()
    # Without its compiled files each start would compile the program anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["AGENTKIT_HOME"] = str(folder / "home")
        programs = install(options.python, folder / "environment")
        python, run = str(programs / "python"), [str(programs / "agentkit"), "heartbeat", "run"]
        true = [*run, "x", "--every", "1h", "--", "true"]
        for words in ([python, "-c", "pass"], true):
            subprocess.run(words, check=True, timeout=LIMIT_S)
        print(
            subprocess.run([python, "-VV"], capture_output=True, text=True, check=True, timeout=LIMIT_S).stdout.strip()
        )

        bare = count_instructions([python, "-c", "pass"], folder)
        whole = count_instructions(true, folder)
        print(f"instructions     {whole / bare:.3f} of bare Python ({whole / 1e6:.1f} and {bare / 1e6:.1f} million)")
        for title, other in (("chronic true", ["chronic", "true"]), ("python -c pass", [python, "-c", "pass"])):
            ours, theirs = compare_cpu(true, other, options.pairs)
            print(f"CPU              {ours / theirs:.2f} of {title} ({ours * 1e3:.1f} and {theirs * 1e3:.1f} ms)")
        memory = measure_memory(run, folder)
        now, most = memory["VmRSS"] / 1024, memory["VmHWM"] / 1024
        print(f"resident         {now:.2f} MiB while the job runs, at most {most:.2f}")
        source = f"head -c {GIB} /dev/zero"
        lines = f"yes 'a line of output as programs print it' | head -c {GIB}"
        for title, command in (("1 GiB of zeros", source), ("1 GiB of lines", lines)):
            ours_s, ours_cpu_s = pour([*run, "x", "--tee", "--", "sh", "-c", command])
            theirs_s, theirs_cpu_s = pour(["sh", "-c", f"{{ {command}; }} | cat"])
            print(
                f"{title}   {ours_s / theirs_s:.2f} of `| cat` by the clock ({ours_s:.2f} and {theirs_s:.2f} s), "
                f"{ours_cpu_s / theirs_cpu_s:.2f} by CPU ({ours_cpu_s:.2f} and {theirs_cpu_s:.2f} s)"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
