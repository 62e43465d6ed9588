r"""Does a wrapped line run the text that the old one ran, and can that be had back from it?"""

import os
import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit.core.cronline import CronLine
from agentkit.heartbeat.edits import Edit, apply_edits
from agentkit.heartbeat.hearing import listen
from agentkit.heartbeat.silence import Silence
from agentkit.heartbeat.wrapped import find_wrapped
from agentkit.heartbeat.wrapping import Mended, Names, find_obstacle, is_like_wrapped, unwrap_command, wrap_line

LIMIT_S = 30
TEXTS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\n\0"), min_size=1)


def _line(command: str, *, kind: str = "user", schedule: str = "* * * * *", **environment: str) -> CronLine:
    before = "1 5 id" if kind == "anacron" else schedule
    in_force = tuple(environment.items())
    return CronLine("/x", 1, "root", schedule, command, None, in_force, f"{before} {command}", kind)


def _wrap(
    line: CronLine, *, program: str = "/bin/agentkit", rules: str = "debian", bash: str | None = "/bin/bash"
) -> Mended:
    silence = listen(line.command, dict(line.environment))
    mended = wrap_line(line, silence, job="it", program=program, rules=rules, only_quiet=True, bash=bash)
    assert mended is not None
    return mended


def _run(command: str, folder: Path, *, given: str = "", shell: str = "/bin/sh") -> "subprocess.CompletedProcess[str]":
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    return subprocess.run(
        [shell, "-c", command],
        input=given,
        capture_output=True,
        text=True,
        cwd=folder,
        env=environ,
        timeout=LIMIT_S,
        check=False,
    )


