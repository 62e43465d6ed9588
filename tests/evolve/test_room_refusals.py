"""When is a proposer run without a room, and when is it not run at all? Who loses its room says so."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agentkit.core.errors import Exit
from agentkit.evolve.room.asking import stay_in_room
from agentkit.evolve.room.outcomes import LOST, UNMADE
from agentkit.evolve.room.plan import SEE, WORK, trace
from agentkit.evolve.room.spec import Spec
from tests.evolve.machine import GOOD, Machine
from tests.evolve.rooms import REFUSE, call_within, open_place, write_spec

# As many namespaces of users as may be are somebody else's, which is no word of an administrator.
TAKE_ALL = """
echo 1 > /proc/sys/user/max_user_namespaces
mkfifo "$1"; unshare --user sh -c "echo > '$1'; exec sleep 600" & read -r line < "$1"; shift
"$@"; status=$?; kill $!; exit $status
"""
ALONE = ("unshare", "--user", "--map-root-user", "sh", "-c")
WARNING = "agentkit: warning: the proposer was not isolated, and saw what you see: "


@pytest.mark.parametrize("verb", ["try", "run"])
def test_a_shortage_of_namespaces_runs_nothing(machine: Machine, verb: str) -> None:
    around = (*ALONE, TAKE_ALL, "sh", str(machine.folder / "ready"))
    more = ("--count", "2", "--jobs", "1") if verb == "run" else ()
    words = ("--propose", f"touch {machine.folder}/ran; {GOOD}")
    status, stdout, stderr = call_within(machine, around, verb, *words, *more, "--json")
    assert not (machine.folder / "ran").exists()
    assert (status, stdout.count('"isolated": false')) == (Exit.TRY_LATER, 0)
    assert "no room could be made for the proposer, and it was not run: unshare: No space left on device" in stderr
    # It waits, and nothing of it was counted against it.
    status, [record, *_] = machine.ask("resume")
    assert (status, record["state"], record["isolated"]) == (0, "accepted", True)


@pytest.mark.parametrize("more", [(), ("--count", "3")], ids=["try", "run"])
def test_who_is_not_isolated_is_told_once_and_why(machine: Machine, more: tuple[str, ...]) -> None:
    words = ("run" if more else "try", "--propose", "echo $AGENTKIT_CANDIDATE >> job.sh; exit 1", *more)
    _, _, stderr = call_within(machine, REFUSE, *words)
    assert stderr == f"{WARNING}user.max_user_namespaces is 0\n"
    _, _, stderr = call_within(machine, REFUSE, *words, "--quiet")
    assert stderr == ""


def test_who_is_isolated_is_told_nothing(machine: Machine) -> None:
    assert machine.call("evolve", "try", "--propose", GOOD)[2] == ""


def break_plan(spec: Spec, name: str, place: Path) -> None:
    steps = {
        "a place to work in is gone": (WORK, f"{place}/gone", f"{place}/gone"),
        "a file stands where a folder must be": (SEE, f"{place}/file/folder", "/usr"),
        "a name is too long": (SEE, f"/{'x' * 300}", "/usr"),
    }
    spec.steps.append((SEE, f"{place}/file", f"{place}/file"))
    spec.steps.append(steps[name])


@pytest.mark.parametrize(
    "name", ["a place to work in is gone", "a file stands where a folder must be", "a name is too long"]
)
def test_a_room_that_cannot_be_made_is_none(machine: Machine, tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with open_place(machine) as stall:
        spec = write_spec(stall, "touch ran")
        break_plan(spec, name, tmp_path)
        stay = stay_in_room(spec, b"", 4096)
        assert (stay.outcome, stay.is_isolated, stay.no_room) == (UNMADE, False, "")
        assert os.strerror(stay.status) in stay.trouble
        assert not Path(stall.copy, "ran").exists()


def test_what_was_shown_and_is_gone_is_not_seen_and_no_more(machine: Machine, tmp_path: Path) -> None:
    with open_place(machine) as stall:
        spec = write_spec(stall, "touch ran")
        spec.steps.append((SEE, f"{tmp_path}/gone", f"{tmp_path}/gone"))
        stay = stay_in_room(spec, b"", 4096)
        assert (stay.is_isolated, Path(stall.copy, "ran").exists()) == (True, True)


def test_a_room_whose_evolve_has_ended_already_runs_nothing(machine: Machine) -> None:
    with open_place(machine) as stall:
        spec = write_spec(stall, "touch ran")
        spec.parent = 1
        assert stay_in_room(spec, b"", 4096).outcome == LOST
        assert not Path(stall.copy, "ran").exists()


@pytest.mark.parametrize(("count", "is_found"), [(40, True), (41, False)])
def test_as_many_links_are_followed_as_the_kernel_follows(tmp_path: Path, count: int, is_found: bool) -> None:
    (tmp_path / "0").touch()
    for number in range(count):
        (tmp_path / f"{number + 1}").symlink_to(f"{number}")
    links, real = trace(str(tmp_path / f"{count}"))
    assert (len(links), real) == ((count, str(tmp_path / "0")) if is_found else (0, ""))
    assert os.path.exists(tmp_path / f"{count}") == is_found
