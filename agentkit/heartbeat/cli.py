"""The verbs of heartbeat: parse, call, print."""

import typer

app = typer.Typer(
    name="heartbeat",
    help="every job leaves evidence, and missing evidence is the alert",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def _heartbeat() -> None:
    pass
