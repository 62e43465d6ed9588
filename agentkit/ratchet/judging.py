"""Does anything that worked stop working with this candidate? Runs what has to be run, and gives the verdict."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.repo.checkout import Tree, read_tree
from agentkit.core.repo.repository import Repository
from agentkit.ratchet.comparing import Comparison, compare_outcomes
from agentkit.ratchet.court import Court, Tell
from agentkit.ratchet.measuring import measure
from agentkit.ratchet.metrics import Metric, compare_metrics
from agentkit.ratchet.naming import name_mechanism
from agentkit.ratchet.outcomes import MISSING, Outcomes, write_lines
from agentkit.ratchet.refs import Refs, find_moved, list_refs
from agentkit.ratchet.renames import find_renamed, read_bodies
from agentkit.ratchet.running import Run
from agentkit.ratchet.scanning import Scan, scan_change
from agentkit.ratchet.settings import FILES, find_in_environment, read_settings
from agentkit.ratchet.state import State
from agentkit.ratchet.suspects import Suspicion, try_again
from agentkit.ratchet.testside import is_test_side, put_tests_of
from agentkit.ratchet.treefaults import find_compiled, find_escaping_links, find_unfit
from agentkit.ratchet.verdict import ACCEPT, NO_EVIDENCE, REJECT, Verdict

MOST_FAILURES = 50
NO_PYTEST = "No module named 'pytest'"


@dataclass(frozen=True)
class Judgement:
    """A verdict, what the candidate's tests gave, and what is kept as evidence."""

    verdict: Verdict
    outcomes: Outcomes = field(default_factory=dict)
    unstable: frozenset[str] = frozenset()
    metrics: tuple[Metric, ...] = ()
    failures: Mapping[str, str] = field(default_factory=dict, repr=False)
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)


def find_baseline(repository: Repository, commit: str, tell: Tell | None = None) -> Judgement:
    """Return what the tests of a commit give, in two runs of different order; what differs is unstable.

    Raises AgentkitError (bad data) where there is no evidence: that is never a first baseline.
    """
    with Court(repository, commit, tell) as court:
        runs = [court.run("first", court.accepted), court.run("in reverse", court.accepted, reverse=True)]
        for run in runs:
            if run.trouble or not run.outcomes:
                raise _tell_no_baseline(run, court.python)
        first, second = (run.outcomes for run in runs)
        unstable = {name for name in first.keys() | second.keys() if first.get(name) != second.get(name)}
        metrics = measure(court.work, court.settings, court.accepted, court.python, court.environ)
        verdict = Verdict(
            answer=ACCEPT,
            base=commit,
            candidate=commit,
            reason=f"{len(first)} tests are the baseline",
            comparison=Comparison(unstable=tuple(sorted(unstable))),
            runs=tuple(run.record() for run in runs),
        )
        stable = {name: outcome for name, outcome in first.items() if outcome != MISSING}
        return Judgement(
            verdict,
            stable,
            frozenset(unstable) | frozenset(court.settings.unstable),
            metrics,
            files=_keep(runs, stable),
        )


def judge(
    repository: Repository, state: State, candidate: str, tell: Tell | None = None, *, may_change_judge: bool = False
) -> Judgement:
    """Return the verdict on a candidate; nothing of the repository is changed."""
    with Court(repository, state.accepted, tell) as court:
        return _Case(court, state, candidate, may_change_judge=may_change_judge).decide()


