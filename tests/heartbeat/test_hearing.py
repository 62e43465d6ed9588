"""Which ways of failing without a word are heard in a command, and which commands are left in peace?

Where a real shell can be asked, it is: a status that we call hidden is one that sh gives as 0.
"""

import random
import shlex
import subprocess
from pathlib import Path

import pytest

from agentkit.heartbeat.edits import apply_edits
from agentkit.heartbeat.hearing import listen, listen_to_words
from agentkit.heartbeat.silence import name_work

RUN = "agentkit heartbeat run job --"
LIMIT_S = 30

# A command that nothing wraps, and the codes of what is silent in it beside that.
BARE: list[tuple[str, set[str]]] = [
    ("backup", set()),
    ("grep '|| true' file", set()),
    ('grep "2>/dev/null" file', set()),
    ("echo 'a; exit 0' | mail root", set()),
    ("backup # || true", set()),
    ("backup --message='|| true'", set()),
    ("backup || true", {"status-discarded"}),
    ("backup || :", {"status-discarded"}),
    ("backup||true", {"status-discarded"}),
    ("cd /srv && backup || true", {"status-discarded"}),
    ("backup || /bin/true", {"status-discarded"}),
    ("backup || exit 0", {"status-discarded"}),
    ("backup || exit", set()),
    ("backup || exit 1", set()),
    ("backup || echo failed", set()),
    ("backup || { echo failed; true; }", set()),
    ("backup || { rm x; true; }", {"status-discarded"}),
    ("backup || echo failed >/dev/null", set()),
    ("true || backup", set()),
    ("backup; exit 0", {"status-discarded"}),
    ("backup; true", {"status-discarded"}),
    ("backup ; :", {"status-discarded"}),
    ("backup; exit 00", {"status-discarded"}),
    ("backup; exit $?", set()),
    ("backup; exit 3", set()),
    ("set -e; backup; true", set()),
    ("exit 0; backup", set()),
    ("backup 2>/dev/null", {"stderr-discarded"}),
    ("2>/dev/null backup", {"stderr-discarded"}),
    ("backup 2>&-", {"stderr-discarded"}),
    ("backup 2>>/dev/null", {"stderr-discarded"}),
    ("backup > log 2>/dev/null", {"stderr-discarded"}),
    ("backup >/dev/null", set()),
    ("backup >/dev/null 2>&1", {"output-discarded"}),
    ("backup 1>/dev/null 2>&1", {"output-discarded"}),
    ("backup >/dev/null 2>/dev/null", {"output-discarded"}),
    ("backup > /dev/null 2>& 1", {"output-discarded"}),
    ("backup >&- 2>&-", {"output-discarded"}),
    ("backup >& /dev/null", {"output-discarded"}),
    ("backup 2>&1 >/dev/null", set()),
    ("backup 2>&1 >log", set()),
    ("{ prepare; backup; } >/dev/null 2>&1", {"output-discarded"}),
    ("( backup ) 2>/dev/null", {"stderr-discarded"}),
    ("for x in 1 2; do backup $x; done >/dev/null 2>&1", {"output-discarded"}),
    ("prepare && backup >/dev/null 2>&1", {"output-discarded"}),
    ("sh -c 'backup >/dev/null 2>&1'", {"output-discarded"}),
    ("sh -c 'backup' >/dev/null 2>&1", {"output-discarded"}),
    ("backup >/dev/null 2>&1 | tail", {"output-discarded", "pipe"}),
    ("backup | gzip > file", {"pipe"}),
    ("backup |& gzip", {"pipe"}),
    ("backup 2>&1 | logger -t backup", {"pipe"}),
    ("echo y | backup", set()),
    ("printf 'y\\n' | backup", set()),
    ("yes | backup", set()),
    ("bash -o pipefail -c 'backup | gzip'", set()),
    ("bash -euo pipefail -c 'backup | gzip'", set()),
    ("bash -c 'set -o pipefail; backup | gzip'", set()),
    ("bash -c 'set -euo pipefail && backup | gzip'", set()),
    ("sh -c 'backup | gzip'", {"pipe"}),
    ("flock -n /run/lock backup", {"lock"}),
    ("flock -xn /run/lock backup", {"lock"}),
    ("flock --nonblock /run/lock -c 'backup --all'", {"lock"}),
    ("flock -w 10 /run/lock backup", set()),
    ("flock /run/lock backup", set()),
    ("flock -n /run/lock backup || echo busy", set()),
    ("flock -n /run/lock backup || logger busy", set()),
    ("flock -n /run/lock backup || true", {"lock", "status-discarded"}),
    ("exec 9>lock; flock -n 9 || exit 0; backup", {"lock", "may-be-idle"}),
    ("setlock -n lock backup", {"lock"}),
    ("run-one backup", {"lock"}),
    ("backup &", {"background"}),
    ("prepare; backup &", {"background"}),
    ("nohup backup >/dev/null 2>&1 &", {"background", "output-discarded"}),
    ("(backup &)", {"background"}),
    ("one & two & wait", set()),
    ("setsid backup", {"background"}),
    ("setsid --wait backup", set()),
    ("setsid -f backup", {"background"}),
    ("screen -dmS backup backup --all", {"background"}),
    ("screen -d -m backup", {"background"}),
    ("tmux new-session -d backup", {"background"}),
    ("systemd-run --unit=backup backup", {"background"}),
    ("systemd-run --wait backup", set()),
    ("docker run -d image", {"background"}),
    ("docker run --rm image", set()),
    ("start-stop-daemon --start -b --exec /usr/sbin/x", {"background"}),
    ("nohup backup", set()),
    ("backup &>/dev/null", {"background"}),
    ("echo backup | at now", {"background"}),
    ("test -x /usr/bin/backup && backup", {"may-be-idle"}),
    ("[ -x /usr/bin/backup ] && backup", {"may-be-idle"}),
    ("[ ! -e /run/off ] && backup", {"may-be-idle"}),
    ("test -e /run/systemd/system || backup", {"may-be-idle"}),
    ("command -v backup >/dev/null 2>&1 && backup", {"may-be-idle"}),
    ("which backup >/dev/null && backup", {"may-be-idle"}),
    ("if [ -x /usr/bin/backup ]; then backup; fi", {"may-be-idle"}),
    ("if [ -x /a ]; then backup; else other; fi", set()),
    ("[ -e lock ] && exit 0; backup", {"may-be-idle"}),
    ("pgrep -x backup || backup", {"may-be-idle"}),
    ("pgrep -x backup >/dev/null && exit 0; backup", {"may-be-idle"}),
    ("systemctl is-active --quiet x && backup", {"may-be-idle"}),
    ("mountpoint -q /mnt && backup", {"may-be-idle"}),
    ("grep -q on /etc/x && backup", {"may-be-idle"}),
    ("cd /srv && backup", set()),
    ("mkdir -p /x && backup", set()),
    ("backup && echo done", set()),
    ("su - bob -c 'backup || true'", {"status-discarded"}),
    ("sudo -u bob sh -c 'backup | gzip'", {"pipe"}),
    ("env A=b nice -n 5 ionice -c3 setsid backup", {"background"}),
    ("f() { backup || true; }; f", {"status-discarded"}),
    ("! backup", {"status-discarded"}),
    ("! backup || exit 1", set()),
    ("if ! backup; then :; fi", {"status-discarded"}),
    ("if backup; then :; fi", {"status-discarded"}),
    ("if ! backup; then echo failed; fi", set()),
    ("if ! backup; then exit 1; fi", set()),
    ("if backup; then other; fi", {"may-be-idle"}),
    ("backup || (true)", {"status-discarded"}),
    ("backup || sleep 5", {"status-discarded"}),
    ("backup || x=1", {"status-discarded"}),
    ("backup || env true", {"status-discarded"}),
    ("{ backup; } || true", {"status-discarded"}),
    ("trap 'exit 0' EXIT; backup", {"status-discarded"}),
    ("trap 'rm -f x' EXIT; backup", set()),
    ("trap 'exit 0' TERM; backup", set()),
    ("exec >/dev/null 2>&1; backup", {"output-discarded"}),
    ("exec 2>/dev/null; backup", {"stderr-discarded"}),
    ("exec >>log 2>&1; backup", set()),
    ("N=/dev/null; backup 2>$N", {"stderr-discarded"}),
    ("backup > /dev//null 2>&1", {"output-discarded"}),
    ("backup 2>&1 | cat >/dev/null", {"output-discarded", "pipe"}),
    ("backup 2>&1 | tee log >/dev/null", {"pipe"}),
    ("flock -w0 /run/lock backup", {"lock"}),
    ("flock --timeout 0 /run/lock backup", {"lock"}),
    ("flock -nE0 /run/lock backup", {"lock"}),
    ("(flock -n 9 || exit 1; backup) 9>lock", {"lock", "may-be-idle"}),
    ("(flock -n 9 || { echo busy; exit 0; }; backup) 9>lock", {"lock", "may-be-idle"}),
    ("coproc backup", {"background"}),
    ("ssh -f host backup", {"background"}),
    ("systemctl start --no-block backup", {"background"}),
]

