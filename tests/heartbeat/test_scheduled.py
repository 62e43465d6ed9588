"""Which lines of real crontabs are found to run which job into which ledger."""

import os
import pwd
from pathlib import Path

import pytest

from agentkit.core import cronbytes
from agentkit.core.schedule import next_run
from agentkit.heartbeat.scheduled import find_job_name
from agentkit.heartbeat.shellwords import split_commands
from agentkit.heartbeat.wrapped import find_wrapped
from tests.heartbeat.machine import HOUR, NOON, Machine

ME = pwd.getpwuid(os.getuid()).pw_name
OTHER = next(entry for entry in pwd.getpwall() if entry.pw_uid not in (os.getuid(), 0) and entry.pw_dir != "/")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


RUNS_BACKUP = (
    "agentkit heartbeat run backup -- true",
    "agentkit heartbeat run backup true",
    "agentkit heartbeat run -- backup true",
    "/usr/local/bin/agentkit heartbeat run backup -- true",
    "/opt/x/.venv/bin/agentkit heartbeat run backup -- true",
    "/opt/c++/a+b@2/bin/agentkit heartbeat run backup -- true",
    '"/opt/with blank/agentkit" heartbeat run backup -- true',
    "/opt/with\\ blank/agentkit heartbeat run backup -- true",
    "$HOME/.local/bin/agentkit heartbeat run backup -- true",
    "~/.local/bin/agentkit heartbeat run backup -- true",
    "python3 -m agentkit heartbeat run backup -- true",
    "/opt/x/bin/python3.11 -P -m agentkit heartbeat run backup -- true",
    "cd /srv/x && agentkit heartbeat run backup -- ./backup.sh",
    "cd /srv/x; agentkit heartbeat run backup -- ./backup.sh",
    "cd /srv/x;agentkit heartbeat run backup -- ./backup.sh",
    "(cd /srv/x && agentkit heartbeat run backup -- ./backup.sh)",
    "{ cd /srv/x; agentkit heartbeat run backup -- ./backup.sh; }",
    "if [ -x /x ]; then agentkit heartbeat run backup -- /x; fi",
    "[ -d /y ] || mkdir /y && agentkit heartbeat run backup -- /x",
    "test -x /usr/bin/agentkit || exit 0; agentkit heartbeat run backup -- /x",
    "! agentkit heartbeat run backup -- true",
    "out=$(agentkit heartbeat run backup -- true)",
    "env A=b agentkit heartbeat run backup -- true",
    "env -i PATH=/bin agentkit heartbeat run backup -- true",
    "env -u LANG -C /x agentkit heartbeat run backup -- true",
    "LANG=C TZ='Europe/Berlin' agentkit heartbeat run backup -- true",
    "agentkit heartbeat run --every 1h backup -- true",
    "agentkit heartbeat run --every=1h backup -- true",
    "agentkit heartbeat run --cron '*/5 * * * *' --tz Europe/Berlin --tee --quiet backup -- true",
    "agentkit heartbeat run --expect-count 'items>=1' --watch /srv --expect-output 'a && b' backup -- true",
    "agentkit heartbeat run backup --every 1h -- true",
    "agentkit heartbeat run 'backup' -- true",
    'agentkit "heartbeat" run "backup" -- true',
    "sh -c 'cd /x && agentkit heartbeat run backup -- ./go'",
    'bash -lc "agentkit heartbeat run backup -- ./go"',
    "bash -o pipefail -ec 'agentkit heartbeat run backup -- ./go | tee -a /var/log/x'",
    "busybox sh -c 'agentkit heartbeat run backup -- ./go'",
    "eval 'agentkit heartbeat run backup -- ./go'",
    "flock -n /run/l agentkit heartbeat run backup -- true",
    "flock -w 5 /run/l -c 'agentkit heartbeat run backup -- true'",
    "nice -n 10 ionice -c 3 agentkit heartbeat run backup -- true",
    "ionice -c 2 -n 7 timeout -k 5 1h agentkit heartbeat run backup -- true",
    "chronic agentkit heartbeat run backup -- true",
    "exec agentkit heartbeat run backup -- true",
    "nohup setsid agentkit heartbeat run backup -- true &",
    "agentkit heartbeat run backup -- true >/dev/null 2>&1",
    "2>/dev/null agentkit heartbeat run backup -- true",
    ">>/var/log/x agentkit heartbeat run backup -- true",
    "agentkit heartbeat run backup -- true | logger -t backup",
    "sleep $((RANDOM / 60)); agentkit heartbeat run backup -- true",
    "agentkit heartbeat run backup -- sh -c 'a || b'",
    "agentkit heartbeat run backup -- true # agentkit heartbeat run nothing -- true",
    f"sudo -u {ME} agentkit heartbeat run backup -- true",
)


