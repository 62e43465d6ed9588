"""A backup is killed and its lock stays: who notices under real cron, who decides, what is changed, who gets mail?

The real small model is asked in a night of its own, for what it decides is mostly nonsense: there it is shown that its
decision is a valid one, written down, and does no harm. In the other nights a program decides, so that what follows a
`propose` can be seen.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.system.cron_namespace import RealCron
from tests.system.nightmachine import CLOCK, LIMIT_S, Night, hanging_server, make_night, make_pattern
from tests.think.smallmodel import small_model

# The model has the cores to itself only when the other nights are over.
MODEL_LIMIT_S = 400
# Nobody thinks in these at first, each for a reason of its own.
WAITING = ("none", "hanging", "penniless")
MENDED = ("good", *WAITING)


@dataclass
class Seen:
    """What the nights have shown, in the order in which they went on."""

    cron: RealCron
    nights: dict[str, Night]
    wrong: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)
    still_wrong: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)
    before: dict[str, dict[str, str]] = field(default_factory=dict)
    waited: dict[str, list[dict[str, object]]] = field(default_factory=dict)
    untouched: dict[str, dict[str, str]] = field(default_factory=dict)


def _configure(night: Night, *, url: str, small: str) -> None:
    wait = "[think]\ndeadline = '4s'\n"
    asked = 'kind = "openai"\nurl = "%s"\nmodel = "small"\nprice = 0\n'
    silent = f'[[think.provider]]\nname = "silent"\n{asked % url}' + night.provider("sleeper")
    think = {
        "none": "",
        "hanging": wait + silent,
        "penniless": "[think.budget]\ncalls_per_hour = 0\n" + night.provider("thinker"),
        "small": f'[think]\ndeadline = "{MODEL_LIMIT_S}s"\n[[think.provider]]\nname = "small"\n{asked % small}',
    }
    night.configure(
        think.get(night.name, night.provider("thinker")), "breaker" if night.name == "breaking" else "mender"
    )


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """All nights side by side, up to their last beats; what they show is kept for the tests."""
    folder = tmp_path_factory.mktemp("night")
    pattern = make_pattern(folder / "pattern")
    names = ("good", "breaking", "small", *WAITING)
    nights = {name: make_night(pattern, name, folder) for name in names}
    (folder / "cron").mkdir()
    with small_model() as model, hanging_server(model.pid) as url:
        for night in nights.values():
            _configure(night, url=url, small=model.url)
        with RealCron(folder / "cron", clock=CLOCK, lifetime_s=1500, network_of=model.pid) as cron:
            shown = Seen(cron, nights)
            _go_wrong(shown)
            _keep_watch(shown)
            _bring_providers_back(shown)
            _let_the_model_end(shown)
            yield shown


def _wait(seen: Seen, names: tuple[str, ...], holds: object, what: str, limit_s: float = LIMIT_S) -> None:
    """Wait until it holds in all of these nights; a night in which it did is not asked again."""
    left = set(names)

    def all_hold() -> bool:
        time.sleep(0.5)  # each look starts a program, and the nights need the cores
        left.difference_update({name for name in left if holds(seen.nights[name])})  # type: ignore[operator]
        return not left

    try:
        seen.cron.wait_until(all_hold, limit_s, what)
    except AssertionError as error:
        said = {name: (seen.nights[name].mails(seen.cron), seen.nights[name].order()) for name in left}
        raise AssertionError(f"{error}\nin {said}") from error


def _go_wrong(seen: Seen) -> None:
    names = tuple(seen.nights)
    for night in seen.nights.values():
        night.install_jobs(seen.cron)
    _wait(seen, names, lambda night: (night.machine.scripts / "data/report").exists(), "no good run")
    for night in seen.nights.values():
        night.agentkit(seen.cron, f"agentkit depmap build {night.machine.scripts} --quiet")
        (night.folder / "slow").touch()
    _wait(seen, names, lambda night: (night.folder / "standing").exists(), "no run stands still")
    for night in seen.nights.values():
        (night.folder / "slow").unlink()
        assert seen.cron.run(["kill", "-KILL", night.lock.read_text().strip()]).returncode == 0
    _wait(seen, names, lambda night: _is_settled(seen.cron, night), "no run was idle")
    for name, night in seen.nights.items():
        seen.wrong[name] = night.findings(seen.cron)
        seen.before[name] = night.look()


def _is_settled(cron: RealCron, night: Night) -> bool:
    """Tell whether only that is wrong which stays so: that the run was killed is over with the idle ones behind it."""
    return {(kind, subject) for kind, subject, *_ in night.findings(cron)} == {
        ('"stale-lock"', '"file:/scripts/data/backup.lock"'),
        ('"idle"', '"job:backup"'),
        ('"failed"', '"job:report"'),
    }


def _keep_watch(seen: Seen) -> None:
    for night in seen.nights.values():
        night.install_watch(seen.cron)
    quick = tuple(name for name in seen.nights if name != "small")
    _wait(seen, quick, lambda night: night.runs(seen.cron, "night-watch"), "no watch was kept")
    for name in WAITING:
        night = seen.nights[name]
        seen.still_wrong[name] = night.findings(seen.cron)
        seen.waited[name] = night.records(seen.cron, "agentkit think inbox --json")
        seen.untouched[name] = night.look()


def _bring_providers_back(seen: Seen) -> None:
    for name in WAITING:
        seen.nights[name].configure(seen.nights[name].provider("thinker"), "mender")
    _wait(seen, MENDED, lambda night: night.runs(seen.cron, f"backup-{night.name}")[:1] == ["ok"], "nothing was mended")
    _wait(seen, MENDED, lambda night: night.findings(seen.cron) == [], "it is not well again")


def _let_the_model_end(seen: Seen) -> None:
    for name, night in seen.nights.items():
        if name != "small":
            night.end(seen.cron)
    night = seen.nights["small"]
    _wait(
        seen, ("small",), lambda _: night.runs(seen.cron, "night-watch"), "the model decided nothing", MODEL_LIMIT_S
    )  # fmt: skip
    night.end(seen.cron)


def _candidates(seen: Seen, name: str) -> list[dict[str, object]]:
    return seen.nights[name].records(seen.cron, "agentkit evolve log --json")


def test_heartbeat_names_it_and_the_map_gives_cause_and_blast(seen: Seen) -> None:
    wrong = {(kind, subject): (cause, impact) for kind, subject, cause, impact in seen.wrong["good"]}
    assert {('"stale-lock"', '"file:/scripts/data/backup.lock"'), ('"idle"', '"job:backup"')} <= set(wrong)
    cause, _ = wrong['"idle"', '"job:backup"']
    assert "/scripts/data/backup.lock" in cause
    _, impact = wrong['"stale-lock"', '"file:/scripts/data/backup.lock"']
    assert "job:report" in impact


def test_a_runbook_goes_first_then_a_mind_decides_and_the_next_beats_are_well(seen: Seen) -> None:
    night = seen.nights["good"]
    assert night.order() == ["runbook", "thinker"]
    assert '"stale-lock"' in (night.folder / "runbook-got").read_text()
    assert "look" in (night.folder / "thinker-got").read_text()
    (candidate,) = _candidates(seen, "good")
    assert (candidate["state"], candidate["kept"]) == ("accepted", True)
    assert "kill -0" in (night.machine.scripts / "backup.sh").read_text()
    assert night.look()["status"] == ""
    assert not night.lock.exists()
    (mail,) = night.mails(seen.cron)
    assert mail.count("\naccepted ") == 1


def test_what_breaks_a_test_is_rejected_and_every_byte_stays(seen: Seen) -> None:
    night = seen.nights["breaking"]
    (candidate,) = _candidates(seen, "breaking")
    assert (candidate["state"], candidate["kept"]) == ("rejected", False)
    assert night.look() == seen.before["breaking"]
    shown = night.agentkit(seen.cron, f"agentkit evolve show {candidate['id']}")
    assert "test_a_run_that_goes_on_is_left_alone" in shown.stdout
    (mail,) = night.mails(seen.cron)
    assert "\nrejected " in mail


def test_the_small_model_decides_something_that_is_written_down_and_does_no_harm(seen: Seen) -> None:
    night = seen.nights["small"]
    asked = night.records(seen.cron, "agentkit think journal --json")
    assert {one["provider"] for one in asked} == {"small"}
    assert [one for one in asked if one["decision"]], asked
    assert night.order() == ["runbook"]
    candidates = _candidates(seen, "small")
    if any(candidate["kept"] for candidate in candidates):
        assert "kill -0" in (night.machine.scripts / "backup.sh").read_text()
    else:
        assert night.look() == seen.before["small"]


@pytest.mark.parametrize("name", WAITING)
def test_nothing_but_the_mind_is_missing_while_nobody_thinks(seen: Seen, name: str) -> None:
    assert seen.wrong[name] == seen.wrong["good"]
    assert seen.still_wrong[name] == seen.wrong["good"]
    assert {finding["type"] for finding in seen.waited[name]} >= {"stale-lock", "idle"}
    assert seen.untouched[name] == seen.before[name]


@pytest.mark.parametrize("name", WAITING)
def test_what_waited_is_handled_once_when_a_provider_is_back(seen: Seen, name: str) -> None:
    night = seen.nights[name]
    assert night.order() == ["runbook", "thinker"]
    (candidate,) = _candidates(seen, name)
    assert (candidate["state"], candidate["kept"]) == ("accepted", True)
    waits, accepted = night.mails(seen.cron)
    assert "deferred" in waits
    assert "\naccepted " in accepted
