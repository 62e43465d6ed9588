"""What does `heartbeat adopt` do to real files, what does it say, and with which status does it end?"""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.heartbeat.adopted import Adopted, find_adopted, forget_adopted, keep_adopted
from agentkit.heartbeat.adoption import Change
from agentkit.heartbeat.crontabplace import Place, find_place, read_place, replace_place
from tests.heartbeat.answers import Verb

OLD = b"# mine\n1 2 * * * /opt/job \xff || true\n3 4 * * * echo secret-word\\%\n"
Adopt = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def crontab(tmp_path: Path) -> Path:
    """Return a crontab with two jobs, in a folder of its own."""
    path = tmp_path / "crontabs" / "mine"
    path.parent.mkdir()
    path.write_bytes(OLD)
    path.chmod(0o640)
    return path


@pytest.fixture
def adopt(agentkit: Verb, tmp_path: Path) -> Adopt:
    """Return a function that runs `agentkit heartbeat adopt WORDS…` with a program that the lines can name."""
    program = tmp_path / "agentkit"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)

    def run(*words: object, **more: object) -> "subprocess.CompletedProcess[str]":
        ended = agentkit("heartbeat", "adopt", *map(str, words), "--program", str(program), **more)
        assert "Traceback" not in ended.stderr
        return ended

    return run


def test_without_install_a_diff_is_shown_that_patch_takes(adopt: Adopt, crontab: Path, home: Path) -> None:
    ended = adopt(crontab)
    assert (ended.returncode, crontab.read_bytes()) == (0, OLD)
    assert "@@ -2 +2 @@\n-1 2 * * * /opt/job \\xff || true\n+1 2 * * * set -- " in ended.stdout
    assert ended.stdout.endswith(f"nothing is changed yet: agentkit heartbeat adopt {crontab} --install\n")
    assert not (home / "adopted").exists()


def test_install_and_undo_are_there_and_back(adopt: Adopt, crontab: Path) -> None:
    ended = adopt(crontab, "--install")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith(f"wrapped 2 lines of {crontab}; what it was is in ")
    new = crontab.read_bytes()
    assert new.count(b" heartbeat run ") == 2
    assert "nothing to wrap" in adopt(crontab, "--install").stdout
    assert crontab.read_bytes() == new
    assert adopt(crontab, "--undo").stdout == f"brought {crontab} back, byte for byte\n"
    assert crontab.read_bytes() == OLD
    assert adopt(crontab, "--undo").stdout == f"{crontab}: nothing to take back\n"


def test_a_dry_run_says_would_and_changes_nothing(adopt: Adopt, crontab: Path, home: Path) -> None:
    assert f"would wrap 2 lines of {crontab}\n" in adopt(crontab, "--install", "--dry-run").stdout
    assert crontab.read_bytes() == OLD
    assert not (home / "adopted").exists()
    adopt(crontab, "--install")
    new = crontab.read_bytes()
    assert adopt(crontab, "--undo", "--dry-run").stdout == f"would bring {crontab} back, byte for byte\n"
    assert crontab.read_bytes() == new
    adopt(crontab, "--undo")
    assert crontab.read_bytes() == OLD


def test_what_a_person_changed_since_is_kept_and_shown(adopt: Adopt, crontab: Path) -> None:
    adopt(crontab, "--install")
    edited = crontab.read_bytes().replace(b"1 2 * * *", b"9 9 * * *") + b"5 6 * * * /opt/own\n"
    crontab.write_bytes(edited)
    ended = adopt(crontab, "--undo")
    wanted = OLD.replace(b"1 2 * * *", b"9 9 * * *") + b"5 6 * * * /opt/own\n"
    assert crontab.read_bytes() == wanted
    assert "these edits were kept:" in ended.stdout
    assert "+5 6 * * * /opt/own\n" in ended.stdout
    assert f"{crontab}:2 was changed after it was wrapped" in ended.stderr


def test_lines_that_came_later_are_adopted_and_kept_by_undo(adopt: Adopt, crontab: Path) -> None:
    adopt(crontab, "--install")
    crontab.write_bytes(crontab.read_bytes() + b"5 6 * * * /opt/later\n")
    assert "wrapped 1 line of" in adopt(crontab, "--install").stdout
    assert adopt(crontab, "--undo").stdout == f"brought {crontab} back, byte for byte\n"
    assert crontab.read_bytes() == OLD + b"5 6 * * * /opt/later\n"


def test_without_what_was_kept_the_lines_are_unwrapped_all_the_same(adopt: Adopt, crontab: Path, home: Path) -> None:
    adopt(crontab, "--install")
    for kept in (home / "adopted").iterdir():
        kept.unlink()
    assert adopt(crontab, "--undo").returncode == 0
    assert crontab.read_bytes() == OLD.replace(b" || true", b"")


