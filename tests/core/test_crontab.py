"""Is every line of a machine's crontabs found, with what cron makes of it, and does no content break the reader?"""

import os
from pathlib import Path

import pytest

from agentkit.core import cronusers
from agentkit.core.cronbusybox import parse_busybox
from agentkit.core.cronline import FIXES
from agentkit.core.crontab import Crontabs, find_cron, find_zone, read_crontabs, stamp
from agentkit.core.crontext import Parsed, parse_crontab
from agentkit.core.cronwords import read_assignment, split_command
from agentkit.core.runparts import read_run_parts

PASSWD = "root:x:0:0::/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\n"


def _parse(text: str, *, owner: str | None = "ada", rules: str = "debian") -> Parsed:
    return parse_crontab(text, file="/x", owner=owner, is_user=lambda user: user in ("root", "ada"), rules=rules)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    for folder in ("etc/cron.d", "var/spool/cron/crontabs", "usr/sbin", "root", "home/ada"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "etc/passwd").write_text(PASSWD)
    (tmp_path / "usr/sbin/cron").write_bytes(b"vixie")
    return tmp_path


def _write(path: Path, text: str | bytes, mode: int = 0o644) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(mode)
    return path


def _read(machine: Path) -> Crontabs:
    return read_crontabs(str(machine))


def test_a_line_tells_file_number_user_schedule_command_and_environment() -> None:
    line = _parse('# a\nMAILTO=""\nA = b c \n\n */5\t* * * *  /bin/run --now # not a comment\n').lines[0]
    assert (line.file, line.number, line.user, line.kind) == ("/x", 5, "ada", "user")
    assert (line.schedule, line.command, line.stdin) == ("*/5 * * * *", "/bin/run --now # not a comment", None)
    assert line.environment == (("MAILTO", ""), ("A", "b c"))
    assert line.identity == ("/x", "*/5 * * * *", "/bin/run --now # not a comment")


def test_an_inserted_line_changes_no_identity() -> None:
    before, after = _parse("@daily a\n").lines[0], _parse("# new\n\n@daily a\n").lines[0]
    assert before.number != after.number
    assert before.identity == after.identity


@pytest.mark.parametrize(
    ("text", "command", "stdin"),
    [
        ("date +\\%F", "date +%F", None),
        ("date +%F", "date +", "F\n"),
        ("mail a%b%c", "mail a", "b\nc\n"),
        ("mail a%b%", "mail a", "b\n"),
        ("cat%", "cat", ""),
        ("cat%a\\%b\\c", "cat", "a%b\\c\n"),
        ("cat%\\", "cat", "\\"),
        ("sed s/\\\\/x/", "sed s/\\/x/", None),
        ("a \\\\% b", "a \\", " b\n"),
        ("a\\", "a\\", None),
    ],
)
def test_a_command_is_cut_and_unescaped_as_debian_does(text: str, command: str, stdin: str | None) -> None:
    assert split_command(text) == (command, stdin)


def test_cronie_keeps_two_backslashes() -> None:
    assert split_command("sed s/\\\\/x/", debian=False) == ("sed s/\\\\/x/", None)


@pytest.mark.parametrize(
    ("text", "assignment"),
    [
        ("A=b", ("A", "b")),
        ("A = b c  ", ("A", "b c")),
        ("A='b  '", ("A", "b")),  # blanks at the end go, even from within quotes
        ("A='  b'", ("A", "  b")),
        ("A=\"'b'\"", ("A", "b")),
        ("'A' = b", ("A", "b")),
        ("A=$B", ("A", "$B")),
        ("A=b # c", ("A", "b # c")),
        ("=b", ("", "b")),
        ("A='b' ", ("A", "b")),
        ("A=", None),
        ("A='b' c", None),
        ("A='b", None),
        ("A B=c", None),
        ("* * * * * A=b c", None),
        ("'A=b'=c", None),
        ("A=b\r", ("A", "b")),
    ],
)
def test_an_assignment_is_what_debian_takes_for_one(text: str, assignment: tuple[str, str] | None) -> None:
    assert read_assignment(text) == assignment


def test_one_bad_line_drops_its_whole_file_and_is_named_by_each() -> None:
    parsed = _parse("@daily a\n61 * * * * b\n@daily c\n")
    assert parsed.lines == []
    assert [(line.number, line.code) for line in parsed.dropped] == [
        (1, "killed-by-line"),
        (2, "bad-time"),
        (3, "killed-by-line"),
    ]
    assert "line 2 (bad-time)" in parsed.dropped[0].why
    assert "61 is out of 0-59" in parsed.dropped[1].why


