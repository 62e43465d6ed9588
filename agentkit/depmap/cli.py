"""The verbs of depmap: parse, call, print."""

# ruff: noqa: PLR0917  # options are declared one by one, and read by their names
import os
from typing import Any

import typer

from agentkit.core.door import JSON_HELP, QUIET_HELP, Verb, flag, make_door, one

app = make_door("depmap", "you know what falls when this falls, and no check of it can hang")

BLAST_HELP = """everything that falls with these nodes, nearest first, with the way there

\b
  agentkit depmap blast unit:fail2ban.service
  agentkit heartbeat check --json | agentkit depmap blast -

A node is written as the map writes it, or as much of it as no other node has: fail2ban.service, curl, backup.sh#prune.
"""


def _many(option: str, metavar: str, text: str) -> Any:
    return typer.Option(None, option, metavar=metavar, help=f"{text} (several times)")


def _node(text: str) -> Any:
    return typer.Argument(..., metavar="NODE", help=text, show_default=False)


# `agentkit depmap blast` and `why` are called before typer is imported. What stands here is their help, their
# completion, and a second parser that a test holds against the first.
@app.command(cls=Verb, options_metavar="NODE... [OPTIONS]", help=BLAST_HELP, short_help="what falls when this falls")
def blast(
    nodes: list[str] | None = typer.Argument(None, metavar="NODE", help="or a FILE of findings, or - for a pipe"),
    as_json: bool = flag("--json", JSON_HELP),
    depth: str | None = one("--depth", "N", "no further than this"),
    kind: list[str] | None = _many("--kind", "KIND", "only nodes of this kind, such as job or func"),
    quiet: bool = flag("--quiet", QUIET_HELP),
) -> int:
    """Answer as the hot path does."""
    from agentkit.depmap.blast import print_blast

    return print_blast(os.environ, nodes or [], depth=depth, kinds=kind or [], as_json=as_json, is_quiet=quiet)


@app.command(cls=Verb, options_metavar="NODE NODE [OPTIONS]", short_help="the ways by which one depends on another")
def why(
    nodes: list[str] | None = typer.Argument(None, metavar="NODE", help="what depends, and on what"),
    as_json: bool = flag("--json", JSON_HELP),
    limit: str | None = one("--limit", "N", "no more ways than this; 10"),
    quiet: bool = flag("--quiet", QUIET_HELP),
) -> int:
    """all shortest ways by which the first node depends on the second, each step with file and line"""
    from agentkit.depmap.why import print_why

    return print_why(os.environ, nodes or [], limit=limit, as_json=as_json, is_quiet=quiet)


@app.command(cls=Verb, options_metavar="NODE [OPTIONS]", short_help="one node: its names, and its edges both ways")
def show(node: str = _node("which one"), as_json: bool = flag("--json", JSON_HELP)) -> None:
    """what is known of one node: its names, where it is defined, what it leads to and what leads to it"""
    from agentkit.depmap.storedpage import print_node

    print_node(os.environ, node, as_json=as_json)


@app.command(cls=Verb, options_metavar="[OPTIONS]", short_help="things that fall with each other")
def cycles(as_json: bool = flag("--json", JSON_HELP)) -> None:
    """sets of nodes that all depend on each other, with a shortest loop through each"""
    from agentkit.depmap.cycles import print_cycles

    print_cycles(os.environ, as_json=as_json)


@app.command(cls=Verb, options_metavar="[OPTIONS]", short_help="what is on every way from an entry to something")
def spof(
    entry: list[str] | None = _many("--entry", "NODE", "where the ways begin; at what nothing depends on"),
    as_json: bool = flag("--json", JSON_HELP),
    quiet: bool = flag("--quiet", QUIET_HELP),
) -> None:
    """single points of failure: nodes that every way from the entries to other nodes goes through, worst first"""
    from agentkit.depmap.spof import print_spof

    print_spof(os.environ, entry or [], as_json=as_json, is_quiet=quiet)


