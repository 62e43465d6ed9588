"""Is what we say of each class of crontab line what the real daemons do with it?

Every line leaves a file of its own when it runs; a recorder in place of the shell writes down the command, the input
and the environment that cron handed over.
"""

import os
import random
import re
from collections.abc import Callable
from pathlib import Path

from agentkit.core.cronline import CronLine
from agentkit.core.crontab import Crontabs, read_crontabs
from agentkit.heartbeat.coverage import find_coverage
from tests.system.cron_namespace import FAST, OUT, RealCron

LABEL = re.compile(rf"{OUT}/([A-Za-z0-9_.-]+)")
NOW = 1_790_000_000.0

# Name, code of its line (None: it runs), text of a user's crontab. A line that touches `kept` shows the killing.
USER_CASES: list[tuple[str, str | None, str]] = [
    ("plain", None, "* * * * * : > {out}\n"),
    ("blanks", None, " \t*  *\t* *   *\t : > {out}\n"),
    ("comments", None, "# a\n\n   \t\n  # b\n* * * * * : > {out}\n# no newline here"),
    ("blank_end", None, "* * * * * : > {out}\n   "),
    ("no_newline", "no-newline", "* * * * * : > {kept}\n* * * * * : > {out}"),
    ("no_newline_assignment", "killed-by-line", "* * * * * : > {out}\nMAILTO=root"),
    ("names", None, "* * * JAN-dec Sun-sat : > {out}\n"),
    ("sunday_seven", None, "* * * * 0-7 : > {out}\n"),
    ("names_backwards", "never", "* * * * fri-sun : > {out}\n* * * * * : > {kept}\n"),
    ("range_backwards", "never", "59-0 * * * * : > {out}\n* * * * * : > {kept}\n"),
    ("backwards_or_weekday", None, "* * 31-1 * 0-6 : > {out}\n"),
    ("backwards_then_star", None, "* * 31-1,*/40 * 0-6 : > {out}\n"),
    ("february_thirty", "never", "* * 30 2 * : > {out}\n"),
    ("steps", None, "*/1 0-23/1 1-31/1 */1 */1 : > {out}\n"),
    ("step_without_range", "bad-time", "0/1 * * * * : > {out}\n* * * * * : > {kept}\n"),
    ("step_zero", "bad-time", "*/0 * * * * : > {out}\n"),
    ("out_of_range", "bad-time", "60 * * * * : > {out}\n"),
    ("day_zero", "bad-time", "* * 0 * * : > {out}\n"),
    ("loose_end", None, "*x *.5 *;3 *-1 *é : > {out}\n"),
    ("wrapped_number", None, "0-4294967355 * * * * : > {out}\n"),
    ("comma_end", "bad-time", "0-59, * * * * : > {out}\n"),
    ("six_fields", "bad-time", "* * * * * * : > {out}\n"),
    ("four_fields", "bad-time", "* * * * : > {out}\n"),
    ("reboot", None, "@reboot : > {out}\n"),
    ("macro_tab", None, "@reboot\t\t: > {out}\n"),
    ("macro_capital", "bad-time", "@Reboot : > {out}\n"),
    ("macro_unknown", "bad-time", "@every_minute : > {out}\n"),
    ("empty_command", None, "* * * * *\n* * * * * : > {out}\n"),
    ("assignment_empty", "killed-by-line", "MAILTO=\n* * * * * : > {out}\n"),
    ("assignment_quoted_empty", None, 'MAILTO=""\n* * * * * : > {out}\n'),
    ("assignment_blanks", None, "  A = b c  \n* * * * * : > {out}\n"),
    ("assignment_two_words", "killed-by-line", "export A=b\n* * * * * : > {out}\n"),
    ("assignment_after_quote", "killed-by-line", 'A="b" c\n* * * * * : > {out}\n'),
    ("assignment_no_name", None, "=b\n* * * * * : > {out}\n"),
    ("crlf", None, "* * * * * : > {out}\r\n"),
    ("crlf_blank_line", "killed-by-line", "* * * * * : > {out} #\r\n\r\n"),
    ("crlf_assignment", None, "A=b\r\n* * * * * : > {out}\n"),
    ("long_command", None, "* * * * * : > {out} #" + "x" * (996 - len(f": > {OUT}/user.long_command")) + "\n"),
    ("too_long_command", "command-too-long", "* * * * * : > {out} #" + "x" * 998 + "\n* * * * * : > {kept}\n"),
    ("long_assignment", None, "A=" + "x" * 5000 + "\n* * * * * : > {out}\n"),
    ("many_lines", None, "#\n" * 10002 + "* * * * * : > {out}\n" + "#\n" * 100),
    ("too_many_lines", "too-many-lines", "#\n" * 10003 + "* * * * * : > {out}\n"),
    ("percent", None, "* * * * * : > {out} %and this\n"),
    ("form_feed", "bad-time", "\f* * * * * : > {out}\n"),
    ("narrow_blank", "bad-time", "*\u00a0* * * * : > {out}\n"),
]

