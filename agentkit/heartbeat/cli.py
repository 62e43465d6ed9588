"""The verbs of heartbeat: parse, call, print."""

# ruff: noqa: ARG001, PLR0917  # the options of `run` are declared one by one, and read by their names

import os
import time
from collections.abc import Mapping
from typing import Any

import typer

from agentkit.core.door import DRY_HELP, JSON_HELP, Verb, flag, make_door, one

app = make_door("heartbeat", "every job leaves evidence, and missing evidence is the alert")

RUN_HELP = """run a job and write down that it did: before, after, and if it never comes back

\b
  agentkit heartbeat run backup --every 1d -- /usr/local/bin/backup --all
  agentkit heartbeat run export --cron '*/5 * * * *' --expect-count 'rows>=1' -- ./export

A run whose program ends well and whose declared work did not happen is idle: that counts as failed.
"""
RUN_EPILOG = """Durations are 90s, 15m, 6h, 2d or 1w. Options marked + may be given several times.

The program adds to its evidence: echo items=12 >> "$AGENTKIT_MARKS"

Ends with the status of the program; 124 when its time limit ended it, 75 when it was not started because another run
goes on, 73 when its evidence could be written nowhere.
"""


def _complete_job(incomplete: str) -> list[str]:
    from agentkit.heartbeat.viewing import complete_job_names

    return complete_job_names(os.environ, incomplete)


def _many(option: str, metavar: str, text: str) -> Any:
    return typer.Option(None, option, metavar=metavar, help=f"{text} +")


def _job(text: str, *, is_needed: bool = True) -> Any:
    default = ... if is_needed else None
    return typer.Argument(default, metavar="NAME", help=text, autocompletion=_complete_job, show_default=False)


# `agentkit heartbeat run` and `mark` are called before typer is imported. What stands here is their help, their
# completion, and a second parser that a test holds against the first.
@app.command(
    cls=Verb, options_metavar="NAME [OPTIONS] -- PROGRAM [ARGUMENT]...", help=RUN_HELP, epilog=RUN_EPILOG,
    short_help="run a job and write down that it did",
)  # fmt: skip
def run(
    context: typer.Context,
    name: str | None = _job("what the job is called: [a-z0-9][a-z0-9._-]*", is_needed=False),
    program: list[str] | None = typer.Argument(None, metavar="PROGRAM", help="the program and its words, after --"),
    every: str | None = one("--every", "DURATION", "how often it runs; else it is late"),
    cron: str | None = one("--cron", "FIELDS", "when it runs, as a crontab says it: '0 3 * * *'"),
    tz: str | None = one("--tz", "ZONE", "time zone of --cron; the machine's by default"),
    grace: str | None = one("--grace", "DURATION", "how late it may be; a tenth of the period"),
    timeout: str | None = one("--timeout", "DURATION", "when to end it, children too; 24h by default"),
    kill_after: str | None = one("--kill-after", "DURATION", "from TERM to KILL; 10s by default"),
    overlap: str | None = one("--overlap", "skip|wait|replace", "while another run goes on; skip by default"),
    retries: str | None = one("--retries", "N", "how often to try again when it fails; 0"),
    retry_delay: str | None = one("--retry-delay", "DURATION", "how long to wait before that; 0s"),
    expect_output: list[str] | None = _many("--expect-output", "REGEX", "idle when no line of its output has it"),
    forbid_output: list[str] | None = _many("--forbid-output", "REGEX", "idle when a line of its output has it"),
    expect_change: list[str] | None = _many("--expect-change", "PATH", "idle when its content is as before"),
    expect_fresh: list[str] | None = _many("--expect-fresh", "PATH=AGE", "idle when nothing in it is so new"),
    expect_count: list[str] | None = _many("--expect-count", "KEY>=N", "idle when its mark says otherwise"),
    expect_duration: str | None = one("--expect-duration", "LOW..HIGH", "idle when faster, a finding when slower"),
    watch: list[str] | None = _many("--watch", "PATH", "measure size, entries and content of it"),
    success_status: str | None = one("--success-status", "N,N", "which statuses are good; 0 by default"),
    keep_output: str | None = one("--keep-output", "BYTES", "how much of its output to keep; 65536"),
    tee: bool = flag("--tee", "pass its output through as it comes"),
    quiet: bool = flag("--quiet", "one line when it fails, none when it is skipped"),
) -> int:
    """Run a job as the hot path does."""
    from agentkit.heartbeat.options import build_options
    from agentkit.heartbeat.run import run_job

    positional = [*([] if name is None else [name]), *(program or [])]
    return run_job(build_options(positional, collect_values(context.params)), dict(os.environ))