@pytest.mark.parametrize("command", ["pg_dump x | gzip > y", "one; two", "test -x /x && /x", "x || true", "it's"])
def test_check_knows_the_job_of_a_wrapped_line(command: str) -> None:
    wrapped = find_wrapped(_wrap(_line(command)).command, "root", {"HOME": "/root"})
    assert [(one.job, one.user) for one in wrapped] == [("it", "root")]


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Return a program that works: it tells of its words, and runs what stands behind `--`."""
    path = tmp_path / "a program" / "agentkit"
    path.parent.mkdir()
    path.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && { cat; exit 0; }\n'
        f'echo "$@" >> {shlex.quote(str(tmp_path))}/words\nwhile [ "$1" != -- ]; do shift; done\nshift\nexec "$@"\n'
    )
    path.chmod(0o755)
    return path


def test_the_wrapped_line_hands_shell_and_text_to_the_program(tmp_path: Path, program: Path) -> None:
    ended = _run(_wrap(_line('echo "it\'s" $0; cat'), program=str(program)).command, tmp_path, given="fed")
    assert (ended.stdout, ended.stderr) == ("it's /bin/sh\nfed", "")
    assert (tmp_path / "words").read_text().startswith("heartbeat run it --tee -- /bin/sh -c ")


@pytest.mark.parametrize("body", [None, "#!/bin/sh\nexit 1\n", "#!/nowhere/python\n", "#!/bin/sh\ncat; exit 1\n"])
def test_without_a_program_that_works_the_text_runs_once_and_that_is_told(body: str | None, tmp_path: Path) -> None:
    program = tmp_path / "agentkit"
    if body is not None:
        program.write_text(body)
        program.chmod(0o755)
    command = _wrap(_line("cat; echo ran >> ran; exit 3"), program=str(program)).command
    ended = _run(command, tmp_path, given="fed")
    assert (ended.stdout, ended.returncode) == ("fed", 3)
    assert ended.stderr == f"{program} does not work: it runs unwatched\n"
    assert (tmp_path / "ran").read_text() == "ran\n"


def test_both_outputs_come_in_the_order_in_which_they_were_written(tmp_path: Path, program: Path) -> None:
    ended = _run(_wrap(_line("echo 1; echo 2 >&2; echo 3"), program=str(program)).command, tmp_path)
    assert ended.stdout == "1\n2\n3\n"


@given(TEXTS)
def test_the_text_comes_back_from_a_wrapped_command(text: str) -> None:
    for kind in ("user", "anacron"):
        text = text.replace("\\", "") if kind == "anacron" else text
        mended = wrap_line(
            _line(text, kind=kind), Silence(), job="it", program="/a b/'c", rules="cronie", only_quiet=True
        )
        assert mended is not None
        assert unwrap_command(mended.command) == text


@settings(max_examples=40, deadline=None)
@given(text=TEXTS)
def test_a_shell_reads_the_text_as_it_was(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("shell")
    command = f"printf %s {shlex.quote(text)}"
    ended = _run(_wrap(_line(command), program="/nowhere", rules="cronie").command, folder)
    assert ended.stdout == text.replace("\r\n", "\n").replace("\r", "\n")


def test_what_a_person_put_behind_a_wrapped_command_stays_or_stops_it() -> None:
    wrapped = _wrap(_line("x y")).command
    assert unwrap_command(wrapped + "\r") == "x y\r"
    assert unwrap_command(wrapped.replace("run it --tee", "run it --every 1d --grace 5m --tee")) == "x y"
    for changed in (f"{wrapped} >> log", wrapped.replace(" --tee", ""), wrapped + "'"):
        assert unwrap_command(changed) is None
        assert is_like_wrapped(changed)
    assert not is_like_wrapped("set -- a b; echo")


def test_a_machine_without_bash_runs_pipes_by_its_own_shell() -> None:
    assert " /bin/bash -o pipefail -c " in _wrap(_line("make-it | sort")).command
    assert " /bin/sh -c " in _wrap(_line("make-it | sort"), bash=None).command
    assert " /bin/sh -c " in _wrap(_line("make-it | sort", BASH_ENV="/x")).command
    assert " /opt/bash -o pipefail -c " in _wrap(_line("make-it | sort", SHELL="/opt/bash"), bash=None).command


def test_only_what_is_started_with_the_machine_has_a_long_time_limit() -> None:
    assert "--timeout 520w" in _wrap(_line("serve", schedule="@reboot")).command
    assert "--timeout" not in _wrap(_line("serve", schedule="@daily")).command


def test_a_line_that_grows_too_long_is_none() -> None:
    def wrap(command: str, rules: str) -> Mended | None:
        return wrap_line(_line(command), Silence(), job="it", program="/p", rules=rules, only_quiet=True)

    bare = len(_wrap(_line("x"), program="/p").command) - 1
    assert wrap("x" * (998 - bare), "debian") is not None
    assert wrap("x" * (999 - bare), "debian") is None
    # A % is two bytes as it is written, and that is what cron counts.
    assert wrap("%" * (998 - bare), "debian") is None
    assert wrap("x" * 100_000, "cronie") is not None
    assert wrap("x" * 131_000, "cronie") is None


def test_a_hash_ends_a_line_for_busybox_and_no_wrapped_one_has_any() -> None:
    assert "#" not in _wrap(_line("x")).command
    assert wrap_line(_line("x # y"), Silence(), job="it", program="/p", rules="busybox", only_quiet=True) is None


@pytest.mark.parametrize(
    ("command", "environment", "why"),
    [
        ("x", {"SHELL": "/usr/bin/fish"}, "/usr/bin/fish reads other lines than sh does"),
        ("x", {"SHELL": "/bin/rbash"}, "/bin/rbash starts no program by its path"),
        ("x", {"SHELL": "/bin/bash", "BASH_ENV": "/x"}, "BASH_ENV would be read twice"),
        ("pgrep -fc x || x", {}, "it looks for processes by their words"),
        ("pkill --full x; x", {}, "it looks for processes by their words"),
        ("[ $(ps ax | grep -c x) -gt 2 ] || x", {}, "it looks for processes by their words"),
        ("x", {"BASH_ENV": "/x"}, None),
        ("pgrep x || x", {}, None),
        ("ps > list", {}, None),
    ],
)
def test_lines_that_would_do_something_else_have_an_obstacle(
    command: str, environment: dict[str, str], why: str | None
) -> None:
    found = find_obstacle(_line(command, **environment))
    assert found is None if why is None else (found or "").startswith(why)


def test_what_an_edit_takes_out_has_to_say_nothing() -> None:
    for taken in (b"; exit 0", b" || true", b" &", b"; :", b" || /bin/true", b"; exit 00 ;"):
        text = b"work" + taken
        assert apply_edits(text, [Edit(4, len(text), b"", is_quiet=True)], only_quiet=True) == b"work"
    for taken in (b"; echo done > f", b" || touch f", b"; exit 1", b"; true > f", b"; exit $x"):
        text = b"work" + taken
        assert apply_edits(text, [Edit(4, len(text), b"", is_quiet=True)], only_quiet=True) == text


def test_a_text_without_an_edit_keeps_its_end() -> None:
    for text in (b"touch a\\ ", b"x\r", b" x \t"):
        assert apply_edits(text, []) == text
    assert apply_edits(b"touch a\\  || true", [Edit(9, 17, b"", is_quiet=True)]) == b"touch a\\ "


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("/usr/local/bin/Backup.sh --all", "backup"),
        ("python3 -u /opt/x/sync_it.py a=b", "sync_it"),
        ("python3 -c 'password=1; run()'", "python3"),
        ("perl -we 'secret()' x", "perl"),
        ("php -r 'secret();'", "php"),
        ("awk '{ print secret }' file", "awk"),
        ("sh -e /opt/x.sh", "x"),
        ("run-parts --report /etc/cron.daily", "cron.daily"),
        ("/opt/ünï/ä", "job"),
        ("test -x /c && perl -e 'sleep int(rand(43200))' && certbot -q renew", "certbot"),
        ("rm -f x; /opt/sync.sh", "sync"),
        ("pg_dump shop | gzip > x", "pg_dump"),
        ("for x in *; do $x/run; done", "run"),
        ("echo 'a failure'; exit 3", "echo"),
        ("x=$(/opt/backup --all) || echo $x", "backup"),
    ],
)
def test_a_job_is_named_by_its_program_and_never_by_a_text(command: str, name: str) -> None:
    assert Names([]).choose(listen(command, {})) == name


def test_names_are_taken_once_and_ten_thousand_of_one_kind_are_no_trouble() -> None:
    names, silence = Names(["x", "x-2"]), listen("x", {})
    assert [names.choose(silence) for _ in range(10_000)] == [f"x-{number}" for number in range(3, 10_003)]
