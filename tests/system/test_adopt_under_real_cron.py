"""Does an adopted crontab do what the old one did, as a real cron runs it: to files, to mails, to what jobs see?

The daemon's minutes take three seconds. Each crontab runs once, under a daemon of its own: the old one, the adopted
one, and the adopted one on machines where the program is gone or broken.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from agentkit.heartbeat.adoption import Surroundings, plan_adoption
from agentkit.heartbeat.crontabplace import Place
from tests.system.cron_namespace import OUT
from tests.system.nasty_lines import LEFT, LINES, is_assignment
from tests.system.test_under_real_cron import LIMIT_S, PROGRAM, ROOT, Site

# The last seconds before the first minute of an hour, by the daemon's clock.
CLOCK = f"@{int(time.mktime((2026, 3, 3, 5, 0, 40, 0, 0, -1)))} x20"
LAST = f"3 * * * * touch {OUT}/last"
JOB = re.compile(r" heartbeat run (\S+) ")
OWN = re.compile(r"^AGENTKIT_(?:RUN|JOB|MARKS)=.*\n", re.MULTILINE)
# What the launcher of these tests sets, and an installed one does not.
OF_THE_TEST = re.compile(r"^PYTHON(?:HOME|PATH|DONTWRITEBYTECODE)=.*\n", re.MULTILINE)
# What a failure adds to a mail, by the wrapper's own words.
TOLD = re.compile(rb"^agentkit: \S+: (failed with status|was ended by signal) \d+ after .*\n", re.MULTILINE)
GONE = re.compile(rb"^/run/out/bin/agentkit does not work: \S+ runs unwatched\n", re.MULTILINE)

# busybox's crond knows no %, and hands on what stands there.
BUSYBOX_LINES = (
    "pwd > /run/out/e/pwd",
    "date +%Y-%m > /run/out/e/date",
    "printf 'a\\tb%s\\n' 'c d' > /run/out/e/tab",
    "echo \\\\ '\\\\' 50\\% > /run/out/e/backslashes",
    "echo 'single' \"it's\" 'it'\\''s' > /run/out/e/quotes",
    "echo z y x | tr ' ' '\\n' | sort > /run/out/e/pipe",
    "touch '/run/out/e/\udcff'; exit 0",
    "wc -c > /run/out/e/fed",
    "echo once >> /run/out/e/once",
)

Effects = tuple[dict[str, bytes], list[tuple[str, bytes]]]


def _write_crontab() -> str:
    jobs = [line if is_assignment(line) else f"1 * * * * {line}" for line in LINES]
    return "# nasty lines\n\n" + "\n".join([*jobs, LAST]) + "\n"


class Stage:
    """A machine that runs one crontab once."""

    def __init__(self, folder: Path, text: bytes) -> None:
        self.site = Site(folder, clock=CLOCK)
        self.site.cron.install_crontab("root", text)
        (self.site.out / "e").mkdir()
        (self.site.out / "given").write_text("a\n")
        (self.site.out / "given.sh").write_text("GIVEN=${GIVEN}once\necho told once\n")

    def start(self) -> None:
        """Give the machine a place of its own for what libfaketime shares by pid: sendmail dies of another's."""
        self.site.do("mkdir -p /dev/shm && mount -t tmpfs tmpfs /dev/shm")

    def wait(self) -> Effects:
        """Wait until all jobs have ended, and return files and mails."""
        cron = self.site.cron
        cron.wait_until((self.site.out / "last").exists, LIMIT_S, "the last line did not run")
        # A child of cron lives until the mail of its job is sent.
        idle = ["sh", "-c", "test $(pgrep -xc cron) = 1 && ! pgrep -f '/run/out/[e]/'"]
        cron.wait_until(lambda: cron.run(idle).returncode == 0, LIMIT_S, "a job does not end")
        assert not [line for line in cron.log if "from MTA" in line]
        folder = self.site.out / "e"
        files = {path.name: path.read_bytes() for path in folder.iterdir()}
        mails = []
        for path in sorted((cron.folder / "mail").glob("*.eml")):
            head, _, body = path.read_bytes().partition(b"\n\n")
            addressee = next(line for line in head.decode(errors="replace").splitlines() if line.startswith("To:"))
            mails.append((addressee, body))
        return files, sorted(mails)


@pytest.fixture(scope="module", autouse=True)
def busybox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Site, bytes]]:
    """Two crontabs under busybox's crond, which has the true clock: their minute comes while the other tests run."""
    turn = time.localtime(time.time() + 70).tm_min
    jobs = [f"{turn} * * * * {line}" for line in BUSYBOX_LINES]
    old = ("SHELL=/bin/sh\n" + "\n".join(jobs) + "\n").encode(errors="surrogateescape")
    around = Surroundings("busybox", bool, str, PROGRAM, frozenset(), "/bin/bash")
    adoption = plan_adoption(old, Place("/root", "/root", "user", "root"), around)
    assert len(adoption.changes) == len(BUSYBOX_LINES)
    sites = []
    with ExitStack() as stack:
        for name, text in (("old", old), ("new", adoption.new)):
            site = Site(tmp_path_factory.mktemp(f"busybox-{name}"), flavour="busybox", clock=None)
            (site.out / "e").mkdir()
            site.cron.install_crontab("root", text)
            sites.append(stack.enter_context(site))
        yield sites[0], sites[1], adoption.new


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, Effects, bytes]]:
    """The old crontab after its one turn: its machine, its effects, and what it is once it is adopted there."""
    text = _write_crontab().encode(errors="surrogateescape")
    stage = Stage(tmp_path_factory.mktemp("original"), text)
    with stage.site:
        stage.start()
        effects = stage.wait()
        ended = stage.site.agentkit("heartbeat", "adopt", "root", "--install", "--program", PROGRAM)
        assert ended.returncode == 0, ended.stderr
        yield stage, effects, (stage.site.cron.crontabs / "root").read_bytes()


