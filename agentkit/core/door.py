"""How does a command declare its verbs, so that all of them are asked in one form?

Imported by the front doors only (`agentkit.COMMAND.cli`): it brings typer.
"""

from typing import Any

import typer
from typer._click import Context  # typer carries its own click; its version is pinned
from typer.core import TyperCommand

JSON_HELP = "one JSON object a line"
DRY_HELP = "say what would be done, and do nothing"
QUIET_HELP = "errors only"


class Verb(TyperCommand):
    """A verb whose usage line is `options_metavar` as it stands: typer would put each word in braces."""

    def collect_usage_pieces(self, ctx: Context) -> list[str]:  # noqa: ARG002  # typer's own signature
        """Return what stands behind the name of the verb."""
        return [self.options_metavar or ""]


def make_door(name: str, promise: str) -> typer.Typer:
    """Return the front door of a command, to which its verbs are added."""
    door = typer.Typer(
        name=name,
        help=promise,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    # With a callback, one verb alone still has to be named.
    door.callback()(lambda: None)
    return door


def flag(option: str, text: str) -> Any:
    """Declare an option without a value."""
    return typer.Option(False, option, help=text)


def one(option: str, metavar: str, text: str) -> Any:
    """Declare an option with a value; None where it is not given."""
    return typer.Option(None, option, metavar=metavar, help=text)
