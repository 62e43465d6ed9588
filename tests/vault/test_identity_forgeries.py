"""Does a rotation of the identity seal nothing that this vault did not write, and nothing for a wrong recipient?"""

import os
from pathlib import Path

import pytest

from agentkit.core.errors import AgentkitError
from agentkit.vault.access import find_ciphertext, find_previous
from agentkit.vault.age import find_recipient, make_identity, seal_value
from agentkit.vault.keys import read_identities
from tests.vault.identityscene import COUNT, Scene, open_with_age


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Return a vault with some secrets and all that may lie beside them."""
    return Scene(tmp_path / "scene", COUNT)


def keep(scene: Scene, name: str) -> dict[str, bytes]:
    """Return all that there is of a secret, to be put back later."""
    places = scene.places
    paths = (places.row(name), places.current(name), places.newest(name), f"{places.previous}/{name}.age")
    return {path: Path(path).read_bytes() for path in paths}


def put_back(kept: dict[str, bytes]) -> None:
    for path, raw in kept.items():
        Path(path).write_bytes(raw)


def test_what_was_before_the_rotation_and_is_put_back_after_it_is_found(scene: Scene) -> None:
    name = scene.rotated
    kept = keep(scene, name)
    recipients = Path(scene.places.recipients)
    listed = recipients.read_bytes()
    scene.run()
    put_back(kept)
    with pytest.raises(AgentkitError, match="not written by this vault"):
        scene.get(name)
    other = next(other for other in scene.values if other != name)
    assert scene.get(other) == scene.values[other]
    recipients.write_bytes(listed)
    with pytest.raises(AgentkitError, match="recipients was not written"):
        scene.get(other)


def test_what_is_put_back_during_the_rotation_is_sealed_anew(scene: Scene, tmp_path: Path) -> None:
    kept = keep(scene, scene.rotated)
    counts = scene.copy_to(tmp_path / "counted").count_calls(tmp_path / "table")
    assert scene.kill_at("fdatasync", counts["fdatasync"] - 1)  # all is sealed, and nothing dropped yet
    put_back(kept)
    assert scene.find_faults_now() == []
    assert scene.finish() == []


def _swap_row(scene: Scene, name: str) -> None:
    path = Path(scene.places.row(name))
    path.write_bytes(path.read_bytes().replace(b'"purpose": "a test"', b'"purpose": "a tesT"'))


def _forge_ciphertext(scene: Scene, name: str) -> None:
    _, listed = scene.read_keys()
    forged = seal_value(b"forged", [listed.identity, listed.recovery])
    Path(scene.places.current(name)).write_bytes(forged)


def _remove_row(scene: Scene, name: str) -> None:
    Path(scene.places.row(name)).unlink()


def _remove_newest(scene: Scene, name: str) -> None:
    Path(scene.places.newest(name)).unlink()


def _open_to_others(scene: Scene, name: str) -> None:
    Path(scene.places.current(name)).chmod(0o644)


@pytest.mark.parametrize(
    "forge",
    [_swap_row, _forge_ciphertext, _remove_row, _remove_newest, _open_to_others],
)
def test_a_forgery_is_named_and_never_sealed_anew_and_the_old_identity_stays(scene: Scene, forge) -> None:  # type: ignore[no-untyped-def]
    name = scene.rotated
    paths = [*keep(scene, name), f"{scene.places.pending}/{name}.age"]
    modes = {path: (Path(path).read_bytes(), Path(path).stat().st_mode) for path in paths}
    forge(scene, name)
    for _ in range(2):
        ended = scene.run()
        assert (ended.returncode, ended.stdout) == (76, b"")
        assert ended.stderr.startswith(
            f"agentkit: error: not what this vault wrote, and not sealed anew: {name};".encode()
        )
    assert len(read_identities(scene.places.identity)) == 2
    assert os.listdir(scene.places.retired) == []
    for other in scene.values.keys() - {name}:
        assert open_with_age(scene.old_identity, find_ciphertext(scene.places, scene.row(other))) is None
    failed = [record for record in scene.records() if record["phase"] == "failed" or record["outcome"] == "failed"]
    assert [record["name"] for record in failed] == [name, None, name, None]
    for path, (raw, mode) in modes.items():
        Path(path).write_bytes(raw)
        Path(path).chmod(mode)
    assert scene.finish() == []


def test_what_no_row_binds_stays_unbound_and_what_no_identity_opens_stays_as_it_is(scene: Scene) -> None:
    name = scene.rotated
    _, listed = scene.read_keys()
    forged = Path(scene.places.previous, f"{name}.age")
    forged.write_bytes(seal_value(b"forged", [listed.identity, listed.recovery]))
    noise = Path(scene.places.pending, f"{name}.age")
    noise.write_bytes(b"no age file")
    assert scene.run().returncode == 0
    assert find_previous(scene.places, scene.row(name)) is None
    assert open_with_age(scene.old_identity, forged.read_bytes()) is None
    assert open_with_age(scene.places.identity, forged.read_bytes()) == b"forged"
    assert noise.read_bytes() == b"no age file"
    assert scene.find_faults_now() == []


def test_the_copy_that_a_killed_set_left_as_the_version_before_is_bound(scene: Scene) -> None:
    name = scene.rotated
    scene.before[name] = scene.values[name]
    previous = Path(scene.places.previous, f"{name}.age")
    previous.write_bytes(Path(scene.places.current(name)).read_bytes())
    assert scene.run().returncode == 0
    assert find_previous(scene.places, scene.row(name)) == previous.read_bytes()
    assert scene.find_faults_after() == []


def test_an_older_version_put_back_with_the_log_of_its_change_is_not_made_the_newest(scene: Scene) -> None:
    name = scene.rotated
    kept = {path: raw for path, raw in keep(scene, name).items() if "versions" not in path}
    scene.set_anew(name)
    put_back(kept)
    ended = scene.run()
    assert ended.returncode == 76
    assert name.encode() in ended.stderr


def test_without_the_list_of_recipients_or_with_another_nothing_is_begun(scene: Scene) -> None:
    path = Path(scene.places.recipients)
    raw = path.read_bytes()
    _, stranger = make_identity()
    for content in (None, raw.replace(scene.read_keys()[1].recovery.encode(), stranger.encode())):
        path.unlink()
        if content is not None:
            path.write_bytes(content)
            path.chmod(0o600)
        ended = scene.run()
        assert (ended.returncode, ended.stdout) == (76, b"")
        assert Path(scene.places.identity).read_bytes() == scene.old_identity.read_bytes()
        path.write_bytes(raw)
        path.chmod(0o600)
    assert scene.find_faults_now() == []


def test_another_recovery_key_waits_until_the_rotation_under_way_has_ended(scene: Scene, tmp_path: Path) -> None:
    _forge_ciphertext(scene, scene.rotated)
    assert scene.run().returncode == 76
    ended = scene.run(words=("--new-recovery", str(tmp_path / "recovery-2.key")))
    assert ended.returncode == 77
    assert b"hint: end it first: agentkit vault rotate --identity" in ended.stderr


def test_a_recovery_recipient_that_is_none_or_the_vaults_own_is_refused_before_anything_is_done(scene: Scene) -> None:
    key, _ = make_identity()
    own = find_recipient(read_identities(scene.places.identity)[0])
    for recovery in ("age1nonsense", key, own):
        ended = scene.run(words=("--recovery", recovery))
        assert (ended.returncode, ended.stdout) == (2, b"")
        assert key.encode() not in ended.stderr
    ended = scene.run(words=("--new-recovery", str(scene.old_recovery)))
    assert (ended.returncode, ended.stdout) == (77, b"")
    assert Path(scene.places.identity).read_bytes() == scene.old_identity.read_bytes()