@pytest.fixture(scope="module")
def adopted(
    original: tuple[Stage, Effects, bytes], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, tuple[Stage, Effects]]]:
    """The adopted crontab after its one turn, with the program in different states: side by side, to be quick."""
    breaks: dict[str, Callable[[Path], object]] = {
        "working": Path.exists,
        "removed": Path.unlink,
        "failing": lambda program: program.write_text("#!/bin/sh\ncat > /dev/null\necho no; exit 1\n"),
        "without-interpreter": lambda program: program.write_text("#!/nowhere/python\n"),
        "a-folder": lambda program: (program.unlink(), program.mkdir()),
    }
    with ExitStack() as stack:
        stages = {}
        for name, spoil in breaks.items():
            stage = Stage(tmp_path_factory.mktemp(name), original[2])
            spoil(stage.site.out / "bin/agentkit")
            stack.enter_context(stage.site)
            stage.start()
            stages[name] = stage
        yield {name: (stage, stage.wait()) for name, stage in stages.items()}


def _bodies(mails: list[tuple[str, bytes]], own: re.Pattern[bytes]) -> list[tuple[str, bytes]]:
    """Return the mails without what the wrapped line itself says, and without those that held nothing else."""
    bare = [(addressee, own.sub(b"", body)) for addressee, body in mails]
    return sorted(mail for mail in bare if mail[1])


def test_the_old_crontab_has_effects_to_compare(original: tuple[Stage, Effects, bytes]) -> None:
    files, mails = original[1]
    assert len([line for line in LINES if not is_assignment(line)]) >= 60
    assert len(files) >= 50
    assert len(mails) >= 12
    assert files["fed"] == b"first\nsecond % line\n"
    assert ("To: root", b"mail 1\nmail 2\nmail 3\nmail 4\nmail 5\n") in mails


def test_all_lines_are_adopted_but_those_that_would_do_something_else(original: tuple[Stage, Effects, bytes]) -> None:
    rows = original[2].decode(errors="surrogateescape").split("\n")
    bare = [row for row in rows if row.startswith("1 ") and not JOB.search(row)]
    assert [next((mark for mark in LEFT if mark in row), row) for row in bare] == list(LEFT)


def test_adopted_lines_leave_the_same_files(
    original: tuple[Stage, Effects, bytes], adopted: dict[str, tuple[Stage, Effects]]
) -> None:
    files, _ = adopted["working"][1]
    for name in ("env", "bash-env"):
        said = files[name].decode()
        assert len(OWN.findall(said)) == 3
        files[name] = OF_THE_TEST.sub("", OWN.sub("", said)).encode()
    assert files == original[1][0]


def test_adopted_lines_send_the_same_mails_and_a_word_more_where_they_fail(
    original: tuple[Stage, Effects, bytes], adopted: dict[str, tuple[Stage, Effects]]
) -> None:
    _, mails = adopted["working"][1]
    # bash tells of what it lacks in words of its own; no line of the table asks it to.
    assert _bodies(mails, TOLD) == original[1][1]
    told = [body for _, body in mails if TOLD.search(body)]
    assert all(len(TOLD.findall(body)) == 1 for body in told)
    assert any(b"mail of a failure\nagentkit: " in body for body in told)


@pytest.mark.parametrize("state", ["removed", "failing", "without-interpreter", "a-folder"])
def test_without_a_program_that_works_each_job_runs_once_and_complains(
    state: str, original: tuple[Stage, Effects, bytes], adopted: dict[str, tuple[Stage, Effects]]
) -> None:
    files, mails = adopted[state][1]
    assert files == original[1][0]
    assert _bodies(mails, GONE) == original[1][1]
    complaints = b"".join(body for _, body in mails)
    jobs = JOB.findall(original[2].decode(errors="surrogateescape"))
    # One of them has MAILTO="", and so nobody hears of it.
    silent = [job for job in jobs if complaints.count(f" does not work: {job} runs unwatched\n".encode()) != 1]
    nobody = next(row for row in original[2].decode(errors="replace").split("\n") if "echo to nobody" in row)
    assert silent == JOB.findall(nobody)


