"""Is what is due rotated without anybody being there, and is a person told exactly what he has to do?"""

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.times import format_instant
from agentkit.vault.places import Places
from agentkit.vault.rotations import rotation
from agentkit.vault.rotations.rotation import give_up_rotation, hold_rotations, rotate_secret
from agentkit.vault.rotations.rotationdue import plan_due
from agentkit.vault.setting import Particulars, set_secret
from tests.vault.rotating import DAY_S, NAME, START_S, Shop

MakeShop = Callable[..., Shop]


@pytest.fixture
def make_shop(places: Places, own_environ: dict[str, str], tmp_path: Path) -> MakeShop:
    return lambda style="named", **settings: Shop(places, own_environ, tmp_path, style, **settings)


def tell(shop: Shop) -> list[tuple[str, str]]:
    return [(finding.type, finding.severity) for finding in shop.rotate_due().findings]


def test_what_is_not_due_is_left_alone(make_shop: MakeShop) -> None:
    shop = make_shop()
    shop.set(None, Particulars(rotate_every_s=90 * DAY_S))
    shop.now += 89 * DAY_S
    due = shop.rotate_due()
    assert (due.progress, due.findings) == ((), ())
    assert shop.get() == shop.first


def test_what_is_due_is_rotated_and_ended_at_a_later_run_and_nothing_is_told(make_shop: MakeShop) -> None:
    shop = make_shop()
    shop.set(None, Particulars(rotate_every_s=90 * DAY_S))
    shop.now += 90 * DAY_S
    assert tell(shop) == []
    assert (shop.get() != shop.first, len(shop.live())) == (True, 2)
    shop.now += DAY_S
    assert tell(shop) == []
    assert list(shop.live().values()) == [shop.get()]
    value = shop.get()
    shop.now += 88 * DAY_S
    assert tell(shop) == []
    assert shop.get() == value


def test_what_is_about_to_end_is_rotated_before_it_does(make_shop: MakeShop) -> None:
    shop = make_shop()
    shop.set(None, Particulars(expires_at=format_instant(START_S + 30 * DAY_S)))
    shop.now += 15 * DAY_S
    assert (tell(shop), shop.get()) == ([], shop.first)
    shop.now += 2 * DAY_S
    assert tell(shop) == []
    assert shop.get() != shop.first
    shop.now += DAY_S
    assert tell(shop) == []
    assert shop.rotation().is_over


def test_a_failed_step_is_told_until_it_succeeds(make_shop: MakeShop) -> None:
    shop = make_shop(adopt_within="0s")
    shop.set(None, Particulars(rotate_every_s=90 * DAY_S))
    shop.now += 90 * DAY_S
    shop.fault("create", "before", 3)
    severities = []
    for _ in range(3):
        (finding,) = shop.rotate_due().findings
        severities.append(finding.severity)
        assert (finding.type, finding.key, finding.subject) == ("rotation-failed", "create", f"secret:{NAME}")
        assert "the provider is down" in finding.title
        shop.now += DAY_S
    assert severities == ["warning", "warning", "critical"]
    assert tell(shop) == []


def test_an_old_value_that_cannot_be_revoked_is_grave_at_once(make_shop: MakeShop) -> None:
    shop = make_shop(adopt_within="0s")
    shop.fault("revoke", "before")
    shop.rotate()
    shop.fault("revoke", "before")
    assert tell(shop) == [("rotation-failed", "critical")]
    assert len(shop.live()) == 2
    assert tell(shop) == []
    assert len(shop.live()) == 1


def test_consumers_that_do_not_move_are_told_after_a_week_and_the_old_value_lives_on(make_shop: MakeShop) -> None:
    shop = make_shop()
    shop.set(None, Particulars(consumers=("worker", "/opt/report.sh")))
    shop.rotate()
    shop.get("worker")
    shop.now += 7 * DAY_S
    assert tell(shop) == []
    shop.now += 1
    (finding,) = shop.rotate_due().findings
    assert (finding.type, finding.evidence["waits_for"]) == ("not-adopted", ["/opt/report.sh"])
    assert len(shop.live()) == 2


def test_what_no_hook_rotates_is_told_early_with_the_steps_that_a_person_takes(
    places: Places, own_environ: dict[str, str], make_shop: MakeShop
) -> None:
    shop = make_shop()
    row = Particulars(
        purpose="x", reissue="ask the bank; then vault set", expires_at=format_instant(START_S + 30 * DAY_S)
    )
    set_secret(own_environ, "bank", b"one two", row, START_S)
    shop.now += 15 * DAY_S
    assert tell(shop) == []
    shop.now += 2 * DAY_S
    (finding,) = shop.rotate_due().findings
    assert (finding.type, finding.severity, finding.subject) == ("reissue-due", "warning", "secret:bank")
    assert "ask the bank; then vault set" in finding.title
    shop.now += 20 * DAY_S
    assert tell(shop) == [("reissue-due", "critical")]


