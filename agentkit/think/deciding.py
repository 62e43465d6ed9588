"""What becomes of the findings that wait: a runbook ends them, a mind decides, or they go on waiting and why?

Everything that is about to happen is in the store before it happens, and what was decided is told from there: whoever
is killed in between, the next wake goes on.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain

from agentkit.core.claims import name_this_process
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.lines import Record
from agentkit.core.settings import RunbookSettings, ThinkSettings
from agentkit.think import decisions
from agentkit.think.answering import Answer, AnswerError, read_answer
from agentkit.think.asking import DEADLINE_OVER, Asked, Asker
from agentkit.think.decisions import DEFERRED, REFUSED, RUNBOOK, RUNBOOK_ONLY, THOUGHT, make_decision
from agentkit.think.grouping import find_due_groups, read_group
from agentkit.think.groups import Group
from agentkit.think.inbox import claim, free_claims_of_dead, give_back, handle
from agentkit.think.prompting import repair_prompt
from agentkit.think.redacting import prepare_prompt, redact_prompt
from agentkit.think.runbooks import find_runbook, note_of, run_runbook
from agentkit.think.store import Store

# The worst that happened is what the whole ends with.
STATUS_ORDER = (Exit.OK, Exit.TRY_LATER, Exit.CONFIGURATION, Exit.REFUSED)
# A runbook that failed has had its turn.
UNTRIED = """
SELECT fingerprint, record FROM findings WHERE waits = 1 AND state = 'firing' AND NOT EXISTS (
    SELECT 1 FROM runs WHERE runs.fingerprint = findings.fingerprint AND runs.episode = findings.episode
    AND chosen_by = 'match' AND runs.state IN ('failed', 'timeout', 'interrupted')) ORDER BY waiting_since, fingerprint
