"""Is anacron's file read by the rules of the anacron that is there, and does no content break the reader?"""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit.core.anacrontab import parse_anacrontab, read_anacrontab
from agentkit.core.cronline import FIXES

TEXT = "SHELL=/bin/sh\nMAILTO=ada\n1\t5\tdaily\trun-parts /etc/cron.daily\n@monthly 15 monthly b % c\n"


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    for folder in ("etc", "usr/sbin", "var/spool/anacron"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "usr/sbin/anacron").write_bytes(b"2.3")
    (tmp_path / "etc/anacrontab").write_text(TEXT)
    return tmp_path


def test_a_job_tells_its_number_period_command_and_environment(machine: Path) -> None:
    anacrontab = read_anacrontab(str(machine))
    first, second = anacrontab.lines
    assert (first.file, first.number, first.user, first.kind) == ("/etc/anacrontab", 3, "root", "anacron")
    assert (first.schedule, first.command, first.stdin) == ("1d", "run-parts /etc/cron.daily", None)
    assert first.environment == (("SHELL", "/bin/sh"), ("MAILTO", "ada"))
    assert (second.number, second.schedule, second.command, second.stdin) == (4, "@monthly", "b % c", None)
    assert (anacrontab.dropped, anacrontab.altered, anacrontab.unreadable) == ((), (), ())


def test_without_anacron_all_its_lines_are_dropped(machine: Path) -> None:
    (machine / "usr/sbin/anacron").unlink()
    # Of a part of a machine nothing is known about its programs.
    assert len(read_anacrontab(str(machine)).lines) == 2
    (machine / "bin").mkdir()
    (machine / "bin/sh").touch()
    anacrontab = read_anacrontab(str(machine))
    assert anacrontab.lines == ()
    assert [(line.number, line.code) for line in anacrontab.dropped] == [(3, "no-anacron"), (4, "no-anacron")]


def test_without_its_spool_all_its_lines_are_dropped(machine: Path) -> None:
    (machine / "var/spool/anacron").rmdir()
    assert [line.code for line in read_anacrontab(str(machine)).dropped] == ["no-spool", "no-spool"]


def test_a_machine_without_the_file_has_no_lines(machine: Path) -> None:
    (machine / "etc/anacrontab").unlink()
    anacrontab = read_anacrontab(str(machine))
    assert (anacrontab.lines, anacrontab.dropped, anacrontab.unreadable) == ((), (), ())


def test_a_link_is_followed_inside_the_root_folder(machine: Path) -> None:
    (machine / "etc/anacrontab").rename(machine / "var/anacrontab")
    (machine / "etc/anacrontab").symlink_to("/var/anacrontab")
    assert len(read_anacrontab(str(machine)).lines) == 2


def test_a_link_to_itself_is_unreadable_with_the_reason(machine: Path) -> None:
    (machine / "etc/anacrontab").unlink()
    (machine / "etc/anacrontab").symlink_to("anacrontab")
    ((file, why),) = read_anacrontab(str(machine)).unreadable
    assert file == "/etc/anacrontab"
    assert "links" in why


def test_a_folder_in_its_place_is_no_anacrontab(machine: Path) -> None:
    (machine / "etc/anacrontab").unlink()
    (machine / "etc/anacrontab").mkdir()
    assert [(line.number, line.code) for line in read_anacrontab(str(machine)).dropped] == [(0, "not-regular")]


def test_cronies_anacron_knows_more_periods(machine: Path) -> None:
    (machine / "usr/sbin/anacron").write_bytes(b"..START_HOURS_RANGE..")
    rows = [f"@{name} 0 {name} a\n" for name in ("daily", "weekly", "monthly", "yearly", "annually")]
    (machine / "etc/anacrontab").write_text("".join(rows))
    anacrontab = read_anacrontab(str(machine))
    assert [line.schedule for line in anacrontab.lines] == ["@daily", "@weekly", "@monthly", "@yearly", "@yearly"]
    assert (anacrontab.anacron, anacrontab.altered) == ("cronie", ())


PIECES = (
    "1",
    "0",
    "@monthly",
    "@daily",
    " ",
    " ",
    "\t",
    "a",
    "=",
    "\\",
    "\\\n",
    "\n",
    "#",
    "/",
    ".",
    "\r",
    "\0",
    "\udce4",
)


@settings(max_examples=1000, deadline=None)
@given(st.lists(st.sampled_from((*PIECES, "1 0 x a\n", "9" * 5000, "0" * 5000)), max_size=30).map("".join))
def test_no_content_breaks_the_reader_and_every_row_is_accounted_for(text: str) -> None:
    parsed = parse_anacrontab(text)
    assert {line.fix for line in (*parsed.dropped, *parsed.altered)} <= set(FIXES.values())
    known = {line.number for line in (*parsed.lines, *parsed.dropped)}
    rows = text.split("\n")
    for number, row in enumerate(rows, 1):
        joined = row.endswith("\\") or (number > 1 and rows[number - 2].endswith("\\"))
        bare = row.replace("\0", "").replace("\\", "").strip(" \t\r")
        if bare and not bare.startswith("#") and "=" not in bare and not joined:
            assert number in known, (text, number)