# What stands behind the wrapper, and whether a failure of it is hidden from the wrapper.
INSIDE: list[tuple[str, bool]] = [
    ("one", False),
    ("sh -c 'one'", False),
    ("sh -c 'one >/dev/null 2>&1'", False),
    ("sh -c 'one 2>/dev/null'", False),
    ("sh -c 'one || true'", True),
    ("sh -c 'one || :'", True),
    ("sh -c 'one || exit 0'", True),
    ("sh -c 'one || exit 1'", False),
    ("sh -c 'one || exit'", False),
    ("sh -c 'one || false'", False),
    ("sh -c 'one || echo failed'", True),
    ("sh -c 'one || { echo failed; exit 1; }'", False),
    ("sh -c 'one; exit 0'", True),
    ("sh -c 'one; true'", True),
    ("sh -c 'one; echo done'", True),
    ("sh -c 'one && echo done'", False),
    ("sh -c 'set -e; one; echo done'", False),
    ("sh -c 'one | cat'", True),
    ("sh -c 'echo a | one'", False),
    ("bash -o pipefail -c 'one | cat'", False),
    ("bash -c 'set -o pipefail; one | cat'", False),
    ("bash -c 'one | cat'", True),
    ("bash -c '{ one | cat; }'", True),
    ("bash -c '( one || true )'", True),
    ("sh -c '( one )'", False),
    ("sh -c 'if true; then one; fi'", False),
    ("sh -c 'if true; then one || true; fi'", True),
    ("sh -c 'one &'", True),
    ("sh -c 'true && one || true'", True),
    ("env A=b sh -c 'one || true'", True),
    ("timeout 60 sh -c 'one || true'", True),
    ('nice -n 1 sh -c "one || true"', True),
    ("sh -c \"sh -c 'one || true'\"", True),
    ("sh -c 'exec one'", False),
    ("flock -n lock one", False),
    ("flock lock sh -c 'one || true'", True),
    ("nohup one", False),
    ("sh -c 'f() { one || true; }; f'", True),
    ("sh -c 'f() { one; }; f'", False),
    ("sh -c 'set -- one; \"$@\" || true'", True),
    ('sh -c \'"$0" "$@"\' one two', False),
    ("sh -c 'x=one; $x || true'", True),
    ("sh -c 'one || cat /dev/null'", True),
    ("sh -c 'one || echo failed | cat'", True),
    ("sh -c 'x=$(one)'", False),
    ("sh -c 'x=$(one) || echo \"$x\"'", True),
    ("sh -c 'x=$(one | cat)'", True),
    ("sh -c 'one; two'", True),
    ("sh -c 'rm -f x; one'", False),
    ("sh -c 'ended=0; one || ended=$?; two || ended=$?; exit $ended'", False),
    ("sh -c 'if test -e /; then one; fi'", False),
    ("sh -c 'test -e / && one'", False),
    ("eval 'one || true'", True),
    ("sh -c '! one'", True),
    ("sh -c 'if ! one; then :; fi'", True),
    ("sh -c 'if one; then :; fi'", True),
    ("sh -c 'if ! one; then echo failed; fi'", True),
    ("sh -c 'if ! one; then exit 1; fi'", False),
    ("sh -c 'one || (true)'", True),
    ("sh -c 'one || sleep 0'", True),
    ("sh -c 'one || x=1'", True),
    ("sh -c 'one || env true'", True),
    ("sh -c 'one || { rm -f x; exit 0; }'", True),
    ("sh -c 'one || { rm -f x; true; }'", True),
    ("sh -c '{ one; } || true'", True),
    ("sh -c 'test -e / && one || true'", True),
    ("sh -c 'test -e / && one; true'", True),
    ("sh -c 'trap \"exit 0\" EXIT; one'", True),
    ("sh -c 'trap \"rm -f x\" EXIT; one'", False),
    ("sh -c 'set -e; set +e; one; true'", True),
    ("sh -ec 'one; two'", False),
    ("sh -c 'one; [ $? = 0 ]'", False),
    ("sh -c 'one || exit 1; echo done'", False),
    ("sh -c 'if ! one; then exit 1; fi; echo done'", False),
    ("sh -c 'if one; then :; else exit 1; fi; echo done'", False),
    ("sh -c 'one; echo a; echo b'", True),
    ("sh -c 'one; echo a; true'", True),
    ("sh -c 'one; cd .; echo b'", True),
    ("sh -c 'set -e; { one; echo a; } || exit 1'", True),
    ("sh -ec 'one && two; echo a'", True),
    ("sh -ec 'one && two || exit 1; echo a'", False),
    ("bash -o pipefail -c 'one | cat | cat || true'", True),
    ("bash -o pipefail -c 'one | cat | cat || exit 1; echo a'", False),
    ("bash -o pipefail -c '! one | cat'", True),
    ("sh -c 'exec >/dev/null 2>&1; one'", False),
]

