"""Which doors are there, and how is the one that is asked for opened?

Each command's own front door (`agentkit.COMMAND.cli`) is imported only when its name is on the command line.
"""

import importlib
import os
import re
from enum import Enum

import typer
from typer._click import ClickException, Command, Context  # typer carries its own click; its version is pinned
from typer._click.exceptions import NoArgsIsHelpError, UsageError
from typer._completion_classes import completion_init
from typer.core import TyperGroup

from agentkit import __version__
from agentkit.core.errors import EXIT_TABLE, AgentkitError, Exit
from agentkit.core.visible import print_odd_letters

COMPLETE_VARIABLE = "_AGENTKIT_COMPLETE"
# In the order in which they are of use: first what happened, then what falls with it.
DOORS = {
    "heartbeat": "every job leaves evidence, and missing evidence is the alert",
    "vault": "secrets are used, never seen, and no use goes unrecorded",
    "ratchet": "what worked goes on working: the baseline only moves forward",
    "depmap": "you know what falls when this falls, and no check of it can hang",
    "evolve": "the machine changes its own scripts, and keeps only what the ratchet lets through",
    "think": "the expensive layer wakes when it must, inside a budget, and everything else goes on without it",
}


class Shell(Enum):
    """A shell that completes our words."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"


class LazyGroup(TyperGroup):
    """The root: lists every command at once, and imports a command only when it is asked for."""

    def resolve_command(self, ctx: Context, args: list[str]) -> tuple[str | None, Command | None, list[str]]:
        """Return the command that the words ask for, the real one in place of its stub."""
        name, command, rest = super().resolve_command(ctx, args)
        if name in DOORS:
            command = typer.main.get_group(importlib.import_module(f"agentkit.{name}.cli").app)
        return name, command, rest


def _exit_table() -> str:
    # "\b" keeps the lines of the block as they are.
    return "\b\nexit statuses:\n" + "\n".join(
        f"  {status:<5}  {name:<14}  {meaning}" for status, name, meaning in EXIT_TABLE
    )


app = typer.Typer(
    name="agentkit",
    cls=LazyGroup,
    help="small commands that keep a machine which runs itself alive and honest",
    epilog=_exit_table(),
    no_args_is_help=True,
    # Typer's own options guess the shell from the process tree; ours are told, or look at $SHELL.
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"agentkit {__version__}")
        raise typer.Exit


def _show_completion(shell: Shell | None) -> None:
    if shell:
        from typer._completion_shared import get_completion_script

        typer.echo(get_completion_script(prog_name="agentkit", complete_var=COMPLETE_VARIABLE, shell=shell.value))
        raise typer.Exit


def _install_completion(shell: Shell | None) -> None:
    if shell:
        from typer._completion_shared import install

        _, path = install(shell=shell.value, prog_name="agentkit", complete_var=COMPLETE_VARIABLE)
        typer.echo(f"{shell.value} completion is in {path}; it begins with the next shell")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="print the version"),
    show_completion: Shell | None = typer.Option(
        None,
        "--show-completion",
        metavar="SHELL",
        callback=_show_completion,
        is_eager=True,
        help="print what bash, zsh or fish needs for it",
    ),
    install_completion: Shell | None = typer.Option(
        None,
        "--install-completion",
        metavar="SHELL",
        callback=_install_completion,
        is_eager=True,
        help="put it where that shell looks",
    ),
) -> None:
    pass


@app.command()
def checkup(
    as_json: bool = typer.Option(False, "--json", help="one JSON object a line"),
) -> None:
    """one page about this machine: what each command has to say"""
    from agentkit.checkup import print_checkup

    print_checkup(list(DOORS), os.environ, as_json=as_json)


@app.command()
def schema(
    kind: str | None = typer.Argument(None, metavar="KIND", help="one of the kinds that are listed without it"),
) -> None:
    """the JSON Schema of a record that travels by pipe"""
    import json

    from agentkit.core.schemas import list_kinds, read_schema

    text = "\n".join(list_kinds()) if kind is None else json.dumps(read_schema(kind), indent=2, ensure_ascii=False)
    typer.echo(text)


def build_root() -> TyperGroup:
    """Return the root command with a stub for each door."""
    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)
    # A promise is kept whole: only a short help is never cut to the width of a terminal.
    stubs = {
        name: TyperGroup(name=name, help=promise, short_help=promise, rich_markup_mode=None)
        for name, promise in DOORS.items()
    }
    root.commands = {**stubs, **root.commands}
    return root


def main(words: list[str]) -> int:
    """Run the words of the command line through typer and return the status that the verb returned, else 0."""
    print_odd_letters()
    root = build_root()
    try:
        if COMPLETE_VARIABLE in os.environ:
            completion_init()
            root.main(words, prog_name="agentkit")
        with root.make_context("agentkit", _name_shell(words)) as context:
            result = root.invoke(context)
    except typer.Exit as leaving:
        return leaving.exit_code
    except SystemExit as leaving:  # the options and calls of shell completion leave this way
        return leaving.code if isinstance(leaving.code, int) else Exit.OK
    except NoArgsIsHelpError as error:
        typer.echo(error.format_message(), err=True)
        return Exit.USAGE
    except typer.Abort:
        raise KeyboardInterrupt from None
    except ClickException as error:
        message = _in_our_words(error)
        if words[:1] == ["vault"]:
            message = _leave_out(message, words[1:], error)
        raise AgentkitError(message, hint=_find_help(error), status=Exit.USAGE) from None
    return result if isinstance(result, int) else Exit.OK


def _name_shell(words: list[str]) -> list[str]:
    """Return the words with the shell of the person where an option for completion names none."""
    if words and words[-1] in ("--show-completion", "--install-completion"):
        return [*words, os.path.basename(os.environ.get("SHELL", "bash"))]
    return words


def _in_our_words(error: ClickException) -> str:
    message = " ".join(error.format_message().split()).rstrip(".")
    return message[:1].lower() + message[1:]


def _leave_out(message: str, words: list[str], error: ClickException) -> str:
    """Return the message without the words that were typed: one may be a value in the place of an option or a verb."""
    context = error.ctx if isinstance(error, UsageError) else None
    known = {option for parameter in context.command.params for option in parameter.opts} if context else set()
    typed = {piece for word in words for piece in (word, *word.split("="), *word.split())} - known - {""}
    for piece in sorted(typed, key=len, reverse=True):
        # As it stands or in quotation marks; a short one only as a word of its own.
        shown = re.escape(repr(piece)[1:-1]) if len(piece) >= 6 else rf"(?<![\w-]){re.escape(piece)}(?![\w-])"
        message = re.sub(shown, lambda _: "…", message)
    return message


def _find_help(error: ClickException) -> str:
    context = error.ctx if isinstance(error, UsageError) else None
    return f"{context.command_path if context else 'agentkit'} --help"
