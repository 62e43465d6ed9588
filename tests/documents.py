"""What do the pages show: fenced blocks, commands with their output, links, words of our command line?"""

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LIMIT_S = 120.0
# The languages of blocks that hold command lines.
COMMANDS = ("console", "sh", "cron")
MARKER = "@@ended"
RUN_ID = r"\b[0-7][0-9A-HJKMNP-TV-Z]{25}\b"
RECIPIENT = r"\bage1(?:[02-9ac-hj-np-z]{58}|…)"
NEWEST_RUN = """$(agentkit heartbeat history backup --limit 1 --json | sed 's/.*"run": "\\([^"]*\\)".*/\\1/')"""
NEWEST_CANDIDATE = """$(agentkit evolve log --limit 1 --json | sed 's/.*"id": "\\([0-9a-f]*\\)", "repository.*/\\1/')"""
# What differs from one run to the next, and what stands in its place before two outputs are compared.
MASKS = (
    (RUN_ID, "RUN"),
    (r"\b[0-9a-f]{64}\b", "DIGEST"),
    (r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?Z?", "INSTANT"),
    (r"\d{8}T\d{6}Z", "INSTANT"),
    (r"(?<=since )\d{4}-\d\d-\d\d\b", "DAY"),
    (r"(?<=ratchet show )[0-9a-f]{12}\b|\b[0-9a-f]{16}\b", "ID"),
    (r"\bpid \d+", "pid N"),
    (r"\bprocess \d+ is gone", "process N is gone"),
    (r"\bwrapper \d+", "wrapper N"),
    (r"\bnow\b(?! (?:on|and))", "TIME ago"),
    (r"(?<![\w.])\d+(?:\.\d+)?(?:ms|[smhd])\b(?: \d+[smh]\b)?", "TIME"),
    (r"\bin TIME\b", "TIME"),
    (r"\bTIME ago\b", "TIME"),
    (r"\d+(?:\.\d+)? (?:B|KiB|MiB|GiB)\b", "SIZE"),
    (r"\b(TIME|SIZE) to \1\b", r"\1"),
    (r"\d+ page faults|made \d+ to \d+", "N page faults"),
    (r"\d+ blocks? read, \d+ written", "N blocks read, N written"),
    (r"[▁▂▃▄▅▆▇█]+", "BARS"),
    (r"[ \t]+", " "),
)


@dataclass(frozen=True)
class Block:
    """A fenced block: where it stands, its language, the scene before which it plays (or ""), and its text."""

    page: str
    line: int
    language: str
    scene: str
    text: str

    @property
    def name(self) -> str:
        """Return what a person finds it by: its page and its first line."""
        return f"{self.page}: {self.text.strip().splitlines()[0]}"


@dataclass(frozen=True)
class Step:
    """One command of a page and the output that is shown below it."""

    command: str
    shown: tuple[str, ...]


def read_blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page."""
    blocks, scene = [], ""
    lines = page.read_text(encoding="utf-8").splitlines()
    index = 0
    while index < len(lines):
        line = lines[index]
        found = re.fullmatch(r"<!-- scene: ([\w-]+) -->", line)
        if found:
            scene = found[1]
        elif line.startswith("```"):
            end = lines.index("```", index + 1)
            text = "\n".join(lines[index + 1 : end])
            blocks.append(Block(os.path.relpath(page, ROOT), index + 1, line[3:], scene, text))
            index, scene = end, ""
        elif line.strip():
            scene = ""
        index += 1
    return blocks


def read_steps(block: Block) -> list[Step]:
    """Return the commands of a `console` block (after `$ `, gone on after `> `), or the one script of a `sh` block."""
    if block.language == "sh":
        return [Step(block.text, ())]
    steps: list[tuple[list[str], list[str]]] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            steps.append(([line[2:]], []))
        elif line.startswith(("> ", ">")) and steps and not steps[-1][1]:
            steps[-1][0].append(line[2:])
        else:
            steps[-1][1].append(line)
    return [Step("\n".join(command), tuple(shown)) for command, shown in steps]


def play(commands: Iterable[str], folder: Path) -> list[tuple[int, list[str]]]:
    """Run commands in one bash at a terminal of its own, as a person would; return status and output of each.

    A run or a candidate that a page names was one of another machine: the newest one stands in.
    """
    script = folder / "session.sh"
    commands = [re.sub(rf"(?<=heartbeat show ){RUN_ID}", lambda _: NEWEST_RUN, command) for command in commands]
    named = r"(?<=evolve )(show|diff|revert) [0-9a-f]{16}\b"
    commands = [re.sub(named, lambda found: f"{found[1]} {NEWEST_CANDIDATE}", command) for command in commands]
    after = f'__s=$?; printf "\\n{MARKER} %s\\n" $__s; (exit $__s)'
    script.write_text("".join(f"{command}\n{after}\n" for command in commands))
    text = _run_at_terminal(["bash", "--norc", str(script)], folder, _environ(folder))
    parts = re.split(rf"\n{MARKER} (\d+)\n", text)
    return [
        (int(status), output.strip("\n").splitlines())
        for output, status in zip(parts[0:-1:2], parts[1::2], strict=True)
    ]


def mask(lines: Iterable[str], folder: Path) -> list[str]:
    """Return the lines with what differs from run to run replaced."""
    hosts = {str(folder): "~", "/home/you": "~", os.uname().nodename: "HOST"}
    # First what is random: it may hold the name of the host.
    plain = [re.sub(RECIPIENT, "RECIPIENT", line) for line in lines]
    return [_mask_line(re.sub("|".join(map(re.escape, hosts)), lambda found: hosts[found[0]], line)) for line in plain]


def fits(shown: list[str], came: list[str]) -> bool:
    """Tell whether the output is the shown one; a line `…` stands for any lines that came, or none."""
    if not shown:
        return not came
    if shown[0] == "…":
        return any(fits(shown[1:], came[skipped:]) for skipped in range(len(came) + 1))
    return bool(came) and shown[0] == came[0] and fits(shown[1:], came[1:])


def find_links(page: Path) -> Iterator[str]:
    """Yield the targets of the page's links, but for those of blocks."""
    yield from re.findall(r"\]\(([^)\s]+)\)", _without_blocks(page))


def find_named_commands(page: Path) -> Iterator[str]:
    """Yield each `agentkit …` that the page names, in its text and in its blocks."""
    yield from re.findall(r"`(agentkit(?: [^`]*)?)`", _without_blocks(page))
    for block in read_blocks(page):
        if block.language in COMMANDS:
            yield from re.findall(r"(?<![\w/-])agentkit(?= )[^|;&\n]*", block.text.replace("\\\n", " "))


def _without_blocks(page: Path) -> str:
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def _mask_line(line: str) -> str:
    for pattern, word in MASKS:
        line = re.sub(pattern, word, line)
    return line.strip()


def _environ(folder: Path) -> dict[str, str]:
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    door = programs / "agentkit"
    door.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m agentkit "$@"\n')
    door.chmod(0o755)
    return {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "HOME": str(folder),
        "AGENTKIT_HOME": str(folder / "home"),
        "PYTHONPATH": str(ROOT),
        "TMPDIR": str(folder),
        "TZ": "UTC",
        "LC_ALL": "C.UTF-8",
        "TERM": "dumb",
        "COLUMNS": "100",
    }


def _run_at_terminal(argv: list[str], folder: Path, environ: Mapping[str, str]) -> str:
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, cwd=folder, env=environ, process_group=0
        )
    finally:
        os.close(theirs)
    output, deadline = bytearray(), time.monotonic() + LIMIT_S
    try:
        while (rest := deadline - time.monotonic()) > 0:
            if not select.select([ours], [], [], rest)[0]:
                break
            try:
                chunk = os.read(ours, 65536)
            except OSError:  # EIO: the last one who had the terminal open is gone
                break
            output += chunk
        process.wait(timeout=5)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(timeout=5)
        os.close(ours)
    return output.decode().replace("\r\n", "\n")
