"""How do the tests of a checkout go, told by two channels that have to agree?

The launch is hardened: nothing of the caller's environment but what is named, a home and a folder for temporary files
of its own, a checkout without any compiled file, and every process of it is ended before its report is read.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.process import run_program
from agentkit.core.program import Ended, Program
from agentkit.ratchet.outcomes import FAIL, MISSING, PASS, RANK, Outcomes
from agentkit.ratchet.reports.reading import read_report
from agentkit.ratchet.settings import REPORT_WORD, Settings

HARNESS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "harness", "start.py")
KEPT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "USER", "LOGNAME", "SYSTEMROOT")
KEEP_BYTES = 262_144
# So much of a report is looked at in one look, to tell how far it is.
WATCHED_BYTES = 4_194_304
# pytest: all passed, some failed. Everything else is no result of tests.
RAN, INTERRUPTED, NOTHING_RAN = (0, 1), 2, 5


@dataclass(frozen=True)
class Job:
    """What is to be run: a checkout, whose tests, and by what."""

    name: str
    checkout: str
    person: str
    python: str
    settings: Settings
    test_files: tuple[str, ...]
    tops: tuple[str, ...]
    folder: str
    environ: Mapping[str, str] = field(repr=False)
    only: tuple[str, ...] | None = None
    reverse: bool = False
    words: tuple[str, ...] = ()
    # Told how many tests have ended, of how many.
    tell: Callable[[int, int | None], None] | None = None
    # Fills the checkout, before the first line of what lies in it is run.
    prepare: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Run:
    """How the tests of a job went.

    `trouble` says why there is no evidence, and is empty where there is. `collected` are all ids that were found
    before the first test ran. `failures` holds the output of what failed. `mechanism` names what the run itself was
    seen to do against its judge.
    """

    name: str
    outcomes: Outcomes
    collected: tuple[str, ...] = ()
    failures: Mapping[str, str] = field(default_factory=dict, repr=False)
    trouble: str = ""
    mechanism: str | None = None
    hints: tuple[str, ...] = ()
    status: int | None = None
    duration: timedelta = timedelta(0)
    output: str = field(default="", repr=False)
    changed: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()
    looks: tuple[str, ...] = ()
    rewritten: tuple[str, ...] = ()

    def record(self) -> dict[str, object]:
        """Return what a verdict says about this run."""
        counts: dict[str, int] = {}
        for outcome in self.outcomes.values():
            counts[outcome] = counts.get(outcome, 0) + 1
        return {
            "name": self.name,
            "status": self.status,
            "duration_s": round(self.duration.total_seconds(), 3),
            "tests": len(self.outcomes),
            "counts": counts,
            "trouble": self.trouble or None,
        }


def run_tests(job: Job) -> Run:
    """Run the tests of a checkout and return how they went."""
    place = os.path.join(job.folder, f"run-{os.urandom(6).hex()}")
    for part in ("home", "tmp"):
        os.makedirs(os.path.join(place, part))
    report = os.path.join(place, f"report-{os.urandom(8).hex()}")
    environment = {name: value for name, value in job.environ.items() if name in (*KEPT, *job.settings.environment)}
    environment |= {
        "HOME": os.path.join(place, "home"),
        "TMPDIR": os.path.join(place, "tmp"),
        "PYTHONSAFEPATH": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    environment.setdefault("PATH", os.defpath)
    if job.settings.command:
        return _run_command(job, report, environment)
    return _run_pytest(job, place, report, environment)


def _run_command(job: Job, report: str, environment: Mapping[str, str]) -> Run:
    words = tuple(word.replace(REPORT_WORD, report) for word in job.settings.command)
    job.prepare()
    if job.tell:
        job.tell(0, None)
    ended = _launch(job, words, environment, folder=job.checkout)
    told = _tell_end(ended)
    if told:
        return _without_evidence(job, ended, told)
    try:
        outcomes = read_report(report)
    except AgentkitError as error:
        return _without_evidence(job, ended, f"its report: {error.message}")
    has_failed = FAIL in outcomes.values()
    if has_failed == (ended.status == 0):
        said = "a failed test" if has_failed else "no failed test"
        return _without_evidence(job, ended, f"it ended with {ended.status}, and its report tells of {said}")
    return _finish(job, ended, outcomes=outcomes, collected=tuple(outcomes))


def _run_pytest(job: Job, place: str, report: str, environment: Mapping[str, str]) -> Run:
    key = os.urandom(16).hex()
    words = ["-q", "--no-header", "-p", "no:cacheprovider", f"--rootdir={job.checkout}"]
    # `--maxfail` of the repository would end at the first double.
    words += [*job.settings.pytest, *job.words, "--maxfail=0"]
    orders = {
        "report": report,
        "key": key,
        "nonce": os.urandom(8).hex(),
        "gate": os.path.join(place, "gate"),
        "limit_s": job.settings.limit.total_seconds(),
        "checkout": job.checkout,
        "person": os.path.realpath(job.person) if job.person else "",
        "tops": list(job.tops),
        "test_files": list(job.test_files),
        "words": words,
        "plugins": list(job.settings.plugins),
        "only": None if job.only is None else list(job.only),
        "reverse": job.reverse,
    }
    # Opened before it is run: the name is gone, and what is read is what was written under it.
    descriptor = os.open(report, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    gate = _Gate(os.path.join(place, "gate"))
    watch = _watch(job, descriptor) if job.tell else None

    def look() -> None:
        # The harness loads pytest meanwhile, which takes longer, and then waits at the gate.
        if not gate.is_open:
            job.prepare()
        if watch:
            watch()
        gate.open()

    try:
        harness = (job.python, "-s", HARNESS)
        ended = _launch(job, harness, environment, folder=place, stdin=json.dumps(orders).encode(), tell=look)
        size = os.fstat(descriptor).st_size
        raw = os.pread(descriptor, size, 0)
        while len(raw) < size and (more := os.pread(descriptor, size - len(raw), len(raw))):
            raw += more
    finally:
        os.close(descriptor)
        gate.close()
    rows, is_whole = _check_rows(raw, key)
    return _judge_rows(job, ended, rows, is_whole=is_whole)


class _Gate:
    """A pipe with a name at which the harness waits until it is open; close it when the run has ended."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = -1
        os.mkfifo(path, 0o600)

    @property
    def is_open(self) -> bool:
        """Tell whether the harness may go on."""
        return self._descriptor >= 0

    def open(self) -> None:
        """Let the harness go on."""
        if self._descriptor < 0:
            # Open for both, nobody waits for the other end (fifo(7)).
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
            os.write(self._descriptor, b"\n")

    def close(self) -> None:
        """Give the pipe back."""
        if self._descriptor >= 0:
            os.close(self._descriptor)