def test_cronie_drops_a_bad_line_alone() -> None:
    parsed = _parse("@daily a\n61 * * * * b\nA=\n@daily c\n@daily d", rules="cronie")
    assert [line.command for line in parsed.lines] == ["a", "c"]
    assert [line.code for line in parsed.dropped] == ["bad-time", "no-newline"]


def test_cronies_own_words_are_understood() -> None:
    parsed = _parse("-@daily root -n a\n0~29 3 * * * root b\n", owner=None, rules="cronie")
    assert [(line.schedule, line.command) for line in parsed.lines] == [("@daily", "-n a"), ("29 3 * * *", "b")]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("@daily ada", "no-command"),
        ("* * * * * /bin/true x", "no-user"),
        ("* * * * * A=b c", "no-user"),
        ("* * * * * bob a", "unknown-user"),
        ("* * * * *", "no-command"),
    ],
)
def test_a_forgotten_user_is_told_from_an_unknown_one(text: str, code: str) -> None:
    assert [line.code for line in _parse(text + "\n", owner=None).dropped] == [code]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("@daily date +%F\n", "percent"),
        ("@daily a\r\n", "carriage-return"),
        ("@daily sed s/\\\\/x/\n", "backslash-halved"),
        ("PATH=$HOME/bin:/bin\n@daily a\n", "no-expansion"),
        (f"A={'x' * 2000}\n@daily a\n", "long-assignment"),
    ],
)
def test_what_runs_otherwise_than_it_is_written_is_altered(text: str, code: str) -> None:
    parsed = _parse(text)
    assert len(parsed.lines) == 1
    assert [line.code for line in parsed.altered] == [code]


def test_every_code_has_its_fix() -> None:
    parsed = _parse("30 2 31 2 * a\n@daily a")
    assert {line.fix for line in parsed.dropped} == {FIXES[line.code] for line in parsed.dropped}


def test_user_and_system_crontabs_are_read_by_the_paths_of_the_machine(machine: Path) -> None:
    _write(machine / "etc/crontab", "17 * * * * root a\n")
    _write(machine / "etc/cron.d/job", "@daily ada b\n")
    _write(machine / "var/spool/cron/crontabs/root", "@hourly c\n", 0o600)
    crontabs = _read(machine)
    assert [(line.file, line.user, line.command, line.kind) for line in crontabs.lines] == [
        ("/etc/crontab", "root", "a", "system"),
        ("/etc/cron.d/job", "ada", "b", "system"),
        ("/var/spool/cron/crontabs/root", "root", "c", "user"),
    ]
    assert (crontabs.dropped, crontabs.altered, crontabs.unreadable, crontabs.cron) == ((), (), (), "debian")


def test_a_machine_without_crontabs_has_no_lines(tmp_path: Path) -> None:
    assert read_crontabs(str(tmp_path), cron="debian").lines == ()


def test_what_is_put_aside_on_purpose_is_no_news(machine: Path) -> None:
    for name in (".placeholder", "job.dpkg-old", "job.bak", "job~", "#job#", "README.md"):
        _write(machine / "etc/cron.d" / name, "@daily root a\n" if name != "README.md" else "what cron does here\n")
    (machine / "etc/cron.d/folder.bak").mkdir()
    _write(machine / "var/spool/cron/crontabs/tmp.Xa3", "@daily a\n", 0o600)
    (machine / "var/spool/cron/crontabs/atjobs").mkdir()
    crontabs = _read(machine)
    assert (crontabs.lines, crontabs.dropped) == ((), ())


def test_a_dotted_name_is_read_by_cronie_and_not_by_debian(machine: Path) -> None:
    _write(machine / "etc/cron.d/job.conf", "@daily root a\n")
    assert [line.code for line in _read(machine).dropped] == ["file-name"]
    assert len(read_crontabs(str(machine), cron="cronie").lines) == 1


def test_with_lsb_names_debian_reads_other_files(machine: Path) -> None:
    _write(machine / "etc/cron.d/Job", "@daily root a\n")
    _write(machine / "etc/cron.d/example.org-job", "@daily root b\n")
    assert [line.command for line in _read(machine).lines] == ["a"]
    (machine / "etc/default").mkdir()
    _write(machine / "etc/default/cron", 'EXTRA_OPTS="-L 2 -l"\n')
    assert [line.command for line in _read(machine).lines] == ["b"]


def test_the_lines_of_an_account_that_has_run_out_are_dropped(machine: Path) -> None:
    _write(machine / "etc/shadow", "ada:*:100:0:10:7:::\nroot:*:100:0:99999:7:::\n", 0o600)
    _write(machine / "etc/crontab", "@daily ada a\n@daily root b\n")
    now = 200 * cronusers.DAY_S
    crontabs = read_crontabs(str(machine), now=float(now))
    assert [line.user for line in crontabs.lines] == ["root"]
    assert [line.code for line in crontabs.dropped] == ["password-expired"]
    assert len(_read(machine).lines) == 2