# The same for a file in cron.d.
SYSTEM_CASES: list[tuple[str, str | None, str]] = [
    ("plain", None, "* * * * * root : > {out}\n"),
    ("other_user", None, "* * * * * nobody : > {out}\n"),
    ("macro", None, "@reboot nobody : > {out}\n"),
    ("unknown_user", "unknown-user", "* * * * * nosuchuser : > {out}\n* * * * * root : > {kept}\n"),
    ("no_user", "no-user", "* * * * * : > {out}\n* * * * * root : > {kept}\n"),
    ("path_for_user", "no-user", "* * * * * /bin/touch {out}\n"),
    ("no_command", "killed-by-line", "* * * * * root : > {out}\n* * * * * root\n* * * * * root : > {kept}\n"),
    ("blank_command", None, "* * * * * root \n* * * * * root : > {out}\n"),
    ("many_blanks", None, "* * * * *  \t root \t  : > {out}\n"),
    ("wide_gap", None, "* * * * * root" + " " * (998 + 1 - len(f": > {OUT}/system.wide_gap")) + ": > {out}\n"),
    ("too_wide_gap", "command-too-long", "* * * * * root" + " " * 999 + ": > {out}\n* * * * * root : > {kept}\n"),
    ("no_newline", "no-newline", "* * * * * root : > {kept}\n* * * * * root : > {out}"),
    ("one_bad_line", "killed-by-line", "* * * * * root : > {out}\n61 * * * * root : > {kept}\n"),
    ("empty_line_only", None, "\n* * * * * root : > {out}\n"),
]


def _leave(path: Path) -> None:
    """Do nothing to the file."""


# What is done to a good file in cron.d after it was written.
FILE_CASES: list[tuple[str, str | None, Callable[[Path], None]]] = [
    ("Upper_and-dash9", None, _leave),
    ("dotted.name", "file-name", _leave),
    ("blank name", "file-name", _leave),
    ("group_writable", "mode-system", lambda path: path.chmod(0o664)),
    ("world_writable", "mode-system", lambda path: path.chmod(0o646)),
    ("executable", None, lambda path: path.chmod(0o755)),
    ("unreadable", None, lambda path: path.chmod(0)),
    ("other_owner", "owner", lambda path: os.chown(path, 65534, 0)),
    ("other_group", None, lambda path: os.chown(path, 0, 65534)),
    ("two_names", "hard-links", lambda path: os.link(path, path.with_name("second.name"))),
    ("link", None, lambda path: _link(path, 0)),
    ("link_of_other", "symlink-owner", lambda path: _link(path, 65534)),
    ("link_to_other", "owner", lambda path: _link(path, 0, target_owner=65534)),
    ("old", None, lambda path: os.utime(path, (0, 0))),
]

# The same for a user's crontab.
USER_FILE_CASES: list[tuple[str, str | None, Callable[[Path], None]]] = [
    ("of_root", None, lambda path: os.chown(path, 0, 0)),
    ("of_another", "owner-user", lambda path: os.chown(path, 65534, 0)),
    ("mode_0640", "mode", lambda path: path.chmod(0o640)),
    ("mode_0400", "mode", lambda path: path.chmod(0o400)),
    ("mode_0700", "mode", lambda path: path.chmod(0o700)),
    ("linked_twice", "hard-links", lambda path: os.link(path, path.parents[4] / "second")),
]


