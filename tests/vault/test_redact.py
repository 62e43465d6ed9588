"""Does the command mask a pipe, say what is wrong, and never say a value?"""

import base64
import json
import os
import random
import select
import string
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agentkit.vault.redaction import redact
from agentkit.vault.redaction.givenvalues import read_given_values
from tests.vault.conftest import Vault

LIMIT_S = 120.0
# The verb as it is dispatched: one call with the words behind it.
MAIN = (
    "import os, sys\nfrom agentkit.vault.redaction import redact\n"
    "try:\n    status = redact.main(sys.argv[1:])\nexcept BaseException as error:\n"
    "    from agentkit.failure import report_failure\n"
    "    status = report_failure(error, os.environ)\nos._exit(status)\n"
)
Redact = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def value(random_choices: random.Random) -> str:
    return "".join(random_choices.choices(string.ascii_letters + string.digits, k=24))


@pytest.fixture
def values_file(tmp_path: Path, value: str) -> Path:
    path = tmp_path / "values.jsonl"
    path.write_text(json.dumps({"name": "db/password", "value": value}) + "\n")
    return path


@pytest.fixture
def run(environ: dict[str, str]) -> Redact:
    def run_redact(*words: str, stdin: bytes = b"", **more: object) -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run(
            [sys.executable, "-c", MAIN, *words],
            input=stdin, env=environ, capture_output=True, timeout=LIMIT_S, check=False, **more,
        )  # type: ignore[call-overload,no-any-return]  # fmt: skip

    return run_redact


@pytest.fixture
def started(environ: dict[str, str], values_file: Path) -> "Iterator[subprocess.Popen[bytes]]":
    with subprocess.Popen(
        [sys.executable, "-c", MAIN, "--values", str(values_file)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ, bufsize=0,
    ) as process:  # fmt: skip
        yield process
        process.kill()


def read_some(process: "subprocess.Popen[bytes]") -> bytes:
    assert process.stdout is not None
    assert select.select([process.stdout], [], [], LIMIT_S)[0], "nothing came out"
    return os.read(process.stdout.fileno(), 65536)


def test_the_values_of_a_file_are_masked(run: Redact, values_file: Path, value: str) -> None:
    ended = run("--values", str(values_file), stdin=f"login {value}\n\x00\xff".encode("latin-1"))
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"login {{vault:db/password}}\n\x00\xff", b"")


def test_what_the_end_leaves_open_comes_out(run: Redact, values_file: Path, value: str) -> None:
    assert run("--values", str(values_file), stdin=value[:-1].encode()).stdout == value[:-1].encode()


def test_values_come_through_a_descriptor(run: Redact, values_file: Path, value: str) -> None:
    with values_file.open("rb") as file:
        path = f"/dev/fd/{file.fileno()}"
        ended = run(f"--values={path}", stdin=value.encode(), pass_fds=(file.fileno(),))
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"{{vault:db/password}}", b"")


def test_without_vault_and_values_everything_passes_with_one_warning(run: Redact, value: str) -> None:
    text = f"login {value}\n".encode() * 3
    ended = run(stdin=text)
    assert (ended.returncode, ended.stdout) == (0, text)
    assert ended.stderr.count(b"agentkit: warning: there is no vault") == 1
    assert run("--quiet", stdin=text).stderr == b""


def test_a_bad_line_is_told_by_its_number_and_the_others_are_used(
    run: Redact, values_file: Path, value: str, random_choices: random.Random
) -> None:
    secret = "".join(random_choices.choices(string.ascii_letters, k=20))
    bad = [
        secret, json.dumps([secret]), json.dumps({"name": secret}), json.dumps({"name": 1, "value": secret}),
        json.dumps({"name": "a", "value": secret, "value_b64": secret}),
        json.dumps({"name": "a", "value_b64": secret + "!"}),
        json.dumps({"name": "a\n" + secret, "value": "x"}), '{"name": "a", "value": "' + secret, "\udcff" + secret,
    ]  # fmt: skip
    with values_file.open("ab") as file:
        file.write("\n".join([*bad, ""]).encode("utf-8", "surrogateescape"))
        file.write(b'\n{"name": "pem", "value_b64": "%s"}' % base64.b64encode(b"\xff" * 9 + value.encode()[::-1]))
    text = b"1 " + value.encode() + b" 2 " + b"\xff" * 9 + value.encode()[::-1]
    ended = run("--values", str(values_file), stdin=text)
    assert (ended.returncode, ended.stdout) == (65, b"1 {{vault:db/password}} 2 {{vault:pem}}")
    told = ended.stderr.decode().splitlines()
    assert [line.partition(": line ")[2].split()[0] for line in told] == [str(number) for number in range(2, 11)]
    assert secret[:6] not in ended.stderr.decode()


def test_a_file_of_values_that_cannot_be_read_lets_nothing_pass(run: Redact, tmp_path: Path, value: str) -> None:
    missing = run("--values", str(tmp_path / "none"), stdin=value.encode())
    assert (missing.returncode, missing.stdout) == (69, b"")
    folder = run("--values", str(tmp_path), stdin=value.encode())
    assert (folder.returncode, folder.stdout) == (65, b"")
    closed = run("--values", "/dev/fd/77", stdin=value.encode())
    assert (closed.returncode, closed.stdout) == (65, b"")