def test_cronie_starts_nothing_for_a_user_without_a_home(machine: Path) -> None:
    (machine / "home/ada").rmdir()
    (machine / "bin").mkdir()
    _write(machine / "bin/sh", "")
    _write(machine / "etc/crontab", "@daily ada a\nHOME=/root\n@daily ada b\n")
    crontabs = read_crontabs(str(machine), cron="cronie")
    assert [line.command for line in crontabs.lines] == ["b"]
    assert [line.code for line in crontabs.dropped] == ["no-home"]
    assert len(_read(machine).lines) == 2


def test_only_cronie_minds_the_zone_of_a_crontab(machine: Path) -> None:
    _write(machine / "etc/crontab", "CRON_TZ=Asia/Tokyo\n@daily root a\n")
    line = _read(machine).lines[0]
    assert find_zone(line, "cronie") == "Asia/Tokyo"
    assert find_zone(line, "debian") is None


def test_a_file_that_is_too_large_is_unreadable_with_the_reason(machine: Path) -> None:
    with (machine / "etc/cron.d/large").open("wb") as file:
        file.truncate(17 * 1024 * 1024)
    crontabs = _read(machine)
    assert [file for file, _ in crontabs.unreadable] == ["/etc/cron.d/large"]
    assert "at most" in crontabs.unreadable[0][1]


def test_a_pipe_in_the_place_of_a_crontab_is_not_waited_for(machine: Path) -> None:
    os.mkfifo(machine / "etc/cron.d/pipe")
    os.mkfifo(machine / "var/spool/cron/crontabs/ada")
    assert {line.code for line in _read(machine).dropped} == {"not-regular"}


def test_a_folder_in_the_place_of_a_crontab_is_told(machine: Path) -> None:
    for name in ("etc/crontab", "etc/cron.d/job", "var/spool/cron/crontabs/ada"):
        (machine / name).mkdir()
    for cron in ("debian", "cronie"):
        dropped = read_crontabs(str(machine), cron=cron).dropped
        assert [(line.file, line.number, line.code) for line in dropped] == [
            ("/etc/crontab", 0, "not-regular"),
            ("/etc/cron.d/job", 0, "not-regular"),
            ("/var/spool/cron/crontabs/ada", 0, "not-regular"),
        ]


def test_a_plain_file_in_the_place_of_a_folder_is_unreadable(machine: Path) -> None:
    for name in ("etc/cron.d", "var/spool/cron/crontabs"):
        (machine / name).rmdir()
        (machine / name).touch()
    unreadable = (("/etc/cron.d", "not a folder"), ("/var/spool/cron/crontabs", "not a folder"))
    assert _read(machine).unreadable == unreadable


def test_where_we_may_not_look_nothing_is_taken_for_missing(machine: Path) -> None:
    (machine / "etc").rename(machine / "etc.real")
    (machine / "etc").symlink_to("etc")
    assert [file for file, _ in _read(machine).unreadable] == ["/etc/crontab", "/etc/cron.d"]


def test_links_lead_where_they_lead_on_that_machine(machine: Path) -> None:
    (machine / "srv").mkdir()
    _write(machine / "srv/job", "@daily ada a\n")
    (machine / "etc/cron.d/job").symlink_to("/srv/job")
    (machine / "etc/cron.d/none").symlink_to("/etc/passwd.none")
    (machine / "etc/cron.d/circle").symlink_to("circle")
    for name in ("etc/passwd", "usr/sbin/cron"):
        (machine / name).rename(machine / "srv" / Path(name).name)
        (machine / name).symlink_to(f"/srv/{Path(name).name}")
    before = stamp(str(machine))
    crontabs = _read(machine)
    assert [(line.file, line.user) for line in crontabs.lines] == [("/etc/cron.d/job", "ada")]
    assert [(line.file, line.code) for line in crontabs.dropped] == [
        ("/etc/cron.d/circle", "symlink-broken"),
        ("/etc/cron.d/none", "symlink-broken"),
    ]
    assert crontabs.cron == "debian"
    _write(machine / "srv/job", "@daily ada ab\n")
    assert stamp(str(machine)) != before


def test_a_line_of_a_million_letters_is_read(machine: Path) -> None:
    _write(machine / "etc/cron.d/long", b"@daily root " + b"x" * 1_000_000 + b"\nA=" + b"y" * 1_000_000 + b"\n")
    assert [line.code for line in _read(machine).dropped] == ["command-too-long"]


