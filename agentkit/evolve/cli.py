"""The verbs of evolve: parse, call, print."""

# ruff: noqa: PLR0917  # options are declared one by one, and read by their names

import os

import typer

from agentkit.core.door import DRY_HELP, JSON_HELP, QUIET_HELP, Verb, flag, make_door, one

app = make_door("evolve", "the machine changes its own scripts, and keeps only what the ratchet lets through")
ALLOW = one("--allow-protected", "REASON", "let protected paths change, and say why; it is kept with the candidate")

TRY_HELP = """one change, from its proposal to its verdict: kept, or filed away

\b
  agentkit evolve try --propose 'sed -i s/flock/"flock -n"/ backup.sh'
  agentkit heartbeat check --json | agentkit depmap explain --json |
      agentkit think wake --json | agentkit evolve try

Without --propose, --patch and --rev the decisions of think are read from a pipe, and the proposer of the configuration
is run for each that proposes a change; what is none passes through with --json.
"""


@app.command(
    "try", cls=Verb, options_metavar="[--propose 'PROGRAM…' | --patch FILE|- | --rev REV] [OPTIONS]", help=TRY_HELP,
    short_help="one change, from proposal to verdict",
)  # fmt: skip
def try_(
    propose: str | None = one("--propose", "'PROGRAM…'", "a program that changes a copy of the branch"),
    patch: str | None = one("--patch", "FILE|-", "a patch on top of the accepted commit"),
    rev: str | None = one("--rev", "REV", "a commit"),
    allow_protected: str | None = ALLOW,
    as_json: bool = flag("--json", JSON_HELP),
    quiet: bool = flag("--quiet", QUIET_HELP),
) -> int:
    """Try one change, or one for each decision."""
    from agentkit.evolve.tryverb import Asked, try_one

    return try_one(".", os.environ, Asked(propose, patch, rev, allow_protected, as_json, quiet))


@app.command(
    cls=Verb, options_metavar="--count N [OPTIONS]", short_help="many candidates from one base; the best is kept"
)
def run(
    count: int = typer.Option(..., "--count", metavar="N", help="how many candidates"),
    jobs: int | None = typer.Option(None, "--jobs", metavar="J", help="how many at a time; one for each processor"),
    executor: str = typer.Option("local", "--executor", metavar="local", help="where: workers of this machine"),
    propose: str | None = one(
        "--propose", "'PROGRAM…'", "a program that changes a copy of the branch; else that of the configuration"
    ),
    allow_protected: str | None = ALLOW,
    as_json: bool = flag("--json", JSON_HELP),
    quiet: bool = flag("--quiet", QUIET_HELP),
) -> int:
    """many candidates from one base: a cheap stage first, then all tests; of those accepted the best is kept"""
    from agentkit.evolve.runverb import Asked, run_many

    return run_many(".", os.environ, Asked(count, jobs, executor, propose, allow_protected, as_json, quiet))


@app.command(cls=Verb, options_metavar="[OPTIONS]", short_help="go on with what was begun and left")
def resume(as_json: bool = flag("--json", JSON_HELP), quiet: bool = flag("--quiet", QUIET_HELP)) -> int:
    """go on with what a crash or a way that was not free has left; nothing that was judged is judged again"""
    from agentkit.evolve.resuming import resume as take_up

    return take_up(os.environ, as_json=as_json, is_quiet=quiet)


@app.command("revert", cls=Verb, options_metavar="ID [OPTIONS]", short_help="take a kept change back")
def revert_(
    candidate: str = typer.Argument(
        ..., metavar="ID", help="its first letters do, or its commit's", show_default=False
    ),
    dry_run: bool = flag("--dry-run", DRY_HELP),
    as_json: bool = flag("--json", JSON_HELP),
    quiet: bool = flag("--quiet", QUIET_HELP),
) -> int:
    """take a change back that was kept: the newest by the ratchet's own way, an older one as a candidate"""
    from agentkit.evolve.reverting import revert

    return revert(os.environ, candidate, is_dry=dry_run, as_json=as_json, is_quiet=quiet)


@app.command(cls=Verb, options_metavar="[OPTIONS]", short_help="what is under way, and what was left")
def status(as_json: bool = flag("--json", JSON_HELP)) -> None:
    """what is under way, in which step and by whom, what was left for resume, and what came of the last one"""
    from agentkit.evolve.statuspage import print_status

    print_status(os.environ, as_json=as_json)


@app.command(cls=Verb, options_metavar="[OPTIONS]", short_help="what was tried, and what came of it")
def log(
    limit: int = typer.Option(20, "--limit", metavar="N", help="how many"),
    everything: bool = flag("--all", "without a limit"),
    state: str | None = one("--state", "STATE", "only these: proposed, accepted, rejected, no-evidence, reverted"),
    html: str | None = one("--html", "FILE|-", "draw all of it as a family tree, on a page for a browser"),
    as_json: bool = flag("--json", JSON_HELP),
) -> None:
    """what was tried, the newest first: what came of it and why, who proposed it, what it cost"""
    if html is not None:
        from agentkit.evolve.familytree.writing import print_page

        print_page(os.environ, html, as_json=as_json, state=state)
        return
    from agentkit.evolve.logpage import print_log

    print_log(os.environ, limit=None if everything else limit, state=state, as_json=as_json)


@app.command(cls=Verb, options_metavar="ID [OPTIONS]", short_help="one candidate whole")
def show(
    candidate: str = typer.Argument(
        ..., metavar="ID", help="its first letters do, or its commit's", show_default=False
    ),
    as_json: bool = flag("--json", JSON_HELP),
) -> None:
    """one candidate whole: who proposed it and why, what it cost, what the verdict and the failed tests say"""
    from agentkit.evolve.showpage import print_candidate

    print_candidate(os.environ, candidate, as_json=as_json)


@app.command(cls=Verb, options_metavar="ID", short_help="what one candidate changes, as a patch")
def diff(
    candidate: str = typer.Argument(
        ..., metavar="ID", help="its first letters do, or its commit's", show_default=False
    ),
) -> None:
    """what one candidate changes, as a patch: `agentkit evolve diff ID | git apply`"""
    from agentkit.evolve.diffpage import print_diff

    print_diff(os.environ, candidate)


@app.command(cls=Verb, options_metavar="[OPTIONS]", short_help="what there is to say, on a few lines")
def summary(as_json: bool = flag("--json", JSON_HELP)) -> None:
    """what there is to say about what was kept lately, what is at work and what was left"""
    from agentkit.evolve.summary import print_summary

    print_summary(os.environ, as_json=as_json)
