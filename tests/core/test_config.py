import json
import os
import subprocess
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from agentkit.core.config import Configuration, load_checks, load_configuration
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.settings import TABLES, CheckSettings, HeartbeatSettings, JobSettings, describe_settings

OWN = ("heartbeat", "jobs")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "agentkit.toml"


def load(file: Path, own: tuple[str, ...] = OWN, warnings: list[str] | None = None) -> Configuration:
    return load_configuration(
        {"AGENTKIT_CONFIG": str(file)}, own=own, warn=(warnings if warnings is not None else []).append
    )


def fault(file: Path, text: str) -> AgentkitError:
    file.write_text(text)
    with pytest.raises(AgentkitError) as caught:
        load(file)
    assert caught.value.status == Exit.CONFIGURATION
    assert str(file) in caught.value.message
    return caught.value


def test_a_file_that_is_named_and_is_not_there_is_a_fault(file: Path) -> None:
    with pytest.raises(AgentkitError) as caught:
        load(file)
    assert caught.value.status == Exit.CONFIGURATION
    assert caught.value.message == f"{file}: is not there, and AGENTKIT_CONFIG names it"


def test_without_a_file_everything_has_its_default(file: Path) -> None:
    found = load_configuration({"AGENTKIT_HOME": str(file.parent)}, own=OWN, warn=[].append)
    assert found.heartbeat == HeartbeatSettings()
    assert found.heartbeat.keep_days == 90
    assert found.heartbeat.keep_bytes == 2**30
    assert found.heartbeat.notify_limit_s == 30.0
    assert found.jobs == {}
    assert found.host == os.uname().nodename


def test_a_full_file_is_read_in_seconds_and_bytes(file: Path) -> None:
    file.write_text(
        """
        host = "web-1"
        [heartbeat]
        notify = ["mail", "-s", "findings", "root"]
        notify_limit = "1m"
        ping = "https://example.org/x"
        keep_days = 7
        keep_bytes = "500 MiB"
        lock_files = ["/run/backup.pid"]
        lock_age = "2d"
        [jobs.backup]
        every = "1d"
        grace = "0s"
        duration = "1s..10m"
        tz = "Europe/Berlin"
        [jobs."web.daily"]
        cron = "*/5 * * * *"
        watched = false
        """
    )
    found = load(file)
    assert found.host == "web-1"
    assert found.heartbeat == HeartbeatSettings(
        notify=("mail", "-s", "findings", "root"),
        notify_limit_s=60.0,
        ping="https://example.org/x",
        keep_days=7,
        keep_bytes=500 * 2**20,
        lock_files=("/run/backup.pid",),
        lock_age_s=2 * 86400.0,
    )
    assert found.jobs == {
        "backup": JobSettings(every_s=86400.0, grace_s=0.0, duration_s=(1.0, 600.0), tz="Europe/Berlin"),
        "web.daily": JobSettings(cron="*/5 * * * *", watched=False),
    }


def test_an_unknown_key_names_file_key_and_nearest_known_key(file: Path) -> None:
    error = fault(file, "[heartbeat]\nnotfy = []\n")
    assert "unknown key heartbeat.notfy" in error.message
    assert error.hint == "did you mean heartbeat.notify?"