def collect_values(parameters: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the options that were given as the hot path's own parser returns them."""
    from agentkit.heartbeat.options import WORDS

    given = {option: parameters[option.removeprefix("--").replace("-", "_")] for option in WORDS}
    listed = {
        option: ["yes"] if value is True else [value] if isinstance(value, str) else list(value or ())
        for option, value in given.items()
    }
    return {option: words for option, words in listed.items() if words}


@app.command(cls=Verb, options_metavar="KEY=VALUE...", short_help="add counters or a note to a job's own evidence")
def mark(
    words: list[str] | None = typer.Argument(None, metavar="KEY=VALUE", help="items=12, or note='two left out'"),
) -> int:
    """add counters or a note to the evidence of the job that runs this program"""
    from agentkit.heartbeat.marks import main

    return main(words or [])


@app.command(cls=Verb, options_metavar="[OPTIONS]", short_help="hold what is expected against what was seen")
def check(
    as_json: bool = flag("--json", "one JSON object a line: firing, and resolved within a day"),
    notify: str | None = one("--notify", "PROGRAM", "hand new and resolved findings to it on stdin"),
    notify_as: str = typer.Option("json", "--notify-as", metavar="json|text", help="in which form"),
    ping: str | None = one("--ping", "URL", "tell an outside service that the check finished"),
    quiet: bool = flag("--quiet", "print no findings, only errors; the status says what there is"),
) -> int:
    """hold what is expected against what was seen; status 1 when something is wrong"""
    from agentkit.heartbeat.breaks import read_clocks
    from agentkit.heartbeat.checking import check_and_tell

    clocks = read_clocks()
    return check_and_tell(
        os.environ, notify=notify, notify_as=notify_as, ping=ping, clocks=clocks, as_json=as_json, is_quiet=quiet
    )


@app.command(cls=Verb, options_metavar="[NAME]... [OPTIONS]", short_help="one line a job, worst first")
def status(
    names: list[str] | None = typer.Argument(
        None, metavar="[NAME]...", help="these jobs only, and more about each", autocompletion=_complete_job
    ),
    as_json: bool = flag("--json", JSON_HELP),
    watch: bool = flag("--watch", "draw it again and again, until Ctrl-C"),
    interval: str = typer.Option("2s", "--interval", metavar="DURATION", help="how often"),
) -> None:
    """one line a job, worst first: last run, next due, streak, success, durations, findings"""
    from agentkit.core.times import parse_duration
    from agentkit.heartbeat.breaks import read_clocks
    from agentkit.heartbeat.statuspage import print_statuses, watch_statuses

    every_s = parse_duration(interval, "--interval")
    if watch:
        watch_statuses(os.environ, names or (), every_s=every_s, read=read_clocks, as_json=as_json)
    else:
        print_statuses(os.environ, names or (), clocks=read_clocks(), as_json=as_json)


@app.command(cls=Verb, options_metavar="NAME [OPTIONS]")
def history(
    name: str = _job("the job"),
    limit: int = typer.Option(50, "--limit", metavar="N", help="how many, from the newest on"),
    as_json: bool = flag("--json", JSON_HELP),
) -> None:
    """the runs of one job, newest first"""
    from agentkit.heartbeat.history import print_history

    print_history(os.environ, name, limit=limit, now=time.time(), as_json=as_json)


@app.command(cls=Verb, options_metavar="RUN [OPTIONS]", short_help="one run whole, the end of its output too")
def show(
    run: str = typer.Argument(..., metavar="RUN", help="its id, or as much of its beginning as tells it from others"),
    as_json: bool = flag("--json", JSON_HELP),
) -> None:
    """one run whole: each attempt, what it measured and declared, the end of its output"""
    from agentkit.heartbeat.onerun import print_run

    print_run(os.environ, run, now=time.time(), as_json=as_json)


@app.command(
    cls=Verb, options_metavar="[OPTIONS]", short_help="which scheduled lines can fail without a word, or never run"
)
def coverage(
    root: str = typer.Option("/", "--root", metavar="DIR", help="the root of a machine's files; this machine's"),
    user: str | None = one("--user", "USER", "the lines of this user only"),
    as_json: bool = flag("--json", JSON_HELP),
    quiet: bool = flag("--quiet", "print nothing but errors and warnings; the status says it"),
) -> int:
    """every cron line and systemd timer: covered, silent, dead or unknown; status 1 when one is not covered"""
    from agentkit.heartbeat.coveragepage import print_coverage

    return print_coverage(os.environ, root=root, user=user, as_json=as_json, is_quiet=quiet, now=time.time())


@app.command(
    cls=Verb,
    options_metavar="CRONTAB [--install|--undo] | --systemd UNIT",
    short_help="wrap each line of a crontab, and take that back",
)
def adopt(
    crontab: str | None = typer.Argument(None, metavar="CRONTAB", help="a file, or a user for that user's crontab"),
    install: bool = flag("--install", "put it in place; without it only the changes are shown"),
    undo: bool = flag("--undo", "bring back what was there before"),
    systemd: str | None = one("--systemd", "UNIT", "print the drop-in that wraps the service of this timer"),
    program: str | None = one("--program", "PATH", "the agentkit that the lines name; the one that is found"),
    dry_run: bool = flag("--dry-run", DRY_HELP),
) -> int:
    """the same crontab with each line wrapped: a diff first, installed with --install, taken back with --undo"""
    from agentkit.core.errors import AgentkitError, Exit
    from agentkit.heartbeat.adopting import adopt_crontab, undo_adoption

    if (systemd is not None and (crontab is not None or install or undo)) or (install and undo):
        raise AgentkitError("adopt: give one of --install, --undo and --systemd", status=Exit.USAGE)
    if systemd is not None:
        from agentkit.heartbeat.dropin import print_drop_in

        return print_drop_in(os.environ, systemd, program=program)
    if crontab is None:
        raise AgentkitError("adopt: which crontab?", hint="agentkit heartbeat adopt /etc/crontab", status=Exit.USAGE)
    if undo:
        return undo_adoption(os.environ, crontab, is_dry=dry_run)
    return adopt_crontab(os.environ, crontab, program=program, installs=install, is_dry=dry_run)


@app.command(
    cls=Verb,
    options_metavar="NAME --reason TEXT [--dry-run]",
    short_help="what looks odd about a job is its new normal",
)
def accept(
    name: str = _job("the job"),
    reason: str = typer.Option(..., "--reason", metavar="TEXT", help="why; it is recorded"),
    dry_run: bool = flag("--dry-run", DRY_HELP),
) -> None:
    """what looks odd about a job is its new normal; an absent one is no longer expected until it comes again"""
    from agentkit.core.screen import print_line
    from agentkit.heartbeat.acceptance import accept_job
    from agentkit.heartbeat.breaks import read_clocks
    from agentkit.heartbeat.check import describe_user
    from agentkit.heartbeat.viewing import read_settings

    settings, by, clocks = read_settings(os.environ), describe_user(), read_clocks()
    for line in accept_job(os.environ, settings, name, reason, by=by, clocks=clocks, is_dry=dry_run):
        print_line(line)


@app.command(cls=Verb, options_metavar="[OPTIONS]", short_help="keep the ledger within its days and bytes")
def prune(
    days: int | None = typer.Option(None, "--days", metavar="N", help="keep the runs of so many days; 90 by default"),
    size: str | None = one("--bytes", "SIZE", "and no more than this, such as 500MiB; 1GiB by default"),
    dry_run: bool = flag("--dry-run", DRY_HELP),
    quiet: bool = flag("--quiet", "print nothing but errors and warnings, for a crontab"),
) -> int:
    """remove old runs from the ledger; each job keeps its last 50, and daily sums stay for ever"""
    from agentkit.heartbeat.pruning import prune_ledger
    from agentkit.heartbeat.viewing import read_settings

    settings, now = read_settings(os.environ), time.time()
    return prune_ledger(os.environ, settings, days=days, size=size, now=now, is_dry=dry_run, is_quiet=quiet)


@app.command(cls=Verb, options_metavar="[OPTIONS]")
def summary(
    root: str = typer.Option("/", "--root", metavar="DIR", help="whose scheduled lines are looked at; this machine's"),
    as_json: bool = flag("--json", JSON_HELP),
) -> None:
    """what there is to say about this machine, on half a page"""
    from agentkit.heartbeat.breaks import read_clocks
    from agentkit.heartbeat.summary import print_summary

    print_summary(os.environ, root=root, clocks=read_clocks(), as_json=as_json)
