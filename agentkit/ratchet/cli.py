"""The verbs of ratchet: parse, call, print."""

# ruff: noqa: PLR0917  # options are declared one by one, and read by their names

import os
import sys
import time

import typer

from agentkit.core.door import DRY_HELP, JSON_HELP, QUIET_HELP, Verb, flag, make_door, one

app = make_door("ratchet", "what worked goes on working: the baseline only moves forward")
# What is judged.
CHOICES = "[--rev REV | --patch FILE|- | --work-tree] [OPTIONS]"
REV = one("--rev", "REV", "a commit; HEAD, if nothing is given")
PATCH = one("--patch", "FILE|-", "a patch on top of the accepted commit")
WORK_TREE = flag("--work-tree", "the work tree as it stands, new files too")
JUDGE_CHANGED = one(
    "--judge-changed", "REASON", "let the ratchet's own settings change, and say why; it is written down"
)


@app.command(short_help="make the first baseline")
def init(as_json: bool = flag("--json", JSON_HELP)) -> int:
    """make the first baseline of the branch that is checked out, from two runs of its tests"""
    from agentkit.ratchet.beginning import begin_baseline

    return begin_baseline(".", os.environ, as_json=as_json)


@app.command(cls=Verb, options_metavar=CHOICES, short_help="judge a candidate; the baseline stays")
def check(
    rev: str | None = REV,
    patch: str | None = PATCH,
    work_tree: bool = WORK_TREE,
    judge_changed: str | None = JUDGE_CHANGED,
    as_json: bool = flag("--json", JSON_HELP),
    quiet: bool = flag("--quiet", QUIET_HELP),
) -> int:
    """did anything that worked stop working? 0 is yes to it all, 1 no, 65 that there is no evidence"""
    from agentkit.ratchet.candidacy import Asked, check_candidate

    return check_candidate(".", os.environ, Asked(rev, patch, work_tree, judge_changed, as_json, quiet))


@app.command(cls=Verb, options_metavar=CHOICES, short_help="judge, then move branch and baseline together")
def accept(
    rev: str | None = REV,
    patch: str | None = PATCH,
    work_tree: bool = WORK_TREE,
    judge_changed: str | None = JUDGE_CHANGED,
    as_json: bool = flag("--json", JSON_HELP),
    quiet: bool = flag("--quiet", QUIET_HELP),
) -> int:
    """judge a candidate; where nothing got worse, branch and baseline move together, else nothing moves"""
    from agentkit.ratchet.candidacy import Asked, accept_if_good

    return accept_if_good(".", os.environ, Asked(rev, patch, work_tree, judge_changed, as_json, quiet))


@app.command(
    cls=Verb,
    options_metavar="[OPTIONS] -- PROGRAM [ARGUMENT]…",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": False},
    short_help="let a program change a private copy, and take over what passes",
)
def guard(
    program: list[str] = typer.Argument(..., metavar="-- PROGRAM [ARGUMENT]…", help="what changes the copy"),
    limit: str = typer.Option("1h", "--limit", metavar="DURATION", help="how long the program may take; 1h"),
    as_json: bool = flag("--json", JSON_HELP),
    quiet: bool = flag("--quiet", QUIET_HELP),
) -> int:
    """run a program in a private copy of the branch; judge what it changed, and take it over or throw it away"""
    from datetime import timedelta

    from agentkit.core.times import parse_duration
    from agentkit.ratchet.candidacy import Asked
    from agentkit.ratchet.guard import guard_program

    asked = Asked(as_json=as_json, quiet=quiet)
    return guard_program(".", os.environ, program, asked, limit=timedelta(seconds=parse_duration(limit, "--limit")))


@app.command(cls=Verb, options_metavar="[N] [--dry-run]", short_help="back to an accepted state, going forward")
def rollback(
    steps: int = typer.Argument(1, metavar="N", help="by how many accepted states; 1"),
    dry_run: bool = flag("--dry-run", DRY_HELP),
) -> None:
    """bring back the tree of an earlier accepted state, in a new commit on top; history stays"""
    from agentkit.core.screen import print_line
    from agentkit.ratchet.rollback import roll_back

    for line in roll_back(".", os.environ, steps, is_dry=dry_run):
        print_line(line)


@app.command(cls=Verb, options_metavar="OLD NEW [OPTIONS]", short_help="hold one report of tests against another")
def compare(
    old: str = typer.Argument(..., metavar="OLD", help="a report: JUnit XML, pytest's output, or sorted lines"),
    new: str = typer.Argument(..., metavar="NEW", help="another one"),
    as_json: bool = flag("--json", JSON_HELP),
) -> int:
    """compare two reports of any runner, test by test"""
    from agentkit.ratchet.comparison import compare_reports

    return compare_reports(old, new, as_json=as_json)