@pytest.mark.parametrize("command", RUNS_BACKUP)
def test_a_wrapped_job_is_found_in_a_command_line(command: str) -> None:
    assert find_job_name(command) == "backup"


RUNS_NOTHING = (
    "agentkit heartbeat check",
    "agentkit heartbeat run",
    "agentkit heartbeat run --every 1h",
    "agentkit heartbeat run --help",
    "agentkit heartbeat run BACKUP -- true",
    "agentkit heartbeat run $NAME -- true",
    "agentkit heartbeat status backup",
    "echo agentkit heartbeat run backup -- true",
    "logger 'agentkit heartbeat run backup -- true'",
    "pgrep -f 'agentkit heartbeat run backup'",
    "ssh web-2 agentkit heartbeat run backup -- true",
    "docker exec -t box agentkit heartbeat run backup -- true",
    "true || agentkit heartbeat run backup -- true",
    "/x || { mail root; agentkit heartbeat run backup -- true; }",
    "/x || (cd /y; agentkit heartbeat run backup -- true)",
    "# agentkit heartbeat run backup -- true",
    "/opt/agentkit/cleanup heartbeat run backup",
    "agentkit 'heartbeat run backup -- true'",
    "sh -c 'agentkit heartbeat run",
    "",
    "'",
    '"$(',
    "${",
    "\\",
    "env -u",
    "sudo -u",
    "su -c",
    "python3 -m",
    "heartbeat run x",
)


@pytest.mark.parametrize("command", RUNS_NOTHING)
def test_what_only_speaks_of_a_job_or_runs_it_elsewhere_is_none(command: str) -> None:
    assert find_job_name(command) is None


def test_all_jobs_of_a_line_are_found_and_fallbacks_are_no_promise() -> None:
    command = "agentkit heartbeat run one -- agentkit heartbeat run two -- true; agentkit heartbeat run three -- x"
    command += " || agentkit heartbeat run no -- y && agentkit heartbeat run four -- z"
    assert [wrapped.job for wrapped in find_wrapped(command, ME, {})] == ["one", "two", "three", "four"]


def test_words_are_taken_apart_as_the_shell_does() -> None:
    commands = split_commands("a 'b c' \"d $X ${Y:-e}\" f\\ g $X # h\n$Z 2>&1 >'k l' m", {"X": "1 2"})
    assert [command.words for command in commands] == [("a", "b c", "d 1 2 e", "f g", "1", "2"), ("$Z", "m")]


# {f} is this machine's state folder, {h} the folder whose .local/state/agentkit leads there through a link.
OURS = (
    "AGENTKIT_HOME={f} agentkit heartbeat run job -- true",
    "env AGENTKIT_HOME={f} agentkit heartbeat run job -- true",
    "export AGENTKIT_HOME={f}; agentkit heartbeat run job -- true",
    "HOME={h} agentkit heartbeat run job -- true",
    "HOME={h} AGENTKIT_HOME=$HOME/nowhere sh -c 'AGENTKIT_HOME= agentkit heartbeat run job -- true'",
    "XDG_STATE_HOME={h}/.local/state agentkit heartbeat run job -- true",
    "X=1; AGENTKIT_HOME={f}/../state/ agentkit heartbeat run job -- true",
    "sh -c 'AGENTKIT_HOME={f} agentkit heartbeat run job -- true'",
    f"sudo -u {OTHER.pw_name} AGENTKIT_HOME={{f}} agentkit heartbeat run job -- true",
)
NOT_OURS = (
    "agentkit heartbeat run job -- true",
    "AGENTKIT_HOME=/elsewhere agentkit heartbeat run job -- true",
    "AGENTKIT_HOME={f}; agentkit heartbeat run job -- true",  # a variable of the shell alone
    "export AGENTKIT_HOME={f}; AGENTKIT_HOME=/elsewhere agentkit heartbeat run job -- true",
    "AGENTKIT_HOME={f} true; agentkit heartbeat run job -- true",
    "AGENTKIT_HOME={f} env -u AGENTKIT_HOME agentkit heartbeat run job -- true",
    "AGENTKIT_HOME={f} env -i agentkit heartbeat run job -- true",
    f"export AGENTKIT_HOME={{f}}; sudo -u {OTHER.pw_name} agentkit heartbeat run job -- true",
    f"export AGENTKIT_HOME={{f}}; su - {OTHER.pw_name} -s /bin/sh -c 'agentkit heartbeat run job -- true'",
    f"su {OTHER.pw_name} -c 'agentkit heartbeat run job -- true'",
    f"runuser -u {OTHER.pw_name} -- agentkit heartbeat run job -- true",
)


