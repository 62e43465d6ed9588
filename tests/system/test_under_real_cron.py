"""Jobs and checks as lines of real crontabs: what comes in, what is told, what is mailed, what is missed.

The daemon's clock runs fast, so that its minutes take a second or three; jobs and checks have the true time. Two
daemons keep the true clock: they start with this module, and the last tests hold them to their minutes.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from tests.system.cron_namespace import FAST, OUT, RealCron

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / "crontab.example"
HOME = f"{OUT}/home"
STATE = f"{HOME}/.local/state/agentkit"
PROGRAM = f"{OUT}/bin/agentkit"
# Three seconds a minute: on a slow machine, too, a job is done before its next turn.
CALM = "+0 x20"
LIMIT_S = 90
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# Seen from inside under paths that every user may enter, wherever this Python and this repository lie.
SEEN = {
    "/run/base": sys.base_prefix,
    "/run/source": str(ROOT),
    "/run/packages": str(Path(pytest.__file__).parent.parent),
}
PYTHON = Path(os.path.realpath(sys.executable)).name


class Site:
    """A real cron, and agentkit as any user of its machine finds it; root's home is a folder of the test."""

    def __init__(self, folder: Path, *, flavour: str = "debian", clock: str | None = CALM) -> None:
        self.cron = RealCron(folder, flavour=flavour, clock=clock, lifetime_s=900)
        self.out = self.cron.out
        self._write("bin/agentkit", _LAUNCHER, 0o755)
        self._write("bin/notify", f"#!/bin/sh\ncat >> {OUT}/news\n", 0o755)
        self._write("bin/mail", f'#!/bin/sh\n{{ echo "Arguments: $*"; cat; }} >> {OUT}/mailed\n', 0o755)
        self._installed = 0
        (self.out / "home").mkdir()
        passwd = self.cron.root / "etc/passwd"
        lines = [line for line in passwd.read_text().splitlines() if not line.startswith("root:")]
        passwd.write_text("\n".join([f"root:x:0:0:root:{HOME}:/bin/sh", *lines, ""]))

    def __enter__(self) -> Self:
        self.cron.__enter__()
        for inside, outside in SEEN.items():
            self.do(f"mkdir -p {inside} && mount --bind {outside} {inside}")
        # The mail program that the crontab names, on a machine that may have none; and no places of this machine where
        # evidence goes that finds no home.
        self._cover("/usr/bin", f"rm -f /usr/bin/mail && cp {OUT}/bin/mail /usr/bin/mail")
        self._cover("/var/lib", "rm -rf /var/lib/agentkit")
        self._cover("/tmp", "rm -rf /tmp/agentkit-*")
        return self

    def __exit__(self, *error: object) -> None:
        self.cron.__exit__(None, None, None)

    def _cover(self, folder: str, then: str) -> None:
        """Make changes to a folder of the machine that are seen inside alone."""
        layer = f"/run/layers/of{folder.replace('/', '_')}"
        options = f"lowerdir={folder},upperdir={layer},workdir={layer}.work"
        self.do(f"mkdir {layer} {layer}.work && chmod --reference={folder} {layer}")
        self.do(f"mount -t overlay overlay -o {options} {folder} && {then}")

    def do(self, command: str) -> str:
        """Run a shell command inside, as root; it has to end well."""
        ended = self.cron.run(["sh", "-c", command])
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def crontab(self, *lines: str, user: str = "root") -> None:
        """Install a user's crontab; lines begin `agentkit` where the program's path is to stand."""
        text = "".join(f"{line}\n" for line in lines)
        self.install(re.sub(r"(?m) agentkit heartbeat", f" {PROGRAM} heartbeat", text), user=user)

    def install(self, text: str, *, user: str = "root") -> None:
        """Install a user's crontab as it stands."""
        self.cron.install_crontab(user, text)
        self.look_again(user)

    def look_again(self, user: str = "root") -> None:
        """Let the daemon see that a crontab has changed: it compares whole seconds, of which this may be the same."""
        self._installed += 1
        for changed in (self.cron.crontabs / user, self.cron.crontabs):
            os.utime(changed, (time.time() + self._installed, time.time() + self._installed))

    def agentkit(self, *words: str, user: str = "root") -> "subprocess.CompletedProcess[str]":
        """Run agentkit inside as a user, with an environment as small as cron's."""
        home = HOME if user == "root" else f"{OUT}/{user}"
        command = ["env", "-i", "PATH=/usr/bin:/bin", f"HOME={home}", PROGRAM, *words]
        if user != "root":
            command = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--", *command]
        return self.cron.run(command)

    def firing(self, *, user: str = "root") -> set[tuple[str, str]]:
        """Check inside, and return (type, subject) of what fires and matters."""
        ended = self.agentkit("heartbeat", "check", "--json", user=user)
        assert ended.returncode in (0, 1), ended.stderr
        assert ended.stderr == ""
        records = [json.loads(line) for line in ended.stdout.splitlines()]
        alarms = [record for record in records if record["state"] == "firing" and record["severity"] != "info"]
        return {(record["type"], record["subject"]) for record in alarms}

    def runs(self, job: str, *, place: str = STATE) -> list[dict[str, object]]:
        """Return the closing records of a job that have not left the spool, oldest first."""
        records = []
        for path in sorted((self.out / place.removeprefix(f"{OUT}/") / "spool").glob("*.jsonl")):
            records += [json.loads(line) for line in path.read_text().splitlines() if line]
        return [record for record in records if record["job"] == job and record["state"] != "started"]

    def news(self) -> list[tuple[str, str, str]]:
        """Return state, type and subject of what was handed to bin/notify."""
        path = self.out / "news"
        records = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [(record["state"], record["type"], record["subject"]) for record in records]

    def wait_for_runs(self, job: str, count: int = 1, *, place: str = STATE) -> list[dict[str, object]]:
        self.cron.wait_until(lambda: len(self.runs(job, place=place)) >= count, LIMIT_S, f"no evidence of {job}")
        return self.runs(job, place=place)

    def copies(self) -> list[Path]:
        """Return the copies that the job of the example made of its crontab."""
        return list((self.out / "home").glob("crontab.*"))

    def mails_about(self, text: str) -> list[str]:
        return [mail for mail in self.cron.mails if text in mail]

    def _write(self, name: str, text: str, mode: int) -> None:
        path = self.out / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(mode)


