"""Does `audit verify` say just what can be said: verified, not verified, or tampered with?"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.schemas import read_schema
from agentkit.vault.log.auditverify import print_verdict, read_words
from agentkit.vault.log.checkpointing import make_checkpoint
from agentkit.vault.log.claims import CLAIMS, describe_levels
from agentkit.vault.log.note import make_key, sign_note
from agentkit.vault.log.signing import make_signing_key
from tests.vault.logs import ORIGIN, Log, rewrite
from tests.vault.vaults import LIMIT_S, VERIFY, make_vault, signing_key

Verify = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def log(own_environ: dict[str, str]) -> Log:
    return make_vault(own_environ)


@pytest.fixture
def anchor(log: Log, own_environ: dict[str, str], tmp_path: Path) -> str:
    make_checkpoint(own_environ, [str(tmp_path / "anchor")])
    return str(tmp_path / "anchor")


@pytest.fixture
def verify(own_environ: dict[str, str], capsysbinary: pytest.CaptureFixture[bytes]) -> Verify:
    def run(*anchors: str, new_only: bool = False, as_json: bool = False, **more: object) -> tuple[int, list[str]]:
        chosen = {"vkey": None, "is_separate": False, **more}
        status = print_verdict(own_environ, anchors, new_only=new_only, as_json=as_json, **chosen)  # type: ignore[arg-type]
        return status, capsysbinary.readouterr().out.decode().splitlines()

    return run


def test_without_an_anchor_nothing_is_verified(log: Log, verify: Verify) -> None:
    status, lines = verify()
    assert (status, lines[0]) == (
        1,
        "not verified: 12 records in one chain, and no anchor from outside vouches for any of them",
    )
    assert not any(line.startswith("verified") for line in lines)


def test_an_anchor_that_vouches_for_the_last_record_verifies(log: Log, verify: Verify, anchor: str) -> None:
    status, lines = verify(anchor)
    assert (status, lines[0]) == (0, "verified: 12 records, and the anchor vouches for the last of them")


@pytest.mark.parametrize(("count", "said"), [(1, "1 record is"), (5, "5 records are")])
def test_newer_records_are_counted(log: Log, verify: Verify, anchor: str, count: int, said: str) -> None:
    log.grow(count)
    status, lines = verify(anchor)
    assert (status, lines[0]) == (1, f"not verified to the end: {said} newer than the anchor, which holds")


def test_an_unfinished_record_is_newer_too(log: Log, verify: Verify, anchor: str) -> None:
    log.put(b"unfinished")
    status, lines = verify(anchor)
    assert (status, lines[0]) == (
        1, "not verified to the end: 10 bytes of a record are newer than the anchor, which holds",
    )  # fmt: skip
    assert "the last 10 bytes are no record: a crash cut one off, and the next sets it aside" in lines


def test_a_valid_prefix_is_tampering_with_an_anchor(log: Log, verify: Verify, anchor: str) -> None:
    lines = log.lines()
    for count in range(1, len(lines)):
        log.path.write_bytes(b"".join(line + b"\n" for line in lines[:count]))
        log.size, log.seq, log.hash = log.path.stat().st_size, count, lines[count][10:74].decode()
        log.write_head(len(lines[count - 1]) + 1)
        assert verify()[0] == 1
        status, said = verify(anchor)
        what = f"the log ends before record {count}, and the anchor {anchor} vouches for record 11"
        assert (status, said[0]) == (76, f"tampered at record {count}: {what}")


def test_a_log_that_was_written_anew_is_tampering_with_an_anchor(log: Log, verify: Verify, anchor: str) -> None:
    rewrite(log, 4, b"nightly report", b"nightly resort")
    assert verify()[0] == 1
    status, lines = verify(anchor)
    assert (status, lines[0]) == (
        76,
        f"tampered at record 11: record 11 is not the one that the anchor {anchor} vouches for",
    )


def test_of_several_anchors_each_has_to_hold(
    log: Log, verify: Verify, anchor: str, own_environ: dict[str, str]
) -> None:
    log.grow(3)
    newer = f"{anchor}-2"
    make_checkpoint(own_environ, [newer])
    assert verify(anchor, newer)[0] == 0
    assert verify(newer, anchor)[0] == 0
    rewrite(log, 13, b"nightly report", b"nightly resort")
    assert verify(anchor)[0] == 1
    assert verify(anchor, newer)[0] == 76


def test_an_anchor_without_our_lines_is_held_against_the_tree(
    log: Log, verify: Verify, anchor: str, own_environ: dict[str, str]
) -> None:
    key = make_signing_key(str(signing_key(own_environ)).removesuffix(".signing"), str(log.folder), ORIGIN)
    bare = Path(f"{anchor}-bare")
    bare.write_text(sign_note("\n".join(Path(anchor).read_text().split("\n")[:3]) + "\n", key))
    assert verify(str(bare))[0] == 0
    with pytest.raises(AgentkitError, match="does not say where in the log it stands") as caught:
        verify(str(bare), new_only=True)
    assert caught.value.status == Exit.BAD_DATA
    rewrite(log, 4, b"nightly report", b"nightly resort")
    assert (
        verify(str(bare))[1][0]
        == f"tampered at record 11: the records up to 11 are not those that the anchor {bare} saw"
    )
    bare.write_text(sign_note(f"{ORIGIN}\n99\n{'A' * 43}=\n", key))
    assert verify(str(bare))[0] == 76


def test_another_log_in_the_place_of_ours_is_tampering(
    log: Log, verify: Verify, own_environ: dict[str, str], anchor: str
) -> None:
    rewrite(log, 0, ORIGIN.encode(), b"web-1.example/agentkit/8888")
    status, lines = verify(anchor)
    assert (status, lines[0][:9]) == (76, "tampered ")


def test_a_checkpoint_of_another_origin_is_one_of_another_log(
    log: Log, verify: Verify, anchor: str, own_environ: dict[str, str]
) -> None:
    key = make_signing_key(str(signing_key(own_environ)).removesuffix(".signing"), str(log.folder), ORIGIN)
    text = Path(anchor).read_text().partition("\n\n")[0] + "\n"
    Path(anchor).write_text(sign_note(text.replace(ORIGIN, "another"), key))
    status, lines = verify(anchor)
    assert (status, lines[0]) == (
        76,
        f"tampered at record 0: {anchor} is an anchor of another, and this is {ORIGIN}: another log stands here",
    )


@pytest.mark.parametrize(("name", "status"), [("gone", 69), ("", 65)])
def test_an_anchor_that_is_not_there_is_said(verify: Verify, log: Log, anchor: str, name: str, status: int) -> None:
    with pytest.raises(AgentkitError) as caught:
        verify(str(Path(anchor).parent / name))
    assert caught.value.status == status


def test_an_anchor_of_another_key_is_tampering(verify: Verify, log: Log, anchor: str) -> None:
    other = make_key(ORIGIN, b"\1" * 32)
    with pytest.raises(AgentkitError, match="and not with the key") as caught:
        verify(anchor, vkey=other.vkey())
    assert caught.value.status == Exit.TAMPERED


def test_the_key_may_come_from_elsewhere(verify: Verify, log: Log, anchor: str) -> None:
    vkey = (log.folder / "vkey").read_text().strip()
    (log.folder / "vkey").unlink()
    with pytest.raises(AgentkitError, match="vkey is missing") as caught:
        verify(anchor)
    assert caught.value.status == Exit.TAMPERED
    assert verify(anchor, vkey=vkey)[0] == 0
    with pytest.raises(AgentkitError, match="--key is no verifier key") as caught:
        verify(anchor, vkey="nonsense")
    assert caught.value.status == Exit.USAGE


def test_from_the_anchor_on_only_newer_records_are_read_and_nothing_is_called_verified(
    log: Log, verify: Verify, anchor: str
) -> None:
    log.grow(4)
    whole = log.path.read_bytes()
    log.path.write_bytes(whole.replace(b"nightly report", b"nightly resort", 1))
    status, lines = verify(anchor, new_only=True)
    assert (status, lines[:2]) == (
        1,
        [
            "not verified from the beginning: 4 records in one chain since the anchor, which holds",
            "older records were not read: 0 to 11",
        ],
    )
    assert not any(line.startswith("L2") for line in lines)
    assert verify(anchor)[0] == 76
    spot = whole.rindex(b"nightly report")
    log.path.write_bytes(whole[:spot] + b"X" + whole[spot + 1 :])
    assert verify(anchor, new_only=True)[0] == 76


def test_a_head_that_lags_behind_the_anchor_is_looked_at(log: Log, verify: Verify, anchor: str) -> None:
    lines = log.lines()
    before = log.head.read_text()
    log.size, log.seq, log.hash = log.size - len(lines[-1]) - 1, 11, lines[-1][10:74].decode()
    log.write_head(len(lines[-2]) + 1)
    assert verify(anchor, new_only=True)[0] == 1
    log.head.write_text(log.head.read_text().replace(log.hash, "ab" * 32))
    assert verify(anchor, new_only=True)[0] == 76
    log.head.write_text(before)
    assert verify(anchor, new_only=True)[0] == 1


def test_only_newer_than_nothing_is_no_question(log: Log, verify: Verify) -> None:
    with pytest.raises(AgentkitError, match="--new-only begins at an anchor") as caught:
        verify(new_only=True)
    assert caught.value.status == Exit.USAGE


def test_without_a_vault_there_is_nothing_to_verify(verify: Verify) -> None:
    with pytest.raises(AgentkitError, match="there is no vault at") as caught:
        verify()
    assert caught.value.status == Exit.UNAVAILABLE


@pytest.mark.parametrize("name", ["", "000001.jsonl"])
def test_a_log_that_is_gone_is_tampering(log: Log, verify: Verify, name: str, tmp_path: Path) -> None:
    (log.folder / name).rename(tmp_path / "elsewhere")
    status, lines = verify()
    assert (status, lines[0]) == (76, f"tampered: {(log.folder / name)} is missing".replace("audit/ ", "audit "))


def test_the_levels_and_what_they_do_not_cover_are_said(log: Log, verify: Verify, anchor: str) -> None:
    lines = verify(anchor)[1]
    assert [line[:2] for line in lines if line[:1] == "L"] == ["L0", "L2"]
    gap = "a program of the same user: it can open the secrets with age and leave no record, and write the log anew"
    assert f"not covered: {gap}" in lines
    assert [line[:2] for line in verify(is_separate=True)[1] if line[:1] == "L"] == ["L1"]
    assert any(line.startswith("not covered: a log that was written anew") for line in verify()[1])


def test_each_level_says_what_it_does_not_cover() -> None:
    for level, claim in CLAIMS.items():
        first, *rest = describe_levels([level])
        assert first == f"{level}: {claim}"
        assert rest
        assert all(line.startswith("not covered: ") for line in rest)


@pytest.mark.parametrize("befall", ["nothing", "newer", "tampered", "no anchor", "new only"])
def test_each_record_fits_its_schema(
    log: Log, verify: Verify, anchor: str, own_environ: dict[str, str], befall: str
) -> None:
    if befall == "newer":
        log.grow(2)
    if befall == "tampered":
        rewrite(log, 4, b"nightly report", b"nightly resort")
    status, [line] = verify(*[anchor][: befall != "no anchor"], as_json=True, new_only=befall == "new only")
    record = json.loads(line)
    jsonschema.validate(record, read_schema("audit"))
    wanted = {
        "nothing": (0, "verified", None, 0),
        "newer": (1, "newer", None, 2),
        "tampered": (76, "tampered", 11, None),
        "no anchor": (1, "unanchored", None, None),
        "new only": (1, "partial", None, 0),
    }
    assert (status, record["outcome"], record["record"], record["newer"]) == wanted[befall]


def test_verify_writes_nothing(log: Log, verify: Verify, anchor: str, own_environ: dict[str, str]) -> None:
    def look() -> dict[str, tuple[int, int]]:
        found = Path(own_environ["AGENTKIT_HOME"]).rglob("*")
        return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in found}

    before = look()
    verify(anchor)
    verify(anchor, new_only=True)
    assert look() == before


def test_escape_sequences_in_the_name_of_an_anchor_are_shown_and_not_obeyed(
    log: Log, verify: Verify, anchor: str
) -> None:
    strange = f"{anchor}\x1b[2J"
    Path(anchor).rename(strange)
    rewrite(log, 4, b"nightly report", b"nightly resort")
    text = "\n".join(verify(strange)[1])
    assert "\x1b" not in text
    assert "anchor\\x1b[2J vouches for" in text


def test_what_is_new_is_verified_without_what_costs_a_start(log: Log, anchor: str, environ: dict[str, str]) -> None:
    script = VERIFY.replace("sys.exit(main(sys.argv[1:]))", "main(sys.argv[1:]); print(*sys.modules)")
    words = [sys.executable, "-c", script, "--anchor", anchor, "--new-only"]
    ended = subprocess.run(words, env=environ, capture_output=True, text=True, timeout=LIMIT_S, check=True)
    loaded = set(ended.stdout.splitlines()[-1].split())
    bare = subprocess.run(
        [sys.executable, "-c", "import sys; print(*sys.modules)"],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    heavy = {
        "argparse",
        "contextlib",
        "dataclasses",
        "enum",
        "filelock",
        "hashlib",
        "json",
        "pathlib",
        "re",
        "rich",
        "subprocess",
        "typer",
        "typing",
    }
    assert loaded & heavy - set(bare.stdout.split()) == set()


@pytest.mark.parametrize(
    ("words", "given"),
    [
        ([], {}),
        (["--json", "--anchor", "a", "--anchor=b"], {"--json": ["yes"], "--anchor": ["a", "b"]}),
        (["--new-only", "--key", "k"], {"--new-only": ["yes"], "--key": ["k"]}),
    ],
)
def test_the_words_are_split(words: list[str], given: dict[str, list[str]]) -> None:
    assert read_words(words) == given


@pytest.mark.parametrize("words", [["--anchor"], ["--anchor="], ["--json=1"], ["--nonsense"], ["word"], ["-"]])
def test_wrong_words_are_refused(words: list[str]) -> None:
    with pytest.raises(AgentkitError) as caught:
        read_words(words)
    assert caught.value.status == Exit.USAGE


def test_a_log_behind_a_held_lock_is_read_all_the_same(
    log: Log, verify: Verify, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    from agentkit.vault.log import loglock

    monkeypatch.setattr(loglock, "LOCK_LIMIT_S", 0.2)
    held = os.open(log.folder, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    try:
        assert verify()[0] == 1
    finally:
        os.close(held)
