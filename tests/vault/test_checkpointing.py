"""Does a checkpoint vouch for the log as it is, and is an anchor never moved back or over another log?"""

import os
import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.log.anchors import find_anchor, open_anchor, put_anchor, read_anchor
from agentkit.vault.log.checkpointing import make_checkpoint
from agentkit.vault.log.note import make_key, sign_note
from agentkit.vault.log.signing import make_signing_key, read_public_key
from tests.sweeps.kill_checkpoint import Scene
from tests.vault.logs import ORIGIN, Log, make_log, rewrite
from tests.vault.vaults import make_vault, signing_key

KILLS = 12


@pytest.fixture
def log(own_environ: dict[str, str]) -> Log:
    return make_vault(own_environ)


@pytest.fixture
def anchor(tmp_path: Path) -> Path:
    return tmp_path / "anchor"


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    folder = tmp_path / "remote.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(folder)], check=True, timeout=60)
    return folder


def read(where: str, log: Log, environ: dict[str, str]) -> tuple[int, str | None, int | None, int | None]:
    found = read_anchor(where, read_public_key(str(log.folder)), environ)
    return found.size, found.head, found.segment, found.offset


def refuse(environ: dict[str, str], *anchors: str) -> AgentkitError:
    with pytest.raises(AgentkitError) as caught:
        make_checkpoint(environ, anchors)
    return caught.value