COVERED = [
    f"{RUN} backup",
    f"{RUN} backup || true",
    f"{RUN} backup >/dev/null 2>&1",
    f"{RUN} backup; exit 0",
    f"{RUN} backup &",
    f"cd /srv && {RUN} backup",
    f"cd /srv; {RUN} backup",
    f"mkdir -p /x && {RUN} backup",
    f". /etc/profile; {RUN} backup",
    f"{RUN} grep '|| true' file",
    f"{RUN} backup && echo done",
    f"{RUN} backup && curl -fsS https://example.org/ping",
    f"{RUN} backup || mail -s failed root",
    f"{RUN} backup 2>&1 | logger -t backup",
    f"test -x /usr/bin/backup && {RUN} backup",
    f"if [ -x /usr/bin/backup ]; then {RUN} backup; fi",
    f"[ -x /usr/bin/agentkit ] && {RUN} backup || backup",
    f"sudo -u bob {RUN} backup",
    f"su - bob -c '{RUN} backup'",
    f"nice -n 10 /usr/local/bin/{RUN} backup",
    f"flock -n /run/lock {RUN} backup",
    f"sh -c '{RUN} backup'",
    f"A=/opt/bin/agentkit; $A {RUN.removeprefix('agentkit ')} backup",
    f"$HOME/bin/{RUN} backup",
    f"python3 -m {RUN} backup",
    f"/opt/venv/bin/python -m {RUN} backup",
    "agentkit heartbeat run --every 1h backup -- backup",
    "agentkit heartbeat run backup --every 1h --timeout=5m --tee backup --all",
    "agentkit heartbeat run backup --expect-change /srv -- sh -c 'backup || true'",
    "agentkit heartbeat check --notify 'mail root'",
    f'set -- {RUN.removesuffix(" --")} --; "$1" --version >/dev/null || shift $#; "$@" /bin/sh -c backup',
    f"f() {{ {RUN} backup; }}; f",
    f"for x in 1 2; do {RUN} backup $x; done",
]
NOT_COVERED = [
    f"echo {RUN} backup",
    f"backup # {RUN} backup",
    f"backup || {RUN} backup",
    f"backup --hook '{RUN} x'",
    f"ssh host {RUN} backup",
    f"docker exec c {RUN} backup",
    f"{RUN} prepare; backup",
    f"backup; {RUN} prepare",
    f"{RUN} prepare && backup",
    f"backup | {RUN} gzip",
    f"{RUN} prepare & backup",
    f"grep '{RUN} backup' file",
    "agentkit heartbeat run backup",
    "agentkit heartbeat run Backup -- backup",
    "agentkit heartbeat run backup --nonsense -- backup",
    "agentkit heartbeat run backup --every never -- backup",
    "agentkit heartbeat status",
    "agentkit heartbeat prune --quiet",
    "heartbeat run backup -- backup",
    "/usr/bin/agentkit-old heartbeat run backup -- backup",
    "",
    ":",
]