def _link(path: Path, owner: int, *, target_owner: int = 0) -> None:
    # A path that is the same for the daemon in its namespace and for us under the root folder.
    target = path.parents[2] / f"var/spool/cron/{path.name}.target"
    path.rename(target)
    path.symlink_to(f"/var/spool/cron/{path.name}.target")
    os.chown(path, owner, owner, follow_symlinks=False)
    os.chown(target, target_owner, 0)


def test_debian_cron_runs_and_drops_what_we_say(tmp_path: Path) -> None:
    cron = RealCron(tmp_path, clock=FAST)
    expected: dict[str, str | None] = {}
    users = iter(range(3000, 4000))

    def add(name: str, code: str | None, text: str, install: Callable[[str, str], Path]) -> Path:
        label = name.replace(" ", "_")
        expected[label] = code
        return install(name.partition(".")[2], text.format(out=f"{OUT}/{label}", kept=f"{OUT}/{label}.kept"))

    def install_user(name: str, text: str) -> Path:
        cron.add_user(name, next(users))
        return cron.install_crontab(name, text)

    for name, code, text in USER_CASES:
        add(f"user.{name}", code, text, install_user)
    for name, code, text in SYSTEM_CASES:
        add(f"system.{name}", code, text, cron.install_cron_d)
    for name, code, change in FILE_CASES:
        change(add(f"file.{name}", code, "* * * * * root : > {out}\n", cron.install_cron_d))
    for name, code, change in USER_FILE_CASES:
        change(add(f"userfile.{name}", code, "* * * * * : > {out}\n", install_user))
    add("orphan.nosuchuser", "unknown-user", "* * * * * : > {out}\n", cron.install_crontab)
    link = add("links.followed", "symlink", "* * * * * : > {out}\n", install_user)
    link.rename(tmp_path / "followed")
    link.symlink_to(tmp_path / "followed")
    for path in (cron.root / "etc/cron.d/folder", cron.crontabs / "folder"):
        path.mkdir()
        (path / "crontab").write_text(f"* * * * * root : > {OUT}/folder\n")
    cron.add_user("folder", next(users))
    for name, shadow, code in (
        ("expired", "*:19000:0:99999:7::100:", "account-expired"),
        ("aged", "*:100:0:10:7:::", "password-expired"),
        ("reset", "*:0:0:99999:7:::", "password-expired"),
        ("never_aged", "*:100:0::7:::", None),
    ):
        cron.add_user(name, next(users), shadow=shadow)
        add(f"account.{name}", code, "* * * * * : > {out}\n", cron.install_crontab)
    cron.install_system(f"17 * * * * root true\n* * * * * root echo >> {OUT}/ticks\n")

    crontabs = _compare(cron, 2)
    codes: dict[str, str | None] = {label: None for line in crontabs.lines for label in LABEL.findall(line.text)}
    codes |= {label: line.code for line in crontabs.dropped for label in LABEL.findall(line.text)}
    folders = {line.file for line in crontabs.dropped if line.code == "not-regular"}
    assert folders == {"/etc/cron.d/folder", "/var/spool/cron/crontabs/folder"}
    codes["links.followed"] = next(line.code for line in crontabs.dropped if line.file.endswith("/followed"))
    assert {label: codes[label] for label in expected} == expected


def test_debian_cron_takes_a_system_crontab_of_1970_for_missing(tmp_path: Path) -> None:
    cron = RealCron(tmp_path, clock=FAST)
    os.utime(cron.install_system(f"* * * * * root : > {OUT}/old\n"), (0, 0))
    cron.install_cron_d("ticks", f"* * * * * root echo >> {OUT}/ticks\n")
    crontabs = _compare(cron, 2)
    assert [line.code for line in crontabs.dropped] == ["mtime-zero"]