def _in_force(machine: Machine, line: str, *, user: str = ME, top: str = "") -> list[str]:
    """Return the jobs that a check promises itself from one line of /etc/crontab."""
    home = machine.folder.parent
    (home / ".local/state").mkdir(parents=True, exist_ok=True)
    if not (home / ".local/state/agentkit").exists():
        (home / ".local/state/agentkit").symlink_to(machine.folder)
    text = f"{top}\n0 * * * * {user} {line}\n".replace("{f}", str(machine.folder)).replace("{h}", str(home))
    path = machine.root / "etc/crontab"
    with (machine.root / "etc/passwd").open("a") as passwd:
        passwd.write(f"{OTHER.pw_name}:x:{OTHER.pw_uid}:{OTHER.pw_gid}::{OTHER.pw_dir}:/bin/sh\n")
    path.write_text(text)
    path.chmod(0o644)
    machine.check()
    machine.step(3 * HOUR)
    return [f.subject for f in machine.check().firing if f.type in ("missing", "silent-machine")]


@pytest.mark.parametrize("line", OURS)
def test_a_line_that_leads_to_this_ledger_is_ours(machine: Machine, line: str) -> None:
    assert _in_force(machine, line) == ["job:job"]


@pytest.mark.parametrize("line", NOT_OURS)
def test_a_line_that_leads_elsewhere_is_not_ours(machine: Machine, line: str) -> None:
    assert _in_force(machine, line) == []


def test_assignments_at_the_top_lead_the_lines_below(machine: Machine) -> None:
    line = "agentkit heartbeat run job -- true"
    assert _in_force(machine, line, top="AGENTKIT_HOME={f}") == ["job:job"]
    assert _in_force(Machine(machine.folder.parent / "b"), line, top="HOME={h}") == ["job:job"]
    assert _in_force(Machine(machine.folder.parent / "c"), line, top="AGENTKIT_HOME=/x") == []
    # cron starts a line in its home, and expands nothing.
    assert _in_force(Machine(machine.folder.parent / "d"), line, top="HOME={h}\nAGENTKIT_HOME=state") == ["job:job"]
    assert _in_force(Machine(machine.folder.parent / "e"), line, top="X={h}\nAGENTKIT_HOME=$X/state") == []


def test_the_line_of_another_user_is_ours_only_when_it_says_so(machine: Machine) -> None:
    line = "agentkit heartbeat run job -- true"
    assert _in_force(machine, line, user=OTHER.pw_name) == []
    assert _in_force(Machine(machine.folder.parent / "b"), line, user=OTHER.pw_name, top="HOME={h}") == []
    assert _in_force(Machine(machine.folder.parent / "c"), line, user=OTHER.pw_name, top="AGENTKIT_HOME={f}") == [
        "job:job"
    ]


def test_a_user_crontab_has_no_user_field(machine: Machine) -> None:
    spool = machine.root / "var/spool/cron/crontabs"
    spool.mkdir(parents=True)
    path = spool / ME
    path.write_text(f"AGENTKIT_HOME={machine.folder}\n0 * * * * agentkit heartbeat run job -- true\n")
    path.chmod(0o600)
    machine.check()
    machine.step(3 * HOUR)
    assert machine.firing() == [("missing", "job:job")]


def test_a_job_of_two_lines_is_due_whenever_one_of_them_says_so(machine: Machine) -> None:
    machine.crontab(
        "0 2 * * * {u} agentkit heartbeat run job --grace 60s -- night",
        "0 14 * * * {u} agentkit heartbeat run job --grace 60s -- day",
    )
    for _ in range(4):
        machine.end("job", took=0, expect={"grace_s": 60.0})
        assert machine.firing() == []
        turns = [next_run(schedule, machine.now) for schedule in ("0 2 * * *", "0 14 * * *")]
        first = min(turn for turn in turns if turn is not None)
        assert first - machine.now <= 12 * HOUR
        machine.now = first + 59
        assert machine.firing() == []
        machine.now = first + 61
        assert machine.firing() == [("silent-machine", "host:host-1")]


