"""Does a rotation always end with one key that works, whatever fails on the way?"""

import itertools
import json
import os
import random
import signal
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from agentkit.core import tree
from agentkit.vault.places import Places
from agentkit.vault.rotations import rotation
from agentkit.vault.rotations.rotationadopt import Position, find_users
from agentkit.vault.setting import Particulars, set_secret
from tests.conftest import SEED
from tests.processes import wait_until
from tests.vault import provider
from tests.vault.rotating import DAY_S, NAME, STYLES, Shop

MakeShop = Callable[..., Shop]

# All of them are tried by tests/sweeps/rotation_kills.py.
STEPS = ("create", "set", "test", "revoke", "prove", "list")
FAULTS = [*itertools.product(STYLES, STEPS, ("before", "after", "garbage", "leak", "no"))]
SOME_FAULTS = random.Random(SEED).sample(FAULTS, 12)


@pytest.fixture
def make_shop(places: Places, own_environ: dict[str, str], tmp_path: Path) -> MakeShop:
    return lambda style="named", **settings: Shop(places, own_environ, tmp_path, style, **settings)


@pytest.mark.parametrize("style", STYLES)
def test_a_rotation_ends_with_a_new_value_that_works_and_a_dead_old_one(make_shop: MakeShop, style: str) -> None:
    shop = make_shop(style)
    progress = shop.finish()
    assert (progress.rotation.failure, progress.rotation.unknown_keys) == (None, ())
    assert list(shop.live().values()) == [shop.get()]
    assert shop.get() != shop.first
    assert shop.find_faults() == []


def test_a_token_is_rotated_by_the_hook_that_ships(
    make_shop: MakeShop, places: Places, own_environ: dict[str, str]
) -> None:
    shop = make_shop()
    settings = {"length": "40", "adopt_within": "0s", "step_limit": "1m"}
    row = Particulars(purpose="x", rotate_with="token", rotate_settings=settings)
    set_secret(own_environ, "web/token", b"one two", row, shop.now)
    with rotation.hold_rotations(places):
        progress = rotation.rotate_secret(shop.bench(), "web/token")
    assert (progress.rotation.is_over, progress.row.version) == (True, 2)


def test_the_old_value_works_until_each_consumer_has_used_the_new_one(make_shop: MakeShop) -> None:
    shop = make_shop()
    shop.set(None, Particulars(consumers=("/opt/report.sh", "worker")))
    assert shop.rotate().waits_for == ("/opt/report.sh", "worker")
    shop.get("/usr/bin/worker")
    shop.now += 400 * DAY_S
    assert shop.rotate().waits_for == ("/opt/report.sh",)
    assert len(shop.live()) == 2
    shop.get("/opt/report.sh")
    assert shop.rotate().rotation.is_over
    assert list(shop.live().values()) == [shop.get()]


def test_who_used_the_old_version_has_not_adopted_the_new_one(make_shop: MakeShop) -> None:
    shop = make_shop()
    shop.set(None, Particulars(consumers=("worker",)))
    shop.get("worker")
    assert shop.rotate().waits_for == ("worker",)


def test_only_the_program_that_got_the_new_version_has_used_it(make_shop: MakeShop, places: Places) -> None:
    shop = make_shop()
    shop.get("/usr/bin/worker")
    start, consumers = Position(1, 0), ["worker", "/usr/bin/other", "/usr/bin/worker", "work"]
    found, end = find_users(places, NAME, 1, consumers, start)
    assert found == {"worker", "/usr/bin/worker"}
    assert find_users(places, NAME, 2, consumers, start)[0] == set()
    assert find_users(places, NAME, 1, consumers, end) == (set(), end)
    assert find_users(places, "another", 1, consumers, start)[0] == set()