@pytest.mark.parametrize(("command", "codes"), BARE, ids=[command for command, _ in BARE])
def test_a_bare_command_is_silent_in_just_these_ways(command: str, codes: set[str]) -> None:
    found = listen(command, {})
    assert not found.is_covered
    assert set(found.reasons) == codes


@pytest.mark.parametrize("command", COVERED)
def test_work_that_is_wrapped_is_covered(command: str) -> None:
    found = listen(command, {"HOME": "/root"})
    assert (found.works, found.hidden, found.is_covered) == ([], {}, True)


@pytest.mark.parametrize("command", NOT_COVERED)
def test_what_only_looks_wrapped_is_not_covered(command: str) -> None:
    assert not listen(command, {"HOME": "/root"}).is_covered


@pytest.mark.parametrize(("program", "is_hidden"), INSIDE, ids=[program for program, _ in INSIDE])
def test_what_hides_a_failure_from_the_wrapper_is_what_hides_it_from_a_real_shell(
    program: str, is_hidden: bool, tmp_path: Path
) -> None:
    found = listen(f"{RUN} {program}", {})
    assert (bool(found.hidden), found.is_covered) == (is_hidden, not is_hidden)
    assert (_end(program, tmp_path, failing=["one"]) == 0) == is_hidden


# What is hidden within a group, a branch or a function is told, and left to a person to mend.
DEEP = ("c '{ one |", "set -e; {", "-ec", "( one", "if ", "f()", "!", "trap")


