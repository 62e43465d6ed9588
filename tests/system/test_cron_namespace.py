"""Does the private cron run jobs, keep its mails, and leave nothing behind?"""

from pathlib import Path

from tests.system.cron_namespace import FAST, OUT, RealCron


def test_a_job_runs_and_its_output_is_mailed_within_the_namespace(tmp_path: Path) -> None:
    cron = RealCron(tmp_path, clock=FAST)
    cron.install_crontab("root", f"* * * * * : > {OUT}/ran; echo spoken\n")
    with cron:
        cron.wait_until(lambda: bool(cron.mails), 30)
        assert (cron.out / "ran").exists()
    assert "spoken" in cron.mails[0]


def test_the_machines_own_crontabs_are_not_seen(tmp_path: Path) -> None:
    with RealCron(tmp_path) as cron:
        seen = cron.run(["sh", "-c", "ls -A /etc/cron.d /var/spool/cron/crontabs; ls /etc/crontab"])
    assert seen.stdout == "/etc/cron.d:\n\n/var/spool/cron/crontabs:\n"
    assert "No such file" in seen.stderr


def test_leaving_ends_what_jobs_started_and_takes_the_mounts_away(tmp_path: Path) -> None:
    before = Path("/proc/self/mounts").read_text()
    cron = RealCron(tmp_path, clock=FAST)
    cron.install_crontab("root", f"* * * * * setsid sleep 300 & : > {OUT}/ran\n")
    with cron:
        cron.wait_until((cron.out / "ran").exists, 30)
        first = cron._first_pid()
        assert first is not None
        inside = Path(f"/proc/{first}/ns/pid").readlink()
    assert Path("/proc/self/mounts").read_text() == before
    left = [path for path in Path("/proc").glob("[0-9]*/ns/pid") if _link(path) == str(inside)]
    assert left == []


def test_the_daemon_can_be_stopped_while_a_job_goes_on(tmp_path: Path) -> None:
    cron = RealCron(tmp_path, clock=FAST)
    cron.install_crontab("root", f"* * * * * : > {OUT}/began; sleep 2; : > {OUT}/ended\n")
    with cron:
        cron.wait_until((cron.out / "began").exists, 30)
        cron.stop_daemon()
        cron.wait_until((cron.out / "ended").exists, 30)


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""
