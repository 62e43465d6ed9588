"""Do the programs that others wrote for signed notes and transparency logs take our checkpoints for what they are?"""

import os
import subprocess
from pathlib import Path

import pytest

from agentkit.vault.log.checkpointing import make_checkpoint
from tests.vault.logs import Log, make_eventful_log
from tests.vault.vaults import signing_key

SOURCE = Path(__file__).with_name("checkpointjudge.go")
SIGN = """package main

import ("os"; "golang.org/x/mod/sumdb/note")

func main() {
	skey, _ := os.ReadFile(os.Args[1])
	signer, err := note.NewSigner(string(skey[:len(skey)-1]))
	if err != nil { panic(err) }
	signed, err := note.Sign(&note.Note{Text: os.Args[2]}, signer)
	if err != nil { panic(err) }
	os.Stdout.Write(signed)
}
"""
LIMIT_S = 300


def _build(folder: Path, source: Path) -> Path:
    """Build a Go program with what Debian packages; nothing is downloaded."""
    program = folder / source.stem
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "GOPATH": "/usr/share/gocode", "GOFLAGS": "-p=2"}
    environ |= {"GO111MODULE": "off", "GOCACHE": str(folder / "cache"), "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}
    subprocess.run(["go", "build", "-o", str(program), str(source)], env=environ, check=True, timeout=LIMIT_S)
    return program


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _build(tmp_path_factory.mktemp("go"), SOURCE)


@pytest.fixture
def log(own_environ: dict[str, str]) -> Log:
    Path(own_environ["AGENTKIT_HOME"]).mkdir(mode=0o700)
    return make_eventful_log(Path(own_environ["AGENTKIT_HOME"]) / "vault/audit")


def _judge(judge: Path, log: Log, *notes: Path) -> "subprocess.CompletedProcess[str]":
    words = [str(judge), str(log.folder / "vkey"), str(log.folder), *map(str, notes)]
    return subprocess.run(words, capture_output=True, text=True, timeout=LIMIT_S, check=False)


def test_go_opens_our_notes_and_proves_records_and_growth(
    judge: Path, log: Log, own_environ: dict[str, str], tmp_path: Path
) -> None:
    notes = []
    for number in range(4):
        notes.append(tmp_path / f"note-{number}")
        make_checkpoint(own_environ, [str(notes[-1])])
        log.grow(number * 3 + 1)
    ended = _judge(judge, log, *notes)
    assert (ended.stderr, ended.stdout.split()) == ("", ["holds", "26", "holds", "27", "holds", "31", "holds", "38"])


def test_go_refuses_a_note_of_which_a_letter_was_changed(
    judge: Path, log: Log, own_environ: dict[str, str], tmp_path: Path
) -> None:
    note = tmp_path / "note"
    make_checkpoint(own_environ, [str(note)])
    whole = note.read_text()
    note.write_text(whole.replace("head ", "Head "))
    assert "invalid signature" in _judge(judge, log, note).stderr
    note.write_text(whole)
    assert _judge(judge, log, note).returncode == 0


def test_go_finds_a_record_that_was_changed(judge: Path, log: Log, own_environ: dict[str, str], tmp_path: Path) -> None:
    note = tmp_path / "note"
    make_checkpoint(own_environ, [str(note)])
    first = log.folder / "000001.jsonl"
    first.write_bytes(first.read_bytes().replace(b"nightly report", b"nightly resort", 1))
    assert "the root of 26 lines is" in _judge(judge, log, note).stderr


def test_we_read_what_go_signs_with_our_key(log: Log, own_environ: dict[str, str], tmp_path: Path) -> None:
    from agentkit.vault.log.note import open_note
    from agentkit.vault.log.signing import read_public_key

    make_checkpoint(own_environ, [str(tmp_path / "note")])
    source = tmp_path / "sign.go"
    source.write_text(SIGN)
    signer = _build(tmp_path, source)
    text = "some text\n\nwith an — in it\n"
    words = [str(signer), str(signing_key(own_environ)), text]
    signed = subprocess.run(words, capture_output=True, timeout=LIMIT_S, check=True).stdout
    assert open_note(signed, read_public_key(str(log.folder)), "it") == text
