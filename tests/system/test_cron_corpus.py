"""Do cron, run-parts and anacron make of the files of real packages what we say?

The files are those that Debian ships. Of a crontab only the times are changed, so that a minute shows all, and the
shell, so that a recorder writes down what cron hands over and nothing is run.
"""

import os
import re
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from agentkit.core.anacrontab import parse_anacrontab
from agentkit.core.cronline import CronLine
from agentkit.core.crontab import Crontabs, read_crontabs
from agentkit.core.runparts import FOLDERS, read_folder
from tests.system.corpus import fetch_corpus
from tests.system.cron_namespace import OUT, RealCron

LIMIT_S = 60
LEAST_LINES = 50
# One write by the shell itself: hundreds of lines are due at once. cron sets LOGNAME to the user at all events.
RECORDER = f"""#!/bin/sh
printf '%s\\n%s\\n%s\\nend' "$LOGNAME" "$CORPUS" "$2" > {OUT}/$$.record
"""
TIMES = re.compile(r"^([ \t]*)[0-9*][^ \t]*([ \t]+)[^ \t]+([ \t]+)[^ \t]+([ \t]+)[^ \t]+([ \t]+)[^ \t]+(?=[ \t]|$)")
MACRO = re.compile(r"^([ \t]*)@(?!reboot)[a-z]+(?=[ \t])")
COMMENT = re.compile(r"#+(?=[ \t]*[0-9*][^ \t]*([ \t]+[0-9*][^ \t]*){2,4}[ \t]|@)", re.MULTILINE)
SHELL = re.compile(r"[ \t]*SHELL[ \t]*=.*")
OTHERS = ("root", "nobody", "daemon", "www-data", "mail", "news", "uucp", "list", "backup", "man", "irc")


@dataclass(frozen=True)
class Crontab:
    """A crontab of a package: what it is called in /etc/cron.d, its text and its mode."""

    name: str
    text: str
    mode: int


def _read_crontabs() -> list[Crontab]:
    crontabs = []
    for package, root in fetch_corpus().items():
        for path in sorted([*root.glob("etc/cron.d/*"), *root.glob("etc/crontab")]):
            if path.name.startswith("."):
                continue
            name = path.name if path.name != "crontab" else f"{package}-crontab"
            # Latin-1 gives every byte back.
            crontabs.append(Crontab(name, path.read_bytes().decode("latin-1"), path.stat().st_mode & 0o7777))
    assert len({crontab.name for crontab in crontabs}) == len(crontabs)
    return crontabs


def _vary(crontab: Crontab) -> list[Crontab]:
    """Return the file as it is, and with what people do to such files."""
    name, text, mode = crontab.name, crontab.text, crontab.mode
    return [
        crontab,
        Crontab(f"{name}-uncommented", COMMENT.sub("", text), mode),
        Crontab(f"{name}-shifted", re.sub(r"^(?=[0-9*@])", " \t", text, flags=re.MULTILINE), mode),
        Crontab(f"{name}-dos", text.replace("\n", "\r\n"), mode),
        Crontab(f"{name}-cut", text.rstrip("\n"), mode),
        Crontab(f"{name}-bad", f"{text}once a day root true\n", mode),
        Crontab(f"{name}-writable", text, mode | 0o020),
        Crontab(f"{name}.dotted", text, mode),
        Crontab(f"{name}-percent", re.sub(r"^([0-9*@].*)$", r"\1 %a\\%b", text, flags=re.MULTILINE), mode),
        Crontab(f"{name}-nouser", re.sub(r"^([0-9*].*?[ \t])(?:root)[ \t]", r"\1", text, flags=re.MULTILINE), mode),
    ]


def _make_harmless(crontab: Crontab) -> str:
    """Return the text with the recorder for a shell, and each line due every minute; all else stays as it is."""
    rows = []
    for row in crontab.text.split("\n"):
        if SHELL.match(row):
            rows.append(f"SHELL={OUT}/recorder")
        else:
            rows.append(MACRO.sub(r"\1* * * * *", TIMES.sub(r"\1*\2*\3*\4*\5*", row)))
    return "\n".join([f"SHELL={OUT}/recorder", f"CORPUS={crontab.name}", *rows])


def _install(cron: RealCron, crontabs: list[Crontab], *, own_users: bool) -> None:
    recorder = cron.out / "recorder"
    recorder.write_text(RECORDER)
    recorder.chmod(0o755)
    for crontab in crontabs:
        text = _make_harmless(crontab).encode("latin-1")
        cron.install_cron_d(crontab.name, text).chmod(crontab.mode)
    known = {row.split(":")[0] for row in (cron.root / "etc/passwd").read_text().splitlines()}
    if own_users:
        wanted = {user for crontab in crontabs for user in _find_users(crontab.text)}
        for number, user in enumerate(sorted({*wanted, *OTHERS} - known)):
            cron.add_user(user, 3000 + number)
    cron.install_system(f"* * * * * root echo >> {OUT}/ticks\n")


