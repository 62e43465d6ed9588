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
from tests.heartbeat.commands import BARE, COVERED, INSIDE, NOT_COVERED, RUN

LIMIT_S = 30


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
            joint = random_choices.choice(JOINTS)
            # Who prints into a pipe that nobody reads fails or not, as the clock has it: the works read.
            is_read = joint == " | " and text.endswith(("echo x", "echo x; }"))
            is_work = random_choices.random() < 0.7 or is_read
            text += joint + (next(works) if is_work else random_choices.choice(SMALL))
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
        path.write_text(f"#!/bin/sh\ncat > /dev/null\nexit {3 if name in failing else 0}\n")
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