class _Case:
    """One candidate before the court."""

    def __init__(self, court: Court, state: State, candidate: str, *, may_change_judge: bool) -> None:
        self._court = court
        self._state = state
        self._candidate = candidate
        self._may_change_judge = may_change_judge
        self._unstable = state.unstable | frozenset(court.settings.unstable)
        # What is accepted is judged again in hooks and each night.
        self._tree = court.accepted if candidate == state.accepted else read_tree(court.repository, candidate)
        self._runs: list[Run] = []
        self._scan = Scan()

    def decide(self) -> Judgement:
        """Return the judgement."""
        court, accepted = self._court, self._court.accepted
        told = self._look_at_tree()
        if told:
            return self._answer(REJECT, told[1], mechanism=told[0])
        self._scan = scan_change(court.repository, accepted, self._tree, court.settings.tests)
        refs: Refs = {}
        replay = self._run(
            "under the accepted tests",
            put_tests_of(accepted, self._tree, court.settings.tests),
            first=lambda: refs.update(list_refs(court.repository)),
        )
        own = replay
        if self._test_side(accepted) != self._test_side(self._tree):
            own = self._run("under its own tests", self._tree)
        moved = find_moved(court.repository, refs, list_refs(court.repository))
        if moved:
            return self._answer(REJECT, f"{moved[0]} was moved while it was judged", mechanism="judge-changed")
        return self._weigh(replay, own)

    def _weigh(self, replay: Run, own: Run) -> Judgement:
        told = self._find_trouble(replay)
        if told:
            return told
        under_accepted = compare_outcomes(self._state.baseline, replay.outcomes, self._unstable)
        # What the accepted tests say against a candidate is not taken back by tests of its own that tell nothing.
        if not under_accepted.regressed and own is not replay and (told := self._find_trouble(own)):
            return told
        shaky: frozenset[str] = frozenset()
        if under_accepted.regressed and not replay.trouble:
            suspicion = self._suspect(under_accepted, replay)
            shaky = suspicion.unstable
            under_accepted = _leave_out(under_accepted, suspicion.cleared | shaky)
        under_own, renamed = (under_accepted, {}) if own is replay else self._compare_own(own)
        if own is not replay:
            under_own = _leave_out(under_own, shaky)
        regressed = {change.id: change for change in (*under_own.regressed, *under_accepted.regressed)}
        metrics = measure(
            self._court.work, self._court.settings, self._replayed(), self._court.python, self._court.environ
        )
        measured = compare_metrics(self._state.metrics, metrics)
        comparison = replace(
            under_own,
            regressed=tuple(regressed[name] for name in sorted(regressed)),
            missing=tuple(name for name in sorted(regressed) if regressed[name].now == MISSING),
            unstable=tuple(sorted({*under_own.unstable, *under_accepted.unstable, *shaky})),
            new=tuple(name for name in under_own.new if name not in renamed.values()),
        )
        outcomes = {name: outcome for name, outcome in own.outcomes.items() if outcome != MISSING}
        answer, reason, mechanism = self._conclude(
            comparison, [metric.why for metric in measured if metric.is_worse], replay, own
        )
        verdict = replace(
            self._answer(answer, reason, mechanism=mechanism).verdict, comparison=comparison, metrics=tuple(measured)
        )
        hints = [*verdict.hints, *(f"{old} is now {new}" for old, new in renamed.items())]
        return Judgement(
            replace(verdict, hints=tuple(hints)),
            outcomes,
            self._state.unstable | shaky,
            metrics,
            self._failures(),
            _keep(self._runs, outcomes),
        )

    def _find_trouble(self, run: Run) -> Judgement | None:
        """Return the answer where a run gives no evidence, or was seen to forge it."""
        if run.trouble and not self._has_evidence(run):
            return self._answer(NO_EVIDENCE, run.trouble, mechanism=run.mechanism, run=run)
        if run.trouble and run.mechanism == "report-forged":
            return self._answer(REJECT, run.trouble, mechanism=run.mechanism, run=run)
        return None

    def _conclude(self, comparison: Comparison, worse: list[str], replay: Run, own: Run) -> tuple[str, str, str | None]:
        """Return (answer, reason, mechanism)."""
        forged = self._find_forgery(replay, own)
        if comparison.regressed:
            first = comparison.regressed[0]
            count = len(comparison.regressed)
            reason = f"{first.id} was {first.was} and {first.why}" + (f", and {count - 1} more" if count > 1 else "")
            mechanism = forged or replay.mechanism or own.mechanism
            if mechanism is None:
                mechanism = name_mechanism(comparison, replay, own, self._changed_paths(), self._scan)
            return REJECT, reason, mechanism
        if forged:
            return REJECT, "what judges was changed while it judged", forged
        if worse:
            return REJECT, f"a metric {worse[0]}", None
        if self._court.settings.holdout:
            told = self._try_holdout()
            if told:
                return REJECT, told, "special-cased"
        elif self._scan.looks:
            return NO_EVIDENCE, self._scan.looks[0], "special-cased"
        held = len(self._state.baseline)
        return ACCEPT, "1 test holds" if held == 1 else f"{held} tests hold", None

    def _find_forgery(self, replay: Run, own: Run) -> str | None:
        """Return what a run did to its judge that the accepted commit's does not do; looks are taken down."""
        seen = [run for run in (replay, own) if run.rewritten or run.changed or run.strangers or run.looks]
        if not seen:
            return None
        base = self._court.run("the accepted commit", self._court.accepted)
        self._runs.append(base)
        for run in seen:
            if set(run.rewritten) - set(base.rewritten):
                return "judge-changed"
            if set(run.strangers) - set(base.strangers):
                return "plugin"
            if set(run.changed) - set(base.changed):
                return "report-forged"
        looks = {look: None for run in seen for look in run.looks if look not in base.looks}
        self._scan.looks += [f"{look} while the tests ran" for look in looks]
        return None

    def _try_holdout(self) -> str:
        """Return what a hold-out says against the candidate; its tests are never named."""
        folder = os.path.join(self._court.repository.root, os.path.expanduser(self._court.settings.holdout))
        if not os.path.isdir(folder):
            raise AgentkitError(
                f"the hold-out {folder} is no folder", hint="`holdout` of the settings", status=Exit.CONFIGURATION
            )
        base = self._court.run("the hold-out, accepted", self._court.accepted, holdout=folder)
        mine = self._court.run("the hold-out", self._tree, holdout=folder)
        if base.trouble or not base.outcomes:
            raise AgentkitError(
                f"the hold-out gives nothing: {base.trouble or 'no test'}",
                hint=f"pytest {folder}",
                status=Exit.CONFIGURATION,
            )
        worse = compare_outcomes(base.outcomes, mine.outcomes).regressed
        return (
            f"{len(worse)} of {len(base.outcomes)} tests of the hold-out do not hold" if worse or mine.trouble else ""
        )

    def _look_at_tree(self) -> tuple[str, str] | None:
        """Return (mechanism, reason) for what no run is needed to see."""
        accepted, repository = self._court.accepted, self._court.repository
        unfit = find_unfit(self._tree)
        if unfit:
            return "link-escape", f"{unfit[0]} is no path that a checkout can have"
        links = find_escaping_links(repository, self._tree, accepted)
        if links:
            return "link-escape", f"{links[0]} is a link that leaves the tree"
        changed = [path for path in self._tree if accepted.get(path) != self._tree[path]]
        compiled = find_compiled(changed)
        if compiled:
            return "bytecode", f"{compiled[0]} is compiled: what it does can not be read"
        interpreters = find_in_environment(repository, self._court.python, changed)
        if interpreters and not self._may_change_judge:
            return "judge-changed", f"{interpreters[0]} belongs to the interpreter that runs the tests"
        try:
            is_changed = any(accepted.get(path) != self._tree.get(path) for path in FILES) and (
                read_settings(repository, self._tree) != self._court.settings
            )
        except AgentkitError as error:
            return "judge-changed", error.message
        if is_changed and not self._may_change_judge:
            return (
                "judge-changed",
                "the settings of the ratchet are other ones; a person accepts that with --judge-changed",
            )
        return None

    def _suspect(self, comparison: Comparison, replay: Run) -> Suspicion:
        def rerun(is_base: bool, only: Collection[str] | None) -> Run:
            tree = self._court.accepted if is_base else self._replayed()
            return self._run("the accepted commit again" if is_base else "the candidate again", tree, only=only)

        return try_again(comparison.regressed, self._state.baseline, replay, rerun)

    def _compare_own(self, own: Run) -> tuple[Comparison, dict[str, str]]:
        found = compare_outcomes(self._state.baseline, own.outcomes, self._unstable)
        if not found.missing:
            return found, {}
        repository = self._court.repository
        old, new = (read_bodies(repository, self._test_side(tree)) for tree in (self._court.accepted, self._tree))
        renamed = find_renamed(self._state.baseline, own.outcomes, found.missing, old, new)
        return _leave_out(found, renamed.keys()), renamed

    def _has_evidence(self, run: Run) -> bool:
        """Tell whether a stable test was told of before the run broke off."""
        stable = self._state.baseline.keys() - self._unstable
        return any(outcome != MISSING and name in stable for name, outcome in run.outcomes.items())

    def _failures(self) -> dict[str, str]:
        """Return what the failing tests of the candidate said."""
        return {name: text for run in reversed(self._runs) for name, text in run.failures.items()}

    def _replayed(self) -> Tree:
        return put_tests_of(self._court.accepted, self._tree, self._court.settings.tests)

    def _changed_paths(self) -> set[str]:
        accepted, mine = self._court.accepted, self._tree
        return {path for path in accepted.keys() | mine.keys() if accepted.get(path) != mine.get(path)}

    def _test_side(self, tree: Tree) -> Tree:
        return {path: entry for path, entry in tree.items() if is_test_side(path, self._court.settings.tests)}

    def _run(
        self, name: str, tree: Tree, *, only: Iterable[str] | None = None, first: Callable[[], None] | None = None
    ) -> Run:
        run = self._court.run(name, tree, only=only, first=first)
        self._runs.append(run)
        return run

    def _answer(self, answer: str, reason: str, *, mechanism: str | None = None, run: Run | None = None) -> Judgement:
        hints = [hint for one in self._runs for hint in one.hints] + self._scan.looks + self._scan.hints
        verdict = Verdict(
            answer,
            self._state.accepted,
            self._candidate,
            reason if run is None else f"{run.name}: {reason}",
            mechanism=mechanism,
            hints=tuple(dict.fromkeys(hints)),
            runs=tuple(one.record() for one in self._runs),
        )
        return Judgement(verdict, failures=self._failures(), files=_keep(self._runs, {}))