def test_one_of_two_lines_may_go(machine: Machine) -> None:
    lines = ("0 * * * * {u} agentkit heartbeat run job -- a", "30 * * * * {u} agentkit heartbeat run job -- b")
    machine.crontab(*lines)
    machine.end("job", took=0)
    machine.check()
    machine.step(1)
    machine.crontab(lines[0])
    assert machine.firing() == []
    machine.step(1)
    machine.crontab("# none")
    assert machine.firing() == [("vanished", "job:job")]


def test_each_job_of_a_line_is_expected_and_goes_with_it(machine: Machine) -> None:
    machine.crontab("0 * * * * {u} agentkit heartbeat run one -- a && agentkit heartbeat run two -- b")
    machine.check()
    machine.step(3 * HOUR)
    assert machine.firing() == [("missing", "job:one"), ("missing", "job:two")]
    machine.crontab("# none")
    assert machine.firing() == [("vanished", "job:one"), ("vanished", "job:two")]


def test_macros_are_schedules_and_reboot_is_none(machine: Machine) -> None:
    machine.crontab(
        "@daily {u} agentkit heartbeat run daily -- true", "@reboot {u} agentkit heartbeat run start -- true"
    )
    machine.end("start", took=0)
    machine.end("daily", took=0)
    assert machine.check().firing == ()
    machine.step(26 * HOUR + 1800)
    assert machine.firing() == [("silent-machine", "host:host-1")]
    machine.end("daily", took=0)
    assert machine.firing() == []


def test_a_zone_moves_the_times_of_cronies_lines_only(machine: Machine) -> None:
    lines = ("HOME=/", "CRON_TZ=America/Los_Angeles", "0 12 * * * {u} agentkit heartbeat run job --grace 60s -- true")
    due = next_run("0 12 * * *", NOON, "America/Los_Angeles")
    assert due is not None
    crond = machine.root / "usr/sbin/crond"
    crond.parent.mkdir(parents=True)
    crond.write_text("RANDOM_DELAY")
    machine.crontab(*lines)
    machine.end("job", took=0, expect={"grace_s": 60.0})
    machine.check()
    machine.now = due + 59
    assert machine.firing() == []
    machine.now = due + 61
    assert machine.firing() == [("silent-machine", "host:host-1")]
    crond.write_text("no such word")
    machine.end("job", took=0, expect={"grace_s": 60.0})
    assert machine.firing() == []
    local = next_run("0 12 * * *", machine.now)
    assert local is not None
    machine.now = local + 61
    assert machine.firing() == [("silent-machine", "host:host-1")]


def test_what_cannot_be_read_today_has_not_vanished(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.crontab("0 * * * * {u} agentkit heartbeat run job -- true")
    machine.end("job", took=0)
    machine.check()
    machine.step(60)
    with monkeypatch.context() as patch:
        # Root reads everything; a file that has grown too large is what root cannot read.
        patch.setattr(cronbytes, "MOST_BYTES", 8)
        machine.crontab("0 * * * * {u} agentkit heartbeat run job -- true", "# changed")
        assert machine.firing() == []
    machine.step(60)
    machine.crontab("# readable again")
    assert machine.firing() == [("vanished", "job:job")]


def test_a_line_that_cron_drops_is_dead_and_has_not_vanished(machine: Machine) -> None:
    line = "0 * * * * {u} agentkit heartbeat run job -- true"
    machine.crontab(line)
    machine.end("job", took=0)
    machine.check()
    machine.step(60)
    machine.crontab(line, "* * * * this is no line of a crontab")
    assert ("dead-line", "job:job") in machine.firing()
    assert ("vanished", "job:job") not in machine.firing()


def test_dead_lines_of_others_are_not_ours(machine: Machine) -> None:
    with (machine.root / "etc/passwd").open("a") as passwd:
        passwd.write(f"{OTHER.pw_name}:x:{OTHER.pw_uid}:{OTHER.pw_gid}::{OTHER.pw_dir}:/bin/sh\n")
    machine.crontab(
        f"0 0 31 2 * {OTHER.pw_name} agentkit heartbeat run other -- true",
        "0 0 31 2 * {u} AGENTKIT_HOME=/elsewhere agentkit heartbeat run elsewhere -- true",
        "0 0 31 2 * {u} agentkit heartbeat run job -- true",
    )
    assert machine.firing() == [("dead-line", "job:job")]