_LAUNCHER = f"""#!/bin/sh
PYTHONHOME=/run/base PYTHONPATH=/run/source:/run/packages PYTHONDONTWRITEBYTECODE=1
export PYTHONHOME PYTHONPATH PYTHONDONTWRITEBYTECODE
exec /run/base/bin/{PYTHON} -m agentkit "$@"
"""


@pytest.fixture(scope="module", autouse=True)
def true_clock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Site]]:
    """The daemons of the last two tests, Debian's and busybox: they need their minute while the other tests run."""
    debian = Site(tmp_path_factory.mktemp("true"), clock=None)
    debian.crontab("* * * * * agentkit heartbeat run plain --grace 1s -- true")
    # A static program is deaf to libfaketime.
    busybox = Site(tmp_path_factory.mktemp("busybox"), flavour="busybox", clock=None)
    busybox.install(_adapt_example(EXAMPLE.read_text()))
    with debian, busybox:
        busybox.agentkit("heartbeat", "run", "nightly", "--every", "1d", "--", "false")
        yield debian, busybox


CHECK = f"* * * * * agentkit heartbeat check --notify {OUT}/bin/notify"


def test_evidence_comes_in_and_only_what_went_wrong_is_mailed(tmp_path: Path) -> None:
    with Site(tmp_path) as site:
        site.cron.add_user("other", 31999, home=f"{OUT}/other")
        (site.out / "other").mkdir(mode=0o777)
        (site.out / "other").chmod(0o777)
        site.crontab("* * * * * agentkit heartbeat run theirs -- true", user="other")
        site.crontab(
            "MAILTO=admin@example.org",
            "* * * * * agentkit heartbeat run good -- echo all of it",
            "* * * * * agentkit heartbeat run bad -- sh -c 'echo no space on $(date +\\%Y); exit 3'",
            "* * * * * agentkit heartbeat run fed -- grep -c .%one%two%three",
            f"* * * * * AGENTKIT_HOME={OUT}/away agentkit heartbeat run away -- true",
            CHECK,
        )
        for job in ("good", "bad", "fed"):
            site.wait_for_runs(job)
        site.wait_for_runs("away", place=f"{OUT}/away")
        site.wait_for_runs("theirs", place=f"{OUT}/other/.local/state/agentkit")
        site.cron.wait_until(lambda: ("firing", "failed", "job:bad") in site.news(), LIMIT_S, "no news")
        site.cron.wait_until(lambda: bool(site.mails_about("no space")), LIMIT_S, "no mail")
        good, bad, fed = (site.runs(job)[0] for job in ("good", "bad", "fed"))
        assert (good["state"], good["tail"]) == ("ok", "all of it\n")
        assert (bad["state"], bad["status"]) == ("failed", 3)
        assert fed["tail"] == "3\n"
        mail = site.mails_about("no space")[0]
        assert "admin@example.org" in mail
        assert f"no space on {time.strftime('%Y')}" in mail
        # Of the others cron had nothing to mail, and of the check neither: its news went to the program, once.
        assert [mail for mail in site.cron.mails if "heartbeat run bad" not in mail] == []
        assert site.news().count(("firing", "failed", "job:bad")) == 1
        tails = [json.loads(line)["evidence"].get("tail", "") for line in (site.out / "news").read_text().splitlines()]
        assert any("no space on" in tail for tail in tails)
        assert {subject for _, _, subject in site.news()} & {"job:away", "job:theirs"} == set()
        assert site.firing() == {("failed", "job:bad")}