def test_a_secret_that_cannot_be_rotated_keeps_no_other_from_it(
    own_environ: dict[str, str], make_shop: MakeShop
) -> None:
    shop = make_shop()
    shop.set(None, Particulars(rotate_every_s=DAY_S))
    row = Particulars(purpose="x", rotate_with="/nowhere/hook", rotate_every_s=DAY_S)
    set_secret(own_environ, "another", b"one two", row, START_S)
    shop.now += 2 * DAY_S
    assert tell(shop) == [("not-rotated", "critical")]
    assert shop.get() != shop.first


def test_what_would_be_done_is_said_and_not_done(places: Places, make_shop: MakeShop) -> None:
    shop = make_shop()
    assert plan_due(shop.bench()) == []
    shop.set(None, Particulars(rotate_every_s=DAY_S))
    shop.now += DAY_S
    (plan,) = plan_due(shop.bench())
    assert plan == f"would create, set, test, promote, adopt, revoke, prove {NAME} with {shop.hook}"
    shop.rotate()
    (plan,) = plan_due(shop.bench())
    assert plan == f"would adopt, revoke, prove {NAME} with {shop.hook}"
    assert shop.rotation().done == "promote"


def test_a_rotation_that_is_given_up_revokes_what_it_made(make_shop: MakeShop) -> None:
    shop = make_shop()
    shop.fault("test", "no")
    shop.rotate()
    assert len(shop.live()) == 2
    with hold_rotations(shop.places):
        assert give_up_rotation(shop.bench(), NAME).rotation.is_over
    assert shop.live() == {"key-0": shop.first}
    assert shop.get() == shop.first
    with pytest.raises(AgentkitError, match="no rotation that could be given up"), hold_rotations(shop.places):
        give_up_rotation(shop.bench(), NAME)


def test_a_rotation_is_not_given_up_when_the_value_in_use_is_dead_already(make_shop: MakeShop) -> None:
    shop = make_shop("single")
    shop.fault("test", "before")
    shop.rotate()
    with pytest.raises(AgentkitError) as caught, hold_rotations(shop.places):
        give_up_rotation(shop.bench(), NAME)
    assert caught.value.status == Exit.REFUSED
    assert shop.finish().rotation.is_over


def test_a_rotation_that_was_promoted_is_not_given_up(make_shop: MakeShop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = make_shop()
    shop.fault("test", "before")
    shop.rotate()
    # As a crash leaves it between the change of the store and the note of it.
    shop.set(shop.unseal(str(shop.rotation().new)))
    with pytest.raises(AgentkitError, match="promoted already"), hold_rotations(shop.places):
        give_up_rotation(shop.bench(), NAME)
    assert shop.finish().rotation.failure is None
    assert list(shop.live().values()) == [shop.get()]


def test_a_second_rotation_is_kept_out(make_shop: MakeShop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "LOCK_LIMIT", timedelta(seconds=0.1))
    shop = make_shop()
    with hold_rotations(shop.places), pytest.raises(AgentkitError) as caught:
        shop.rotate()
    assert caught.value.status == Exit.TRY_LATER


def test_a_state_that_this_vault_did_not_write_is_not_believed(make_shop: MakeShop, places: Places) -> None:
    shop = make_shop()
    shop.rotate()
    path = Path(places.vault, f"rotation/{NAME}.json")
    raw = path.read_bytes()
    for place in range(0, len(raw), 97):
        path.write_bytes(raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :])
        with pytest.raises(AgentkitError) as caught:
            shop.rotate()
        assert caught.value.status == Exit.TAMPERED
    assert len(shop.live()) == 2


def test_what_another_secret_holds_reaches_a_hook_after_a_record_of_it(
    places: Places, own_environ: dict[str, str], make_shop: MakeShop, tmp_path: Path, needle: str
) -> None:
    set_secret(own_environ, "admin", needle.encode(), Particulars(purpose="x"), START_S)
    kept = tmp_path / "kept"
    hook = tmp_path / "hook"
    hook.write_text(f'#!/bin/sh\ncat >>"{kept}"\nexit 1\n')
    hook.chmod(0o700)
    settings = {"with": "secret:admin", "plain": "text"}
    row = Particulars(purpose="x", rotate_with=str(hook), rotate_settings=settings)
    set_secret(own_environ, "other", b"one two", row, START_S)
    shop = make_shop()
    with hold_rotations(places):
        rotate_secret(shop.bench(), "other")
    told = json.loads(kept.read_text())
    assert (told["settings"], base64.b64decode(told["values"]["with"])) == ({"plain": "text"}, needle.encode())
    log = Path(places.audit, "000001.jsonl").read_text()
    assert '"op": "rotate", "phase": "release", "outcome": "granted", "name": "admin"' in log
