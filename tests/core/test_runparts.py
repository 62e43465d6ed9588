"""Is a folder of scripts read as the run-parts that is there reads it, also where it cannot be read at all?"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agentkit.core.posixregex import match_names
from agentkit.core.runparts import find_run_parts_flavour, read_folder, read_run_parts
from tests.otherusers import NOBODY


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    (tmp_path / "etc/cron.daily").mkdir(parents=True)
    return tmp_path


def _add(machine: Path, *names: str, content: str = "#!/bin/sh\n", mode: int = 0o755) -> None:
    for name in names:
        path = machine / "etc/cron.daily" / name
        path.write_text(content)
        path.chmod(mode)


def _names(machine: Path, flavour: str = "debian", *options: str) -> tuple[list[str], dict[str, str]]:
    parsed = read_folder(str(machine), "/etc/cron.daily/", flavour=flavour, options=options)
    dropped = {os.path.basename(line.file): line.code for line in parsed.dropped}
    return [os.path.basename(line.file) for line in parsed.lines], dropped


@contextmanager
def _as_nobody() -> Iterator[None]:
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_an_entry_tells_its_path_schedule_and_user(machine: Path) -> None:
    _add(machine, "job")
    (line,) = read_folder(str(machine), "etc/cron.daily", schedule="@daily", user="ada").lines
    assert (line.file, line.number, line.command, line.text) == ("/etc/cron.daily/job", 0, *["/etc/cron.daily/job"] * 2)
    assert (line.schedule, line.user, line.kind) == ("@daily", "ada", "run-parts")


@pytest.mark.parametrize(
    ("content", "flavour"),
    [(b"\x7fELF..", "debian"), (b"\x7fELF..BusyBox v1.35.0..", "busybox"), (b"#!/bin/bash\n", "crontabs")],
)
def test_the_installed_run_parts_is_told_by_what_is_in_it(tmp_path: Path, content: bytes, flavour: str) -> None:
    assert find_run_parts_flavour(str(tmp_path)) is None
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "srv").write_bytes(content)
    (tmp_path / "usr/bin/run-parts").symlink_to("/srv")
    assert find_run_parts_flavour(str(tmp_path)) == flavour


def test_the_script_of_crontabs_runs_dotted_names_and_leaves_out_what_packages_leave(machine: Path) -> None:
    good = ["0-first", "a.b", "job.sh", "x.bak"]
    left_out = ["a~", "b.rpmnew", "b.rpmorig", "b.rpmsave", "b.swp", ".hidden"]
    _add(machine, *good, *left_out, "a,", "b,v", "b.cfsaved", "two words")
    _add(machine, "plain", mode=0o644)
    (machine / "etc/cron.daily/folder").mkdir()
    lines, dropped = _names(machine, "crontabs")
    assert lines == good
    named = dict.fromkeys(("a,", "b,v", "b.cfsaved", "two words"), "run-parts-name")
    assert dropped == {**named, "plain": "not-executable"}


def test_the_script_of_crontabs_minds_its_lists(machine: Path) -> None:
    _add(machine, "a", "b", "c.d", "cxd")
    _add(machine, "jobs.deny", content="a\n", mode=0o644)
    assert _names(machine, "crontabs")[0] == ["b", "c.d", "cxd"]
    _add(machine, "jobs.allow", content="a\nc.d\nb \n", mode=0o644)
    assert _names(machine, "crontabs")[0] == ["c.d"]
    assert _names(machine)[0] == ["a", "b", "cxd"]


def test_the_script_of_crontabs_takes_an_option_of_debian_for_the_folder(machine: Path) -> None:
    _add(machine, "a")
    assert _names(machine, "crontabs", "--report") == ([], {"a": "run-parts-option"})
    assert _names(machine, "crontabs", "--") == (["a"], {})


def test_a_script_that_the_kernel_cannot_run_is_dropped_where_no_shell_steps_in(machine: Path) -> None:
    _add(machine, "bare", content="echo a\n")
    _add(machine, "empty", content="")
    (machine / "etc/cron.daily/program").write_bytes(b"\x7fELF\x02")
    (machine / "etc/cron.daily/program").chmod(0o755)
    assert _names(machine) == (["program"], {"bare": "exec-format", "empty": "exec-format"})
    assert _names(machine, "busybox")[0] == ["bare", "empty", "program"]


def test_a_missing_interpreter_is_told_for_a_whole_machine_only(machine: Path) -> None:
    _add(machine, "dos", content="#!/bin/sh\r\n:\r\n")
    _add(machine, "good", content="#! /bin/sh -e\n")
    assert _names(machine) == (["dos", "good"], {})
    (machine / "usr/bin").mkdir(parents=True)
    (machine / "usr/bin/sh").touch()
    (machine / "bin").symlink_to("/usr/bin")
    assert _names(machine) == (["good"], {"dos": "no-interpreter"})


def test_a_folder_that_cannot_be_read_is_not_empty(machine: Path) -> None:
    (machine / "etc/cron.daily").rmdir()
    folder = machine / "etc/cron.daily"
    assert read_folder(str(machine), "etc/cron.daily").unreadable == []
    folder.touch()
    assert read_folder(str(machine), "etc/cron.daily").unreadable == [("/etc/cron.daily", "not a folder")]
    folder.unlink()
    folder.symlink_to("cron.daily")
    assert [file for file, _ in read_folder(str(machine), "etc/cron.daily").unreadable] == ["/etc/cron.daily"]
    folder.unlink()
    folder.mkdir(mode=0o700)
    with _as_nobody():
        assert read_folder(str(machine), "etc/cron.daily").unreadable == [("/etc/cron.daily", "Permission denied")]


def test_a_regular_expression_that_could_take_years_is_not_looked_into(machine: Path) -> None:
    _add(machine, "a")
    for expression in (r"(a*)*\1", "(a{1,99}){1,99}", "a" * 2000):
        parsed = read_folder(str(machine), "etc/cron.daily", options=[f"--regex={expression}"])
        assert [file for file, _ in parsed.unreadable] == ["/etc/cron.daily"]


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("^[[:alnum:]]+$", {"a1"}),
        (r"^[\d]$", set()),
        ("^.{2}$", {"a1", "é", "b."}),
        (r"^b\.$", {"b."}),
        ("a|^b", {"a1", "b."}),
        ("", {"a1", "é", "b."}),
        ("[", None),
        ("(", None),
    ],
)
def test_an_expression_is_read_as_posix_has_it(expression: str, found: set[str] | None) -> None:
    assert match_names(expression, ["a1", "é", "b."]) == found


def test_a_name_that_is_no_utf_8_comes_back_printable(machine: Path) -> None:
    (machine / "etc/cron.daily/b\udce4").write_text("#!/bin/sh\n")
    assert _names(machine)[1] == {"b\\xe4": "run-parts-name"}


def test_all_folders_are_read_in_one(machine: Path) -> None:
    _add(machine, "a", "b.sh")
    (machine / "etc/cron.hourly").mkdir()
    (machine / "etc/cron.hourly/c").symlink_to("/etc/cron.daily/a")
    lines, dropped = read_run_parts(str(machine))
    assert [(line.file, line.schedule) for line in lines] == [
        ("/etc/cron.hourly/c", "@hourly"),
        ("/etc/cron.daily/a", "@daily"),
    ]
    assert [line.code for line in dropped] == ["run-parts-name"]