@app.command(cls=Verb, options_metavar="[OPTIONS]", short_help="what is there and nothing uses")
def orphans(
    kind: list[str] | None = _many("--kind", "KIND", "only nodes of this kind: file, func or unit"),
    as_json: bool = flag("--json", JSON_HELP),
    quiet: bool = flag("--quiet", QUIET_HELP),
) -> None:
    """functions that nothing calls, scripts that nothing starts, units that nothing wants"""
    from agentkit.depmap.orphans import print_orphans

    print_orphans(os.environ, kinds=kind or [], as_json=as_json, is_quiet=quiet)


@app.command(cls=Verb, options_metavar="[OPTIONS]", short_help="what could not be resolved, and why")
def unknown(as_json: bool = flag("--json", JSON_HELP)) -> None:
    """edges that lead nobody knows where, such as eval, with the reason of each; counted by reason at the end"""
    from agentkit.depmap.storedpage import print_unknowns

    print_unknowns(os.environ, as_json=as_json)


@app.command(
    cls=Verb, options_metavar="[FILE] [OPTIONS]", short_help="the root of each finding, and what falls with it"
)
def explain(
    source: str = typer.Argument("-", metavar="FILE", help="of findings; a pipe", show_default=False),
    as_json: bool = flag("--json", JSON_HELP),
    quiet: bool = flag("--quiet", QUIET_HELP),
) -> None:
    """findings in, the same findings out, each with its cause and its impact; what is no finding passes untouched

    \b
      agentkit heartbeat check --json | agentkit depmap explain --json
    """
    from agentkit.depmap.explaining.page import print_explained

    print_explained(os.environ, source, as_json=as_json, is_quiet=quiet)


@app.command(cls=Verb, options_metavar="OLD [NEW] [OPTIONS]", short_help="which dependencies came, and which went")
def diff(
    old: str = typer.Argument(..., metavar="OLD", help="an age such as 1d, an instant, or a file", show_default=False),
    new: str | None = typer.Argument(None, metavar="NEW", help="the same; now"),
    as_json: bool = flag("--json", JSON_HELP),
    quiet: bool = flag("--quiet", QUIET_HELP),
) -> int:
    """what the system depends on that it did not before, and what it does no more; status 1 when there is any

    A file is an export as JSON, or edges as JSON Lines.
    """
    from agentkit.depmap.differences import print_differences

    return print_differences(os.environ, old, new, as_json=as_json, is_quiet=quiet)


@app.command(cls=Verb, options_metavar="[OPTIONS]", short_help="the map for other programs, or as a page")
def export(
    form: str = typer.Option("json", "--format", metavar="json|dot|mermaid|html", help="in which form"),
    quiet: bool = flag("--quiet", QUIET_HELP),
) -> None:
    """the whole map: as JSON Graph Format, for Graphviz, for Mermaid, or as a page to search and click through"""
    from agentkit.depmap.exporting import print_export

    print_export(os.environ, form, is_quiet=quiet)


@app.command(cls=Verb, options_metavar="[OPTIONS]")
def summary(as_json: bool = flag("--json", JSON_HELP)) -> None:
    """what there is to say about the map, on a few lines"""
    from agentkit.depmap.summary import print_summary

    print_summary(os.environ, as_json=as_json)


@app.command(cls=Verb, options_metavar="[DIR]... [OPTIONS]", short_help="read this machine, or what changed of it")
def build(
    folders: list[str] | None = typer.Argument(None, metavar="[DIR]...", help="map the scripts in these folders too"),
    root: str = typer.Option("/", "--root", metavar="DIR", help="the root of a machine's files; this machine's"),
    wants_all: bool = flag("--all", "every script of the machine"),
    reads_all: bool = flag("--again", "read everything again, not only what changed"),
    quiet: bool = flag("--quiet", "errors only"),
) -> int:
    """read crontabs, units and the scripts that they lead to; what did not change since is not read again"""
    from agentkit.depmap.buildpage import build_map

    return build_map(os.environ, folders or (), root=root, wants_all=wants_all, reads_all=reads_all, is_quiet=quiet)