def test_debian_cron_runs_nothing_from_a_folder_in_the_place_of_the_system_crontab(tmp_path: Path) -> None:
    cron = RealCron(tmp_path, clock=FAST)
    (cron.root / "etc/crontab").mkdir()
    (cron.root / "etc/crontab/crontab").write_text(f"* * * * * root : > {OUT}/folder\n")
    cron.install_cron_d("ticks", f"* * * * * root echo >> {OUT}/ticks\n")
    crontabs = _compare(cron, 2)
    assert [(line.file, line.code) for line in crontabs.dropped] == [("/etc/crontab", "not-regular")]


def test_debian_cron_runs_on_where_a_plain_file_is_in_the_place_of_its_folder(tmp_path: Path) -> None:
    cron = RealCron(tmp_path, clock=FAST)
    cron.install_system(f"* * * * * root echo >> {OUT}/ticks\n")
    (cron.root / "etc/cron.d").rmdir()
    (cron.root / "etc/cron.d").write_text(f"* * * * * root : > {OUT}/plain\n")
    crontabs = read_crontabs(str(cron.root), cron="debian")
    assert crontabs.unreadable == (("/etc/cron.d", "not a folder"),)
    with cron:
        cron.wait_until(lambda: _count(cron.out / "ticks") >= 2, 60)
    assert _seen(cron) == {"ticks"}


def test_busybox_crond_runs_what_we_say_each_line_by_itself(tmp_path: Path) -> None:
    cron = RealCron(tmp_path, flavour="busybox")
    for number, (name, _, text) in enumerate(USER_CASES):
        if text.startswith("@"):
            continue  # Debian's build of this crond ends at such a line
        cron.add_user(name, 3000 + number)
        out = f"{OUT}/user.{name}"
        os.chown(cron.install_crontab(name, text.format(out=out, kept=f"{out}.kept")), 0, 0)
    cron.add_user("foreign", 4000)
    cron.install_crontab("foreign", f"* * * * * : > {OUT}/foreign\n")
    cron.install_crontab("root", f"* * * * * echo >> {OUT}/ticks\n* * * * 0-7 : > {OUT}/week\n")
    cron.install_system(f"* * * * * root : > {OUT}/system\n")
    crontabs = read_crontabs(str(cron.root), cron="busybox")
    always = {label for line in crontabs.lines if line.schedule == "* * * * *" for label in LABEL.findall(line.text)}
    dropped = {label for line in crontabs.dropped for label in LABEL.findall(line.text)}
    # It writes a parse error to its log, and runs the line all the same.
    altered = {label for line in crontabs.altered if line.code == "other-times" for label in LABEL.findall(line.text)}
    assert {"user.plain", "user.crlf", "user.no_newline"} <= always
    assert {"foreign", "system"} <= dropped
    assert {"week", "user.out_of_range"} <= altered
    with cron:
        # A minute of this daemon is a minute.
        cron.wait_until(lambda: always | altered <= _seen(cron), 90, "a line did not run")
    assert not dropped & _seen(cron)


def _compare(cron: RealCron, ticks: int) -> Crontabs:
    """Let the daemon run for some of its minutes; what it ran must be what we say that it runs."""
    crontabs = read_crontabs(str(cron.root), cron=cron.flavour, now=NOW)
    assert crontabs.unreadable == ()
    runs = {label for line in crontabs.lines for label in LABEL.findall(line.text)}
    coverage = find_coverage(str(cron.root), user=None, notify=(), has_ping=False, program=None, now=NOW)
    alive = [line.command or "" for line in coverage.lines if line.state != "dead"]
    assert {label for command in alive for label in LABEL.findall(command)} == runs
    with cron:
        cron.wait_until(lambda: _count(cron.out / "ticks") >= ticks, 60)
        _wait_for(cron, runs)
    # A file whose name ends with a carriage return is what a line with one touches.
    assert _seen(cron) == runs
    return crontabs


def _count(marks: Path) -> int:
    return marks.read_bytes().count(b"\n") if marks.exists() else 0


def _wait_for(cron: RealCron, runs: set[str]) -> None:
    try:
        cron.wait_until(lambda: runs <= _seen(cron), 30)
    except AssertionError as error:
        raise AssertionError(f"did not run: {runs - _seen(cron)}; ran unexpectedly: {_seen(cron) - runs}") from error


