"""What was not kept is forgotten by its age and by nothing else; what was kept, or is not at its end, stays whole."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from agentkit.core.claims import name_this_process
from agentkit.core.ids import new_id
from agentkit.core.repo.repository import Repository, find_repository
from agentkit.core.schemas import read_schema
from agentkit.core.settings import EvolveSettings
from agentkit.core.statefile import Store
from agentkit.evolve.candidate import (
    ACCEPTED,
    DONE,
    JUDGED,
    NO_EVIDENCE,
    PROPOSED,
    PROPOSED_STEP,
    REJECTED,
    REVERTED,
    Candidate,
    add,
    select,
)
from agentkit.evolve.forgetting import DAY_S, LONGEST_PAUSE_S, MARK, MOST, forget_when_due
from agentkit.evolve.store import open_store
from agentkit.evolve.workbench import Workbench
from tests.evolve.machine import BAD, Machine

NOW = 1_795_762_800.0
OLD, YOUNG = NOW - 91 * DAY_S, NOW - 89 * DAY_S
REFS = "refs/agentkit/candidates"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "AGENTKIT_HOME": str(tmp_path / "home")}
    repository = make_repository(tmp_path / "scripts", environ)
    with open_store(environ) as store:
        bench = Workbench(store, repository, EvolveSettings(), environ, "host")
        look(bench, NOW - DAY_S)
        yield bench


def make_repository(folder: Path, environ: dict[str, str]) -> Repository:
    folder.mkdir()
    for words in (["init", "-q", "-b", "main"], ["config", "user.name", "a"], ["config", "user.email", "a@b"]):
        ended = Repository(str(folder), str(folder), "", environ).ask(*words)
        assert ended.status == 0
    repository = find_repository(str(folder), environ)
    repository.git("commit", "-q", "--allow-empty", "-m", "begin")
    return repository


def look(bench: Workbench, at: float = NOW) -> None:
    forget_when_due(bench, at)


def make(bench: Workbench, at: float, state: str = REJECTED, **more: object) -> Candidate:
    """File a candidate, its ref and a commit of its own."""
    name = new_id(at)
    commit = make_commit(bench.repository, name)
    facts = Candidate(
        name, at, bench.repository.root, "refs/heads/main", "b" * 40, "mend", state=state, step=DONE, reason="a reason",
        commit_id=commit, ended_at=at, stdout="printed", stderr="said", request="told", verdict='{"answer": "reject"}',
        outputs="[]",
    )  # fmt: skip
    made = replace(facts, **more)  # type: ignore[arg-type]  # the names of its fields
    add(bench.store, made)
    bench.repository.git("update-ref", made.ref, commit)
    return made


def make_commit(repository: Repository, message: str) -> str:
    tree = repository.git("rev-parse", "HEAD^{tree}").decode().strip()
    return repository.git("commit-tree", tree, "-m", message).decode().strip()


def refs(bench: Workbench) -> set[str]:
    return set(bench.repository.git("for-each-ref", "--format=%(refname)").decode().split())


def reread(store: Store, one: Candidate) -> Candidate:
    return select(store, "WHERE id = ?", (one.id,))[0]


@pytest.mark.parametrize("state", [REJECTED, NO_EVIDENCE, ACCEPTED])
def test_of_what_was_not_kept_the_ref_and_the_texts_go_and_the_facts_stay(bench: Workbench, state: str) -> None:
    old, young = make(bench, OLD, state, decision="d1"), make(bench, YOUNG, state)
    before = refs(bench)
    look(bench)
    assert before - refs(bench) == {old.ref}
    assert reread(bench.store, old) == replace(
        old, stdout="", stderr="", request=None, verdict=None, outputs=None, forgotten_at=NOW
    )
    assert reread(bench.store, young) == young
    jsonschema.validate(reread(bench.store, old).record("host"), read_schema("candidate"))


def test_git_may_collect_what_was_forgotten(bench: Workbench) -> None:
    old, young = make(bench, OLD), make(bench, YOUNG)
    look(bench)
    bench.repository.git("gc", "-q", "--prune=now")
    assert bench.repository.ask("cat-file", "-e", str(old.commit_id)).status != 0
    assert bench.repository.ask("cat-file", "-e", str(young.commit_id)).status == 0


@pytest.mark.parametrize(
    "more",
    [
        {"state": ACCEPTED, "kept": 1},
        {"state": REVERTED},
        {"state": PROPOSED, "step": PROPOSED_STEP, "ended_at": None},
        {"state": ACCEPTED, "step": JUDGED},
        {"state": REJECTED, "ended_at": YOUNG},
    ],
)
def test_what_was_kept_or_goes_on_stays_whole_however_old_it_is(bench: Workbench, more: dict[str, object]) -> None:
    one = make(bench, OLD, **more)
    before = refs(bench)
    look(bench)
    assert refs(bench) == before
    assert reread(bench.store, one) == one


def test_the_settings_say_after_how_many_days(bench: Workbench) -> None:
    made = make(bench, NOW - 5 * DAY_S)
    look(replace(bench, settings=EvolveSettings(keep_days=6)))
    assert made.ref in refs(bench)
    look(replace(bench, settings=EvolveSettings(keep_days=5)), NOW + DAY_S + 1)
    assert made.ref not in refs(bench)


def test_it_is_looked_for_once_a_day(bench: Workbench) -> None:
    look(bench)
    made = make(bench, OLD)
    look(bench, NOW + DAY_S - 1)
    assert made.ref in refs(bench)
    look(bench, NOW + DAY_S)
    assert made.ref not in refs(bench)


@pytest.mark.parametrize("jump", [LONGEST_PAUSE_S + 1, 365 * DAY_S, -1.0, -365 * DAY_S])
def test_a_clock_that_jumps_makes_nothing_old_by_itself(bench: Workbench, jump: float) -> None:
    look(bench)
    made = make(bench, OLD)
    look(bench, NOW + jump)
    assert made.ref in refs(bench)
    assert reread(bench.store, made) == made


def test_the_first_look_only_takes_the_time(bench: Workbench) -> None:
    bench.store.execute("DELETE FROM marks")
    made = make(bench, OLD)
    look(bench)
    assert made.ref in refs(bench)
    assert bench.store.select("SELECT name, at FROM marks") == [(MARK, NOW)]


def test_a_ref_that_a_crash_left_without_a_row_goes_by_the_time_in_its_name(bench: Workbench) -> None:
    commit = make_commit(bench.repository, "lost")
    old, young = f"{REFS}/{new_id(OLD)}", f"{REFS}/{new_id(YOUNG)}"
    for ref in (old, young):
        bench.repository.git("update-ref", ref, commit)
    before = refs(bench)
    look(bench)
    assert before - refs(bench) == {old}


def test_no_other_ref_is_touched_whatever_its_name(bench: Workbench) -> None:
    name = new_id(OLD)
    commit = make_commit(bench.repository, "foreign")
    others = [
        f"refs/heads/{name}", f"refs/tags/{name}", f"refs/agentkit/{name}", f"{REFS}/{name[:-1]}", f"{REFS}/{name}0",
        f"{REFS}/{name.upper()}x", f"{REFS}/deep/{name}", f"refs/agentkit/candidates2/{name}", f"{REFS}/000-mine",
    ]  # fmt: skip
    for ref in others:
        bench.repository.git("update-ref", ref, commit)
    bench.repository.git("symbolic-ref", f"{REFS}/{new_id(OLD)}", "refs/heads/main")
    before = refs(bench)
    look(bench)
    assert refs(bench) == before


def test_a_ref_that_somebody_moved_stays_with_its_row(bench: Workbench) -> None:
    moved, other = make(bench, OLD), make(bench, OLD)
    bench.repository.git("update-ref", moved.ref, make_commit(bench.repository, "moved"))
    look(bench)
    assert moved.ref in refs(bench)
    assert reread(bench.store, moved) == moved
    assert other.ref not in refs(bench)


def test_cut_off_between_ref_and_row_it_is_done_again(bench: Workbench) -> None:
    made = make(bench, OLD)
    bench.repository.git("update-ref", "-d", made.ref)
    look(bench)
    assert reread(bench.store, made).forgotten_at == NOW


def test_a_repository_that_is_gone_waits_and_others_do_not(bench: Workbench, tmp_path: Path) -> None:
    other = make_repository(tmp_path / "other", dict(bench.environ))
    theirs = make(replace(bench, repository=other), OLD)
    gone = make(bench, OLD, repository=str(tmp_path / "none"))
    shutil.move(tmp_path / "other", tmp_path / "away")
    mine = make(bench, OLD)
    look(bench)
    assert [reread(bench.store, one).forgotten_at for one in (gone, theirs, mine)] == [None, None, NOW]
    shutil.move(tmp_path / "away", tmp_path / "other")
    look(bench, NOW + DAY_S)
    assert [reread(bench.store, one).forgotten_at for one in (gone, theirs)] == [None, NOW + DAY_S]
    assert other.ask("rev-parse", "--verify", "--quiet", theirs.ref).status != 0


def test_a_repository_around_the_folder_of_one_that_is_gone_is_another_one(bench: Workbench, tmp_path: Path) -> None:
    inner = Path(bench.repository.root) / "inner"
    inner.mkdir()
    made = make(bench, OLD, repository=str(inner))
    look(bench)
    assert reread(bench.store, made) == made


def test_where_another_git_works_all_stays_and_goes_another_day(bench: Workbench) -> None:
    made = [make(bench, OLD) for _ in range(3)]
    lock = Path(bench.repository.git_dir) / f"{made[1].ref}.lock"
    lock.touch()
    look(bench)
    assert {one.ref for one in made} <= refs(bench)
    assert [reread(bench.store, one) for one in made] == made
    lock.unlink()
    look(bench, NOW + DAY_S)
    assert refs(bench).isdisjoint(one.ref for one in made)


def test_while_a_candidate_is_at_work_all_stays_and_goes_another_day(bench: Workbench) -> None:
    old = make(bench, OLD)
    other = make(bench, YOUNG, PROPOSED, step=PROPOSED_STEP, ended_at=None, claim=name_this_process())
    look(bench)
    assert old.ref in refs(bench)
    bench.store.execute("UPDATE candidates SET claim = NULL WHERE id = ?", (other.id,))
    look(bench, NOW + DAY_S)
    assert old.ref not in refs(bench)
    assert other.ref in refs(bench)


def test_many_go_a_part_at_a_time(bench: Workbench) -> None:
    commit = make_commit(bench.repository, "one for all")
    names = [new_id(OLD + number) for number in range(MOST + 3)]
    orders = "".join(f"create {REFS}/{name} {commit}\n" for name in names)
    bench.repository.git("update-ref", "--stdin", stdin=orders.encode())
    left = []
    for day in range(3):
        look(bench, NOW + day * DAY_S)
        left.append(sum(ref.startswith(REFS) for ref in refs(bench)))
    assert left == [3, 0, 0]


def test_a_try_looks_after_it_and_says_nothing_of_it(machine: Machine) -> None:
    _, [first] = machine.ask("try", "--propose", BAD)
    with sqlite3.connect(machine.home / "evolve.db") as database:
        database.execute("UPDATE candidates SET ended_at = ended_at - ?", (91 * DAY_S,))
        database.execute("UPDATE marks SET at = at - ?", (DAY_S + 1,))
    status, stdout, stderr = machine.call("evolve", "try", "--propose", "true", "--json")
    assert (status, stdout.count("\n"), stderr) == (65, 1, "")
    assert str(first["id"]) not in machine.candidates()
    [_, again] = machine.ask("log", "--all")[1]
    assert (again["id"], again["state"], again["reason"]) == (first["id"], "rejected", first["reason"])
    assert again["verdict"] is None
    assert again["forgotten_at"] is not None
    assert machine.call("evolve", "show", str(first["id"]))[0] == 0
