"""Does a finding wait until somebody has dealt with it, and does it wake a mind once and no more?"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from agentkit.think.asking import NO_PROVIDER
from tests.conftest import Run
from tests.think.conftest import Wake, finding
from tests.think.scriptedmodel import ScriptedModel, say


def test_a_warning_wakes_the_model_once(wake: Wake, configure: Callable[..., None], model: ScriptedModel) -> None:
    configure()
    status, (record,), _ = wake(finding())
    assert (status, record["status"], record["action"]) == (0, "thought", "notify")
    assert (len(model.asked), record["providers_tried"], record["tokens"]) == (1, ["mine"], 120)
    status, (record,), stderr = wake(finding())
    assert (status, record["status"], stderr) == (0, "asleep", "")
    assert len(model.asked) == 1


def test_info_wakes_nobody(wake: Wake, configure: Callable[..., None], model: ScriptedModel) -> None:
    configure()
    status, (record,), _ = wake(finding(severity="info"))
    assert (status, record["status"], model.asked) == (0, "asleep", [])


def test_without_a_provider_a_finding_waits_and_is_handled_when_there_is_one(
    wake: Wake, configure: Callable[..., None]
) -> None:
    status, (record,), _ = wake(finding())
    assert (status, record["status"], record["reason"]) == (75, "deferred", NO_PROVIDER)
    configure()
    status, (record,), _ = wake()
    assert (status, record["status"]) == (0, "thought")


def test_what_fires_again_wakes_again_after_the_group_interval(
    wake: Wake, configure: Callable[..., None], model: ScriptedModel
) -> None:
    configure('[think]\ngroup_interval = "1ms"')
    wake(finding())
    assert wake(finding(state="resolved"))[1][0]["status"] == "asleep"
    assert wake(finding())[1][0]["status"] == "thought"
    assert len(model.asked) == 2


def test_what_comes_new_in_a_group_waits_for_the_group_interval(
    wake: Wake, configure: Callable[..., None], model: ScriptedModel
) -> None:
    configure()
    wake(finding())
    status, (record,), _ = wake(finding("job:other"))
    assert (status, record["status"], len(model.asked)) == (0, "asleep", 1)


def test_a_critical_finding_silences_the_warnings_of_its_subject(
    wake: Wake, configure: Callable[..., None], model: ScriptedModel
) -> None:
    configure()
    loud, quiet = finding(severity="critical"), finding(type="slow")
    status, records, _ = wake(loud, quiet)
    assert status == 0
    assert [record["severity"] for record in records] == ["critical"]
    assert wake({**loud, "state": "resolved"}, quiet)[1][0]["status"] == "thought"
    assert len(model.asked) == 2


def test_what_got_worse_wakes_again(wake: Wake, configure: Callable[..., None], model: ScriptedModel) -> None:
    configure('[think]\ngroup_interval = "1ms"')
    wake(finding())
    assert wake(finding(severity="critical"))[1][0]["severity"] == "critical"


def test_a_severity_is_never_lowered(wake: Wake, configure: Callable[..., None], model: ScriptedModel) -> None:
    configure()
    model.script = lambda _: (200, say("none", "info"), {})
    _, (record,), _ = wake(finding(severity="critical"))
    assert (record["severity"], record["action"]) == ("critical", "none")


def test_an_answer_that_does_not_fit_is_asked_for_once_more(
    wake: Wake, configure: Callable[..., None], model: ScriptedModel
) -> None:
    configure()
    answers = iter([say("format-the-disk"), say("none")])
    model.script = lambda _: (200, next(answers), {})
    status, (record,), _ = wake(finding())
    assert (status, record["status"], record["tokens"], len(model.asked)) == (0, "thought", 240, 2)


def test_an_answer_that_never_fits_defers_and_is_not_paid_for_at_each_tick(
    wake: Wake, configure: Callable[..., None], model: ScriptedModel
) -> None:
    configure()
    model.script = lambda _: (200, say("format-the-disk"), {})
    status, (record,), _ = wake(finding())
    assert (status, record["status"]) == (75, "deferred")
    wake(finding())
    assert len(model.asked) == 2


def test_a_runbook_ends_the_need_for_a_mind(
    wake: Wake, configure: Callable[..., None], model: ScriptedModel, tmp_path: Path
) -> None:
    runbook = (
        f'[[think.runbook]]\nname = "fix"\nmatch = {{type = "miss*"}}\nrun = ["cp", "/dev/stdin", "{tmp_path}/got"]'
    )
    configure(runbook)
    status, (record,), _ = wake(finding())
    assert (status, record["status"], record["runbook"], model.asked) == (0, "runbook_only", "fix", [])
    assert '"job:backup"' in (tmp_path / "got").read_text()


def test_a_runbook_that_fails_is_told_to_the_model(
    wake: Wake, configure: Callable[..., None], model: ScriptedModel
) -> None:
    configure('[[think.runbook]]\nname = "fix"\nmatch = {type = "missing"}\nrun = ["sh", "-c", "echo no disk; exit 7"]')
    _, (record,), _ = wake(finding())
    assert record["status"] == "thought"
    assert "failed with status 7" in model.questions[0]
    assert "no disk" in model.questions[0]


def test_the_runbook_that_the_model_chooses_is_run_once(
    wake: Wake, configure: Callable[..., None], model: ScriptedModel, tmp_path: Path
) -> None:
    configure(
        f'[[think.runbook]]\nname = "fix"\nmatch = {{type = "x"}}\nrun = ["sh", "-c", "echo ran >> {tmp_path}/ran"]'
    )
    model.script = lambda _: (200, say("runbook", runbook="fix"), {})
    _, (record,), _ = wake(finding())
    assert (record["action"], record["runbook"]) == ("runbook", "fix")
    assert "ok" in str(record["outcome"])
    wake(finding())
    assert (tmp_path / "ran").read_text() == "ran\n"


def test_records_of_other_kinds_pass_through(wake: Wake) -> None:
    other = {"v": 1, "kind": "beat", "job": "x"}
    assert wake(other)[1][0] == other


def test_the_failure_of_the_job_that_it_runs_in_wakes_nobody(
    wake: Wake, configure: Callable[..., None], model: ScriptedModel
) -> None:
    """It would call for what has just failed, and pay for it, at each tick."""
    configure('host = "web-1"')
    wake(finding("job:other"))
    inside = {"AGENTKIT_JOB": "night-watch"}
    status, [record], _ = wake(finding("job:night-watch"), more=inside)
    assert (status, record["status"], len(model.asked)) == (0, "asleep", 1)
    # That of another machine's, and that of another job of this one, are anybody's.
    assert wake(finding("job:night-watch", host="web-2", type="failed"), more=inside)[1][0]["status"] == "thought"
    assert wake(finding("job:night-watch", type="idle"))[1][0]["status"] == "thought"


def test_a_budget_of_nothing_defers(wake: Wake, configure: Callable[..., None], model: ScriptedModel) -> None:
    configure("[think.budget]\ncalls_per_day = 0")
    status, (record,), _ = wake(finding())
    assert (status, record["status"], model.asked) == (75, "deferred", [])
    assert "calls_per_day" in str(record["reason"])
    configure("[think.budget]\ncalls_per_day = 1")
    assert wake()[0] == 0


def test_money_is_spent_as_the_provider_counts(wake: Wake, configure: Callable[..., None]) -> None:
    configure("[think.budget]\nusd_per_day = 1", "price_in = 1\nprice_out = 10")
    _, (record,), _ = wake(finding())
    assert record["spent_usd"] == 0.0003
    assert float(str(record["reserved_usd"])) > float(str(record["spent_usd"]))


def test_without_any_cap_no_money_is_spent(wake: Wake, configure: Callable[..., None], model: ScriptedModel) -> None:
    configure("", "price = 1")
    status, (record,), _ = wake(finding())
    assert (status, record["status"], model.asked) == (78, "refused", [])


def test_an_unknown_price_is_refused(wake: Wake, configure: Callable[..., None], model: ScriptedModel) -> None:
    configure("[think.budget]\nusd_per_day = 1", "")
    status, (record,), _ = wake(finding())
    assert (status, record["status"], model.asked) == (78, "refused", [])


def test_two_thousand_findings_are_ten_groups_and_the_same_again_wakes_nobody(
    wake: Wake, configure: Callable[..., None], model: ScriptedModel
) -> None:
    configure()
    many = [finding(f"job:{number}", type=f"t{number % 10}") for number in range(2_000)]
    status, records, _ = wake(*many)
    assert (status, len(records), len(model.asked)) == (0, 10, 10)
    assert sum(len(record["findings"]) for record in records) == 2_000  # type: ignore[arg-type]
    assert wake(*many)[1][0]["status"] == "asleep"
    assert len(model.asked) == 10


@pytest.fixture
def dear_program(home: Path, tmp_path: Path) -> Path:
    """Configure a program that costs two cents a time, whatever is reserved for it, and return its home."""
    home.mkdir()
    program = tmp_path / "claude"
    said = {"type": "result", "result": say(), "usage": {"input_tokens": 9, "output_tokens": 9}, "total_cost_usd": 0.02}
    program.write_text(f"#!/bin/sh\ncat >/dev/null\ncat <<'END'\n{json.dumps(said)}\nEND\n")
    program.chmod(0o755)
    (home / "agentkit.toml").write_text(
        "[think.budget]\nusd_per_day = 0.03\n"
        f'[[think.provider]]\nname = "c"\nkind = "command"\nrun = ["{program}"]\nprice = 1\n'
    )
    return home


def test_what_a_program_says_that_it_cost_counts(wake: Wake, dear_program: Path) -> None:
    _, (record,), _ = wake(finding())
    assert (record["status"], record["spent_usd"]) == ("thought", 0.02)


def test_what_took_more_than_was_reserved_is_reserved_next_time(wake: Wake, dear_program: Path) -> None:
    wake(finding())
    status, (record,), _ = wake(finding(type="other"))
    assert (status, record["status"]) == (75, "deferred")
    assert "usd_per_day" in str(record["reason"])


def test_why_a_finding_waits_is_told_once_and_again_when_it_is_another_reason(agentkit: Run, home: Path) -> None:
    text = json.dumps(finding())
    told = [agentkit("think", "wake", input=text) for _ in range(2)]
    assert [(ended.returncode, ended.stderr.count("no provider is configured")) for ended in told] == [(75, 1), (75, 0)]
    (home / "agentkit.toml").write_text(
        '[[think.provider]]\nname = "m"\nkind = "command"\nrun = ["no-such-program"]\nprice = 0\n'
    )
    assert "no-such-program" in agentkit("think", "wake", input=text).stderr


def test_a_critical_finding_that_was_dropped_silences_nobody(
    agentkit: Run, wake: Wake, configure: Callable[..., None]
) -> None:
    loud, quiet = finding(severity="critical"), finding(type="slow")
    wake(loud, quiet)
    waiting = [json.loads(line) for line in agentkit("think", "inbox", "--json").stdout.splitlines()]
    fingerprint = next(each["fingerprint"] for each in waiting if each["severity"] == "critical")
    assert agentkit("think", "inbox", "drop", fingerprint, "--reason", "known").returncode == 0
    configure()
    assert wake()[1][0]["status"] == "thought"