def test_an_unknown_key_far_from_all_lists_the_known_ones(file: Path) -> None:
    error = fault(file, '[jobs.backup]\nzzz = "1h"\n')
    assert error.hint is not None
    assert "every" in error.hint


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('hots = "x"', "hots"),
        ("host = 3", "host"),
        ('host = ""', "host"),
        ("[heartbeet]\nkeep_days = 3", "heartbeet"),
        ('[job.backup]\nevery = "1h"', "job"),
        ("heartbeat = 3", "heartbeat"),
        ("jobs = 3", "jobs"),
        ("[jobs]\nbackup = 3", "jobs.backup"),
        ('[jobs.Backup]\nevery = "1h"', "jobs.Backup"),
        ('[jobs."../x"]\nevery = "1h"', "jobs.../x"),
        ('[jobs.a]\nevery = "1h"\ncron = "* * * * *"', "jobs.a"),
        ('[jobs.web.daily]\nevery = "1h"', "jobs.web.daily"),
        ('[heartbeat]\nnotify = "mail root"', "heartbeat.notify"),
        ("[heartbeat]\nnotify = [1]", "heartbeat.notify"),
        ("[heartbeat]\nnotify_limit = 30", "heartbeat.notify_limit"),
        ('[heartbeat]\nnotify_limit = "30"', "heartbeat.notify_limit"),
        ('[heartbeat]\nnotify_limit = "0s"', "heartbeat.notify_limit"),
        ('[heartbeat]\nping = "example.org"', "heartbeat.ping"),
        ("[heartbeat]\nkeep_days = true", "heartbeat.keep_days"),
        ("[heartbeat]\nkeep_days = 0", "heartbeat.keep_days"),
        ("[heartbeat]\nkeep_days = 1.5", "heartbeat.keep_days"),
        ('[heartbeat]\nkeep_bytes = "1 GiG"', "heartbeat.keep_bytes"),
        ('[heartbeat]\nkeep_bytes = "-1GiB"', "heartbeat.keep_bytes"),
        ('[heartbeat]\nlock_files = ["run/x"]', "heartbeat.lock_files"),
        ('[jobs.a]\nevery = "1x"', "jobs.a.every"),
        ('[jobs.a]\ncron = "61 * * * *"', "jobs.a.cron"),
        ('[jobs.a]\ntz = "Europe/Berlinn"', "jobs.a.tz"),
        ('[jobs.a]\ntz = "/etc/passwd"', "jobs.a.tz"),
        ('[jobs.a]\nduration = "10m..1s"', "jobs.a.duration"),
        ('[jobs.a]\nduration = ".."', "jobs.a.duration"),
        ('[jobs.a]\nwatched = "no"', "jobs.a.watched"),
    ],
)
def test_a_fault_ends_the_command_and_names_its_key(file: Path, text: str, key: str) -> None:
    assert f"{key}" in fault(file, text).message.removeprefix(str(file))


def test_a_wrong_type_says_what_was_expected_and_found(file: Path) -> None:
    message = fault(file, "[jobs.a]\nevery = 3600\n").message
    assert 'expected a duration such as "90s"' in message
    assert "found 3600" in message


def test_a_fault_in_another_commands_table_is_a_warning(file: Path) -> None:
    file.write_text('[heartbeat]\nnotfy = []\n[jobs.a]\nevery = "x"\n')
    warnings: list[str] = []
    found = load(file, own=("vault",), warnings=warnings)
    assert [warning.removeprefix(f"{file}: ").split()[0] for warning in warnings] == ["unknown", "jobs.a.every:"]
    assert found.heartbeat == HeartbeatSettings()


def test_a_table_of_a_newer_command_is_a_warning(file: Path) -> None:
    file.write_text("[vault]\nx = 1\n[somethingelse]\ny = 2\n")
    warnings: list[str] = []
    load(file, warnings=warnings)
    assert warnings == [f"{file}: no command of this version knows the table [somethingelse]"]


def test_bad_toml_names_the_line(file: Path) -> None:
    assert "line 2" in fault(file, "host = 'x'\n= 3\n").message


def test_a_file_that_is_no_utf_8_is_a_fault(file: Path) -> None:
    file.write_bytes(b"host = '\xff'\n")
    with pytest.raises(AgentkitError, match="byte 8 is no UTF-8") as caught:
        load(file)
    assert caught.value.status == Exit.CONFIGURATION


def test_a_folder_in_the_files_place_is_a_fault(file: Path) -> None:
    file.mkdir()
    with pytest.raises(AgentkitError, match="Is a directory") as caught:
        load(file)
    assert caught.value.status == Exit.CONFIGURATION


def test_a_named_pipe_in_the_files_place_is_a_fault_and_holds_nobody_up(file: Path) -> None:
    os.mkfifo(file, 0o600)
    with pytest.raises(AgentkitError, match="is no regular file") as caught:
        load(file)
    assert caught.value.status == Exit.CONFIGURATION


def test_a_file_below_a_file_is_a_fault_and_not_an_absent_file(file: Path) -> None:
    file.write_text("")
    with pytest.raises(AgentkitError, match="Not a directory"):
        load(file / "agentkit.toml")


def test_deep_nesting_is_a_fault_and_no_crash(file: Path) -> None:
    assert "is no TOML" in fault(file, "x = " + "[" * 100_000).message


def test_a_file_that_everyone_can_write_is_refused(file: Path) -> None:
    file.write_text("")
    file.chmod(0o666)
    with pytest.raises(AgentkitError, match="others could write it") as caught:
        load(file)
    assert caught.value.status == Exit.REFUSED
    assert caught.value.hint is not None
    subprocess.run(["sh", "-c", caught.value.hint], check=True, timeout=10)
    load(file)


def test_every_default_is_written_as_the_file_would_write_it() -> None:
    for table in TABLES.values():
        defaults = {spot.name: spot.default for spot in fields(table)}
        for name, setting in describe_settings(table).items():
            if setting.default is not None:
                assert setting.kind.read(setting.default) == defaults[name]