@pytest.mark.parametrize(
    "program", [program for program, is_hidden in INSIDE if is_hidden and not any(sign in program for sign in DEEP)]
)
def test_a_mended_command_hides_nothing_any_more(program: str, tmp_path: Path) -> None:
    command = f"{RUN} {program}"
    found = listen(command, {})
    mended = apply_edits(command.encode(), found.edits).decode()
    assert listen(mended, {}).is_covered, mended
    assert _end(mended.removeprefix(f"{RUN} "), tmp_path, failing=["one"]) != 0


WORKS = ("one", "two", "three", "four")
SMALL = ("cd .", "true", "echo x", "{ true; echo x; }")
HEADS = ("", "", "", "set -e; ")
SHELLS = ("sh", "sh", "sh -e", "bash", "bash -o pipefail")
JOINTS = (" && ", "; ", " | ", " & ")
TAILS = (
    *("", "", " || true", "; exit 0", " || exit 1", " >/dev/null 2>&1", "; echo x", " || (true)", " || sleep 0"),
    *(" || { echo x; exit 1; }", " || { cd .; exit 0; }", " || exit 1; echo x"),
)
AROUND = ("{{ {}; }}", "( {} )", "if true; then {}; fi", "f() {{ {}; }}; f", "if {}; then :; else exit 1; fi")


@pytest.mark.parametrize(
    ("program", "printed"),
    [
        ("sh -c 'one; echo done'", "done\n"),
        ("sh -c 'one || { echo a; true; }'", "a\n"),
        ("sh -c 'one; echo a >&2; :'", ""),
        ("sh -c 'one || { echo a; exit 0; }'", "a\n"),
    ],
)
def test_what_a_mended_command_prints_stays(program: str, printed: str, tmp_path: Path) -> None:
    command = f"{RUN} {program}"
    mended = apply_edits(command.encode(), listen(command, {}).edits).decode().removeprefix(f"{RUN} ")
    assert _run(mended, tmp_path, failing=["one"]).stdout.decode() == printed


def test_a_question_answered_by_no_is_no_failure_of_a_mended_command(tmp_path: Path) -> None:
    for program in ("test -e /nonexistent && one || true", "test -e /nonexistent && test -e / && one; true"):
        command = f"{RUN} sh -c {shlex.quote(program)}"
        mended = apply_edits(command.encode(), listen(command, {}).edits).decode()
        assert listen(mended, {}).is_covered
        assert _end(mended.removeprefix(f"{RUN} "), tmp_path, failing=[]) == 0