def test_bytes_that_are_no_utf_8_come_back_printable(machine: Path) -> None:
    _write(machine / "etc/cron.d/latin", b"A=\xe4\n@daily root echo \xe4 %\xfc\n@daily root b\xc3\xa4\n")
    first, second = _read(machine).lines
    assert (first.command, first.stdin, first.environment) == ("echo \\xe4 ", "\\xfc\n", (("A", "\\xe4"),))
    assert second.command == "bä"


def test_a_file_whose_name_is_no_utf_8_comes_back_printable(machine: Path) -> None:
    _write(machine / "etc/cron.d/b\udce4", "@daily root a\n")
    (machine / "var/spool/cron/crontabs/\udce4").symlink_to("nowhere")
    assert [line.file for line in _read(machine).dropped] == ["/etc/cron.d/b\\xe4", "/var/spool/cron/crontabs/\\xe4"]


def test_the_stamp_changes_with_content_mode_and_names(machine: Path) -> None:
    path = _write(machine / "etc/cron.d/job", "@daily root a\n")
    seen = [stamp(str(machine))]
    path.chmod(0o664)
    seen.append(stamp(str(machine)))
    _write(path, "@daily root ab\n")
    seen.append(stamp(str(machine)))
    _write(machine / "var/spool/cron/crontabs/ada", "@daily a\n", 0o600)
    seen.append(stamp(str(machine)))
    assert len(set(seen)) == 4
    assert stamp(str(machine)) == seen[-1]
    assert stamp(str(machine), now=0.0) != stamp(str(machine), now=86400.0)


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [("cron", b"vixie", "debian"), ("cron", b".. RANDOM_DELAY ..", "cronie"), ("crond", b"RANDOM_DELAY", "cronie")],
)
def test_the_installed_cron_is_told_by_what_is_in_it(tmp_path: Path, name: str, content: bytes, found: str) -> None:
    (tmp_path / "usr/sbin").mkdir(parents=True)
    (tmp_path / "usr/sbin" / name).write_bytes(content)
    assert find_cron(str(tmp_path)) == found


def test_a_link_to_busybox_is_busybox_and_an_empty_machine_has_no_cron(tmp_path: Path) -> None:
    assert find_cron(str(tmp_path)) is None
    (tmp_path / "usr/sbin").mkdir(parents=True)
    (tmp_path / "usr/sbin/busybox").touch()
    (tmp_path / "usr/sbin/crond").symlink_to("busybox")
    assert find_cron(str(tmp_path)) == "busybox"


@pytest.mark.parametrize(
    ("fields", "schedule"),
    [
        ("*/20 * * * *", "0,20,40 * * * *"),
        ("0 0 * * fri-sun", "0 0 * * 0,5,6"),
        ("0 22-1 * * *", "0 0,1,22,23 * * *"),
        ("0 0 */2 * *", "0 0 2,4,6,8,10,12,14,16,18,20,22,24,26,28,30 * *"),
        ("0 0 1 * mon", "0 0 1 * 1"),
        ("5/10 0 * jan *", "5 0 * 1 *"),
    ],
)
def test_a_schedule_of_busybox_comes_back_as_debian_writes_it(fields: str, schedule: str) -> None:
    parsed = parse_busybox(f"{fields} a\n", file="/x", owner="ada")
    assert [line.schedule for line in parsed.lines] == [schedule]


def test_busybox_reads_255_lines_of_a_user_and_knows_two_assignments() -> None:
    parsed = parse_busybox("MAILTO=a\nPATH=/bin\n" + "@daily a\n" * 300, file="/x", owner="ada")
    assert len(parsed.lines) == 253
    assert parsed.lines[0].environment == (("MAILTO", "a"),)
    assert [line.code for line in parsed.altered] == ["assignment-ignored"]
    assert {line.code for line in parsed.dropped} == {"too-many-lines"}


def test_run_parts_leaves_out_what_is_dotted_or_not_executable(tmp_path: Path) -> None:
    folder = tmp_path / "etc/cron.daily"
    folder.mkdir(parents=True)
    for name, mode in (("good", 0o755), ("bad.sh", 0o755), ("plain", 0o644), (".placeholder", 0o644)):
        _write(folder / name, "#!/bin/sh\n", mode)
    (folder / "gone").symlink_to("nowhere")
    lines, dropped = read_run_parts(str(tmp_path))
    assert [(line.command, line.schedule, line.kind) for line in lines] == [
        ("/etc/cron.daily/good", "@daily", "run-parts")
    ]
    assert {(line.file.rpartition("/")[2], line.code) for line in dropped} == {
        ("bad.sh", "run-parts-name"),
        ("plain", "not-executable"),
        ("gone", "symlink-broken"),
    }
