"""Does coverage call just those lines dead that a real cron and its shells leave undone?

Each line leaves a file of its own when its command is run.
"""

from pathlib import Path

import pytest

from agentkit.heartbeat.coverage import find_coverage
from tests.system.cron_namespace import FAST, OUT, RealCron

NOW = 1_790_000_000.0

# Name, whether nothing runs, the command. What cron leaves before a % may be a command, or none.
COMMANDS: list[tuple[str, bool, str]] = [
    ("plain", False, ": > {out}"),
    ("escaped", False, ": > {out}; date +\\%F"),
    ("fed", False, "cat > {out}%hello"),
    ("fed_with_signs", False, "cat > {out}%$(date) 'it' \"is\" ; | &"),
    ("cut_behind", False, ": > {out}; date +%F"),
    ("cut_redirection", False, ": > {out}; date +%F > /dev/null"),
    ("substitution", True, ": > {out}; echo $(date +%F)"),
    ("backquotes", True, ": > {out}; echo `date +%F`"),
    ("single_quotes", True, ": > {out}; echo 'a%b'"),
    ("double_quotes", True, ': > {out}; echo "a%b"'),
    ("group", True, "{{ : > {out}; echo a%b; }}"),
    ("subshell", True, "( : > {out}; echo a%b )"),
    ("branch", True, "if true; then : > {out}; echo %; fi"),
    ("loop", True, "for x in 1; do : > {out}; echo %; done"),
    ("parameter", True, ": > {out}; x=1; echo ${{x%1}}"),
    ("and_nothing", True, ": > {out} && %x"),
    ("or_nothing", True, ": > {out} || %x"),
    ("pipe_into_nothing", True, ": > {out} | %x"),
    ("only_percent", False, ": > {out};%"),
]


@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash"])
def test_what_cron_leaves_of_a_command_runs_or_is_dead(shell: str, tmp_path: Path) -> None:
    cron = RealCron(tmp_path, clock=FAST)
    rows = [f"* * * * * root {command.format(out=f'{OUT}/{name}')}" for name, _, command in COMMANDS]
    text = "\n".join([f"SHELL={shell}", "PATH=/usr/bin:/bin", *rows, f"* * * * * root echo >> {OUT}/ticks", ""])
    cron.install_system(text)
    found = find_coverage(str(cron.root), user=None, notify=(), has_ping=False, program=None, now=NOW)
    states = {line.number: line.state for line in found.lines if line.file == "/etc/crontab"}
    said = {name: states[number] == "dead" for number, (name, _, _) in enumerate(COMMANDS, 3)}
    with cron:
        ticks = cron.out / "ticks"
        cron.wait_until(lambda: ticks.exists() and ticks.read_bytes().count(b"\n") >= 3, 60)
    undone = {name: not (cron.out / name).exists() for name, _, _ in COMMANDS}
    assert undone == {name: is_dead for name, is_dead, _ in COMMANDS}
    assert said == undone
