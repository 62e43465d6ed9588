"""Does a script in the room leave the machine as it was?"""

from pathlib import Path

from tests.system.stracedroom import run_in_room

SETTING = Path("/proc/sys/fs/protected_regular")


def test_a_script_in_the_room_sets_nothing_of_the_kernel(tmp_path: Path) -> None:
    before = SETTING.read_text()
    other = "0" if before.strip() != "0" else "1"
    script = f"echo {other} > {SETTING}"
    run_in_room(tmp_path, ["sh", "-c", script], {})
    assert SETTING.read_text() == before


def test_what_a_script_changes_of_the_machine_s_files_is_gone_with_the_room(tmp_path: Path) -> None:
    ended = run_in_room(
        tmp_path, ["sh", "-c", "echo x > /etc/from-the-room && cat /etc/from-the-room; echo y > kept"], {}
    )
    assert ended.stdout == b"x\n"
    assert not Path("/etc/from-the-room").exists()
    assert (tmp_path / "kept").read_text() == "y\n"