def test_a_row_that_stays_wrapped_is_told_and_the_record_kept(adopt: Adopt, crontab: Path, home: Path) -> None:
    adopt(crontab, "--install")
    crontab.write_bytes(crontab.read_bytes().replace(b"secret-word\\%'", b"secret-word\\%' >> log"))
    ended = adopt(crontab, "--undo")
    assert f"{crontab}:3 was changed after it was wrapped, and stays so" in ended.stderr
    assert len(list((home / "adopted").iterdir())) == 1


def test_mode_and_owner_stay_and_so_do_access_lists(adopt: Adopt, crontab: Path) -> None:
    os.setxattr(crontab, "user.note", b"kept")
    if os.geteuid() == 0:
        os.chown(crontab, 12345, 54321)
    before = crontab.stat()
    adopt(crontab, "--install")
    after = crontab.stat()
    assert after.st_ino != before.st_ino
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert os.getxattr(crontab, "user.note") == b"kept"


def test_what_was_kept_is_for_its_owner_alone(adopt: Adopt, crontab: Path, home: Path) -> None:
    adopt(crontab, "--install")
    folder = home / "adopted"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [stat.S_IMODE(kept.stat().st_mode) for kept in folder.iterdir()] == [0o600]
    assert [path.name for path in crontab.parent.iterdir()] == ["mine"]


