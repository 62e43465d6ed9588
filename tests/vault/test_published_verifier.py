"""Does the script that docs/audit-log.md publishes find what our own verifier finds, with whatever awk there is?"""

import os
import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.documents import ROOT
from tests.vault.logs import Log, make_eventful_log, make_log

PAGE = ROOT / "docs/audit-log.md"
LIMIT_S = 60
# Whose shell reads it, and whose awk runs in it.
SHELLS = {"mawk": ("dash", "mawk"), "gawk": ("bash", "gawk"), "busybox": ("busybox sh", "busybox")}
FLIPS = 8


@pytest.fixture(params=SHELLS)
def verifier(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    shell, awk = SHELLS[request.param]
    [script] = re.findall(r"cat > verify.sh <<'END'\n(.*?)^END$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    (tmp_path / "verify.sh").write_text(script)
    (tmp_path / "bin").mkdir()
    program = shutil.which(awk)
    assert program, f"{awk} is missing: tests/run installs it"
    (tmp_path / "bin/awk").symlink_to(program)
    return ["env", f"PATH={tmp_path}/bin:{os.environ['PATH']}", *shell.split(), str(tmp_path / "verify.sh")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "audit"


def run(verifier: list[str], folder: Path) -> tuple[int, str]:
    ended = subprocess.run(
        [*verifier, str(folder)], capture_output=True, text=True, errors="replace", timeout=LIMIT_S, check=False
    )
    assert ended.stderr == ""
    return ended.returncode, ended.stdout


def test_an_honest_log_is_one_chain_with_all_that_crashes_left(verifier: list[str], folder: Path) -> None:
    log = make_eventful_log(folder)
    assert run(verifier, folder) == (0, "26 records in one chain, and 0 lines at the end that are none\n")
    log.put(b"piece\nanother")
    assert run(verifier, folder) == (0, "26 records in one chain, and 2 lines at the end that are none\n")


def test_a_flipped_bit_is_found(verifier: list[str], folder: Path, random_choices: random.Random) -> None:
    make_eventful_log(folder)
    spots = [(path, at) for path in sorted(folder.glob("*.jsonl")) for at in range(path.stat().st_size)]
    for path, at in random_choices.sample(spots, FLIPS):
        whole = path.read_bytes()
        # A NUL or a newline is made by other tests: some awks end at a NUL.
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        status, said = run(verifier, folder)
        assert (status, said[:18]) == (76, "tampered at record"), f"{path.name} byte {at}: {said}"
        path.write_bytes(whole)


def _take_out(log: Log) -> None:
    lines = log.lines()
    log.path.write_bytes(b"".join(line + b"\n" for line in lines[:4] + lines[5:]))


def _cut(log: Log) -> None:
    os.truncate(log.path, log.size - 3000)


def _add_a_piece(log: Log) -> None:
    log.put(b"piece\n")
    log.seq += 1
    log.grow(2)


def _set_aside_another(log: Log) -> None:
    log.tear(b"piece", fragments=["0" * 64])
    log.grow(2)


def _join_another(log: Log) -> None:
    log.begin_segment(last_bytes=3)


def _skip_a_segment(log: Log) -> None:
    log.segment += 1
    log.begin_segment()


@pytest.mark.parametrize("befall", [_take_out, _cut, _add_a_piece, _set_aside_another, _join_another, _skip_a_segment])
def test_what_does_not_fit_is_found(verifier: list[str], folder: Path, befall: "object") -> None:
    log = make_log(folder)
    assert callable(befall)
    befall(log)
    status, said = run(verifier, folder)
    assert (status, said[:18]) == (76, "tampered at record"), said