def test_the_place_follows_the_environment(tmp_path: Path) -> None:
    (tmp_path / "agentkit.toml").write_text('host = "here"\n')
    assert load_configuration({"AGENTKIT_HOME": str(tmp_path)}, own=OWN, warn=print).host == "here"


CHECK = '[[check]]\nnode = "unit:fail2ban.service"\nrun = ["fail2ban-client", "ping", ""]\nlimit = "3s"\n'
DECLARE = '[[depmap.declare]]\nfrom = "job:report"\nto = "unit:fail2ban.service"\n'


def test_checks_stand_in_the_configuration(file: Path) -> None:
    file.write_text(CHECK + '[[check]]\nnode = "nginx"\nrun = ["true"]\n')
    assert load(file, ("check",)).checks == (
        CheckSettings("unit:fail2ban.service", ("fail2ban-client", "ping", ""), 3.0),
        CheckSettings("nginx", ("true",), None),
    )


def test_a_file_of_checks_is_toml_or_json_by_what_stands_in_it(file: Path) -> None:
    file.write_text(CHECK + DECLARE)
    found = load_checks(str(file))
    assert [one.limit_s for one in found[0]] == [3.0]
    assert [(one.source, one.target, one.edge) for one in found[1]] == [
        ("job:report", "unit:fail2ban.service", "requires")
    ]
    for text in (
        json.dumps(tomllib.loads(CHECK + DECLARE)),
        f"\n {json.dumps(tomllib.loads(CHECK + DECLARE), indent=1)}",
    ):
        file.write_text(text)
        assert load_checks(str(file)) == found


@pytest.mark.parametrize(
    ("text", "told", "hint"),
    [
        ('[[check]]\nnod = "unit:a"\nrun = ["true"]', "unknown key check #1.nod", "did you mean check #1.node?"),
        ('[[chek]]\nnode = "unit:a"', "unknown key chek", "did you mean check?"),
        ('host = "web-1"', "unknown key host", "known keys: check, depmap"),
        ('[[depmap.check]]\nnode = "unit:a"', "unknown key depmap.check", None),
        (
            '[[depmap.declare]]\nfrom = "unit:a"\nto = "unit:b"\nkind = "exec"',
            "unknown key depmap.declare #1.kind",
            None,
        ),
        ('[check]\nnode = "unit:a"', "check: expected tables", None),
        ('[[check]]\nnode = "unit:a"', "check #1: run is missing", "node = "),
        ('[[check]]\nnode = "unit:a"\nrun = []', "check #1: run is empty", "node = "),
        ('[[check]]\nnode = "unit:a"\nrun = [" "]', "check #1.run: expected a program", None),
        ('[[check]]\nnode = "unit:a"\nrun = "true"', "check #1.run: expected a program", None),
        ('{"check": [{"node": "unit:a", "run": ["true", "\\ud800"]}]}', "check #1.run: expected a program", None),
        ('[[check]]\nrun = ["true"]', "check #1: node is missing", "node = "),
        ('[[check]]\nnode = ""\nrun = ["true"]', "check #1.node: expected text", None),
        ('[[check]]\nnode = "unit:a"\nrun = ["true"]\nlimit = "0s"', "check #1.limit: expected a duration", None),
        ('[[check]]\nnode = "unit:a"\nrun = ["true"]\nlimit = "soon"', "check #1.limit: expected a duration", None),
        ('[[check]]\nnode = "unit:a"\nrun = ["true"]\nlimit = 3', "check #1.limit: expected a duration", None),
        ("[[check", "is neither TOML nor an object of JSON: ", None),
        ("[]", "is neither TOML nor an object of JSON: ", None),
        ('{"check": [', "is no JSON", None),
        ('{"check": 3}', "check: expected tables", None),
        ('{"a": ' * 100_000, "", None),
    ],
)
def test_a_fault_of_a_file_of_checks_names_file_and_key(file: Path, text: str, told: str, hint: str | None) -> None:
    file.write_text(text)
    with pytest.raises(AgentkitError) as caught:
        load_checks(str(file))
    assert caught.value.status == Exit.CONFIGURATION
    assert caught.value.message.startswith(f"{file}: {told}")
    assert hint is None or (caught.value.hint or "").startswith(hint)


def test_a_file_of_checks_that_is_not_there_or_that_others_may_write_is_not_read(file: Path) -> None:
    with pytest.raises(AgentkitError, match="is not there") as missing:
        load_checks(str(file))
    assert missing.value.status == Exit.CONFIGURATION
    file.write_text(CHECK)
    file.chmod(0o666)
    with pytest.raises(AgentkitError, match="others could write it") as open_to_all:
        load_checks(str(file))
    assert open_to_all.value.status == Exit.REFUSED