def _watch(job: Job, descriptor: int) -> Callable[[], None]:
    """Return what tells how far the report is, from what has been written of it."""
    read, done, total = 0, 0, None

    def look() -> None:
        nonlocal read, done, total
        raw = os.pread(descriptor, WATCHED_BYTES, read)
        end = raw.rfind(b"\n") + 1
        read += end
        for line in raw[:end].splitlines():
            done += line.startswith(b'["test"')
            if line.startswith(b'["collected"'):
                total = len(json.loads(line.rpartition(b"\t")[0])[1])
        if job.tell:
            job.tell(done, total)

    return look


def _launch(
    job: Job,
    words: Sequence[str],
    environment: Mapping[str, str],
    *,
    folder: str,
    stdin: bytes = b"",
    tell: Callable[[], None] | None = None,
) -> Ended:
    ended = run_program(
        Program(
            tuple(words),
            limit=job.settings.limit,
            environment=environment,
            folder=folder,
            stdin=stdin,
            keep_bytes=KEEP_BYTES,
        ),
        tell=tell,
    )
    if ended.outcome == "not-started":
        raise AgentkitError(
            f"{words[0]} cannot be run: {ended.trouble or ended.status}",
            hint="`python` or `command` of the settings",
            status=Exit.UNAVAILABLE,
        )
    return ended


def _check_rows(raw: bytes, key: str) -> tuple[list[tuple[str, object]], bool]:
    """Return the rows up to the first one that does not belong to the chain, and whether that was the end."""
    state = hashlib.blake2b(key=key.encode(), digest_size=16)
    rows: list[tuple[str, object]] = []
    for line in raw.splitlines(keepends=True):
        text, _, digest = line.rpartition(b"\t")
        state.update(text)
        if digest != state.copy().hexdigest().encode() + b"\n":
            return rows, False
        kind, value = json.loads(text)
        rows.append((kind, value))
    return rows, True


