"""The verbs of depmap: parse, call, print."""

import os
from typing import Any

import typer
from typer._click import Context  # typer carries its own click; its version is pinned
from typer.core import TyperCommand

app = typer.Typer(
    name="depmap",
    help="you know what falls when this falls, and no check of it can hang",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

JSON_HELP = "one JSON object a line"


class Verb(TyperCommand):
    """A verb whose usage line is `options_metavar` as it stands: typer would put each word in braces."""

    def collect_usage_pieces(self, ctx: Context) -> list[str]:  # noqa: ARG002  # typer's own signature
        """Return what stands behind the name of the verb."""
        return [self.options_metavar or ""]


def _flag(option: str, text: str) -> Any:
    return typer.Option(False, option, help=text)


@app.callback()
def _depmap() -> None:
    pass


@app.command(cls=Verb, options_metavar="[FILE|DIR]... [OPTIONS]", short_help="the edges of the map, or of these files")
def edges(
    paths: list[str] | None = typer.Argument(None, metavar="[FILE|DIR]...", help="map just these; no map is needed"),
    as_json: bool = _flag("--json", JSON_HELP),
    quiet: bool = _flag("--quiet", "errors only"),
) -> int:
    """every edge with file, line, function, rule and confidence: of the map, or of the files and folders named"""
    from agentkit.depmap.edgepage import print_edges

    return print_edges(os.environ, paths or (), as_json=as_json, is_quiet=quiet)


@app.command(cls=Verb, options_metavar="[FILE|DIR]... [OPTIONS]", short_help="every call that can wait for ever")
def lint(
    paths: list[str] | None = typer.Argument(None, metavar="[FILE|DIR]...", help="just these; no map is needed"),
    as_json: bool = _flag("--json", JSON_HELP),
    quiet: bool = _flag("--quiet", "errors only"),
) -> int:
    """every call that can wait for ever without a bound, why, and the exact words that bound it; status 1 with any"""
    from agentkit.depmap.lintpage import print_waits

    return print_waits(os.environ, paths or (), as_json=as_json, is_quiet=quiet)