def _leave_out(comparison: Comparison, names: Iterable[str]) -> Comparison:
    left = frozenset(names)
    return replace(
        comparison,
        regressed=tuple(change for change in comparison.regressed if change.id not in left),
        missing=tuple(name for name in comparison.missing if name not in left),
    )


def _keep(runs: Iterable[Run], outcomes: Outcomes) -> dict[str, bytes]:
    """Return the files that are kept as evidence: what the tests gave, and what the failing ones said."""
    files = {"outcomes": write_lines(outcomes)}
    for number, run in enumerate(runs, start=1):
        texts = [f"== {name}\n{text}\n" for name, text in list(run.failures.items())[:MOST_FAILURES]]
        text = "".join([f"{run.name}\n", *texts, "== output\n", run.output])
        files[f"run{number}.txt"] = text.encode("utf-8", "replace")
    return files


def _tell_no_baseline(run: Run, python: str) -> AgentkitError:
    said = _last_words(run)
    trouble, hint = run.trouble or "there is no test", said
    if said and said.endswith(NO_PYTEST):
        trouble = f"{python} has no pytest"
        hint = f"{python} -m pip install pytest; or name another `python` or `command`: [tool.agentkit.ratchet]"
    return AgentkitError(f"no baseline: {trouble}", hint=hint, status=Exit.BAD_DATA)


def _last_words(run: Run) -> str | None:
    lines = [line.strip() for line in run.output.splitlines() if line.strip()]
    return lines[-1][:200] if lines else None