def test_random_commands_are_judged_as_a_real_shell_ends_them(tmp_path: Path, random_choices: random.Random) -> None:
    wrong = []
    for _ in range(250):
        works = iter(WORKS)
        text = next(works)
        for _ in range(random_choices.randrange(1, 4)):
            text += random_choices.choice(JOINTS)
            text += next(works) if random_choices.random() < 0.7 else random_choices.choice(SMALL)
        text += random_choices.choice(TAILS)
        if random_choices.random() < 0.2 and "&" not in text:
            text = random_choices.choice(AROUND).format(text)
        shell, text = random_choices.choice(SHELLS), random_choices.choice(HEADS) + text
        program = f"{shell} -c {shlex.quote(text)}"
        found = listen(f"{RUN} {program}", {})
        said = bool(found.hidden) or "status-of-last" in found.worth_knowing
        # Each by itself: is there one whose failure the shell keeps to itself?
        works_in_it = [name for name in WORKS if name in text]
        kept = [name for name in works_in_it if _end(program, tmp_path, failing=[name]) == 0]
        if said != bool(kept):
            wrong.append((program, said, kept))
    assert wrong == []


def test_words_without_a_shell_are_heard_through_their_launchers() -> None:
    words = (
        "/bin/sh",
        "-c",
        'set -- "$0" heartbeat run x --tee -- "$@"; exec "$@"',
        "/usr/bin/agentkit",
        "/bin/job",
        "-a",
    )
    assert listen_to_words(words, {}).is_covered
    bare = listen_to_words(("/usr/bin/env", "A=b", "/bin/job", "-a"), {})
    assert (bare.is_covered, [name_work(work) for work in bare.works]) == (False, ["job"])


def test_a_limit_of_another_counts() -> None:
    assert listen("timeout 5m backup", {}).is_bounded
    assert listen("sudo timeout -k 5 60 sh -c 'one; two'", {}).is_bounded
    assert not listen("timeout 0 backup", {}).is_bounded
    assert not listen("timeout 5m one; two", {}).is_bounded


def test_run_parts_is_found_with_its_folder_and_options() -> None:
    found = listen("cd / && run-parts --report --regex '^a' /etc/cron.daily", {})
    assert [(one.options, one.folder, one.is_wrapped) for one in found.run_parts] == [
        (("--report", "--regex", "^a"), "/etc/cron.daily", False)
    ]
    [wrapped] = listen(f"{RUN} run-parts /etc/cron.daily", {}).run_parts
    assert wrapped.is_wrapped


@pytest.mark.parametrize(
    "letters", ["'\"$(`", "|&;()<>", "{}[]!#~*?", "\\\n\t\r\0\x7f", "if then fi do done case esac"]
)
def test_no_text_breaks_it(letters: str, random_choices: random.Random) -> None:
    pieces = [*letters, " ", "a", "2>/dev/null", "|| true", RUN, "é", "\udce4"]
    for _ in range(200):
        text = "".join(random_choices.choice(pieces) for _ in range(random_choices.randrange(1, 40)))
        found = listen(text, {})
        apply_edits(text.encode(errors="surrogateescape"), found.edits)


def test_a_deep_or_a_long_text_is_read_to_its_end() -> None:
    deep = "backup"
    for _ in range(40):
        deep = f"sh -c {shlex.quote(deep)}" if len(deep) < 100_000 else f"( {deep} )"
    assert not listen(deep, {}).is_covered
    assert not listen("( " * 5000 + "backup" + " )" * 5000, {}).is_covered
    long = listen(" ".join(["backup"] + ["word"] * 200_000) + " || true", {})
    assert set(long.reasons) == {"status-discarded"}


def _end(program: str, folder: Path, *, failing: list[str]) -> int:
    return _run(program, folder, failing=failing).returncode


def _run(program: str, folder: Path, *, failing: list[str]) -> "subprocess.CompletedProcess[bytes]":
    """Run a program with the WORKS on its PATH, of which the failing ones end with 3."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    for name in WORKS:
        path = programs / name
        path.write_text(f"#!/bin/sh\nexit {3 if name in failing else 0}\n")
        path.chmod(0o755)
    return subprocess.run(
        ["sh", "-c", program],
        env={"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(folder)},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=LIMIT_S,
        check=False,
    )