def test_a_link_stays_a_link_and_both_names_mean_one_crontab(adopt: Adopt, crontab: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(crontab)
    adopt(link, "--install")
    assert link.is_symlink()
    assert b" heartbeat run " in crontab.read_bytes()
    assert "byte for byte" in adopt(crontab, "--undo").stdout
    assert crontab.read_bytes() == OLD


def test_a_second_name_is_refused(adopt: Adopt, crontab: Path, tmp_path: Path) -> None:
    os.link(crontab, tmp_path / "second")
    ended = adopt(crontab, "--install")
    assert ended.returncode == Exit.REFUSED
    assert "has 2 names" in ended.stderr
    assert crontab.read_bytes() == OLD


def test_a_link_to_a_system_crontab_has_lines_with_a_user(tmp_path: Path) -> None:
    (tmp_path / "etc/cron.d").mkdir(parents=True)
    (tmp_path / "etc/crontab").write_text("")
    (tmp_path / "table").symlink_to(tmp_path / "etc/crontab")
    (tmp_path / "etc/cron.d/x").symlink_to(tmp_path / "elsewhere")
    kinds = [find_place(f"{tmp_path}/{name}").kind for name in ("table", "etc/cron.d/x", "etc/anacrontab", "other")]
    assert kinds == ["system", "system", "anacron", "user"]


@pytest.mark.parametrize("make", ["folder", "fifo", "loop", "missing", "device", "no-parent", "long"])
def test_what_is_no_crontab_is_told_in_a_line(make: str, adopt: Adopt, tmp_path: Path) -> None:
    path = tmp_path / "it"
    status = Exit.BAD_DATA
    if make == "folder":
        path.mkdir()
    elif make == "fifo":
        os.mkfifo(path)
    elif make == "loop":
        path.symlink_to(path)
    elif make == "device":
        path = Path("/dev/zero")
    elif make == "no-parent":
        path, status = path / "nothing", Exit.UNAVAILABLE
    elif make == "long":
        path = tmp_path / ("x" * 300)
    else:
        status = Exit.UNAVAILABLE
    for words in ([], ["--install"], ["--undo"]):
        ended = adopt(path, *words)
        assert (ended.returncode, ended.stdout) == (status, "")
        assert ended.stderr.startswith(f"agentkit: error: {path}: ")


def test_neither_a_file_nor_a_user_and_both_of_them_are_errors(adopt: Adopt, tmp_path: Path) -> None:
    assert adopt("nosuchuserhere").returncode == Exit.UNAVAILABLE
    (tmp_path / "root").write_bytes(OLD)
    ended = adopt("root", cwd=tmp_path)
    assert ended.returncode == Exit.USAGE
    assert adopt("./root", cwd=tmp_path).returncode == 0


def test_a_program_that_is_none_is_refused(agentkit: Verb, crontab: Path, tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    for program in ("/nowhere/agentkit", "nosuchprogram", str(tmp_path), str(tmp_path / "plain")):
        ended = agentkit("heartbeat", "adopt", str(crontab), "--install", "--program", program)
        assert ended.returncode == Exit.UNAVAILABLE
        assert crontab.read_bytes() == OLD


def test_a_relative_program_is_named_by_its_whole_path(
    adopt: Adopt, agentkit: Verb, crontab: Path, tmp_path: Path
) -> None:
    agentkit("heartbeat", "adopt", str(crontab), "--install", "--program", "./agentkit", cwd=tmp_path)
    assert f"set -- {tmp_path}/agentkit heartbeat run".encode() in crontab.read_bytes()


def test_lines_that_are_only_shown_may_name_a_program_that_comes_later(agentkit: Verb, crontab: Path) -> None:
    ended = agentkit("heartbeat", "adopt", str(crontab), "--program", "/opt/nowhere/agentkit")
    assert (ended.returncode, crontab.read_bytes()) == (0, OLD)
    assert "set -- /opt/nowhere/agentkit heartbeat run" in ended.stdout


def test_empty_files_and_files_without_jobs_have_nothing_to_wrap(adopt: Adopt, crontab: Path) -> None:
    for content in (b"", b"\n", b"# only this", b"MAILTO=me\n"):
        crontab.write_bytes(content)
        ended = adopt(crontab, "--install")
        assert (ended.returncode, ended.stdout) == (0, f"{crontab}: nothing to wrap\n")
        assert crontab.read_bytes() == content


def test_a_spoilt_record_is_told_and_nothing_is_changed(adopt: Adopt, crontab: Path, home: Path) -> None:
    adopt(crontab, "--install")
    new = crontab.read_bytes()
    [kept] = (home / "adopted").iterdir()
    for spoilt in (b"", b"{", b"[]", b'{"v": 1}', b"\xff", kept.read_bytes()[:-20], b'{"changes": [[1]]}'):
        kept.write_bytes(spoilt)
        ended = adopt(crontab, "--undo")
        assert ended.returncode == Exit.BAD_DATA
        assert str(kept) in ended.stderr
        assert crontab.read_bytes() == new


def test_the_record_holds_any_bytes_and_two_names_never_share_one(tmp_path: Path) -> None:
    folder = str(tmp_path)
    made = [
        Adopted(name, bytes(range(256)), b"\xed\xb2\x80\xf0\x9f\x98\x80", (Change("a\udcff", "b", "j"),))
        for name in ("/a/b", "/a-b", "-a-b", "/a/\udcff", "/" + "x" * 300)
    ]
    for one in made:
        keep_adopted(folder, one)
    assert [find_adopted(folder, one.name) for one in made] == made
    for one in made:
        forget_adopted(folder, one.name)
        forget_adopted(folder, one.name)
    assert os.listdir(tmp_path / "adopted") == []


def test_a_crontab_that_somebody_changes_meanwhile_is_not_overwritten(crontab: Path) -> None:
    place = find_place(str(crontab))
    old = read_place(place)
    crontab.write_bytes(old + b"# a moment ago\n")
    with pytest.raises(AgentkitError) as caught:
        replace_place(place, old, b"new\n")
    assert caught.value.status == Exit.TRY_LATER
    assert crontab.read_bytes() == old + b"# a moment ago\n"
    assert [path.name for path in crontab.parent.iterdir()] == ["mine"]


def test_where_nothing_can_be_written_the_old_crontab_stays(adopt: Adopt, tmp_path: Path) -> None:
    # /proc takes no new files, whoever asks.
    place = Place("/proc/version", "/proc/version", "user", "root")
    with pytest.raises(AgentkitError) as caught:
        replace_place(place, read_place(place), b"new\n")
    assert caught.value.status == Exit.CANNOT_WRITE
    table = tmp_path / "table"
    table.write_bytes(OLD)
    for state in ("/proc/nowhere", "/dev/full/x"):
        ended = adopt(table, "--install", more={"AGENTKIT_HOME": state})
        assert (ended.returncode, table.read_bytes()) == (Exit.CANNOT_WRITE, OLD)


def test_a_closed_or_full_stdout_is_no_traceback(adopt: Adopt, crontab: Path, environ: dict[str, str]) -> None:
    command = f"{sys.executable} -m agentkit heartbeat adopt {crontab} --program {crontab.parents[1]}/agentkit"
    for end in ("> /dev/full", ">&-", "| true"):
        ended = subprocess.run(
            ["sh", "-c", f"{command} {end}"], env=environ, capture_output=True, text=True, timeout=60, check=False
        )
        assert "Traceback" not in ended.stderr
    assert crontab.read_bytes() == OLD


def test_a_user_without_a_name_can_adopt_a_file(adopt: Adopt, crontab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getuid", lambda: 4_000_000_001)
    assert find_place(str(crontab.parents[1] / "other")).user == "4000000001"


def test_ten_thousand_lines_are_adopted_and_come_back(adopt: Adopt, crontab: Path) -> None:
    content = b"".join(b"%d * * * * /opt/job --number %d || true\n" % (n % 60, n) for n in range(10_000))
    crontab.write_bytes(content)
    assert "wrapped 10000 lines of" in adopt(crontab, "--install").stdout
    edited = crontab.read_bytes().replace(b"7 * * * * ", b"7 1 * * * ")
    crontab.write_bytes(edited)
    adopt(crontab, "--undo")
    assert crontab.read_bytes() == content.replace(b"7 * * * * ", b"7 1 * * * ")


def test_the_record_is_plain_json(adopt: Adopt, crontab: Path, home: Path) -> None:
    adopt(crontab, "--install")
    [kept] = (home / "adopted").iterdir()
    record = json.loads(kept.read_text(encoding="ascii"))
    assert (record["v"], record["name"]) == (1, str(crontab))
