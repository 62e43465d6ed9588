"""Is every script read to its end, whatever stands in it?"""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.depmap.calls import PROGRAM, UNKNOWN, Script
from agentkit.depmap.disk import Disk
from agentkit.depmap.frames import TOO_DEEP
from agentkit.depmap.shelledges import map_script
from agentkit.depmap.shellscript import is_shell_script, read_script

DEEP = 2_000
SIZE = 1 << 17


def read(content: bytes) -> Script:
    disk = Disk("/")
    script = read_script("/opt/case/script", content, disk)
    map_script(script, disk)
    return script


def name_programs(content: bytes) -> set[str]:
    return {call.words[0] for call in read(content).calls if call.kind == PROGRAM}


@pytest.mark.parametrize(
    "content",
    [
        b"(" * SIZE,
        b"((" * SIZE,
        b"$(" * SIZE,
        b"${" * SIZE,
        b"$((" * SIZE,
        b"`" * DEEP + b"'",
        b"{ " * SIZE,
        b"if " * SIZE,
        b"case x in " * DEEP,
        b"a=(" * DEEP,
        b"[[ " * DEEP,
        b'echo "${a:-' * DEEP,
        b"echo " + b"$(" * DEEP,
        b"f() " * DEEP,
        b"coproc { " * DEEP,
    ],
    ids=lambda content: content[:10].decode(),
)
def test_what_is_never_closed_is_read_and_called_no_whole_text(content: bytes) -> None:
    assert not read(content).is_whole


@pytest.mark.parametrize(
    "content",
    [
        b"f() { f; g; }\ng() { f x; g y; }\nf\n",
        b"x=a\n" + b'x="$x$x"\n' * 100,
        b"x=(a b)\n" + b'x=("${x[@]}" "${x[@]}")\n' * 100,
        b"echo " + b"{a,b}" * 200,
        b'x="eval \\"\\$x\\""\neval "$x"\n',
        b'alias a="a b"\na\n',
        b"trap 'trap \"trap x EXIT\" EXIT' EXIT\n",
        b'. "$0"\n',
        b"sudo " * 5_000 + b"x",
        b"echo " + b"$(" * DEEP + b"x" + b")" * DEEP,
        b"! " * SIZE + b"x",
        b"\\" * SIZE,
        b"$" * SIZE,
    ],
    ids=lambda content: content[:24].decode(),
)
def test_what_goes_on_for_ever_comes_to_an_end(content: bytes) -> None:
    assert read(content).path == "/opt/case/script"


def test_a_file_with_ends_of_lines_of_another_system_is_read() -> None:
    assert name_programs(b"#!/bin/sh\r\nif a; then\r\n b\r\nfi\r\n") == {"a", "b"}


def test_a_file_in_latin_1_is_read() -> None:
    assert name_programs('#!/bin/sh\nx="é$(a)"\nb "$x"\n'.encode("latin-1")) == {"a", "b"}


def test_nothing_is_read_behind_what_hands_the_script_to_another_program() -> None:
    assert name_programs(b'#!/bin/sh\na\nexec tclsh "$0" "$@"\nproc b {} { c }\n') == {"a", "tclsh"}


def test_a_branch_of_a_case_knows_what_it_is_about() -> None:
    assert {"one", "two"} <= name_programs(b"case $x in one|two) $x y;; esac\n")


@given(st.binary(max_size=200))
def test_no_bytes_end_the_map(content: bytes) -> None:
    read(content)


@pytest.mark.parametrize("seed", range(3))
def test_scripts_that_are_damaged_are_read(seed: int) -> None:
    choices = random.Random(seed)
    scripts = [path for path in sorted(Path("/usr/bin").iterdir()) if path.is_file() and path.stat().st_size < 20_000]
    texts = [path.read_bytes() for path in choices.sample(scripts, min(60, len(scripts)))]
    for text in [each for each in texts if is_shell_script(each, "/script")][:8]:
        damaged = bytearray(text)
        for _ in range(20):
            damaged[choices.randrange(len(damaged))] = choices.choice(b"'\"`$(){}\\\n<; ")
        assert read(bytes(damaged)).path == "/opt/case/script"


def name_unknowns(script: Script) -> set[tuple[str | None, str | None]]:
    return {(call.target, call.reason) for call in script.calls if call.kind == UNKNOWN}


def test_what_is_called_too_deep_to_be_followed_is_named_as_unknown(tmp_path: Path) -> None:
    chain = "".join(f"f{number}() {{ f{number + 1}; }}\n" for number in range(30)) + "f30() { curl; }\n"
    (tmp_path / "lib.sh").write_text(chain)
    script = tmp_path / "script"
    script.write_text(f"#!/bin/sh\n. {tmp_path}/lib.sh\nf0\n")
    reasons = {reason for _, reason in name_unknowns(read_script(str(script), script.read_bytes(), Disk("/")))}
    assert reasons == {TOO_DEEP}


def test_what_is_sourced_too_deep_to_be_followed_is_named_as_unknown(tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"{number}.sh").write_text(f". {tmp_path}/{number + 1}.sh\n")
    text = f"#!/bin/sh\n. {tmp_path}/0.sh\n".encode()
    assert {reason for _, reason in name_unknowns(read_script("/opt/s", text, Disk("/")))} == {TOO_DEEP}


def test_a_program_behind_too_many_wrappers_is_named_as_unknown() -> None:
    assert {reason for _, reason in name_unknowns(read(b"#!/bin/sh\n" + b"nice " * 30 + b"curl x\n"))} == {TOO_DEEP}


def test_a_script_finds_programs_by_the_path_that_it_is_started_with(tmp_path: Path) -> None:
    (tmp_path / "own-tool").write_text("#!/bin/sh\n")
    (tmp_path / "own-tool").chmod(0o755)
    script = read_script("/opt/s", b"#!/bin/sh\nown-tool\n", Disk("/"), search_path=str(tmp_path))
    assert [edge.path for edge in map_script(script, Disk("/"))] == [f"{tmp_path}/own-tool"]


@pytest.mark.parametrize(
    ("text", "program"),
    [
        (b"x=/opt/ab; ${x%[^a]}", "/opt/a"),
        (b"x=/opt/ab; ${x%[!a]}", "/opt/a"),
        (b"x=aab; ${x##[^b]}", "ab"),
        (b"x=/opt/a.sh; ${x%.*}", "/opt/a"),
    ],
)
def test_a_pattern_is_cut_off_as_the_shell_cuts_it(text: bytes, program: str) -> None:
    assert name_programs(b"#!/bin/bash\n" + text + b"\n") == {program}
