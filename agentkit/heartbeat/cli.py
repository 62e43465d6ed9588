"""The verbs of heartbeat: parse, call, print."""

import os
import shlex
import sys
import time

import typer


from agentkit.core.errors import AgentkitError, Exit

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


@app.command()
def check(
    as_json: bool = typer.Option(False, "--json", help="one JSON object a line: firing, and resolved within a day"),
    notify: str | None = typer.Option(None, "--notify", metavar="PROGRAM", help="hand new and resolved findings to it on stdin"),
    notify_as: str = typer.Option("json", "--notify-as", metavar="json|text", help="in which form"),
    ping: str | None = typer.Option(None, "--ping", metavar="URL", help="tell an outside service that the check finished"),
    quiet: bool = typer.Option(False, "--quiet", help="print no findings, only errors; the status says what there is"),
) -> int:
    """hold what is expected against what was seen; status 1 when something is wrong"""
    from agentkit.core.config import load_configuration
    from agentkit.core.ledger import Ledger, with_ledger
    from agentkit.core.paths import state_folder
    from agentkit.heartbeat.check import Checked, run_check
    from agentkit.heartbeat.printing import print_checked

    if notify_as not in ("json", "text"):
        raise AgentkitError(f"--notify-as: {notify_as!r} is neither json nor text", status=Exit.USAGE)
    configuration = load_configuration(os.environ, own=("heartbeat", "jobs"), warn=_warn)
    settings = configuration.heartbeat
    program = _split_program(notify) if notify is not None else list(settings.notify)
    address = ping if ping is not None else settings.ping
    folder = state_folder(os.environ)
    now = time.time()

    def work(ledger: Ledger) -> Checked:
        from agentkit.heartbeat.delivery import notify as deliver
        from agentkit.heartbeat.delivery import ping as tell

        checked = run_check(ledger, folder, os.environ, configuration, now=now)
        for notice in ledger.notices:
            _warn(notice)
        if program:
            news = (*checked.new, *checked.gone)
            trouble = deliver(
                ledger, program, news, limit_s=settings.notify_limit_s, as_text=notify_as == "text", now=now
            )
            _complain(trouble)
        if address:
            _complain(tell(ledger, address, limit_s=settings.ping_limit_s, now=now))
        return checked

    checked = with_ledger(folder, work)
    # Cron mails what is printed: with a program that is told the news, repeating it every few minutes is noise.
    if as_json or not (quiet or program):
        print_checked(checked, now=now, as_json=as_json)
    return Exit.OK if checked.is_well else Exit.FINDINGS


def _split_program(text: str) -> list[str]:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise AgentkitError(f"--notify: {text!r}: {error}", status=Exit.USAGE) from error
    if not words:
        raise AgentkitError("--notify: a program is missing, such as 'mail -s news root'", status=Exit.USAGE)
    return words


def _warn(message: str) -> None:
    sys.stderr.write(f"agentkit: warning: {message}\n")


def _complain(trouble: str | None) -> None:
    if trouble:
        sys.stderr.write(f"agentkit: error: {trouble}\n")
