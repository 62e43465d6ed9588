"""What does one `heartbeat check` do, from its options to its status: check, hand the news on, print?"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping

from agentkit.core.asides import warn
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.ledger import Ledger, with_ledger
from agentkit.core.lines import INFO
from agentkit.core.paths import state_folder
from agentkit.heartbeat.breaks import Clocks
from agentkit.heartbeat.check import Checked, run_check
from agentkit.heartbeat.lastcheck import leave_evidence
from agentkit.heartbeat.printing import print_checked
from agentkit.heartbeat.viewing import complain, read_settings

FORMS = ("json", "text")


def check_and_tell(
    environ: Mapping[str, str],
    *,
    notify: str | None,
    notify_as: str,
    ping: str | None,
    clocks: Clocks,
    as_json: bool,
    is_quiet: bool,
) -> int:
    """Check, tell the program and the service that are to be told, and print; return the status.

    `notify` is a command line, `ping` an address; both stand in for what the configuration says.
    """
    if notify_as not in FORMS:
        raise AgentkitError(f"--notify-as: {notify_as!r} is neither json nor text", status=Exit.USAGE)
    program = None if notify is None else _split_program(notify)
    configuration = read_settings(environ)
    settings = configuration.heartbeat
    program = list(settings.notify) if program is None else program
    address = settings.ping if ping is None else ping
    if ping is not None:
        from agentkit.heartbeat.delivery import check_address

        check_address(ping)
    folder, now = state_folder(environ), clocks.now

    def work(ledger: Ledger) -> Checked:
        checked = run_check(
            ledger,
            folder,
            environ,
            configuration,
            clocks=clocks,
            keep=lambda checked: _keep(ledger, program, checked, now),
        )
        for notice in ledger.notices:
            warn(notice)
        if program:
            from agentkit.heartbeat.delivery import notify as tell_program

            as_text = notify_as == "text"
            complain(tell_program(ledger, program, limit_s=settings.notify_limit_s, as_text=as_text, now=now))
        if address:
            from agentkit.heartbeat.delivery import ping as ping_service

            complain(ping_service(ledger, address, limit_s=settings.ping_limit_s, now=now))
        return checked

    checked = with_ledger(folder, work)
    complain(leave_evidence(folder))
    # Cron mails what is printed: with a program that is told the news, repeating it every few minutes is noise.
    is_silent = is_quiet or (bool(program) and not sys.stdout.isatty())
    if as_json or not is_silent:
        print_checked(checked, environ, now=now, as_json=as_json)
    # A check that runs as a job must not fail because it failed: that alarm would keep itself alive for ever.
    own = f"job:{environ.get('AGENTKIT_JOB')}"
    is_well = all(finding.severity == INFO or finding.subject == own for finding in checked.firing)
    return Exit.OK if is_well else Exit.FINDINGS


def _keep(ledger: Ledger, program: list[str], checked: Checked, now: float) -> None:
    # Without a program nothing is kept: one that is named later is told what holds then.
    if program:
        from agentkit.heartbeat.delivery import keep_news

        keep_news(ledger, checked.firing, now)


def _split_program(text: str) -> list[str]:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise AgentkitError(f"--notify: {text!r}: {error}", status=Exit.USAGE) from error
    if not words:
        raise AgentkitError("--notify: a program is missing, such as 'mail -s news root'", status=Exit.USAGE)
    return words
