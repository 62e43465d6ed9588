from agentkit.core.evidence import CrontabLine, NewFinding
from agentkit.core.ledger import findings, lines, notes

NOW = 1_790_000_000.0


def finding(name: str, title: str = "late") -> NewFinding:
    return NewFinding(name, "web-1", "heartbeat.check", "late", f"job:{name}", "", "warning", title, '{"n":1}')


def test_a_finding_seen_again_is_the_same_one(ledger):
    findings.upsert_findings(ledger, [finding("a")], NOW)
    (again,) = findings.upsert_findings(ledger, [finding("a", "later still")], NOW + 60)
    assert (again.first_seen_at, again.last_seen_at, again.count, again.title) == (NOW, NOW + 60, 2, "later still")
    assert again.evidence() == {"n": 1}
    assert findings.find_firing(ledger) == [again]


def test_a_finding_that_has_gone_is_told_once_as_resolved(ledger):
    findings.upsert_findings(ledger, [finding("a"), finding("b")], NOW)
    findings.resolve_findings(ledger, ["a"], NOW + 60)
    findings.resolve_findings(ledger, ["a", "unknown"], NOW + 120)
    assert [one.fingerprint for one in findings.find_firing(ledger)] == ["b"]
    assert [(one.fingerprint, one.resolved_at) for one in findings.find_resolved_since(ledger, NOW)] == [
        ("a", NOW + 60)
    ]
    assert findings.find_resolved_since(ledger, NOW + 61) == []


def test_a_finding_that_comes_back_begins_anew(ledger):
    findings.upsert_findings(ledger, [finding("a")], NOW)
    findings.upsert_findings(ledger, [finding("a")], NOW + 1)
    findings.resolve_findings(ledger, ["a"], NOW + 60)
    (back,) = findings.upsert_findings(ledger, [finding("a")], NOW + 90)
    assert (back.state, back.first_seen_at, back.resolved_at, back.count) == ("firing", NOW + 90, None, 1)


def line(name: str, at: float) -> CrontabLine:
    return CrontabLine(name, "/etc/crontab", "root", "@daily", "true", None, at, at, None)


def test_a_crontab_line_that_has_gone_is_remembered_and_may_come_back(ledger):
    lines.see_lines(ledger, [line("a", NOW), line("b", NOW)])
    lines.mark_lines_gone(ledger, ["a"], NOW + 60)
    lines.mark_lines_gone(ledger, ["a"], NOW + 120)
    assert [(one.identity, one.gone_at) for one in lines.find_lines(ledger)] == [("a", NOW + 60), ("b", None)]
    lines.see_lines(ledger, [line("a", NOW + 90)])
    first, _ = lines.find_lines(ledger)
    assert (first.first_seen_at, first.last_seen_at, first.gone_at) == (NOW, NOW + 90, None)
    lines.forget_lines(ledger, ["a"])
    assert [one.identity for one in lines.find_lines(ledger)] == ["b"]


def test_a_note_is_unseen_until_it_was_seen(ledger):
    first = notes.add_note(ledger, "corrupt", "set aside", NOW, "why")
    notes.add_note_once(ledger, "spool", "unreadable", NOW)
    notes.add_note_once(ledger, "spool", "unreadable", NOW + 1)
    assert [note.text for note in notes.find_unseen_notes(ledger)] == ["set aside", "unreadable"]
    notes.mark_notes_seen(ledger, [first])
    assert [note.text for note in notes.find_unseen_notes(ledger)] == ["unreadable"]
    assert [note.is_seen for note in notes.find_notes_since(ledger, NOW)] == [False, True]


def test_an_acceptance_is_recorded_and_stands_in_the_job(ledger):
    notes.record_accept(ledger, "a", "moved to tape", "ada", NOW)
    newest = notes.record_accept(ledger, "a", "moved back", "ada", NOW + 9)
    assert notes.find_accepts(ledger, "a")[0] == newest
    row = ledger.first("SELECT accepted_at, accept_reason FROM jobs WHERE name = 'a'")
    assert row is not None
    assert tuple(row) == (NOW + 9, "moved back")


def test_a_parcel_stays_until_it_was_delivered(ledger):
    parcel = notes.add_parcel(ledger, "notify", "f1", "{}", NOW)
    notes.add_parcel(ledger, "ping", None, "https://example.org", NOW)
    notes.mark_parcel_tried(ledger, parcel, NOW + 5, "no route")
    (waiting,) = notes.iterate_parcels(ledger, "notify")
    assert (waiting.tried, waiting.tried_at, waiting.last_error) == (1, NOW + 5, "no route")
    notes.remove_parcel(ledger, parcel)
    assert list(notes.iterate_parcels(ledger, "notify")) == []


def test_a_value_is_kept_under_its_key(ledger):
    assert notes.read_value(ledger, "last_check_at") is None
    notes.write_value(ledger, "last_check_at", "1")
    notes.write_value(ledger, "last_check_at", "2")
    assert notes.read_value(ledger, "last_check_at") == "2"
