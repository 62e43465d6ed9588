"""Is a value found anywhere but in the answer of a get?"""

import base64
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from agentkit.core.errors import Exit
from tests.vault.ownvault import OwnVault
from tests.vault.strikes import Anvil, Verb

NAME = "db/password"
# The program with a bug in the middle of a verb, where the value is in hand.
BROKEN = """
import sys
from agentkit.vault import access, get, store
def fail(*given):
    try:
        raise ValueError(f"this is {given}")
    except ValueError as error:
        raise RuntimeError(f"no such {given}") from error
if sys.argv[2] == "get":
    get.write_all = fail
else:
    import pyrage
    pyrage.encrypt = fail
from agentkit.__main__ import main
sys.exit(main())
"""


@pytest.fixture
def own(tmp_path: Path) -> OwnVault:
    """Return an empty vault."""
    return OwnVault(tmp_path / "own")


def forms(value: str) -> list[bytes]:
    """Return a value as it may be written down."""
    raw = value.encode()
    return [raw, raw.hex().encode(), base64.b64encode(raw).rstrip(b"="), base64.b32encode(raw), raw[::-1], raw[:24]]


def find(own: OwnVault, value: str, *said: bytes) -> list[str]:
    """Return where a value lies below the folder of a vault, names of files included, or was said."""
    wanted = forms(value)
    found = [f"said: {text[:300]!r}" for text in said if any(form in text for form in wanted)]
    for path in sorted(own.folder.rglob("*")):
        holds = path.is_file() and any(form in path.read_bytes() for form in wanted)
        if holds or any(form in os.fsencode(path) for form in wanted):
            found.append(str(path))
    return found


def test_the_search_finds_what_is_there(own: OwnVault, needle: str) -> None:
    for form in forms(needle):
        (own.folder / "somewhere").write_bytes(b"x" + form + b"x")
        assert find(own, needle) == [str(own.folder / "somewhere")]
    assert len(find(own, needle, needle.encode())) == 2


def test_a_value_stands_nowhere_but_in_the_answer(own: OwnVault, needle: str) -> None:
    given = needle.encode()
    reading, writing = os.pipe()
    os.write(writing, given)
    os.close(writing)
    said: list[bytes] = []

    def run(*words: str, status: int = 0, **more: object) -> bytes:
        done = own.run(*words, **more)  # type: ignore[arg-type]
        assert done.returncode == status, done.stderr
        said.append(done.stderr)
        return done.stdout

    said.append(run("set", NAME, "--purpose", "x", stdin=given))
    said.append(run("set", "db/second", "--purpose", "x", "--from-fd", str(reading), pass_fds=(reading,)))
    os.close(reading)
    said.append(run("set", NAME, stdin=given))
    said.append(run("set", NAME, "--keep-value", "--owner", "somebody", stdin=given))
    assert run("get", NAME, "--reason", "x") == given
    assert run("get", "db/second", "--reason", "x", "--reveal", more={"CLAUDECODE": "1"}) == given
    said.append(run("get", NAME, "--reason", "x", status=Exit.REFUSED, more={"CLAUDECODE": "1"}))
    said.append(run("set", NAME, "--purpose", "", status=Exit.USAGE, stdin=given))
    said.append(run("set", "..", "--purpose", "x", status=Exit.USAGE, stdin=given))
    with open("/dev/full", "wb") as full:
        run("get", NAME, "--reason", "x", status=Exit.CANNOT_WRITE, stdout=full)
    Path(own.places.current("db/second")).write_bytes(b"")
    said.append(run("get", "db/second", "--reason", "x", status=Exit.TAMPERED))
    Path(own.places.identity).chmod(0o644)
    said.append(run("get", NAME, "--reason", "x", status=Exit.REFUSED))
    said.append(run("set", NAME, status=Exit.REFUSED, stdin=given))
    assert find(own, needle, *said) == []


def test_a_value_in_the_place_of_a_word_stands_nowhere(own: OwnVault, needle: str) -> None:
    """Well-formed as a name or not, in each place, with a conversation and without."""
    said: list[bytes] = []
    for value, more, verbs in (
        (needle, {}, ("get", "set", "init")), (f"{needle}$X\n", {}, ("get",)), (needle, {"CLAUDECODE": "1"}, ("get",)),
    ):  # fmt: skip
        for words in (
            ["get", value, "--reason", "x"], ["get", value], ["get", NAME, value, "--reason", "x"],
            ["get", f"db/{value}", "--reason", "x"], ["get", "--reason", "x", "--", value], ["get", f"--{value}"],
            ["set", value], ["set", value, "--keep-value"], ["set", NAME, value, "--purpose", "x"],
            ["set", value, NAME, "--purpose", "x"], ["set", NAME, f"--value={value}"], ["set", NAME, f"--{value}"],
            ["set", value, "--purpose", "x"], ["set", NAME, "--purpose", "x", "--from-fd", value],
            ["set", NAME, "--purpose", "x", "--deliver", value], ["set", NAME, "--purpose", "x", "--expires", value],
            ["set", NAME, "--purpose", "x", "--setting", value], ["init", "--recovery", value],
        ):  # fmt: skip
            if words[0] in verbs:
                done = own.run(*words, more=more)
                assert done.returncode not in (0, Exit.INTERNAL), words
                said += [done.stdout, done.stderr]
    assert find(own, needle, *said) == []


@pytest.mark.parametrize("verb", ["get", "set"])
def test_a_bug_with_the_value_in_its_frames_writes_it_nowhere(own: OwnVault, needle: str, verb: str) -> None:
    own.set(NAME, needle.encode())
    words = {"get": ["get", NAME, "--reason", "x"], "set": ["set", NAME]}[verb]
    done = subprocess.run(
        [sys.executable, "-c", BROKEN, "vault", *words], input=needle.encode(), env=own.environ, capture_output=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == Exit.INTERNAL, done.stderr
    assert find(own, needle, done.stdout, done.stderr) == []
    (told,) = (own.folder / "home" / "bugs").iterdir()
    assert "RuntimeError" in told.read_text()
    assert "ValueError" in told.read_text()
    assert "in fail" in told.read_text()


@pytest.mark.parametrize("call", ["rename", "fsync", "fdatasync", "write"])
def test_a_kill_leaves_the_value_nowhere(tmp_path: Path, needle: str, call: str) -> None:
    anvil = Anvil(Verb("set", ("set", "{name}", "--purpose", "x"), needle.encode(), has_old=False), tmp_path)
    for when in range(1, 5):
        anvil.strike(anvil.prepare(), f"{call}:signal=KILL:when={when}")
        assert find(anvil.vault, needle) == []


def test_the_value_stands_in_no_argument_and_no_environment_while_it_is_set_or_given(
    own: OwnVault, needle: str
) -> None:
    seen: list[bytes] = []
    for words in (["set", NAME, "--purpose", "x"], ["get", NAME, "--reason", "x"]):
        process = own.start(*words)
        assert process.stdin is not None
        if words[0] == "set":
            process.stdin.write(needle.encode())
            process.stdin.flush()
        due = time.monotonic() + 60
        closing = threading.Timer(0.3, process.stdin.close)
        closing.start()
        while process.poll() is None and time.monotonic() < due:
            for what in ("cmdline", "environ", "comm"):
                try:
                    seen.append(Path(f"/proc/{process.pid}/{what}").read_bytes())
                except OSError:
                    continue
        closing.join(60)
        out = process.stdout.read() if process.stdout else b""
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()
        assert process.wait(60) == 0
        assert words[0] == "set" or out == needle.encode()
    assert len(seen) > 10
    assert not any(needle.encode() in piece for piece in seen)