def _seen(cron: RealCron) -> set[str]:
    return {name.rstrip("\r") for name in os.listdir(cron.out)}


RECORDER = f"""#!/bin/sh
cd {OUT} || exit 1
name=$(id -un).$LABEL
[ -e "$name.command" ] && exit
printf %s "$2" > "$name.command"
cat > "$name.stdin"
env -0 > "$name.environ.part"
mv "$name.environ.part" "$name.environ"
"""

PIECES = (
    *("* * * * *", "* * * * *", "* * * * *", "*/1 0-23 * jan-dec *", "@reboot", "61 * * * *", "*x * * * *"),
    *(
        " ",
        "\t",
        "=",
        "%",
        "\\",
        "\\%",
        "\\\\",
        "'",
        '"',
        "#",
        "é",
        "\u00a0",
        "\r",
        "A",
        "echo b",
        "$PATH",
        "~",
        "\x01",
    ),
)


def _make_crontab(generator: random.Random, user: str | None) -> str:
    """Return a crontab of which each line may be odd, most are good."""
    rows = ["SHELL=" + f"{OUT}/recorder"]
    for number in range(generator.randrange(1, 4)):
        rows.append(f"LABEL=l{number}")
        tail = "".join(generator.choice(PIECES[7:]) for _ in range(generator.randrange(8)))
        if generator.random() < 0.3:
            quote = generator.choice(["", "'", '"'])
            rows.append(f"{generator.choice(['X', 'Y ', ' Z'])}={generator.choice(['', ' '])}{quote}{tail}{quote}")
        schedule = PIECES[0] if generator.random() < 0.9 else generator.choice(PIECES[:7])
        blank = generator.choice([" ", "\t", "  "])
        rows.append(f"{schedule}{blank}{'' if user is None else user + ' '}:{tail}")
    return "\n".join(rows) + ("" if generator.random() < 0.03 else "\n")


def test_cron_hands_over_the_command_input_and_environment_that_we_say(
    tmp_path: Path, random_choices: random.Random
) -> None:
    cron = RealCron(tmp_path, clock="+0 x12")
    recorder = cron.out / "recorder"
    recorder.write_text(RECORDER)
    recorder.chmod(0o755)
    for number in range(60):
        name = f"u{number}"
        cron.add_user(name, 3000 + number)
        cron.install_crontab(name, _make_crontab(random_choices, None))
    for number in range(20):
        cron.add_user(f"s{number}", 4000 + number)
        cron.install_cron_d(f"s{number}", _make_crontab(random_choices, f"s{number}"))
    cron.install_system(f"* * * * * root echo >> {OUT}/ticks\n")
    crontabs = read_crontabs(str(cron.root), cron="debian")
    lines = {_name(line): line for line in crontabs.lines if line.file != "/etc/crontab"}
    assert len(lines) > 60
    with cron:
        wanted = {f"{name}.environ" for name in lines}
        cron.wait_until(lambda: wanted <= set(os.listdir(cron.out)), 90, "a line did not run")
        ticks = (cron.out / "ticks").read_bytes().count(b"\n")
        cron.wait_until(lambda: (cron.out / "ticks").read_bytes().count(b"\n") > ticks, 60)
    ran = {name.removesuffix(".command") for name in os.listdir(cron.out) if name.endswith(".command")}
    assert ran == set(lines), cron.talk()
    for name, line in lines.items():
        assert (cron.out / f"{name}.command").read_bytes().decode() == line.command, line
        assert (cron.out / f"{name}.stdin").read_bytes().decode() == (line.stdin or ""), line
        handed = (cron.out / f"{name}.environ").read_bytes().decode().split("\0")
        for variable, value in line.environment:
            # A shell hands on only variables with names that it could have made.
            if re.fullmatch(r"[A-Za-z_]\w*", variable):
                assert f"{variable}={value}" in handed, (line, handed)


def _name(line: CronLine) -> str:
    return f"{line.user}.{dict(line.environment)['LABEL']}"
