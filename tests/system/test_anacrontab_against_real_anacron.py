"""Is what we say of each class of anacrontab line what the real anacron does with it?

Every job leaves a file that holds the command and the environment that it was started with, as the kernel has them.
"""

import os
import random
import re
import subprocess
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import pytest

from agentkit.core.anacrontab import LONGEST_COMMAND, parse_anacrontab
from agentkit.core.crontext import Parsed

LABEL = re.compile(r"/ran/([A-Za-z0-9_.-]+)")
LIMIT_S = 60
TODAY, YESTERDAY, LAST_WEEK = (f"{date.today() - timedelta(days=days):%Y%m%d}" for days in (0, 1, 7))  # noqa: DTZ011


class Anacron:
    """The real program over a file, a spool and a folder of evidence of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.table, self.spool, self.ran = folder / "table", folder / "spool", folder / "ran"
        self.spool.mkdir()
        self.ran.mkdir()

    def run(self, *, force: bool = True) -> subprocess.CompletedProcess[bytes]:
        """Run all jobs that are due, or all with `force`, and wait for their end."""
        words = ["anacron", "-d", "-n", *(["-f"] if force else []), "-t", str(self.table), "-S", str(self.spool)]
        return subprocess.run(words, capture_output=True, stdin=subprocess.DEVNULL, timeout=LIMIT_S, check=False)

    @property
    def seen(self) -> set[str]:
        """The labels of the jobs that ran."""
        return {name.rstrip("\r") for name in os.listdir(self.ran)}


@pytest.fixture
def anacron(tmp_path: Path) -> Anacron:
    return Anacron(tmp_path)


def _compare(anacron: Anacron, text: str, *, stamps: Mapping[str, str] | None = None) -> Parsed:
    """Let anacron run; what it ran must be what we say that it runs."""
    content = text.encode(errors="surrogateescape")
    anacron.table.write_bytes(content)
    for identifier, day in (stamps or {}).items():
        (anacron.spool / identifier).write_text(f"{day}\n")
    parsed = parse_anacrontab(content.decode(errors="surrogateescape"))
    ended = anacron.run(force=stamps is None)
    said = {label for line in parsed.lines for label in LABEL.findall(line.command)}
    assert anacron.seen == said, ended.stderr.decode(errors="replace")[-2000:]
    return parsed


# Name, text, the codes of its rows that are dropped or altered. A job that touches `kept` shows what stays alive.
CASES: list[tuple[str, str, list[str]]] = [
    ("plain", "1 0 a : > {out}\n", []),
    ("blanks", " \t1\t 0  \ta \t : > {out}\n", []),
    ("comments", "# a\n\n  \t# b\n1 0 a : > {out}\n# no newline", []),
    ("no newline", "1 0 a : > {out}", []),
    ("leading zeros", "0001 000 a : > {out}\n", []),
    ("many leading zeros", "0000000000000000000000001 0 a : > {out}\n", []),
    ("percent", "1 0 a echo %% > {out} %\n", []),
    ("joined", "1 0 a \\\n  : > {out} \\\n # \\\n\\\nend\n1 0 b : > {kept}\n", []),
    ("joined to nothing", "1 0 a : > {out} \\\n\n1 0 b : > {kept}\n", []),
    ("comment joined", "# a \\\n1 0 a : > {out}\n1 0 b : > {kept}\n", ["swallowed"]),
    ("comment joined to blank", "# a \\\n\n1 0 b : > {kept}\n", []),
    ("backslash", "1 0 a : > {ou\\t} # \\%\n", ["backslash-removed"]),
    ("backslash at the end", "1 0 a : > {out} # \\", []),
    ("nul", "1 0 a : > {o\0ut}\0\n", []),
    ("carriage return", "1 0 a : > {out}\r\n", ["carriage-return"]),
    ("carriage return on blank row", "1 0 a : > {out}\n\r\n", []),
    ("period zero", "0 0 a : > {out}\n", ["period-zero"]),
    ("monthly", "@monthly 0 a : > {out}\n@yearly 0 b : > {kept}\n", []),
    ("monthly and more", "@monthly=5 0 a : > {out}\n", []),
    ("weekly", "@weekly 0 a : > {out}\n", ["period-unknown"]),
    ("capital", "@Monthly 0 a : > {out}\n", ["period-unknown"]),
    ("at alone", "@ 0 a : > {out}\n1 0 b : > {kept}\n", ["bad-anacron"]),
    ("large number", "2147483647 0 a : > {kept}\n2147483648 0 b : > {out}\n", ["bad-anacron"]),
    ("large delay", "@monthly 2147483648 a : > {out}\n1 0 b : > {kept}\n", ["bad-anacron"]),
    ("negative", "-1 0 a : > {out}\n1 -1 b : > {out}\n1 0 c : > {kept}\n", ["bad-anacron"] * 2),
    ("no number", "1 1x a : > {out}\nx 1 b : > {out}\n1 0 c : > {kept}\n", ["bad-anacron"] * 2),
    ("no command", "1 0 a\n1 0 a \n1 0 b : > {kept}\n", ["bad-anacron"] * 2),
    ("slash", "1 0 a/b : > {out}\n1 0 b : > {kept}\n", ["bad-anacron"]),
    ("cron line", "17 * * * * root : > {out}\n* * * * * : > {out}\n1 0 b : > {kept}\n", ["bad-anacron"] * 2),
    ("crontab numbers", "5 4 1 : > {out}\n", []),
    ("identifier twice", "1 0 a : > {out}\n1 0 a : > {kept}\n", []),
    ("odd identifiers", "1 0 é : > {out}\n1 0 *? : > {out}.2\n1 0 =x : > {out}.3\n1 0 -n : > {out}.4\n", []),
    ("identifier no utf 8", "1 0 \udce4 : > {out}\n", []),
    ("identifier dot", "1 0 a : > {out}\n1 0 . : > {kept}\n", ["killed-by-line", "bad-identifier"]),
    ("identifier parent", "1 0 .. : > {out}\n@monthly 0 a : > {kept}\n", ["bad-identifier", "killed-by-line"]),
    ("identifier of 255", f"1 0 {'x' * 255} : > {{out}}\n", []),
    ("identifier of 256", f"1 0 {'x' * 256} : > {{out}}\n1 0 a : > {{kept}}\n", ["bad-identifier", "killed-by-line"]),
    ("form feed", "\f1 0 a : > {out}\n1\u00a00 a : > {out}\n1 0 b : > {kept}\n", ["bad-anacron"] * 2),
    ("assignments", "A=b\n A\t= b \nB='c'\nC=\n=d\n1 0 a : > {out}\n", ["literal-value"] * 2 + ["bad-anacron"]),
    ("shell", "SHELL=/bin/false\n1 0 a : > {out}\n", ["shell-ignored"]),
    ("path", "PATH=/bin:$HOME\r\n1 0 a : > {out}\n", ["carriage-return", "no-expansion"]),
    ("range of hours", "START_HOURS_RANGE=25-26\nRANDOM_DELAY=x\n1 0 a : > {out}\n", []),
    ("empty", "", []),
    ("longest command", "1 0 a : > {out} #{fill}\n", []),
    ("too long a command", "1 0 a : > {out} #{fill}x\n1 0 b : > {kept}\n", ["command-too-long"]),
    ("long assignment", "A=" + "x" * 200_000 + "\n#\n", []),
    ("a line of eight million", "1 0 a : > {out} #" + "x" * 8_000_000 + "\n1 0 b : > {kept}", ["command-too-long"]),
]


@pytest.mark.parametrize(("text", "codes"), [pytest.param(*case[1:], id=case[0]) for case in CASES])
def test_anacron_runs_and_skips_what_we_say(anacron: Anacron, text: str, codes: list[str]) -> None:
    out = f"{anacron.ran}/out"
    fill = "x" * (LONGEST_COMMAND - len(f": > {out} #"))
    for name, value in (("out", out), ("ou\\t", out), ("o\0ut", out), ("kept", f"{anacron.ran}/kept"), ("fill", fill)):
        text = text.replace(f"{{{name}}}", value)
    parsed = _compare(anacron, text)
    told = sorted((*parsed.dropped, *parsed.altered), key=lambda line: line.number)
    assert [line.code for line in told] == codes
    assert ("kept" in anacron.seen) == (f"{anacron.ran}/kept" in text and "killed-by-line" not in codes)


def test_a_job_is_never_due_beside_a_more_frequent_one_of_its_name(anacron: Anacron) -> None:
    ran = anacron.ran
    text = f"7 0 a : > {ran}/weekly\n1 0 a : > {ran}/daily\n1 0 a : > {ran}/again\n@monthly 0 a : > {ran}/monthly\n"
    parsed = _compare(anacron, text, stamps={"a": YESTERDAY})
    assert [(line.number, line.code) for line in parsed.dropped] == [(1, "same-identifier"), (4, "same-identifier")]


def test_what_has_no_period_that_anacron_knows_runs_whenever_it_starts(anacron: Anacron) -> None:
    ran = anacron.ran
    text = f"@weekly 0 a : > {ran}/weekly\n0 0 b : > {ran}/zero\n7 0 c : > {ran}/seven\n"
    parsed = _compare(anacron, text, stamps={"a": TODAY, "b": TODAY, "c": LAST_WEEK})
    assert [line.schedule for line in parsed.lines] == ["0d", "0d", "7d"]


def test_anacron_runs_nothing_without_its_spool_or_from_a_folder(anacron: Anacron) -> None:
    anacron.table.write_text(f"1 0 a : > {anacron.ran}/out\n")
    anacron.spool.rmdir()
    assert anacron.run().returncode == 1
    anacron.spool.mkdir()
    anacron.table.unlink()
    anacron.table.mkdir()
    assert anacron.run().returncode == 1
    assert anacron.seen == set()


ODD = (
    " ",
    "\t",
    "\\",
    "\\\\",
    "\\\n",
    "%",
    "'",
    '"',
    "é",
    "\udce4",
    "\r",
    "\0",
    "#",
    "=",
    "/",
    "\u00a0",
    "\f",
    "a",
    "1",
)
PERIODS = ("1", "1", "7", "007", "@monthly", "@monthlyx", "@yearly", "@daily", "0", "-1", "1x", "99999999999", "@")
DELAYS = ("0", "0", "0", "0", "00", "x", "", "99999999999")
IDENTIFIERS = ("", "", "", "é", "/", "=", "*", "\udce4", "'", "\\")


def _make_anacrontab(choices: random.Random, ran: Path, labels: list[str]) -> str:
    """Return a table of which each line may be odd, most are good; all have the same delay, as that is their order."""

    def tail() -> str:
        return "".join(choices.choices(ODD, k=choices.randrange(6)))

    rows = []
    for label in labels:
        if choices.random() < 0.3:
            rows.append(choices.choice(["", " "]) + "V" + choices.choice(["", " ", "\t", "é"]) + "=" + tail())
        if choices.random() < 0.15:
            odd = choices.choice(["#", "", " ", "x", "1", "\r"]) + tail()
            # Joined to a number, the job's row would have its identifier as command, and leave half of its evidence.
            rows.append(odd if odd.startswith("#") else odd.rstrip("\\"))
        blank = choices.choice([" ", "\t", "  ", " \t", " \\\n"])
        first = choices.choice(PERIODS) if choices.random() < 0.5 else "1"
        delay = choices.choice(DELAYS)
        identifier = f"{label}{choices.choice(IDENTIFIERS)}"
        leave = f"cat /proc/$$/cmdline > {ran}/{label}; cat /proc/$$/environ > {ran}/{label}.environ; exit #"
        rows.append(f"{choices.choice(['', ' '])}{first}{blank}{delay}{blank}{identifier}{blank}{leave}{tail()}")
    return "\n".join(rows) + choices.choice(["", "\n", "\n", "\\"])


def test_anacron_hands_over_the_commands_and_variables_that_we_say(
    tmp_path: Path, random_choices: random.Random
) -> None:
    ran = 0
    for number in range(30):
        (tmp_path / str(number)).mkdir()
        anacron = Anacron(tmp_path / str(number))
        text = _make_anacrontab(random_choices, anacron.ran, [f"j{place}" for place in range(20)])
        anacron.table.write_bytes(text.encode(errors="surrogateescape"))
        parsed = parse_anacrontab(text)
        anacron.run()
        lines = {LABEL.findall(line.command)[0]: line for line in parsed.lines}
        assert {name for name in os.listdir(anacron.ran) if "." not in name} == set(lines), text
        for label, line in lines.items():
            words = (anacron.ran / label).read_bytes().decode(errors="surrogateescape").split("\0")
            assert words == ["/bin/sh", "-c", line.command, ""], text
            environ = (anacron.ran / f"{label}.environ").read_bytes().decode(errors="surrogateescape").split("\0")
            assert {f"{name}={value}" for name, value in line.environment} <= set(environ), text
        ran += len(lines)
    assert ran > 100