def test_what_somebody_sets_at_the_last_moment_is_not_overwritten(
    make_shop: MakeShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, take_step = make_shop(), rotation.take_step

    def set_before_the_promotion(bench, under_way, step, opened):
        if step == "promote":
            shop.set("set by hand")
        return take_step(bench, under_way, step, opened)

    monkeypatch.setattr(rotation, "take_step", set_before_the_promotion)
    assert shop.rotate().rotation.failure == "the secret was set to another value meanwhile"
    assert shop.get() == "set by hand"
    monkeypatch.undo()
    progress = shop.rotate()
    assert "does not work" in str(progress.rotation.failure)  # nobody told the provider of it
    assert len(shop.live()) == 2


def test_without_consumers_the_old_value_works_for_another_day(make_shop: MakeShop) -> None:
    shop = make_shop()
    shop.rotate()
    shop.now += DAY_S - 1
    assert not shop.rotate().rotation.is_over
    shop.now += 1
    assert shop.rotate().rotation.is_over


def test_an_urgent_rotation_waits_for_nobody(make_shop: MakeShop) -> None:
    shop = make_shop()
    shop.set(None, Particulars(consumers=("worker",)))
    assert shop.rotate(is_urgent=True).rotation.is_over
    assert list(shop.live().values()) == [shop.get()]


@pytest.mark.parametrize(("style", "step", "how"), SOME_FAULTS)
def test_a_step_that_fails_is_taken_again(make_shop: MakeShop, style: str, step: str, how: str) -> None:
    shop = make_shop(style)
    shop.fault(step, how)
    progress = shop.finish()
    assert shop.find_faults() == []
    live = shop.live()
    assert shop.get() in live.values()
    orphans = {key for key, value in live.items() if value != shop.get()}
    assert orphans == set(progress.rotation.unknown_keys)
    if orphans:
        assert (style, step) == ("anonymous", "create")


def test_an_orphan_is_told_until_it_is_gone(make_shop: MakeShop) -> None:
    shop = make_shop("anonymous")
    shop.fault("create", "after")
    shop.rotate()
    (orphan,) = [key for key, value in shop.live().items() if value != shop.first]
    shop.rotate()
    for _ in range(3):
        told = [(finding.type, finding.key) for finding in shop.rotate_due().findings]
        assert told == [("unknown-key", orphan)]
        shop.now += DAY_S
    database = shop.open()
    database.execute("UPDATE keys SET live = 0 WHERE id = ?", (orphan,))
    database.close()
    assert shop.rotate_due().findings == ()


def test_a_hook_that_hangs_is_ended_whole_at_its_limit(make_shop: MakeShop) -> None:
    shop = make_shop()
    shop.fault("set", "hang")
    shop.limit = timedelta(seconds=2)
    progress = shop.rotate()
    assert progress.rotation.failure == "no answer within 2s"
    assert shop.find_faults() == []
    shop.finish()


def test_how_long_a_step_may_take_is_a_setting(make_shop: MakeShop) -> None:
    shop = make_shop(step_limit="1500ms")
    shop.fault("set", "hang")
    assert shop.rotate().rotation.failure == "no answer within 1.5s"


def test_a_failure_tells_no_value(make_shop: MakeShop, places: Places) -> None:
    shop = make_shop()
    shop.fault("set", "leak")
    progress = shop.rotate()
    values = [shop.first, *shop.live().values()]
    assert "{{vault:shop/api-key}}" in progress.tell(shop.now)
    everything = progress.tell(shop.now) + Path(places.audit, "000001.jsonl").read_text()
    everything += Path(places.vault, f"rotation/{NAME}.json").read_text()
    assert [value for value in values if value in everything] == []


def test_each_step_is_on_the_log_before_it_is_taken(make_shop: MakeShop, places: Places) -> None:
    shop = make_shop()
    shop.rotate()
    shop.now += DAY_S
    shop.rotate()
    lines = Path(places.audit, "000001.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines if '"op": "rotate"' in line]
    told = [(record["phase"], record["outcome"]) for record in records]
    assert told == [
        ("intent", "begun"), ("create", "begun"), ("create", "done"), ("set", "begun"), ("set", "done"),
        ("test", "begun"), ("test", "done"), ("promote", "begun"), ("intent", "begun"), ("commit", "done"),
        ("promote", "done"), ("adopt", "done"), ("revoke", "begun"), ("revoke", "done"), ("prove", "begun"),
        ("prove", "done"),
    ]  # fmt: skip


def test_when_a_hook_runs_the_record_of_its_step_is_the_last_one(
    make_shop: MakeShop, places: Places, tmp_path: Path
) -> None:
    shop, seen = make_shop(), tmp_path / "seen"
    hook = tmp_path / "watching-hook"
    hook.write_text(f'#!/bin/sh\ntail -n1 "{places.audit}/000001.jsonl" >>"{seen}"\nexec "{shop.hook}" "$@"\n')
    hook.chmod(0o700)
    shop.set(None, Particulars(rotate_with=str(hook)))
    shop.finish()
    records = [json.loads(line) for line in seen.read_text().splitlines()]
    told = [(record["phase"], record["outcome"]) for record in records]
    steps = ["create", "create", "set", "test", "revoke", "revoke", "prove", "prove"]
    assert told == [(step, "begun") for step in steps]


def test_the_log_is_not_locked_while_a_hook_runs(make_shop: MakeShop, places: Places, tmp_path: Path) -> None:
    shop, seen = make_shop(), tmp_path / "seen"
    hook = tmp_path / "asking-hook"
    hook.write_text(f'#!/bin/sh\nflock -n "{places.audit}" echo free >>"{seen}"\nexec "{shop.hook}" "$@"\n')
    hook.chmod(0o700)
    shop.set(None, Particulars(rotate_with=str(hook)))
    shop.finish()
    assert seen.read_text() == "free\n" * 8


def test_what_a_killed_run_left_running_is_ended_before_anything_else(make_shop: MakeShop) -> None:
    shop = make_shop()
    shop.fault("set", "before")
    variables = {"AGENTKIT_ROTATION": shop.rotate().rotation.id}
    left = subprocess.Popen(["sleep", "600"], env={"PATH": os.environ["PATH"], **variables})
    wait_until(lambda: tree.find_marked(f"AGENTKIT_ROTATION={variables['AGENTKIT_ROTATION']}".encode()))
    shop.rotate()
    assert left.wait(30) in (-signal.SIGTERM, -signal.SIGKILL)


def test_a_value_that_somebody_sets_meanwhile_stays_and_what_was_made_is_revoked(make_shop: MakeShop) -> None:
    shop = make_shop()
    shop.fault("test", "before")
    shop.rotate()
    database = shop.open()
    provider.add_key(database, None, "set by hand")
    database.close()
    shop.set("set by hand")
    progress = shop.finish()
    assert progress.rotation.is_given_up
    assert shop.get() == "set by hand"
    assert progress.rotation.unknown_keys == ()
    assert sorted(shop.live().values()) == sorted([shop.first, "set by hand"])
    assert shop.find_faults() == []


def test_who_sets_the_old_value_again_keeps_it_and_the_new_one_is_revoked(make_shop: MakeShop) -> None:
    shop = make_shop()
    shop.rotate()
    shop.set(shop.first)
    shop.now += DAY_S
    progress = shop.rotate()
    assert (progress.rotation.is_over, progress.rotation.is_given_up) == (True, True)
    assert (shop.get(), shop.live()) == (shop.first, {"key-0": shop.first})
    assert shop.find_faults() == []
    shop.finish()
    assert list(shop.live().values()) == [shop.get()]


def test_nothing_is_revoked_while_the_value_in_use_does_not_work(make_shop: MakeShop) -> None:
    shop = make_shop()
    shop.rotate()
    database = shop.open()
    database.execute("UPDATE keys SET live = 0 WHERE value = ?", (shop.get(),))
    database.close()
    shop.now += DAY_S
    assert "not revoked" in str(shop.rotate().rotation.failure)
    assert list(shop.live().values()) == [shop.first]