@app.command(cls=Verb, options_metavar="[FILE|DIR]... [OPTIONS]", short_help="the edges of the map, or of these files")
def edges(
    paths: list[str] | None = typer.Argument(None, metavar="[FILE|DIR]...", help="map just these; no map is needed"),
    as_json: bool = flag("--json", JSON_HELP),
    quiet: bool = flag("--quiet", "errors only"),
) -> int:
    """every edge with file, line, function, rule and confidence: of the map, or of the files and folders named"""
    if not paths:
        from agentkit.depmap.storedpage import print_stored_edges

        print_stored_edges(os.environ, as_json=as_json)
        return 0
    from agentkit.depmap.edgepage import print_edges

    return print_edges(os.environ, paths or (), as_json=as_json, is_quiet=quiet)


@app.command(cls=Verb, options_metavar="[FILE|DIR]... [OPTIONS]", short_help="every call that can wait for ever")
def lint(
    paths: list[str] | None = typer.Argument(None, metavar="[FILE|DIR]...", help="just these; no map is needed"),
    as_json: bool = flag("--json", JSON_HELP),
    quiet: bool = flag("--quiet", "errors only"),
) -> int:
    """every call that can wait for ever without a bound, why, and the exact words that bound it; status 1 with any"""
    from agentkit.depmap.lintpage import print_waits

    return print_waits(os.environ, paths or (), as_json=as_json, is_quiet=quiet)


@app.command(cls=Verb, options_metavar="[OPTIONS] -- PROGRAM [ARGUMENT]...", short_help="what a program really touches")
def trace(
    program: list[str] | None = typer.Argument(None, metavar="PROGRAM", help="the program and its words, after --"),
    *,
    node: str | None = one("--as", "NODE", "whose doing it is, such as job:backup; the script's, by default"),
    limit: str | None = one("--limit", "DURATION", "when to end it, children too; 24h by default"),
    lets_go: bool = flag("--let-go", "leave alone what it leaves running, such as a daemon; slower"),
    forget: str | None = one("--forget", "NODE|all", "run nothing; forget what was seen from this node, or from all"),
    quiet: bool = flag("--quiet", QUIET_HELP),
) -> int:
    """run a program under strace and add to the map what it touched, marked as seen; ends with the program's status"""
    from agentkit.depmap.tracing.tracepage import Wanted, forget_traces, trace_program

    wanted = Wanted("trace", program or [], node, limit, quiet, lets_go)
    return trace_program(os.environ, wanted) if forget is None else forget_traces(os.environ, forget, wanted)


@app.command(cls=Verb, options_metavar="[OPTIONS] [-- PROGRAM [ARGUMENT]...]", short_help="what the map does not have")
def verify(
    program: list[str] | None = typer.Argument(None, metavar="PROGRAM", help="trace this now, and remember nothing"),
    *,
    node: str | None = one("--as", "NODE", "whose doing PROGRAM is; the script's, by default"),
    limit: str | None = one("--limit", "DURATION", "when to end PROGRAM, children too; 24h by default"),
    as_json: bool = flag("--json", JSON_HELP),
    quiet: bool = flag("--quiet", QUIET_HELP),
) -> int:
    """how much of what was seen by trace the map has of its own, and what each miss would need; status 1 with any"""
    from agentkit.depmap.tracing.tracepage import Wanted
    from agentkit.depmap.tracing.verifypage import print_recall

    return print_recall(os.environ, Wanted("verify", program or [], node, limit, quiet), as_json=as_json)


@app.command(
    cls=Verb, options_metavar="[NODE]... [OPTIONS]", short_help="run the checks: what is not well, and the root"
)
def probe(
    nodes: list[str] | None = typer.Argument(None, metavar="[NODE]...", help="these and what they depend on; all"),
    checks: str | None = one("--checks", "FILE", "the checks in this file, TOML or JSON; not the configuration's"),
    limit: str | None = one("--limit", "DURATION", "over all of them; 5m"),
    jobs: int | None = one("--jobs", "N", "at most so many at a time; 256"),
    as_json: bool = flag("--json", JSON_HELP),
    quiet: bool = flag("--quiet", QUIET_HELP),
) -> int:
    """run the checks, each with a limit, first what others depend on; status 1 when any is not well

    What depends on something that is not well is not asked, but named with its root. No check can hang this.
    """
    from agentkit.depmap.probing.probe import print_probe

    return print_probe(os.environ, nodes or (), file=checks, limit=limit, jobs=jobs, as_json=as_json, is_quiet=quiet)