@app.command(cls=Verb, options_metavar="[OPTIONS]", short_help="where we stand")
def status(as_json: bool = flag("--json", JSON_HELP)) -> int:
    """what is accepted, how far the branch is ahead of it, and what is not as it should be"""
    from agentkit.ratchet.status import print_status

    return print_status(".", os.environ, now=time.time(), as_json=as_json)


@app.command(cls=Verb, options_metavar="[OPTIONS]", short_help="every verdict, newest first")
def log(
    count: int | None = typer.Option(None, "--count", metavar="N", help="no more than so many"),
    as_json: bool = flag("--json", JSON_HELP),
) -> int:
    """every verdict that was ever given here, the newest first, rejected ones too"""
    from agentkit.ratchet.history import print_verdicts

    return print_verdicts(".", os.environ, count=count, now=time.time(), as_json=as_json)


@app.command(cls=Verb, options_metavar="ID [OPTIONS]", short_help="one verdict, all of it")
def show(
    name: str = typer.Argument(..., metavar="ID", help="the beginning of a verdict's id, or of its candidate's"),
    as_json: bool = flag("--json", JSON_HELP),
) -> int:
    """one verdict: what got worse, what it said, and what the candidate changed"""
    from agentkit.ratchet.showing import print_verdict

    return print_verdict(".", os.environ, name, now=time.time(), as_json=as_json)


@app.command(cls=Verb, options_metavar="TEST [OPTIONS]", short_help="one test's history")
def why(
    name: str = typer.Argument(..., metavar="TEST", help="its id, as it is printed or as pytest has it, or the end"),
    as_json: bool = flag("--json", JSON_HELP),
) -> int:
    """since when a test is there, how it ended by state, the verdicts that name it, and the commits that changed it"""
    from agentkit.ratchet.whypage import print_past

    return print_past(".", os.environ, name, now=time.time(), as_json=as_json)


@app.command(cls=Verb, options_metavar="[OPTIONS]")
def summary(as_json: bool = flag("--json", JSON_HELP)) -> None:
    """what there is to say about the repository of this folder"""
    from agentkit.ratchet.summary import print_summary

    print_summary(".", os.environ, as_json=as_json)


@app.command(cls=Verb, options_metavar="[OPTIONS]", short_help="is all of it as it was left")
def doctor(as_json: bool = flag("--json", JSON_HELP)) -> int:
    """look for a baseline that was lost or moved, broken chains, stale locks, and hooks that are gone or passed by"""
    from agentkit.ratchet.doctor import print_examination

    return print_examination(".", os.environ, now=time.time(), as_json=as_json)


hook = make_door("hook", "git's hooks: evidence of each commit and push, and no push of what is rejected")
app.add_typer(hook)


@hook.command(cls=Verb, options_metavar="[--dry-run]")
def install(dry_run: bool = flag("--dry-run", DRY_HELP)) -> None:
    """install pre-commit, pre-merge-commit and pre-push; a hook of somebody else is never touched"""
    from agentkit.core.screen import print_line
    from agentkit.ratchet.hooks import install_hooks

    for line in install_hooks(".", os.environ, now=time.time(), is_dry=dry_run):
        print_line(line)


@hook.command(cls=Verb, options_metavar="[--dry-run]")
def remove(dry_run: bool = flag("--dry-run", DRY_HELP)) -> None:
    """take the hooks away that `install` made"""
    from agentkit.core.screen import print_line
    from agentkit.ratchet.hooks import remove_hooks

    for line in remove_hooks(".", os.environ, now=time.time(), is_dry=dry_run):
        print_line(line)


@hook.command(cls=Verb, options_metavar="HOOK [WORD]...", short_help="what a hook does, for a hook of your own")
def run(
    name: str = typer.Argument(..., metavar="HOOK", help="pre-commit, pre-merge-commit or pre-push"),
    words: list[str] | None = typer.Argument(None, metavar="WORD", help="what git gave to the hook"),
) -> int:
    """what git runs: leave evidence, and before a push judge what is pushed"""
    from agentkit.ratchet.hookrun import run_hook

    stdin = sys.stdin.buffer.read() if name == "pre-push" and not sys.stdin.isatty() else b""
    return run_hook(".", os.environ, name, words or [], stdin, now=time.time())
