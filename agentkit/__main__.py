"""Which way into the program: a hot verb at once, or the front door of everything else?

A cron line pays for each import, so the hot verbs are called before anything of the front door is loaded.
"""

import os
import sys

# Each of these modules has a `main(words)` that parses its own words and returns the status.
HOT_VERBS = {
    ("heartbeat", "run"): "agentkit.heartbeat.run",
    ("heartbeat", "mark"): "agentkit.heartbeat.marks",
    ("vault", "get"): "agentkit.vault.get",
    ("vault", "exec"): "agentkit.vault.handover.execution",
    ("vault", "redact"): "agentkit.vault.redaction.redact",
    ("vault", "audit", "verify"): "agentkit.vault.log.auditverify",
    ("ratchet", "check"): "agentkit.ratchet.check",
    ("ratchet", "accept"): "agentkit.ratchet.accept",
    ("ratchet", "status"): "agentkit.ratchet.status",
    ("depmap", "blast"): "agentkit.depmap.blast",
    ("depmap", "why"): "agentkit.depmap.why",
    ("think", "wake"): "agentkit.think.wake",
    ("evolve", "try"): "agentkit.evolve.tryverb",
}


def main() -> int:
    """Run the words of the command line and return the exit status; no exception gets out of here."""
    try:
        _hold_standard_streams()
        status = _dispatch(sys.argv)
        sys.stdout.flush()
        return status
    except BaseException as error:  # noqa: BLE001  # the one place where every failure becomes its lines and its status
        from agentkit.failure import report_failure

        return report_failure(error, os.environ)


def _dispatch(argv: list[str]) -> int:
    if sys.platform != "linux":
        from agentkit.core.errors import AgentkitError

        raise AgentkitError(f"agentkit runs on Linux only, and this is {sys.platform}")
    if argv[1:] == ["--version"]:
        # Adopted crontab lines ask this first, at each of their turns: does the program work at all?
        from agentkit import __version__

        sys.stdout.write(f"agentkit {__version__}\n")
        return 0
    for words, module in HOT_VERBS.items():
        end = len(words) + 1
        if tuple(argv[1:end]) == words and not _asks_for_help(argv):
            __import__(module)
            status = sys.modules[module].main(argv[end:])
            sys.stdout.flush()
            # Gone at once: taking the interpreter apart costs a fifth of a run.
            os._exit(status)
    from agentkit import cli

    return cli.main(argv[1:])


def _asks_for_help(argv: list[str]) -> bool:
    """Tell whether help is asked of us: what stands behind `--` is meant for the program that a job runs."""
    for word in argv:
        if word == "--":
            return False
        if word in ("--help", "-h"):
            return True
    return False


def _hold_standard_streams() -> None:
    """Put something at closed descriptors 0 to 2: the next file opened would land there and get what is printed.

    Writing to a closed stdout must fail as it should (it is opened for reading only), stderr may swallow.
    """
    if sys.stdin is None or sys.stdout is None or sys.stderr is None:
        from agentkit.failure import replace_closed_streams

        replace_closed_streams()


if __name__ == "__main__":
    sys.exit(main())