def _find_users(text: str) -> set[str]:
    """Return what stands where the user stands, if it could be one."""
    rows = [COMMENT.sub("", row) for row in text.split("\n")]
    words = [row.split() for row in rows if TIMES.match(row) or row.startswith("@")]
    users = {row[1 if row[0][0] == "@" else 5] for row in words if len(row) > 6}
    return {user for user in users if re.fullmatch(r"[a-z][a-z0-9_-]{0,30}", user)}


def _said(line: CronLine) -> tuple[str, str, str]:
    return line.user, dict(line.environment)["CORPUS"], line.command


def _recorded(cron: RealCron) -> set[tuple[str, str, str]]:
    records = set()
    for path in cron.out.glob("*.record"):
        text = path.read_bytes().decode(errors="backslashreplace")
        if text.endswith("\nend"):
            user, corpus, command = text.removesuffix("\nend").split("\n", 2)
            # Blanks between user and command are handed over, and no part of what we call the command.
            records.add((user, corpus, command.lstrip(" \t")))
    return records


def _count_ticks(cron: RealCron) -> int:
    return (cron.out / "ticks").read_bytes().count(b"\n") if (cron.out / "ticks").exists() else 0


def _compare(cron: RealCron) -> tuple[Crontabs, int]:
    crontabs = read_crontabs(str(cron.root), cron="debian")
    assert crontabs.unreadable == ()
    said = {_said(line) for line in crontabs.lines if line.file != "/etc/crontab"}
    with cron:
        cron.wait_until(lambda: said <= _recorded(cron) or _count_ticks(cron) > 10, 240, "a line did not run")
        ticks = _count_ticks(cron)
        # What does not run would have come in the next minute.
        cron.wait_until(lambda: _count_ticks(cron) > ticks + 1, 60)
    recorded = _recorded(cron)
    assert said - recorded == set()
    assert recorded - said == set()
    return crontabs, len(said)


@pytest.mark.parametrize("own_users", [True, False], ids=["with their users", "without their users"])
def test_cron_runs_of_the_crontabs_of_real_packages_what_we_say(tmp_path: Path, own_users: bool) -> None:
    files = [varied for crontab in _read_crontabs() for varied in _vary(crontab)]
    cron = RealCron(tmp_path, clock="+0 x12")
    _install(cron, files, own_users=own_users)
    crontabs, lines = _compare(cron)
    codes = Counter(line.code for line in crontabs.dropped)
    assert lines > LEAST_LINES
    assert {"bad-time", "file-name", "mode-system", "no-newline", "no-user", "killed-by-line"} <= set(codes)
    assert ("unknown-user" in codes) is not own_users


def test_run_parts_takes_of_the_folders_of_real_packages_what_we_say(tmp_path: Path) -> None:
    files = 0
    for package, root in {**fetch_corpus(), "all": _merge(tmp_path)}.items():
        for folder in FOLDERS:
            if not (root / folder).is_dir():
                continue
            for options in ([], ["--lsbsysinit"], ["--regex=^[^.]"], ["--reverse"]):
                ended = subprocess.run(
                    ["run-parts", "--test", *options, str(root / folder)],
                    capture_output=True,
                    text=True,
                    timeout=LIMIT_S,
                    check=False,
                )
                parsed = read_folder(str(root), folder, options=options)
                assert parsed.unreadable == []
                theirs = [row.removeprefix(str(root)) for row in ended.stdout.splitlines()]
                assert [line.file for line in parsed.lines] == theirs, package
                files += len(theirs)
    assert files > 4 * LEAST_LINES


def _merge(folder: Path) -> Path:
    """Return the root folder of a machine with all the packages."""
    for root in fetch_corpus().values():
        for path in root.rglob("*"):
            target = folder / path.relative_to(root)
            if path.is_dir():
                target.mkdir(parents=True, exist_ok=True)
            elif not os.path.lexists(target):
                target.write_bytes(path.read_bytes())
                target.chmod(path.stat().st_mode & 0o7777)
    return folder


def test_anacron_takes_of_the_tables_of_real_packages_the_jobs_that_we_say(tmp_path: Path) -> None:
    tables = [path for root in fetch_corpus().values() for path in root.glob("etc/anacrontab")]
    jobs = 0
    for number, table in enumerate(tables):
        spool = tmp_path / str(number)
        spool.mkdir()
        # It writes down that each job has run, and runs none.
        subprocess.run(["anacron", "-d", "-u", "-t", str(table), "-S", str(spool)], timeout=LIMIT_S, check=True)
        identifiers = {line.text.split()[2] for line in parse_anacrontab(table.read_text()).lines}
        assert identifiers == set(os.listdir(spool))
        jobs += len(identifiers)
    assert jobs > 0
