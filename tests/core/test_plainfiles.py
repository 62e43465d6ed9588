"""Is only a plain file opened, and nothing that would hold us or notice?"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agentkit.core.plainfiles import open_plain

LIMIT_S = 30
READ_CRONTABS = "import sys; from agentkit.core.crontab import read_crontabs; read_crontabs(sys.argv[1])"
READ_FOLDER = "import sys; from agentkit.core.runparts import read_run_parts; read_run_parts(sys.argv[1])"


def test_a_plain_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"text")
    with open_plain(str(tmp_path / "file")) as file:
        assert file.read(100) == b"text"


@pytest.mark.parametrize("name", ["pipe", "folder", "/dev/zero"])
def test_what_is_no_plain_file_is_refused(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="not a plain file"):
        open_plain(str(tmp_path / name))


def test_what_the_kernel_only_gives_once_is_left_to_whom_it_is_for() -> None:
    with open_plain("/proc/self/status") as file:
        assert file.read(100) == b""


@pytest.mark.parametrize(
    ("program", "name"),
    [
        (READ_CRONTABS, "etc/passwd"),
        (READ_CRONTABS, "etc/default/cron"),
        (READ_CRONTABS, "usr/sbin/cron"),
        (READ_FOLDER, "usr/bin/run-parts"),
    ],
)
def test_a_pipe_in_a_files_place_holds_nobody(tmp_path: Path, program: str, name: str) -> None:
    (tmp_path / "etc/cron.d").mkdir(parents=True)
    (tmp_path / "etc/cron.d/job").write_text("* * * * * root true\n")
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(tmp_path / name)
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], timeout=LIMIT_S, check=True)