def test_a_line_that_goes_is_told_by_the_check_line_beside_it(tmp_path: Path) -> None:
    with Site(tmp_path) as site:
        site.crontab("* * * * * agentkit heartbeat run backup -- true", CHECK)
        site.wait_for_runs("backup")
        site.cron.wait_until((site.out / "home/.local/state/agentkit/last-check").exists, LIMIT_S, "no check")
        assert site.firing() == set()
        site.crontab(CHECK)
        gone = ("firing", "vanished", "job:backup")
        site.cron.wait_until(lambda: gone in site.news(), LIMIT_S, "nobody missed it")
        site.crontab("* * * * * agentkit heartbeat run backup -- true", CHECK)
        back = ("resolved", "vanished", "job:backup")
        site.cron.wait_until(lambda: back in site.news(), LIMIT_S, "nobody saw it come back")
        assert site.cron.mails == []


def test_overlapping_ticks_are_skipped_and_three_of_them_are_news(tmp_path: Path) -> None:
    with Site(tmp_path, clock=FAST) as site:
        site.crontab("* * * * * agentkit heartbeat run long -- sleep 300")
        skipped = site.wait_for_runs("long", 3)
        assert {record["state"] for record in skipped} == {"skipped"}
        assert ("skipping", "job:long") in site.firing()


def test_a_user_whose_spool_is_closed_knows_the_own_lines(tmp_path: Path) -> None:
    with Site(tmp_path) as site:
        site.cron.add_user("keeper", 31998, home=f"{OUT}/keeper")
        (site.out / "keeper").mkdir()
        os.chown(site.out / "keeper", 31998, 31998)
        group = next(line for line in (site.cron.root / "etc/group").read_text().splitlines() if "crontab:" in line)
        os.chown(site.cron.crontabs, 0, int(group.split(":")[2]))
        site.cron.crontabs.chmod(0o1730)
        lines = [f"* * * * * agentkit heartbeat run {name} -- true" for name in ("one", "two")]
        site.crontab(*lines, user="keeper")
        for name in ("one", "two"):
            site.wait_for_runs(name, place=f"{OUT}/keeper/.local/state/agentkit")
        assert site.cron.run(
            ["setpriv", "--reuid=keeper", "--clear-groups", "ls", "/var/spool/cron/crontabs"]
        ).returncode
        assert site.firing(user="keeper") == set()
        site.crontab(lines[0], user="keeper")
        assert site.firing(user="keeper") == {("vanished", "job:two")}


def _adapt_example(lines: str) -> str:
    """Make the two edits that crontab.example asks for, with its own words; and every minute a turn of each line."""
    edits = ["-e", f"s|/usr/local/bin/agentkit|{PROGRAM}|g", "-e", "s|^MAILTO=.*|MAILTO=you@example.org|"]
    edited = subprocess.run(["sed", *edits], input=lines, capture_output=True, text=True, timeout=30, check=True).stdout
    return re.sub(r"(?m)^[0-9*][^ ]* [^ ]+ \* \* \* (sleep 400; )?", "* * * * * ", edited)