def test_without_an_anchor_the_note_is_printed(
    log: Log, own_environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    make_checkpoint(own_environ, [])
    note = capsys.readouterr().out
    found = open_anchor(note.encode(), "it", read_public_key(str(log.folder)))
    assert (found.origin, found.size, found.head) == (ORIGIN, 12, log.hash)
    make_checkpoint(own_environ, [])
    assert capsys.readouterr().out == note


def test_an_anchor_follows_the_log(log: Log, own_environ: dict[str, str], anchor: Path) -> None:
    make_checkpoint(own_environ, [str(anchor)])
    assert read(str(anchor), log, own_environ) == (12, log.hash, 1, log.size)
    log.grow(5)
    log.begin_segment()
    make_checkpoint(own_environ, [str(anchor)])
    assert read(str(anchor), log, own_environ) == (18, log.hash, 2, log.size)


def test_what_no_record_has_set_aside_yet_is_not_vouched_for(
    log: Log, own_environ: dict[str, str], anchor: Path
) -> None:
    size = log.size
    log.put(b"piece\nunfinished")
    make_checkpoint(own_environ, [str(anchor)])
    assert read(str(anchor), log, own_environ) == (12, log.hash, 1, size)


def test_an_anchor_that_is_up_to_date_is_not_touched(log: Log, own_environ: dict[str, str], anchor: Path) -> None:
    make_checkpoint(own_environ, [str(anchor)])
    before = anchor.stat()
    make_checkpoint(own_environ, [str(anchor)])
    assert (anchor.stat().st_ino, anchor.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_whoever_may_read_the_old_anchor_may_read_the_new_one(
    log: Log, own_environ: dict[str, str], anchor: Path
) -> None:
    make_checkpoint(own_environ, [str(anchor)])
    assert anchor.stat().st_mode & 0o777 == 0o644
    anchor.chmod(0o640)
    log.add()
    make_checkpoint(own_environ, [str(anchor)])
    assert anchor.stat().st_mode & 0o777 == 0o640


def _shorten(log: Log) -> None:
    lines = log.lines()
    os.truncate(log.path, log.size - len(lines[-1]) - 1)
    log.size -= len(lines[-1]) + 1
    log.seq, log.hash = log.seq - 1, lines[-1][10:74].decode()
    log.write_head(len(lines[-2]) + 1)


def _write_anew(log: Log) -> None:
    rewrite(log, 4, b"nightly report", b"nightly resort")


def _change(log: Log) -> None:
    log.path.write_bytes(log.path.read_bytes().replace(b"nightly report", b"nightly resort", 1))


def _begin_another(log: Log) -> None:
    log.path.unlink()
    make_log(log.folder, 30)


@pytest.mark.parametrize("befall", [_shorten, _write_anew, _change, _begin_another])
def test_an_anchor_that_does_not_hold_is_left_alone(
    log: Log, own_environ: dict[str, str], anchor: Path, befall: Callable[[Log], None]
) -> None:
    if befall is _begin_another:
        log.add()
    make_checkpoint(own_environ, [str(anchor)])
    before = anchor.read_bytes()
    befall(log)
    if befall is _begin_another:
        rewrite(log, 3, b"nightly report", b"nightly resort")
    error = refuse(own_environ, str(anchor))
    assert error.status == Exit.TAMPERED
    assert "tampered at record" in error.message
    assert anchor.read_bytes() == before


def test_a_file_that_is_no_anchor_is_left_alone(log: Log, own_environ: dict[str, str], anchor: Path) -> None:
    anchor.write_text("my notes\n")
    assert refuse(own_environ, str(anchor)).status == Exit.BAD_DATA
    assert anchor.read_text() == "my notes\n"


def test_the_anchor_of_another_log_is_left_alone(log: Log, own_environ: dict[str, str], anchor: Path) -> None:
    note = sign_note("other\n3\n" + "A" * 43 + "=\n", make_key("other", b"\1" * 32))
    anchor.write_text(note)
    error = refuse(own_environ, str(anchor))
    assert (error.status, anchor.read_text()) == (Exit.TAMPERED, note)
    assert "is signed by other" in error.message


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_refused_at_once(
    log: Log, own_environ: dict[str, str], anchor: Path, make: Callable[[Path], None]
) -> None:
    make(anchor)
    assert refuse(own_environ, str(anchor)).status == Exit.BAD_DATA


def test_an_anchor_that_cannot_be_written_is_said(log: Log, own_environ: dict[str, str], anchor: Path) -> None:
    error = refuse(own_environ, f"{anchor}/deeper")
    assert (error.status, error.message) == (
        Exit.CANNOT_WRITE,
        f"cannot write the anchor {anchor}/deeper: No such file or directory",
    )


def test_nothing_is_signed_where_there_is_no_log(own_environ: dict[str, str], anchor: Path, tmp_path: Path) -> None:
    assert refuse(own_environ, str(anchor)).status == Exit.UNAVAILABLE
    log = make_vault(own_environ)
    log.folder.rename(tmp_path / "elsewhere")
    assert refuse(own_environ, str(anchor)).status == Exit.TAMPERED
    assert not anchor.exists()


def test_the_signing_key_is_private_and_made_once(log: Log, own_environ: dict[str, str], tmp_path: Path) -> None:
    identity = str(tmp_path / "keys/identity")
    key = make_signing_key(identity, str(log.folder), ORIGIN, randomness=lambda size: b"\7" * size)
    assert (tmp_path / "keys/identity.signing").stat().st_mode & 0o777 == 0o600
    assert key.vkey() == make_key(ORIGIN, b"\7" * 32).vkey()
    assert make_signing_key(identity, str(log.folder), ORIGIN).vkey() == key.vkey()
    assert [name for name in os.listdir(tmp_path / "keys") if name != "identity.signing"] == []


def test_a_lost_signing_key_is_not_silently_a_new_one(log: Log, own_environ: dict[str, str]) -> None:
    make_checkpoint(own_environ, [])
    signing_key(own_environ).unlink()
    error = refuse(own_environ)
    assert (error.status, error.message[:15]) == (Exit.UNAVAILABLE, "the signing key")


def test_a_public_key_that_was_put_there_is_found(log: Log, own_environ: dict[str, str]) -> None:
    make_checkpoint(own_environ, [])
    (log.folder / "vkey").write_text(make_key(ORIGIN, b"\1" * 32).vkey() + "\n")
    assert refuse(own_environ).status == Exit.TAMPERED
    (log.folder / "vkey").unlink()
    make_checkpoint(own_environ, [])


def test_a_signing_key_that_others_can_read_is_refused(log: Log, own_environ: dict[str, str]) -> None:
    make_checkpoint(own_environ, [])
    signing_key(own_environ).chmod(0o644)
    assert refuse(own_environ).status == Exit.REFUSED


def test_a_branch_of_a_remote_gets_one_commit_a_checkpoint(log: Log, own_environ: dict[str, str], remote: Path) -> None:
    where = f"git:{remote}#audit"
    for _ in range(3):
        log.add()
        make_checkpoint(own_environ, [where])
        make_checkpoint(own_environ, [where])
    assert read(where, log, own_environ) == (15, log.hash, 1, log.size)
    assert _ask(remote, "log", "--format=%s", "audit").splitlines() == [
        f"Vouch for {size} records of {ORIGIN}" for size in (15, 14, 13)
    ]


def test_without_a_branch_the_log_has_its_own(log: Log, own_environ: dict[str, str], remote: Path) -> None:
    make_checkpoint(own_environ, [f"git:{remote}"])
    assert _ask(remote, "for-each-ref", "--format=%(refname)").split() == ["refs/heads/web-1-example-agentkit-7f3a"]
    assert read(f"git:{remote}", log, own_environ)[0] == 12


def test_other_files_of_the_branch_stay(log: Log, own_environ: dict[str, str], remote: Path, tmp_path: Path) -> None:
    commit = _commit(remote, tmp_path, {"README": b"mine", "sub/file": b"mine"})
    make_checkpoint(own_environ, [f"git:{remote}#audit"])
    assert _ask(remote, "ls-tree", "-r", "--name-only", "audit").split() == ["README", "checkpoint", "sub/file"]
    assert _ask(remote, "rev-parse", "audit^").strip() == commit


def test_a_remote_that_does_not_hold_is_left_alone(log: Log, own_environ: dict[str, str], remote: Path) -> None:
    where = f"git:{remote}#audit"
    make_checkpoint(own_environ, [where])
    before = _ask(remote, "rev-parse", "audit")
    rewrite(log, 4, b"nightly report", b"nightly resort")
    log.add()
    assert refuse(own_environ, where).status == Exit.TAMPERED
    assert _ask(remote, "rev-parse", "audit") == before


def test_a_remote_that_refuses_is_said_and_nothing_is_forced(
    log: Log, own_environ: dict[str, str], remote: Path
) -> None:
    hook = remote / "hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho no room here >&2; exit 1\n")
    hook.chmod(0o755)
    error = refuse(own_environ, f"git:{remote}#audit")
    assert error.message.startswith("git push: ")
    assert "no room here" in error.message
    assert _ask(remote, "for-each-ref") == ""


def test_a_note_that_came_meanwhile_is_not_written_over(
    log: Log, own_environ: dict[str, str], remote: Path, anchor: Path
) -> None:
    for where in (f"git:{remote}#audit", str(anchor)):
        make_checkpoint(own_environ, [where])
        before = find_anchor(where, ORIGIN, own_environ)
        with pytest.raises(AgentkitError, match="was changed meanwhile") as caught:
            put_anchor(where, b"a\nb\nc\n", b"another", ORIGIN, own_environ)
        assert caught.value.status == Exit.TRY_LATER
        assert find_anchor(where, ORIGIN, own_environ) == before


@pytest.mark.parametrize(
    ("where", "status"),
    [
        ("git:", Exit.USAGE),
        ("git:--upload-pack=touch pwned#a", Exit.USAGE),
        ("git:/nowhere/at/all#a", Exit.TRY_LATER),
        ("git:/nowhere#a..b", Exit.USAGE),
        ("git:ext::sh -c 'touch pwned'#a", Exit.UNAVAILABLE),
    ],
)
@pytest.mark.usefixtures("log")
def test_a_remote_that_is_none_is_said(
    own_environ: dict[str, str], where: str, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert refuse(own_environ, where).status == status
    assert not (tmp_path / "pwned").exists()


def test_a_kill_leaves_the_old_anchor_or_the_new_one(tmp_path: Path, random_choices: random.Random) -> None:
    scene = Scene(tmp_path)
    points = scene.points()
    assert len(points) > 40
    for point in random_choices.sample(points, KILLS):
        assert scene.try_point(*point) == []


def _ask(remote: Path, *words: str) -> str:
    ended = subprocess.run(["git", "-C", str(remote), *words], capture_output=True, text=True, timeout=60, check=True)
    return ended.stdout


def _commit(remote: Path, folder: Path, files: dict[str, bytes]) -> str:
    tree = folder / "tree"
    for name, content in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(content)
    git = ["git", "-c", "user.name=me", "-c", "user.email=me@localhost", f"--git-dir={remote}", f"--work-tree={tree}"]
    for words in (["symbolic-ref", "HEAD", "refs/heads/audit"], ["add", "-A"], ["commit", "-qm", "mine"]):
        subprocess.run([*git, *words], check=True, timeout=60, cwd=tree)
    return _ask(remote, "rev-parse", "audit").strip()
