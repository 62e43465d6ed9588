"""How do the scheduled lines of a machine stand, and does the fix of a silent one make it covered?"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from agentkit.core.errors import AgentkitError
from agentkit.core.schemas import read_schema
from tests.heartbeat.commands import BARE
from tests.heartbeat.disk import NOW, RUN, Disk, ask, judge

Program = Callable[..., "subprocess.CompletedProcess[str]"]
# What no line can say: a person has to take these apart.
BY_HAND = (
    "tmux new-session -d backup",
    "echo backup | at now",
    "f() { backup || true; }; f",
    "one & two & wait",
    "! backup",
    "if ! backup; then :; fi",
    "if backup; then :; fi",
    "if ! backup; then echo failed; fi",
    "trap 'exit 0' EXIT; backup",
    "flock -nE0 /run/lock backup",
    "coproc backup",
    "ssh -f host backup",
    "systemctl start --no-block backup",
)


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path / "disk")


@pytest.mark.parametrize("command", [command for command, _ in BARE if command not in BY_HAND])
def test_the_fix_of_a_silent_line_makes_it_covered(disk: Disk, command: str) -> None:
    line = judge(disk, command)
    assert line.state == "silent"
    assert line.reasons[0].code == "no-wrapper"
    disk.system(line.fix)
    [mended] = disk.coverage().lines
    assert (mended.state, len(mended.jobs)) == ("covered", 1)


@pytest.mark.parametrize("command", BY_HAND)
def test_what_no_line_can_mend_is_left_to_a_person(disk: Disk, command: str) -> None:
    line = judge(disk, command)
    assert (line.state, line.fix.partition(" ")[0]) == ("silent", "run")


@pytest.mark.parametrize(
    "program", ["sh -c 'backup || true'", "sh -c 'dump | gzip > x'", "setsid backup", "sh -c 'backup; exit 0'"]
)
def test_a_wrapper_that_cannot_see_the_failure_does_not_cover(disk: Disk, program: str) -> None:
    line = judge(disk, f"{RUN} job -- {program}")
    assert (line.state, line.jobs) == ("silent", ("job",))
    disk.system(line.fix)
    [mended] = disk.coverage().lines
    assert (mended.state, mended.jobs) == ("covered", ("job",))


def test_work_beside_a_wrapper_is_named(disk: Disk) -> None:
    line = judge(disk, f"{RUN} prepare -- prepare; backup")
    assert (line.state, line.reasons[0].code) == ("silent", "beside")
    assert "`backup`" in line.reasons[0].text


def test_a_line_tells_its_place_times_user_and_command(disk: Disk) -> None:
    disk.system("# comment", "17 *\t* * *\troot\tcd / && backup --all")
    [line] = disk.coverage().lines
    assert (line.file, line.number, line.user, line.schedule) == ("/etc/crontab", 2, "root", "17 * * * *")
    assert line.command == "cd / && backup --all"
    assert line.next is not None
    assert 0 < line.next - NOW <= 3600


def test_a_line_without_times_to_come_has_no_next(disk: Disk) -> None:
    disk.system("@reboot root backup", "0 0 30 2 * root backup")
    assert [(line.state, line.next) for line in disk.coverage().lines] == [("silent", None), ("dead", None)]


def test_a_percent_that_breaks_the_command_kills_the_line(disk: Disk) -> None:
    disk.system("0 3 * * * root tar czf /b/$(date +%F).tgz /home", "0 4 * * * root mail -s news root%hello")
    broken, fed = disk.coverage().lines
    assert (broken.state, broken.reasons[0].code) == ("dead", "percent")
    assert (fed.state, fed.fix.endswith("%hello")) == ("silent", True)
    disk.system(broken.fix)
    [mended] = disk.coverage().lines
    assert mended.state == "covered"
    assert "$(date +%F).tgz /home" in mended.command


def test_a_percent_that_only_cuts_the_command_is_told_and_mended(disk: Disk) -> None:
    disk.system("0 3 * * * root date +%F > /var/log/day")
    [line] = disk.coverage().lines
    assert (line.state, line.command) == ("silent", "date +")
    assert "percent" in {reason.code for reason in line.reasons}
    disk.system(line.fix)
    [mended] = disk.coverage().lines
    assert mended.state == "covered"
    assert "date +%F > /var/log/day" in mended.command


def test_mail_that_is_thrown_away_is_a_reason_of_its_own(disk: Disk) -> None:
    assert "no-mail" in {reason.code for reason in judge(disk, "backup", 'MAILTO=""').reasons}
    assert "no-mail" not in {reason.code for reason in judge(disk, "backup", "MAILTO=ada").reasons}


def test_a_shell_that_is_none_is_not_guessed_at(disk: Disk) -> None:
    line = judge(disk, f"{RUN} job -- backup", "SHELL=/usr/bin/fish")
    assert (line.state, [reason.code for reason in line.reasons]) == ("silent", ["no-wrapper", "shell"])


def test_the_shell_of_the_line_decides_what_its_signs_mean(disk: Disk) -> None:
    in_sh = judge(disk, "backup &>/dev/null")
    in_bash = judge(disk, "backup &>/dev/null", "SHELL=/bin/bash")
    assert "background" in {reason.code for reason in in_sh.reasons}
    assert {"output-discarded"} == {reason.code for reason in in_bash.reasons} - {"no-wrapper", "no-time-limit"}


def test_a_line_that_watches_the_check_needs_no_wrapper(disk: Disk) -> None:
    line = judge(disk, 'find "$HOME/.local/state/agentkit/last-check" -mmin -30 | grep -q . || echo "nobody checks"')
    assert (line.state, line.reasons[0].code) == ("covered", "watcher")


def test_crontab_example_has_no_silent_line(disk: Disk) -> None:
    example = Path(__file__).parent.parent.parent / "crontab.example"
    disk.write("var/spool/cron/crontabs/root", example.read_text(), 0o600)
    assert {line.state for line in disk.coverage().lines} == {"covered"}


def test_the_lines_of_one_user_can_be_asked_for(disk: Disk) -> None:
    disk.system("0 3 * * * root backup", "0 3 * * * ada backup")
    disk.crontab("0 3 * * * sync", user="root")
    assert [line.command for line in disk.coverage(user="ada").lines] == ["backup"]
    assert len(disk.coverage(user="root").lines) == 2
    with pytest.raises(AgentkitError, match="no user 'bob'"):
        disk.coverage(user="bob")


# Folders that run-parts runs.


def test_files_of_cron_daily_stand_as_the_line_that_runs_them(disk: Disk) -> None:
    disk.write("etc/cron.daily/logs", "#!/bin/sh\nrotate\n", 0o755)
    disk.write("etc/cron.daily/odd.name", "#!/bin/sh\n", 0o755)
    disk.write("etc/cron.daily/still", "#!/bin/sh\n", 0o644)
    disk.system("25 6 * * * root cd / && run-parts --report /etc/cron.daily")
    line, *entries = disk.coverage().lines
    assert [(entry.file, entry.number, entry.state) for entry in entries] == [
        ("/etc/cron.daily/logs", None, "silent"),
        ("/etc/cron.daily/odd.name", None, "dead"),
        ("/etc/cron.daily/still", None, "dead"),
    ]
    assert (entries[0].schedule, entries[0].next) == (line.schedule, line.next)
    assert entries[0].fix == f"agentkit heartbeat adopt {disk.root}/etc/crontab --install"
    assert entries[2].fix == f"chmod +x {disk.root}/etc/cron.daily/still"
    disk.system(line.fix)
    wrapped, logs, *_ = disk.coverage().lines
    assert (wrapped.state, logs.state, logs.jobs) == ("covered", "covered", wrapped.jobs)


def test_a_script_that_wraps_its_own_work_is_covered(disk: Disk) -> None:
    disk.write("etc/cron.daily/own", f"#!/bin/sh\nset -e\ncd /srv\n{RUN} own -- rotate\n", 0o755)
    disk.write("etc/cron.daily/python", f"#!/usr/bin/python3\n# {RUN} python -- x\n", 0o755)
    disk.system("25 6 * * * root run-parts /etc/cron.daily")
    assert disk.states()[1:] == [
        ("/etc/cron.daily/own", None, "covered"),
        ("/etc/cron.daily/python", None, "silent"),
    ]


def test_a_folder_that_no_line_runs_is_dead_on_a_whole_machine(disk: Disk) -> None:
    disk.write("etc/cron.daily/report", "#!/bin/sh\n", 0o755)
    # Of a part of a machine the line that runs it may stand elsewhere.
    [line] = disk.coverage().lines
    assert (line.state, line.schedule, line.reasons[0].code) == ("silent", "@daily", "no-wrapper")
    disk.write("bin/sh", "", 0o755)
    [line] = disk.coverage().lines
    assert (line.state, line.reasons[0].code) == ("dead", "no-runner")
    assert line.fix.startswith("in /etc/crontab: ")
    disk.system(line.fix.removeprefix("in /etc/crontab: "))
    assert {line.state for line in disk.coverage().lines} == {"covered"}


def test_where_anacron_is_installed_it_runs_the_folders(disk: Disk) -> None:
    disk.write("etc/cron.daily/logs", "#!/bin/sh\n", 0o755)
    disk.write("usr/sbin/anacron", b"\x7fELF anacron", 0o755)
    (disk.root / "var/spool/anacron").mkdir(parents=True)
    disk.write("etc/anacrontab", "SHELL=/bin/sh\n1 5 cron.daily run-parts --report /etc/cron.daily\n")
    disk.system("25 6 * * * root test -x /usr/sbin/anacron || run-parts --report /etc/cron.daily")
    entry = disk.coverage().lines[-1]
    assert (entry.file, entry.schedule) == ("/etc/cron.daily/logs", "1d")
    assert entry.fix == f"agentkit heartbeat adopt {disk.root}/etc/anacrontab --install"


# Who is told.


def test_a_machine_that_nobody_hears_is_told_so(disk: Disk, agentkit: Program) -> None:
    disk.system(f"0 3 * * * root {RUN} job -- backup")
    status, records, _ = ask(agentkit, disk.root)
    assert status == 1
    assert [record["type"] for record in records if record["kind"] == "finding"] == ["no-voice", "unchecked"]
    shown = agentkit("heartbeat", "coverage", "--root", str(disk.root)).stdout
    assert "nobody would be told" in shown


@pytest.mark.parametrize("option", ["--notify 'mail root'", "--notify=pager", "--ping https://example.org/x"])
def test_a_check_that_tells_somebody_is_a_voice(disk: Disk, agentkit: Program, option: str) -> None:
    run = RUN.removesuffix(" run")
    disk.system(f"0 3 * * * root {RUN} job -- backup", f"*/5 * * * * root {run} check {option}")
    status, records, _ = ask(agentkit, disk.root)
    assert (status, {record["state"] for record in records}) == (0, {"covered"})


def test_evidence_that_nobody_reads_is_named_by_its_user(disk: Disk) -> None:
    check = f"{RUN.removesuffix(' run')} check"
    disk.system(f"0 3 * * * root {RUN} a -- a", f"0 3 * * * ada {RUN} b -- b", f"*/5 * * * * root {check}")
    assert disk.coverage().unchecked == ("ada",)
    disk.system("AGENTKIT_HOME=/srv/state", f"0 3 * * * ada {RUN} b -- b", f"*/5 * * * * root {check}")
    assert disk.coverage().unchecked == ()


def test_files_that_stand_as_the_line_that_runs_them_are_folded_for_a_person(disk: Disk, agentkit: Program) -> None:
    for name in ("one", "two"):
        disk.write(f"etc/cron.daily/{name}", "#!/bin/sh\n", 0o755)
    disk.write("etc/cron.daily/still", "#!/bin/sh\n", 0o644)
    disk.system("25 6 * * * root run-parts /etc/cron.daily")
    shown = agentkit("heartbeat", "coverage", "--root", str(disk.root)).stdout
    assert "/etc/cron.daily/still" in shown
    assert "/etc/cron.daily/one" not in shown
    assert "4 scheduled lines: 1 dead, 3 silent (2 files of run-parts not shown" in shown


def test_of_a_file_that_one_line_kills_that_line_tells(disk: Disk, agentkit: Program) -> None:
    disk.system(*["0 3 * * * root backup"] * 20, "0 3 * * * nosuchuser backup")
    shown = agentkit("heartbeat", "coverage", "--root", str(disk.root)).stdout
    assert shown.count("there is no user nosuchuser") == 1
    assert "makes cron ignore the whole file" not in shown


def test_a_mail_program_is_a_voice(disk: Disk) -> None:
    disk.system("0 3 * * * root backup")
    assert not disk.coverage().voice.is_there
    disk.write("usr/sbin/sendmail", "#!/bin/sh\n", 0o755)
    assert disk.coverage().voice.is_there


# Bad places.


def test_what_cannot_be_read_is_unknown_and_the_rest_is_told(disk: Disk, agentkit: Program) -> None:
    disk.system("0 3 * * * root backup")
    (disk.root / "etc/cron.d/folder").mkdir(parents=True)
    (disk.root / "etc/cron.d/loop").symlink_to("loop")
    (disk.root / "etc/cron.d/nowhere").symlink_to("/nothing")
    os.mkfifo(disk.root / "etc/cron.d/fifo")
    disk.write("var/spool/cron", "a file where a folder should be\n")
    status, records, stderr = ask(agentkit, disk.root)
    assert (status, stderr) == (1, "")
    states = {record["file"]: record["state"] for record in records if record["kind"] == "coverage"}
    assert states == {
        "/etc/crontab": "silent",
        "/etc/cron.d/folder": "dead",
        "/etc/cron.d/loop": "dead",
        "/etc/cron.d/nowhere": "dead",
        "/etc/cron.d/fifo": "dead",
        "/var/spool/cron/crontabs": "unknown",
    }


def test_a_crontab_that_is_closed_to_us_is_unknown(disk: Disk, environ: dict[str, str]) -> None:
    disk.system("0 3 * * * root backup")
    disk.write("etc/cron.d/closed", f"0 3 * * * root {RUN} job -- backup\n", 0o600)
    for folder in (disk.root, *disk.root.parents):
        if folder.owner() == "root" and len(folder.parts) > 2:
            folder.chmod(folder.stat().st_mode | 0o755)
    # Root may read everything: another user is asked, by a Python that has loaded all that it needs by asking before.
    source = (
        "import os, sys; from tests.heartbeat.disk import NOW, find_coverage\n"
        "how = dict(user=None, notify=(), has_ping=False, program=None, now=NOW)\n"
        "def ask(): return find_coverage(sys.argv[1], **how).lines\n"
        "ask(); os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "print([(line.file, line.state) for line in ask()])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", source, disk.root], capture_output=True, text=True, env=environ, timeout=60, check=True
    )
    assert "('/etc/cron.d/closed', 'unknown')" in ended.stdout
    assert "('/etc/crontab', 'silent')" in ended.stdout


def test_a_root_that_is_none_is_told_plainly(agentkit: Program, tmp_path: Path) -> None:
    ended = agentkit("heartbeat", "coverage", "--root", str(tmp_path / "nothing"))
    assert (ended.returncode, ended.stdout) == (69, "")
    assert "has no etc in it" in ended.stderr


def test_a_machine_without_lines_is_well(disk: Disk, agentkit: Program) -> None:
    ended = agentkit("heartbeat", "coverage", "--root", str(disk.root))
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "no scheduled line\n", "")


# The records, and what a person sees.


def test_every_record_fits_its_schema(disk: Disk, agentkit: Program) -> None:
    disk.system("0 3 * * * root backup", "0 3 * * * root", f"@reboot root {RUN} job -- backup")
    disk.write("etc/cron.d/dotted.name", "0 3 * * * root backup\n")
    disk.write("etc/cron.d/latin", b"0 3 * * * root echo \xe4\n")
    disk.write("etc/cron.daily/still", "#!/bin/sh\n")
    disk.timer("bare", "ExecStart=/bin/backup")
    _, records, _ = ask(agentkit, disk.root)
    assert len(records) >= 7
    for record in records:
        Draft202012Validator(read_schema(record["kind"])).validate(record)


def test_a_person_sees_the_worst_first_and_the_next_step(disk: Disk, agentkit: Program) -> None:
    disk.system("0 3 * * * root backup", "0 4 31 2 * root never", f"0 5 * * * root {RUN} job -- backup")
    ended = agentkit("heartbeat", "coverage", "--root", str(disk.root))
    rows = [row.split()[:2] for row in ended.stdout.splitlines()]
    assert rows[:4] == [
        ["state", "where"],
        ["dead", "/etc/crontab:2"],
        ["silent", "/etc/crontab:1"],
        ["covered", "/etc/crontab:3"],
    ]
    assert "3 scheduled lines: 1 dead, 1 silent, 1 covered" in ended.stdout
    assert ended.stdout.endswith(f"next:    agentkit heartbeat adopt {disk.root}/etc/crontab\n")


def test_quiet_says_it_by_its_status(disk: Disk, agentkit: Program) -> None:
    disk.system("0 3 * * * root backup")
    ended = agentkit("heartbeat", "coverage", "--quiet", "--root", str(disk.root))
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", "")


def test_odd_bytes_and_control_signs_reach_no_terminal(disk: Disk, agentkit: Program) -> None:
    disk.write("etc/crontab", b"0 3 * * * root printf '\x1b[31m\xff' \xc3\xa4\n")
    ended = agentkit("heartbeat", "coverage", "--root", str(disk.root))
    assert "\x1b" not in ended.stdout
    assert ended.returncode == 1
    _, [record, *_], _ = ask(agentkit, disk.root)
    assert json.loads(json.dumps(record))["command"] == "printf '\x1b[31m\\xff' ä"