def test_the_crontab_of_the_example_works_and_is_quiet(tmp_path: Path) -> None:
    text = _adapt_example(EXAMPLE.read_text())
    assert text.count("\n* * * * * ") == 5
    # A map of the whole machine may take longer than a minute of this clock.
    text, found = re.subn(r"(?m)^\* (.* run map )", r"*/10 \1", text)
    assert found == 1
    with Site(tmp_path) as site:
        (site.out / "crontab").write_text(text)
        # Before there is any crontab, so that the watcher has nothing to complain of: here it does not sleep first.
        site.agentkit("heartbeat", "check")
        assert site.cron.run(["crontab", f"{OUT}/crontab"]).stderr == ""
        site.look_again()
        runs = [run for job in ("crontab-copy", "prune", "map") for run in site.wait_for_runs(job)]
        assert {record["state"] for record in runs} <= {"ok", "skipped"}
        assert {path.read_text() for path in site.copies()} == {text}
        site.wait_for_runs("crontab-copy", 4)
        assert site.firing() == set()
        # News is mailed once, to the one address.
        assert site.agentkit("heartbeat", "run", "nightly", "--every", "1d", "--", "false").returncode == 1
        site.cron.wait_until((site.out / "mailed").exists, LIMIT_S, "no news was mailed")
        site.wait_for_runs("crontab-copy", len(site.runs("crontab-copy")) + 3)
        assert "Arguments: -s news of the jobs you@example.org\n" in (site.out / "mailed").read_text()
        assert (site.out / "mailed").read_text().count("nightly failed with status 1") == 1
        assert site.cron.mails == []


def test_the_watcher_complains_when_no_check_comes_to_its_end(tmp_path: Path) -> None:
    watcher = [line for line in EXAMPLE.read_text().splitlines() if "last-check" in line]
    assert "agentkit heartbeat" not in watcher[0]
    with Site(tmp_path) as site:
        evidence = site.out / "home/.local/state/agentkit/last-check"
        assert site.agentkit("heartbeat", "check").returncode == 0
        site.install(_adapt_example("MAILTO=x\n" + watcher[0] + f"\n* * * * * echo >> {OUT}/ticks\n"))
        site.cron.wait_until(lambda: _size(site.out / "ticks") >= 3, LIMIT_S, "no ticks")
        assert site.cron.mails == []
        site.do(f"touch -d '31 minutes ago' {STATE}/last-check")
        site.cron.wait_until(lambda: bool(site.cron.mails), LIMIT_S, "nobody complained")
        assert "no heartbeat check has finished for 30 minutes" in site.cron.mails[0]
        assert "you@example.org" in site.cron.mails[0]
        assert site.agentkit("heartbeat", "check").returncode == 0
        assert time.time() - evidence.stat().st_mtime < 1800


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def test_a_daemon_that_has_stopped_is_one_finding(tmp_path: Path) -> None:
    with Site(tmp_path) as site:
        site.crontab(*(f"* * * * * agentkit heartbeat run job-{n} --every 30s --grace 5s -- true" for n in range(3)))
        for number in range(3):
            site.wait_for_runs(f"job-{number}", 2)
        assert site.firing() == set()
        site.cron.stop_daemon()
        site.cron.wait_until(lambda: bool(site.firing()), LIMIT_S, "nobody missed cron")
        site.cron.wait_until(
            lambda: {kind for kind, _ in site.firing()} == {"silent-machine"},
            LIMIT_S,
            "silence is more than one finding",
        )


def test_the_crontab_of_the_example_works_under_busybox(true_clock: tuple[Site, Site]) -> None:
    _, site = true_clock
    runs = [run for job in ("crontab-copy", "prune", "map") for run in site.wait_for_runs(job)]
    assert {record["state"] for record in runs} == {"ok"}
    site.cron.wait_until((site.out / "home/.local/state/agentkit/last-check").exists, LIMIT_S, "no check")
    copy = site.copies()[0]
    assert copy.suffix[1:] in DAYS
    # Debian's crontab -l takes the first comments for its own and leaves them out.
    assert copy.read_text()
    assert _adapt_example(EXAMPLE.read_text()).endswith(copy.read_text())
    # This crond hands no MAILTO on.
    site.cron.wait_until((site.out / "mailed").exists, LIMIT_S, "no news was mailed")
    assert "Arguments: -s news of the jobs root\n" in (site.out / "mailed").read_text()
    assert (site.out / "mailed").read_text().count("nightly failed with status 1") == 1


def test_with_the_true_clock_a_line_alone_is_the_schedule(true_clock: tuple[Site, Site]) -> None:
    site, _ = true_clock
    site.wait_for_runs("plain")
    # What follows must not fall into the turn of a minute.
    site.cron.wait_until(lambda: 5 < time.time() % 60 < 45, LIMIT_S, "the clock stands still")
    site.cron.stop_daemon()
    (run,) = site.runs("plain")[-1:]
    assert run["state"] == "ok"
    assert site.firing() == set()
    minute = time.time() // 60
    site.cron.wait_until(lambda: time.time() // 60 > minute and time.time() % 60 > 3, LIMIT_S, "the clock stands still")
    assert {(kind, subject.partition(":")[0]) for kind, subject in site.firing()} == {("silent-machine", "host")}
    assert site.cron.mails == []