@pytest.mark.parametrize("words", [["--values"], ["--values="], ["--value", "x"], ["more"], ["--quiet=1"]])
def test_wrong_words_are_refused_and_not_repeated(words: list[str], run: Redact, value: str) -> None:
    ended = run(*words[:1], *([value] if words[1:] else []), stdin=b"text") if words[0] == "--value" else run(*words)
    assert (ended.returncode, ended.stdout) == (2, b"")
    assert value.encode() not in ended.stderr


def test_a_prompt_comes_out_while_the_pipe_stays_open(started: "subprocess.Popen[bytes]", value: str) -> None:
    assert started.stdin is not None
    started.stdin.write(b"password: ")
    assert read_some(started) == b"password: "
    started.stdin.write(b"it is " + value[:9].encode())
    assert read_some(started) == b"it is "
    started.stdin.write(value[9:].encode() + b"\nnext ")
    got = read_some(started)
    while not got.endswith(b" "):
        got += read_some(started)
    assert got == b"{{vault:db/password}}\nnext "


def test_a_reader_that_leaves_ends_it_as_it_ends_other_commands(
    environ: dict[str, str], values_file: Path, tmp_path: Path
) -> None:
    source = tmp_path / "long"
    source.write_bytes(b"a line of text\n" * 200_000)
    with source.open("rb") as stdin, subprocess.Popen(
        [sys.executable, "-c", MAIN, "--values", str(values_file)],
        stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.wait(LIMIT_S) == 128 + 13
        assert process.stderr.read() == b""


def test_a_full_disk_is_told_with_its_status(run: Redact, environ: dict[str, str], values_file: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [sys.executable, "-c", MAIN, "--values", str(values_file)],
            input=b"text\n", stdout=full, stderr=subprocess.PIPE, env=environ, timeout=LIMIT_S, check=False,
        )  # fmt: skip
    assert ended.returncode == 73
    assert b"cannot write" in ended.stderr


def test_no_message_and_no_traceback_has_a_value(run: Redact, values_file: Path, value: str, home: Path) -> None:
    # A directory as standard input fails in the middle of things, as a disk does.
    with subprocess.Popen(["true"]) as process:
        process.wait(LIMIT_S)
    descriptor = os.open(home.parent, os.O_RDONLY)
    try:
        ended = subprocess.run(
            [sys.executable, "-c", MAIN, "--values", str(values_file)],
            stdin=descriptor, capture_output=True, timeout=LIMIT_S, check=False,
            env={"AGENTKIT_HOME": str(home), "PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2])},
        )  # fmt: skip
    finally:
        os.close(descriptor)
    assert ended.returncode != 0
    written = b"".join([path.read_bytes() for path in home.rglob("*") if path.is_file()])
    assert value[:6].encode() not in ended.stderr + written


def test_what_an_ordinary_text_does_not_need_is_not_imported(environ: dict[str, str], values_file: Path) -> None:
    show = MAIN.replace("os._exit(status)", "sys.stderr.write(' '.join(sys.modules))\n")
    ended = subprocess.run(
        [sys.executable, "-S", "-c", show, "--values", str(values_file)],
        input=b"a plain line\npassword: ", capture_output=True, env=environ, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    loaded = set(ended.stderr.decode().split())
    assert ended.stdout == b"a plain line\npassword: "
    assert "agentkit.vault.redaction.masker" in loaded
    assert not loaded & {"hyperscan", "json", "pathlib", "typing", "subprocess", "dataclasses", "typer"}


def test_the_vault_is_opened_with_a_record_and_what_was_masked_is_recorded(
    vault: Vault, places: object, environ: dict[str, str], value: str, run: Redact
) -> None:
    given = vault("set", "db/password", "--purpose", "test", stdin=value.encode())
    assert given.returncode == 0, given.stderr
    ended = run(stdin=f"x {value} y {value}\n".encode())
    assert (ended.returncode, ended.stdout) == (0, b"x {{vault:db/password}} y {{vault:db/password}}\n"), ended.stderr
    log = b"".join([path.read_bytes() for path in sorted(Path(environ["AGENTKIT_HOME"]).rglob("audit/0*.jsonl"))])
    records = [json.loads(line) for line in log.splitlines() if b'"redact"' in line]
    assert [record["phase"] for record in records] == ["release", "done"]
    assert records[-1]["masked"] == {"db/password": 2}
    assert value.encode() not in log


def test_a_file_of_values_gives_them_as_they_are(values_file: Path, value: str) -> None:
    assert read_given_values(str(values_file)) == ([("db/password", value.encode())], [])


def test_the_words_are_read() -> None:
    assert redact.parse_words(["--quiet", "--values", "x"]) == ("x", True)
    assert redact.parse_words(["--values=a=b"]) == ("a=b", False)
