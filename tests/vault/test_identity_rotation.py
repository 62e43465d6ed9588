"""Is a vault readable at every instant of a rotation of its identity, and opens the old one nothing after it?"""

import os
import pty
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from agentkit.vault.access import find_ciphertext
from agentkit.vault.age import make_identity
from agentkit.vault.keys import read_identities
from tests.vault.identityscene import COUNT, LIMIT_S, WORDS, Scene, choose_points, open_with_age

POINTS, MOMENTS = 8, 5
LONGEST_RUN_S = 0.8
SEALED_ALL = b"7 secrets are sealed for the new identity; the old one is retired\n"
# A vault on a small disk of its own, on which so many bytes are left.
SMALL_DISK = """
cp -a "$1" "$1.kept" && mount -t tmpfs -o size=1m,mode=700 none "$1" && cp -a "$1.kept/." "$1" || exit 1
place=$1 left=$2
head -c $(($(df --output=avail -B1 "$place" | tail -n 1) - left)) /dev/zero >"$place/fill"
shift 2
"$@"
status=$?
rm "$place/fill" && cp -a "$place" "$place.after"
exit $status
"""


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Return a vault with some secrets and all that may lie beside them."""
    return Scene(tmp_path / "scene", COUNT)


def test_after_a_rotation_the_new_identity_and_the_recovery_key_open_everything_and_the_old_one_nothing(
    scene: Scene,
) -> None:
    ended = scene.run()
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, SEALED_ALL, b"")
    assert scene.find_faults_after() == []
    assert scene.check() == 0


def test_a_rotation_killed_at_a_system_call_is_readable_and_goes_on(
    scene: Scene, tmp_path: Path, random_choices: random.Random
) -> None:
    counts = scene.copy_to(tmp_path / "counted").count_calls(tmp_path / "table")
    for number, (call, place) in enumerate(choose_points(counts, POINTS, random_choices)):
        victim = scene.copy_to(tmp_path / str(number))
        victim.kill_at(call, place)
        assert victim.find_faults_now() == [], f"killed at {call} {place}"
        victim.set_anew(random_choices.choice(list(victim.values)))
        assert victim.find_faults_now() == [], f"killed at {call} {place}, then set"
        assert victim.finish() == [], f"killed at {call} {place}, then gone on"


def test_a_rotation_killed_at_each_of_its_first_renames_is_readable_and_goes_on(scene: Scene, tmp_path: Path) -> None:
    # Identity file, recipients, a pending value; then of the first secret the two that wait, its row, and their places.
    for place in range(1, 10):
        victim = scene.copy_to(tmp_path / str(place))
        assert victim.kill_at("rename", place)
        assert victim.check() == 1, f"killed at rename {place}, and taken for tampering"
        assert victim.find_faults_now() == [], f"killed at rename {place}"
        assert victim.finish() == [], f"killed at rename {place}, then gone on"


def test_a_rotation_killed_again_and_again_while_it_is_read_and_set_comes_to_its_end(
    scene: Scene, random_choices: random.Random
) -> None:
    for _ in range(MOMENTS):
        if scene.is_over():
            break
        process = scene.start()
        moment = random_choices.uniform(0.2, LONGEST_RUN_S)
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate(timeout=LIMIT_S)
        assert scene.find_faults_now() == [], f"killed after {moment} s"
        scene.set_anew(random_choices.choice(list(scene.values)))
    assert scene.finish() == []


def test_gets_and_sets_go_on_meanwhile(scene: Scene, random_choices: random.Random) -> None:
    process = scene.start()
    rounds = 0
    while process.poll() is None:
        name = random_choices.choice(list(scene.values))
        if rounds % 3 == 0:
            scene.set_anew(name)
        assert scene.get(name) == scene.values[name]
        rounds += 1
    said, complained = process.communicate()
    assert (process.returncode, said, complained) == (0, SEALED_ALL, b"")
    assert scene.find_faults_after() == []


def test_two_rotations_at_once_are_one_after_the_other(scene: Scene) -> None:
    processes = [scene.start(), scene.start()]
    for process in processes:
        _, complained = process.communicate(timeout=LIMIT_S)
        assert (process.returncode, complained) == (0, b"")
    assert scene.find_faults_now() == []
    ends = [record["phase"] for record in scene.records() if record["op"] == "rotate-identity"]
    assert [phase for phase in ends if phase in ("intent", "done")] == ["intent", "done", "intent", "done"]
    assert sorted(os.listdir(scene.places.retired)) == ["001.age", "002.age"]


def test_each_step_is_on_the_log_before_it_is_taken(scene: Scene) -> None:
    before = {name: scene.row(name).sha256 for name in scene.values}
    scene.run()
    records = [record for record in scene.records() if record["op"] == "rotate-identity"]
    phases = [record["phase"] for record in records]
    # Beside the secrets there are two that a killed `set` left pending, and one that is under a rotation of its own.
    assert phases == ["intent", "recipients", *["secret"] * (COUNT + 3), "retire", "done"]
    others = [record["what"] for record in records if "what" in record]
    assert others == ["pending", "pending", "rotation"]
    told = {record["name"]: record for record in records if record["phase"] == "secret" and "what" not in record}
    assert {name: record["was"] for name, record in told.items()} == before
    assert {name: record["sha256"] for name, record in told.items()} == {
        name: scene.row(name).sha256 for name in scene.values
    }
    assert {record["version"] for record in told.values()} == {1, 2, 3}


def test_neither_log_nor_words_hold_a_value_or_a_key(scene: Scene) -> None:
    keys = read_identities(scene.places.identity)
    ended = scene.run()
    keys += read_identities(scene.places.identity)
    values = [*scene.values.values(), *scene.before.values(), scene.new_value, scene.old_value]
    logged = Path(scene.places.audit, "000001.jsonl").read_bytes()
    found = [text for text in (*values, *(key.encode() for key in keys)) if text in logged + ended.stdout]
    assert found == []
    for path in Path(scene.places.vault).rglob("*"):
        assert not path.is_file() or not any(text in path.read_bytes() for text in values)


def test_a_new_recovery_key_takes_the_place_of_the_old_one(scene: Scene, tmp_path: Path) -> None:
    key = tmp_path / "recovery-2.key"
    ended = scene.run(words=("--new-recovery", str(key)))
    assert ended.returncode == 0
    assert f"Take {key} off this machine now".encode() in ended.stdout
    old, scene.old_recovery = scene.old_recovery, key
    assert scene.find_faults_after() == []
    for name in scene.values:
        assert open_with_age(old, find_ciphertext(scene.places, scene.row(name))) is None
    assert open_with_age(old, Path(scene.places.retired, "001.age").read_bytes()) is None


def test_a_rotation_to_a_new_recovery_key_that_is_killed_goes_on_with_the_same_words(
    scene: Scene, tmp_path: Path, random_choices: random.Random
) -> None:
    counted = scene.copy_to(tmp_path / "counted")
    counts = counted.count_calls(tmp_path / "table", words=("--new-recovery", str(tmp_path / "counted.key")))
    for number, (call, place) in enumerate(choose_points(counts, POINTS, random_choices)):
        victim = scene.copy_to(tmp_path / str(number))
        key = victim.folder / "recovery-2.key"
        victim.kill_at(call, place, words=("--new-recovery", str(key)))
        assert victim.find_faults_now() == [], f"killed at {call} {place}"
        victim.old_recovery = key
        assert victim.finish(words=("--new-recovery", str(key))) == [], f"killed at {call} {place}, then gone on"


def test_a_recovery_key_that_was_made_before_a_kill_is_taken_up(scene: Scene, tmp_path: Path) -> None:
    words = ("--new-recovery", str(tmp_path / "recovery-2.key"))
    # Before it the identity file and that key got their names.
    assert scene.kill_at("rename", 3, words=words)
    made = (tmp_path / "recovery-2.key").read_bytes()
    scene.old_recovery = tmp_path / "recovery-2.key"
    assert scene.finish(words=words) == []
    assert scene.old_recovery.read_bytes() == made


def test_all_identities_of_a_file_are_retired_with_their_words(scene: Scene) -> None:
    key, public = make_identity()
    path = Path(scene.places.identity)
    path.write_text(path.read_text() + f"# the one before, \u00fc\n# public key: {public}\n{key}")
    shutil.copy(path, scene.old_identity)
    assert scene.run().returncode == 0
    Path(scene.old_identity).write_text(
        path.with_name("identity").read_text() and scene.old_identity.read_text() + "\n"
    )
    assert scene.find_faults_after() == []


@pytest.mark.parametrize("left", [0, 4096, 8192, 12288, 16384])
def test_on_a_full_disk_everything_stays_readable_and_with_room_it_goes_on(scene: Scene, left: int) -> None:
    place = Path(scene.places.vault)
    before = ("unshare", "--mount", "sh", "-c", SMALL_DISK, "sh", str(place), str(left))
    ended = scene.run(*before)
    enough = 12288
    assert ended.returncode == 73 or (left >= enough and ended.returncode == 0)
    shutil.rmtree(place)
    shutil.rmtree(f"{place}.kept")
    os.rename(f"{place}.after", place)
    assert scene.find_faults_now() == []
    assert scene.finish() == []


@pytest.mark.parametrize("which", ["vault", "identity"])
def test_where_nothing_can_be_written_nothing_is_done_and_that_is_said(scene: Scene, which: str) -> None:
    place = scene.places.vault if which == "vault" else os.path.dirname(scene.places.identity)
    script = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"'
    ended = scene.run("unshare", "--mount", "sh", "-c", script, "sh", place)
    assert (ended.returncode, ended.stdout) == (73, b"")
    assert ended.stderr.count(b"error:") == 1
    phases = [record["phase"] for record in scene.records() if record["op"] == "rotate-identity"]
    # Where the log can be written, it says so.
    assert phases == ([] if which == "vault" else ["failed"])
    assert scene.find_faults_now() == []
    assert scene.finish() == []


def test_a_clock_that_was_set_back_changes_nothing(scene: Scene) -> None:
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    ended = scene.run("env", f"LD_PRELOAD={library}", "FAKETIME=-400d")
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert scene.find_faults_after() == []


def test_a_terminal_shows_how_far_it_is_and_is_clean_at_the_end(scene: Scene) -> None:
    ours, theirs = pty.openpty()
    environ = {**scene.environ, "TERM": "xterm"}
    with subprocess.Popen(WORDS, env=environ, stdout=subprocess.PIPE, stderr=theirs) as process:
        os.close(theirs)
        said, _ = process.communicate(timeout=LIMIT_S)
    shown = os.read(ours, 100_000)
    os.close(ours)
    assert said == SEALED_ALL
    assert b"3 of " in shown
    assert b" sealed for the new identity" in shown
    assert b" checked with the new identity alone" in shown
    assert shown.endswith(b"\r\x1b[K")


def test_quiet_says_nothing_and_dry_does_nothing(scene: Scene) -> None:
    ended = scene.run(words=["--dry-run"])
    assert ended.stdout == b"would make a new identity, seal 7 secrets for it, and retire the old one\n"
    assert Path(scene.places.identity).read_bytes() == scene.old_identity.read_bytes()
    ended = scene.run(words=["--quiet"])
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")
    assert scene.find_faults_after() == []