"""
NO_MORE_THAN_INFO = "SELECT fingerprint FROM findings WHERE waits = 1 AND severity = 'info' AND claim IS NULL"
END_INFO = (
    "UPDATE findings SET waits = 0, handled_at = ?, handled_by = 'info' "
    "WHERE fingerprint = ? AND waits = 1 AND severity = 'info' AND claim IS NULL"
)
# What changed since then is another matter, about which somebody decides anew.
STILL_DECIDED = "SELECT record FROM findings WHERE fingerprint = ? AND handled_by = ? AND state = 'firing'"
WAITING_FOR = "SELECT waiting_for FROM findings WHERE fingerprint = ?"
# That there was no time left (?4) says less than why it waited before.
PUT_OFF = (
    "UPDATE findings SET waiting_for = CASE WHEN ?4 THEN coalesce(waiting_for, ?1) ELSE ?1 END, not_before = ?2 "
    "WHERE fingerprint = ?3"
)
THINK_AGAIN = "INSERT OR REPLACE INTO groups (key, thought_at) VALUES (?, ?)"


class Waking:
    """One wake: `tell` gets each decision as a record, as soon as it is written down, and whether it is news."""

    def __init__(
        self,
        store: Store,
        settings: ThinkSettings,
        environ: Mapping[str, str],
        host: str,
        tell: Callable[[Record, bool], None],
    ) -> None:
        self.store = store
        self.settings = settings
        self.environ = environ
        self.host = host
        self.tell = tell
        self.status: int = Exit.OK
        self._refusal: AgentkitError | None = None

    def go(self) -> None:
        """Deal with all that is due; `status` is what it came to."""
        free_claims_of_dead(self.store)
        for record in decisions.find_untold(self.store):
            self._finish(record)
        self._run_runbooks()
        now = time.time()
        groups = iter(find_due_groups(self.store, self.settings, name_this_process(), now))
        asker = Asker(self.store, self.settings, self.environ, "wake")
        for key, fingerprints in groups:
            pause = asker.find_pause()
            if pause is not None:
                self._put_off_all(pause, chain([(key, fingerprints)], groups))
                return
            ours = claim(self.store, fingerprints, (key, now))
            if not ours:
                continue
            try:
                self._decide(asker, read_group(self.store, key, ours), ours)
            finally:
                give_back(self.store, ours)

    def _put_off_all(self, pause: Asked, groups: Iterable[tuple[str, list[str]]]) -> None:
        """Leave everything waiting where nobody can be asked: nothing is claimed and nothing masked for that."""
        with self.store.transaction():
            deferred = [self._defer(pause, read_group(self.store, *each), each[1], time.time()) for each in groups]
        for record, is_news in deferred:
            self.tell(record, is_news)

    def _run_runbooks(self) -> None:
        """Run what fits each finding that waits; what none ended waits for a mind, unless it is no more than info."""
        # Looked at before the runbooks are chosen: what comes later has a turn of its own.
        infos = self.store.select(NO_MORE_THAN_INFO)
        matched: dict[str, tuple[RunbookSettings, Record]] = {}
        for fingerprint, text in self.store.select(UNTRIED) if self.settings.runbooks else []:
            record = {**json.loads(str(text)), "fingerprint": str(fingerprint)}
            runbook = find_runbook(self.settings.runbooks, record)
            if runbook is not None:
                matched[str(fingerprint)] = runbook, record
        done: dict[str, list[str]] = {}
        ours = claim(self.store, list(matched))
        try:
            for fingerprint in ours:
                runbook, record = matched[fingerprint]
                outcome = run_runbook(
                    self.store, runbook, record, environ=self.environ, chosen_by="match", now=time.time()
                )
                if outcome.state == "ok":
                    done.setdefault(runbook.name, []).append(fingerprint)
            self._tell_ended(done)
        finally:
            give_back(self.store, ours)
        # What nobody has to know is over once its runbook had its turn.
        if infos:
            now = time.time()
            with self.store.transaction():
                self.store.execute_many(END_INFO, [(now, fingerprint) for (fingerprint,) in infos])

    def _tell_ended(self, done: Mapping[str, Sequence[str]]) -> None:
        """Write down which findings each runbook ended, and tell it."""
        for name, fingerprints in done.items():
            now = time.time()
            record = make_decision(
                RUNBOOK_ONLY, f"runbook {name} ended with 0", fingerprints, host=self.host, at=now, action=RUNBOOK,
                runbook=name,
            )  # fmt: skip
            with self.store.transaction():
                decisions.keep(self.store, record, "", now)
                handle(self.store, fingerprints, f"runbook:{name}", now)
            self._finish(record)

    def _decide(self, asker: Asker, group: Group, fingerprints: Sequence[str]) -> None:
        asked, answer = self._think(asker, group)
        now = time.time()
        if answer is None:
            self.tell(*self._defer(asked, group, fingerprints, now))
            return
        record = make_decision(
            THOUGHT,
            f"{asked.provider} answered",
            fingerprints,
            host=self.host,
            at=now,
            action=answer.action,
            runbook=answer.runbook,
            proposal=answer.proposal,
            repository=answer.repository,
            severity=answer.severity,
            rationale=answer.rationale,
            **asked.costs(),
        )
        with self.store.transaction():
            decisions.keep(self.store, record, group.key, now)
            handle(self.store, fingerprints, f"decision:{record['id']}", now)
            self.store.execute(THINK_AGAIN, (group.key, now))
        self._finish(record)

    def _defer(self, asked: Asked, group: Group, fingerprints: Sequence[str], now: float) -> tuple[Record, bool]:
        """Leave the findings waiting; return what is told of it, and whether it is news.

        The next wake decides anew, so this decision is not kept.
        """
        self.status = max(self.status, asked.status, key=STATUS_ORDER.index)
        with self.store.transaction():
            before = {str(why) for each in fingerprints for (why,) in self.store.select(WAITING_FOR, (each,))}
            is_late = asked.reason == DEADLINE_OVER
            is_known = [(why != "None" if is_late else decisions.is_same_reason(why, asked.reason)) for why in before]
            self.store.execute_many(PUT_OFF, [(asked.reason, asked.not_before, each, is_late) for each in fingerprints])
        record = make_decision(
            DEFERRED if asked.status == Exit.TRY_LATER else REFUSED,
            asked.reason,
            fingerprints,
            host=self.host,
            at=now,
            severity=group.severity,
            **asked.costs(),
            not_before=asked.not_before,
        )
        return record, not all(is_known)

    def _think(self, asker: Asker, group: Group) -> tuple[Asked, Answer | None]:
        """Ask for a decision, once more where the answer does not fit; None where there is none, and why."""
        runbooks, whole, had_answer = self.settings.runbooks, Asked(), False
        if self._refusal is not None:
            return Asked(status=self._refusal.status, reason=self._refusal.message), None
        try:
            prompt = prepare_prompt(group, runbooks, time.time(), self.environ, asker.left())
            for is_last in (False, True):
                asked = asker.ask(prompt, group.key)
                whole = asked.after(whole)
                if asked.text is None:
                    break
                had_answer = True
                try:
                    return whole, read_answer(asked.text, group.severity, runbooks)
                except AnswerError as error:
                    whole.status, whole.reason = Exit.TRY_LATER, f"{asked.provider}: its answer does not fit: {error}"
                    if not is_last:
                        again = repair_prompt(prompt, asked.text, str(error))
                        prompt = redact_prompt(again, self.environ, asker.left())
        except AgentkitError as error:
            if error.status != Exit.REFUSED:
                raise
            if not asker.left():
                # Nobody refused anything: there was no time left to mask it.
                whole.status, whole.reason = Exit.TRY_LATER, DEADLINE_OVER
            else:
                # It will be the same for every other group, and cost as much time.
                self._refusal = error
                whole.status, whole.reason = error.status, error.message
        if had_answer:
            # It was paid for: the next try waits as a group does that was thought about.
            self.store.execute(THINK_AGAIN, (group.key, time.time()))
        return whole, None

    def _finish(self, record: Record) -> None:
        """Do what was decided, if that was not begun already, and tell it."""
        if record["status"] == THOUGHT and record["action"] == RUNBOOK:
            record = {**record, "outcome": self._run_chosen(record)}
        self.tell(record, True)
        decisions.mark_told(self.store, record, time.time())

    def _run_chosen(self, record: Record) -> str:
        """Run the runbook that a mind chose, for the first of the findings, and return what became of it."""
        name, findings = record["runbook"], record["findings"]
        runbook = next((each for each in self.settings.runbooks if each.name == name), None)
        fingerprint = str(findings[0]) if isinstance(findings, list) and findings else ""
        row = self.store.first(STILL_DECIDED, (fingerprint, f"decision:{record['id']}"))
        if runbook is None:
            return f"runbook {name} is not configured any more"
        if row is None:
            return "the finding is gone, or not what it was: the runbook is not begun for it"
        finding = {**json.loads(str(row[0])), "fingerprint": fingerprint}
        outcome = run_runbook(self.store, runbook, finding, environ=self.environ, chosen_by="model", now=time.time())
        return note_of(outcome)