def test_each_adopted_job_is_in_the_ledger(
    original: tuple[Stage, Effects, bytes], adopted: dict[str, tuple[Stage, Effects]]
) -> None:
    site = adopted["working"][0].site
    ended = site.agentkit("heartbeat", "status", "--json")
    assert ended.returncode == 0, ended.stderr
    known = [json.loads(line) for line in ended.stdout.splitlines()]
    jobs = JOB.findall(original[2].decode(errors="surrogateescape"))
    assert len(set(jobs)) == len(jobs) > 50
    assert {job["job"] for job in known} == set(jobs)


def test_undo_gives_the_old_crontab_back_byte_for_byte(
    original: tuple[Stage, Effects, bytes], adopted: dict[str, tuple[Stage, Effects]]
) -> None:
    site = original[0].site
    again = site.agentkit("heartbeat", "adopt", "root", "--install", "--program", PROGRAM)
    assert "nothing to wrap" in again.stdout
    assert (site.cron.crontabs / "root").read_bytes() == original[2]
    ended = site.agentkit("heartbeat", "adopt", "root", "--undo")
    assert ended.returncode == 0, ended.stderr
    assert "byte for byte" in ended.stdout
    crontab = site.cron.crontabs / "root"
    assert crontab.read_bytes() == _write_crontab().encode(errors="surrogateescape")
    assert crontab.stat().st_mode & 0o7777 == 0o600
    assert list(site.cron.crontabs.iterdir()) == [crontab]


def test_under_busybox_adopted_lines_leave_the_same_files_and_evidence(busybox: tuple[Site, Site, bytes]) -> None:
    old, new, text = busybox
    jobs = JOB.findall(text.decode(errors="replace"))
    for job in jobs:
        new.wait_for_runs(job)
    names = {"pwd", "date", "tab", "backslashes", "quotes", "pipe", "\udcff", "fed", "once"}
    old.cron.wait_until(lambda: _names(old) == names and (old.out / "e/once").stat().st_size > 0, LIMIT_S)
    assert {path.name: path.read_bytes() for path in (new.out / "e").iterdir()} == {
        path.name: path.read_bytes() for path in (old.out / "e").iterdir()
    }
    assert {record["state"] for job in jobs for record in new.runs(job)} == {"ok"}


def test_a_user_whose_spool_is_closed_adopts_through_crontab(tmp_path: Path) -> None:
    text = "# first\n# second\n# third\n# fourth\n* * * * * touch x\n# last\n"
    with Site(tmp_path) as site:
        site.cron.add_user("keeper", 31997, home=f"{OUT}/keeper")
        (site.out / "keeper").mkdir()
        os.chown(site.out / "keeper", 31997, 31997)
        group = next(line for line in (site.cron.root / "etc/group").read_text().splitlines() if "crontab:" in line)
        os.chown(site.cron.crontabs, 0, int(group.split(":")[2]))
        site.cron.crontabs.chmod(0o1730)
        # Once as a tool wrote it, with comments of the user's own on top, and once as crontab(1) did, with its header.
        for write in ("file", "crontab"):
            if write == "file":
                path = site.cron.install_crontab("keeper", text)
            else:
                site.do(f"printf '%s' '{text}' | crontab -u keeper -")
            ended = site.agentkit("heartbeat", "adopt", "keeper", "--install", "--program", PROGRAM, user="keeper")
            assert (ended.returncode, ended.stderr) == (0, "")
            assert " heartbeat run touch " in path.read_text()
            ended = site.agentkit("heartbeat", "adopt", "keeper", "--undo", user="keeper")
            assert ended.stdout == "brought crontab of keeper back, byte for byte\n"
            rows = path.read_text().splitlines(keepends=True)
            headed = [row for row in rows if row.startswith(("# DO NOT EDIT", "# (- installed", "# (/", "# (Cron"))]
            assert "".join(row for row in rows if row not in headed) == text
            assert len(headed) in (0, 3)
        root = site.agentkit("heartbeat", "adopt", "root", "--program", PROGRAM, user="keeper")
        assert root.returncode == 69
        assert root.stderr.startswith("agentkit: error: crontab of root: ")


def test_a_full_disk_leaves_the_old_crontab_and_nothing_beside_it(tmp_path: Path) -> None:
    text = b"* * * * * touch x\n"
    (tmp_path / "from").write_bytes(text)
    small, program = tmp_path / "small", tmp_path / "agentkit"
    small.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    script = f"""
mount -t tmpfs -o size=16k tmpfs {small} && cp {tmp_path}/from {small}/table
head -c 99999 /dev/zero > {small}/rest
{sys.executable} -m agentkit heartbeat adopt {small}/table --install --program {program}
echo $? > {tmp_path}/status
cp {small}/table {tmp_path}/after; ls -A {small} > {tmp_path}/names
"""
    environ = {"PATH": os.environ["PATH"], "AGENTKIT_HOME": f"{tmp_path}/home", "PYTHONPATH": str(ROOT)}
    subprocess.run(["unshare", "--mount", "sh", "-c", script], env=environ, capture_output=True, timeout=60, check=True)
    assert (tmp_path / "status").read_text() == "73\n"
    assert (tmp_path / "after").read_bytes() == text
    assert (tmp_path / "names").read_text().split() == ["rest", "table"]


def _names(site: Site) -> set[str]:
    return {path.name for path in (site.out / "e").iterdir()}
