"""The verbs of think: parse, call, print."""

import os

import typer

from agentkit.core.door import DRY_HELP, JSON_HELP, Verb, flag, make_door, one
from agentkit.core.errors import AgentkitError, Exit

app = make_door(
    "think", "the expensive layer wakes when it must, inside a budget, and everything else goes on without it"
)

WAKE_HELP = """findings in, decisions out: store them, run the runbooks, and wake a model only for what is left

\b
  agentkit heartbeat check --json | agentkit depmap explain --json |
      agentkit think wake

The body of an Alertmanager webhook is taken, too. Without anything new it ends at once and says nothing; why something
waits is told once.
"""


# `agentkit think wake` is called before typer is imported. What stands here is its help, its completion, and a second
# parser that a test holds against the first.
@app.command(cls=Verb, options_metavar="[FILE] [OPTIONS]", help=WAKE_HELP, short_help="findings in, decisions out")
def wake(
    source: str = typer.Argument("-", metavar="FILE", help="of findings; a pipe", show_default=False),
    as_json: bool = flag("--json", JSON_HELP),
    quiet: bool = flag("--quiet", "decisions and errors only, no word of what waits"),
) -> int:
    """Answer as the hot path does."""
    from agentkit.think.wake import wake as wake_for

    return wake_for(os.environ, source, as_json=as_json, is_quiet=quiet)


@app.command(cls=Verb, options_metavar="TEXT [OPTIONS]", short_help="one question by hand")
def ask(
    text: str = typer.Argument(..., metavar="TEXT", help="the question, or - for a pipe", show_default=False),
    as_json: bool = flag("--json", JSON_HELP),
    quiet: bool = flag("--quiet", "not who answered, and what it cost"),
) -> None:
    """one question to the first provider that can answer, under the same budget and with the same masking"""
    from agentkit.think.askpage import ask as ask_model

    ask_model(os.environ, text, as_json=as_json, is_quiet=quiet)


@app.command(cls=Verb, options_metavar="[OPTIONS]", short_help="caps, spent, reserved, and where the month ends")
def budget(as_json: bool = flag("--json", JSON_HELP)) -> None:
    """what may be spent, what is spent and reserved, by whom, and where the month ends at this pace"""
    from agentkit.think.budgetpage import print_budget

    print_budget(os.environ, as_json=as_json)


@app.command(cls=Verb, options_metavar="[OPTIONS]", short_help="what there is to say, on a few lines")
def summary(as_json: bool = flag("--json", JSON_HELP)) -> None:
    """what there is to say about what waits, what was spent and who may be asked"""
    from agentkit.think.summary import print_summary

    print_summary(os.environ, as_json=as_json)


def _make_group(name: str, text: str, short: str) -> typer.Typer:
    """Return a verb that has verbs of its own, and an answer without them."""
    group = typer.Typer(
        name=name,
        help=text,
        short_help=short,
        subcommand_metavar="[VERB]",
        invoke_without_command=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.add_typer(group)
    return group


def _is_answered_by_another(context: typer.Context) -> bool:
    """Tell whether a verb follows; options of the list in front of that one would be lost without a word."""
    verb = context.invoked_subcommand
    if verb is None:
        return False
    given = [
        spot for spot in context.command.params if context.params.get(spot.name or "") != spot.get_default(context)
    ]
    if given:
        raise AgentkitError(
            f"{given[0].opts[0]} is of the list, and {verb} is no list",
            hint=f"{context.command_path} {verb} --help",
            status=Exit.USAGE,
        )
    return True


inbox = _make_group("inbox", "what waits, why, and since when; add, drop and retry by hand", "what waits, and why")
providers = _make_group(
    "providers", "who may be asked, in which order, and is each well; test asks them", "who may be asked"
)
journal = _make_group(
    "journal", "what was asked and answered, newest first, and what it cost; show has it whole", "what was asked"
)


@inbox.callback()
def _list_inbox(context: typer.Context, as_json: bool = flag("--json", JSON_HELP)) -> None:
    if not _is_answered_by_another(context):
        from agentkit.think.inboxpage import print_inbox

        print_inbox(os.environ, as_json=as_json)


@inbox.command(cls=Verb, options_metavar="TEXT [OPTIONS]", short_help="a finding of your own")
def add(
    text: str = typer.Argument(..., metavar="TEXT", help="what there is to look at", show_default=False),
    severity: str = typer.Option("warning", "--severity", metavar="info|warning|critical", help="how bad it is"),
    subject: str | None = one("--subject", "TYPE:NAME", "what it is about; the text itself"),
) -> None:
    """put a finding of your own into the inbox; the next wake deals with it"""
    from agentkit.think.byhand import add_finding

    add_finding(os.environ, text, severity=severity, subject=subject)


@inbox.command(
    cls=Verb, options_metavar="FINGERPRINT... --reason TEXT [--dry-run]", short_help="nobody is woken for it"
)
def drop(
    fingerprints: list[str] | None = typer.Argument(None, metavar="FINGERPRINT", help="its first letters do"),
    reason: str | None = one("--reason", "TEXT", "why; it is kept"),
    dry_run: bool = flag("--dry-run", DRY_HELP),
) -> None:
    """deal with findings by your word: nobody is woken for them until they fire anew or get worse"""
    from agentkit.think.byhand import drop_findings

    drop_findings(os.environ, fingerprints or [], reason=reason, is_dry=dry_run)


@inbox.command(cls=Verb, options_metavar="[FINGERPRINT]... [--dry-run]", short_help="make them due at once")
def retry(
    fingerprints: list[str] | None = typer.Argument(None, metavar="FINGERPRINT", help="these; all that wait"),
    dry_run: bool = flag("--dry-run", DRY_HELP),
) -> None:
    """make findings due at once: their intervals and the pauses of all providers are forgotten, the budget is not"""
    from agentkit.think.byhand import retry_findings

    retry_findings(os.environ, fingerprints or [], is_dry=dry_run)


@providers.callback()
def _list_providers(context: typer.Context, as_json: bool = flag("--json", JSON_HELP)) -> None:
    if not _is_answered_by_another(context):
        from agentkit.think.providerspage import print_providers

        print_providers(os.environ, as_json=as_json)


@providers.command("test", cls=Verb, options_metavar="[NAME] [OPTIONS]", short_help="one small question to each")
def try_(
    name: str | None = typer.Argument(None, metavar="NAME", help="only this one"),
    as_json: bool = flag("--json", JSON_HELP),
) -> int:
    """one small question to each, under the budget, even to one that is in a pause; status 1 when one will not do"""
    from agentkit.think.trying import try_providers

    return try_providers(os.environ, name, as_json=as_json)


@journal.callback()
def _list_journal(
    context: typer.Context,
    search: str | None = one("--search", "TEXT", "only where prompt, answer or trouble has this text"),
    limit: int = typer.Option(20, "--limit", metavar="N", help="how many"),
    as_json: bool = flag("--json", JSON_HELP),
) -> None:
    if not _is_answered_by_another(context):
        from agentkit.think.journalpage import print_journal

        print_journal(os.environ, search, limit=limit, as_json=as_json)


@journal.command(cls=Verb, options_metavar="ID [OPTIONS]", short_help="one call whole: what was sent, what came back")
def show(
    entry: str = typer.Argument(..., metavar="ID", help="its first letters do", show_default=False),
    as_json: bool = flag("--json", JSON_HELP),
) -> None:
    """one call whole: what was sent, as it was sent, what came back, what it cost and what was decided"""
    from agentkit.think.journalpage import print_entry

    print_entry(os.environ, entry, as_json=as_json)