def _judge_rows(job: Job, ended: Ended, rows: list[tuple[str, object]], *, is_whole: bool) -> Run:
    outcomes: Outcomes = {}
    failures: dict[str, str] = {}
    collected: tuple[str, ...] = ()
    hints: list[str] = []
    end: dict[str, object] = {}
    for kind, value in rows:
        if kind == "collected" and isinstance(value, list):
            collected = tuple(map(str, value))
        elif kind == "test" and isinstance(value, list):
            name, outcome, text = map(str, value)
            if RANK[outcome] <= RANK.get(outcomes.get(name, "pass"), 0):
                outcomes[name] = outcome
            if outcome == FAIL:
                failures[name] = text
        elif kind == "error" and isinstance(value, list):
            failures[str(value[0])] = str(value[1])
            hints.append(f"{value[0]} could not be collected")
        elif kind == "ended" and isinstance(value, dict):
            end = value
    told = _tell_end(ended)
    if not is_whole:
        return _finish(job, ended, outcomes=outcomes, collected=collected, failures=failures, hints=hints,
                       trouble="its report was written by somebody else", mechanism="report-forged")  # fmt: skip
    if told or not end:
        # It was ended in the middle: by its limit, a crash, or by what it runs.
        mechanism = None if told.startswith("it took") else "early-exit"
        return _finish(job, ended, outcomes=outcomes, collected=collected, failures=failures, hints=hints,
                       trouble=told or f"it left before its report was whole, with status {ended.status}",
                       mechanism=mechanism)  # fmt: skip
    mechanism, trouble = _find_forgery(end, ended, outcomes)
    return _finish(
        job, ended, outcomes=outcomes, collected=collected, failures=failures, hints=hints, trouble=trouble,
        mechanism=mechanism, changed=_words(end, "changed"), strangers=_words(end, "strangers"),
        looks=_words(end, "looks"),
    )  # fmt: skip


def _find_forgery(end: Mapping[str, object], ended: Ended, outcomes: Outcomes) -> tuple[str | None, str]:
    """Return (mechanism, trouble) where the two channels or the doubles do not agree."""
    seen = _words(end, "doubles")
    # Skipped, expected to fail or never run is what the tests beside it are then too, and that shows.
    if PASS in seen:
        return "report-forged", "a test that fails was seen to pass"
    if end.get("status") == INTERRUPTED and not end.get("errors"):
        return "early-exit", f"it was interrupted: {_last_line(ended)}"
    if end.get("status") not in (*RAN, INTERRUPTED) and (end.get("status") != NOTHING_RAN or outcomes):
        return None, f"pytest ended with {end.get('status')}: {_last_line(ended)}"
    if end.get("status") != ended.status:
        return "report-forged", f"it told of status {end.get('status')} and ended with {ended.status}"
    if ended.status == NOTHING_RAN and not outcomes and not end.get("errors"):
        return None, "no test was found"
    has_failed = FAIL in seen or FAIL in outcomes.values() or bool(end.get("errors"))
    if has_failed == (ended.status == 0):
        return "report-forged", f"it ended with {ended.status}, which its report does not say"
    foreign = _words(end, "foreign")
    if foreign:
        return None, f"what ran was not the checkout: {foreign[0]} came from elsewhere"
    return None, ""


def _tell_end(ended: Ended) -> str:
    if ended.outcome in ("timed-out", "unkillable"):
        return f"it took longer than {ended.duration.total_seconds():.0f}s, its limit"
    if ended.signal is not None:
        return f"signal {ended.signal} ended it"
    return ""


def _last_line(ended: Ended) -> str:
    lines = (ended.stderr or ended.stdout).decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:300] if lines else "it said nothing"


def _words(end: Mapping[str, object], key: str) -> tuple[str, ...]:
    found = end.get(key)
    return tuple(map(str, found)) if isinstance(found, list) else ()


def _without_evidence(job: Job, ended: Ended, trouble: str) -> Run:
    return _finish(job, ended, outcomes={}, trouble=trouble)


def _finish(
    job: Job,
    ended: Ended,
    *,
    outcomes: Outcomes,
    collected: tuple[str, ...] = (),
    failures: Mapping[str, str] | None = None,
    hints: Sequence[str] = (),
    trouble: str = "",
    mechanism: str | None = None,
    changed: tuple[str, ...] = (),
    strangers: tuple[str, ...] = (),
    looks: tuple[str, ...] = (),
) -> Run:
    left = [program for _, program in ended.left_behind]
    told = [*hints, *([f"it left {len(left)} processes running: {', '.join(left[:3])}"] if left else [])]
    if left and mechanism is None:
        mechanism = "detached-process"
    wanted = collected if job.only is None else tuple(name for name in collected if name in set(job.only))
    whole = {**outcomes, **{name: MISSING for name in wanted if name not in outcomes}}
    output = (ended.stdout + b"\n" + ended.stderr).decode("utf-8", "replace")
    return Run(
        job.name, whole, collected, failures or {}, trouble, mechanism, tuple(told), ended.status, ended.duration,
        output, changed, strangers, looks,
    )  # fmt: skip
