"""The verbs of vault: parse, call, print."""

# ruff: noqa: PLR0917  # options are declared one by one, and read by their names

import os
import sys
import time

import typer

from agentkit.core.door import DRY_HELP, JSON_HELP, Verb, flag, make_door, one
from agentkit.core.errors import AgentkitError, Exit

app = make_door("vault", "secrets are used, never seen, and no use goes unrecorded")


@app.command(cls=Verb, options_metavar="--recovery AGE1… | --new-recovery FILE", short_help="make a vault")
def init(
    recovery: str | None = one(
        "--recovery", "AGE1…", "whose key lies offline: the public half, as age-keygen prints it"
    ),
    new_recovery: str | None = one("--new-recovery", "FILE", "make that key now, in a file to be taken offline"),
    uid: str | None = one(
        "--uid", "USER", "change nothing; print what root runs for a vault of that user, behind sudo"
    ),
    caller: str | None = one("--caller", "USER", "with --uid: whose programs use the secrets; you, if not given"),
) -> None:
    """make an empty vault: identity, recovery recipient, audit log; all is sealed for both"""
    from agentkit.vault.founding import found_vault
    from agentkit.vault.initiating import print_founded
    from agentkit.vault.places import find_places

    if uid is not None or caller is not None:
        from agentkit.vault.separate.levelsetup import demand_setup

        sys.stdout.write(demand_setup(uid, caller, None if new_recovery else recovery))
        return
    if (recovery is None) == (new_recovery is None):
        raise AgentkitError(
            "init: give one of --recovery and --new-recovery; without it a lost identity is a lost vault",
            hint="agentkit vault init --new-recovery recovery.key",
            status=Exit.USAGE,
        )
    founded = found_vault(find_places(os.environ), sys.argv, recovery=recovery, new_recovery=new_recovery)
    print_founded(founded, new_recovery)


@app.command(
    "set",
    cls=Verb,
    options_metavar="NAME --purpose TEXT [OPTIONS] < VALUE",
    short_help="put a value in, and say what it is for",
)
def set_(
    name: str = typer.Argument(..., metavar="NAME", help="[a-z0-9][a-z0-9._/-]*"),
    surplus: list[str] | None = typer.Argument(None, hidden=True),
    purpose: str | None = one("--purpose", "TEXT", "what it is for; needed for a new one"),
    owner: str | None = one("--owner", "TEXT", "who answers for it"),
    consumer: list[str] | None = typer.Option(
        None, "--consumer", metavar="PROGRAM", help="what uses it; may be repeated"
    ),
    deliver: list[str] | None = typer.Option(
        None, "--deliver", metavar="fd|stdin|env", help="how `exec` may hand it over; fd and stdin; may be repeated"
    ),
    expires: str | None = one("--expires", "DATE|DURATION", "when it ends: 2027-06-30, or 90d from now"),
    rotate_every: str | None = one("--rotate-every", "DURATION", "how often it has to be a new one"),
    rotate_with: str | None = one(
        "--rotate-with", "HOOK", "what makes the new one: token, postgres, command or a program"
    ),
    setting: list[str] | None = typer.Option(
        None, "--setting", metavar="KEY=VALUE", help="what that hook has to know; may be repeated"
    ),
    reissue: str | None = one("--reissue", "TEXT", "the steps by which a person gets a new one"),
    from_fd: int | None = typer.Option(None, "--from-fd", metavar="N", help="read the value from this descriptor"),
    keep_value: bool = flag("--keep-value", "change only what is said of it"),
) -> None:
    """put a value in, from stdin or a descriptor and never from the command line, which every user can read"""
    from agentkit.vault.setting import read_value, set_secret
    from agentkit.vault.words import read_particulars, refuse_value

    if surplus:
        raise refuse_value()
    particulars = read_particulars(
        purpose=purpose, owner=owner, consumers=consumer or [], deliver=deliver or [], expires=expires,
        rotate_every=rotate_every, rotate_with=rotate_with, settings=setting or [], reissue=reissue, now=time.time(),
    )  # fmt: skip
    value = None if keep_value else read_value(0 if from_fd is None else from_fd, name)
    set_secret(os.environ, name, value, particulars, time.time())


@app.command(cls=Verb, options_metavar="NAME --reason TEXT [--reveal]", short_help="the value, byte for byte")
def get(
    name: str = typer.Argument(..., metavar="NAME", help="the secret"),
    reason: str = typer.Option("", "--reason", metavar="TEXT", help="why; it stands in the audit log"),
    reveal: bool = flag("--reveal", "also on a terminal, and also into a conversation"),
) -> None:
    """the value of a secret, byte for byte, after a record of it"""
    from agentkit.vault.get import give_value

    give_value(os.environ, name, reason, reveals=reveal)


# `agentkit vault exec` is called before typer is imported: this is its help, its completion, and a second parser that a
# test holds against the first.
@app.command(
    "exec", cls=Verb, options_metavar="[OPTIONS] --reason TEXT -- PROGRAM [ARGUMENT]...",
    context_settings={"allow_interspersed_args": False}, short_help="the program gets it, and nobody else",
)  # fmt: skip
def exec_(
    program: list[str] | None = typer.Argument(None, metavar="PROGRAM", help="the program and its words, after --"),
    fd: list[str] | None = typer.Option(None, "--fd", metavar="N=NAME", help="at descriptor N, from 3 on: /dev/fd/N +"),
    env: list[str] | None = typer.Option(
        None, "--env", metavar="VAR=NAME", help="as a variable, where that is allowed +"
    ),
    stdin: list[str] | None = typer.Option(None, "--stdin", metavar="NAME", help="at descriptor 0"),
    fill: list[str] | None = typer.Option(
        None, "--fill", metavar="N=FILE", help="descriptor N gives FILE, its {{vault:NAME}} replaced +"
    ),
    keep_env: list[str] | None = typer.Option(None, "--keep-env", metavar="VAR", help="a variable that it gets, too +"),
    mask: bool = flag("--mask", "put {{vault:NAME}} for each value in what it prints"),
    reason: str | None = one("--reason", "TEXT", "why; it stands in the audit log"),
) -> int:
    """run a program with secrets that neither its caller nor its command line ever holds"""
    from agentkit.vault.handover.execution import run_program
    from agentkit.vault.handover.executionwords import build_execution

    given = {
        "--fd": fd, "--env": env, "--stdin": stdin, "--fill": fill, "--keep-env": keep_env,
        "--mask": ["yes"] if mask else None, "--reason": None if reason is None else [reason],
    }  # fmt: skip
    return run_program(
        build_execution(program or [], {option: words for option, words in given.items() if words}), os.environ
    )


@app.command("list", cls=Verb, options_metavar="[OPTIONS]", short_help="the secrets, and who used each last")
def list_(as_json: bool = flag("--json", JSON_HELP)) -> int:
    """the secrets and who used each last, never a value"""
    from agentkit.vault.listing import print_secrets

    return print_secrets(os.environ, now=time.time(), as_json=as_json)


@app.command(cls=Verb, options_metavar="NAME [OPTIONS]", short_help="all that is known of one, but its value")
def show(
    name: str = typer.Argument(..., metavar="NAME", help="the secret"),
    as_json: bool = flag("--json", JSON_HELP),
) -> int:
    """what one secret is for and each program that used it, never its value"""
    from agentkit.vault.showing import print_secret

    return print_secret(os.environ, name, now=time.time(), as_json=as_json)


@app.command(cls=Verb, options_metavar="[OPTIONS]", short_help="is everything as it was set, used and in time")
def check(
    as_json: bool = flag("--json", JSON_HELP),
    quiet: bool = flag("--quiet", "print nothing when all is well, for a crontab"),
) -> int:
    """hold the manifest against files, log and time; nothing is opened, and nothing is changed"""
    from agentkit.vault.checks.checkingpage import check_and_print

    return check_and_print(os.environ, now=time.time(), as_json=as_json, is_quiet=quiet)


@app.command(cls=Verb, options_metavar="[OPTIONS]")
def summary(as_json: bool = flag("--json", JSON_HELP)) -> None:
    """what there is to say about the vault of this machine"""
    from agentkit.vault.summary import print_summary

    print_summary(os.environ, as_json=as_json)


@app.command(cls=Verb, options_metavar="[NAME | --due | --identity] [OPTIONS]", short_help="a new value, or a new key")
def rotate(
    name: str | None = typer.Argument(None, metavar="NAME", help="the secret, which has a hook (set --rotate-with)"),
    due: bool = flag("--due", "every secret whose time has come, and what is under way"),
    identity: bool = flag("--identity", "seal everything for a new identity, and retire the old one"),
    recovery: str | None = one("--recovery", "AGE1…", "with --identity: another recovery recipient"),
    new_recovery: str | None = one("--new-recovery", "FILE", "with --identity: make another recovery key"),
    urgent: bool = flag("--urgent", "the old value has leaked: revoke it without waiting for its consumers"),
    give_up: bool = flag("--give-up", "take back a rotation that is under way and not yet promoted"),
    as_json: bool = flag("--json", JSON_HELP),
    quiet: bool = flag("--quiet", "print nothing when all is well, for a crontab"),
    dry_run: bool = flag("--dry-run", DRY_HELP),
) -> int:
    """a new value for a secret by its hook, or a new identity for the vault; begun again it goes on where it was"""
    from agentkit.vault.rotations.rotating import Asked
    from agentkit.vault.rotations.rotating import rotate as rotate_what

    asked = Asked(name, due, identity, recovery, new_recovery, urgent, give_up, as_json, quiet, dry_run)
    return rotate_what(os.environ, asked)


@app.command(cls=Verb, options_metavar="[--values PATH] [--quiet]", short_help="mask every value in a stream")
def redact(
    values: str | None = one("--values", "PATH", "JSON Lines of name and value (or value_b64); needs no vault"),
    quiet: bool = flag("--quiet", "no warnings"),
) -> int:
    """copy stdin to stdout with {{vault:NAME}} in the place of each value, however it is spelled"""
    from agentkit.vault.redaction.redact import redact as mask_stdin

    return mask_stdin(values, os.environ, is_quiet=quiet)


audit = make_door("audit", "the log of every access: does it hold, what does it say, and a signed note of it")
app.add_typer(audit)


@audit.command(cls=Verb, options_metavar="[--anchor WHERE]... [OPTIONS]", short_help="was the log changed by a hand")
def verify(
    anchor: list[str] | None = typer.Option(
        None, "--anchor", metavar="WHERE", help="a checkpoint kept elsewhere: a file or git:URL#BRANCH +"
    ),
    key: str | None = one("--key", "VKEY", "the public half of the signing key, as you kept it"),
    new_only: bool = flag("--new-only", "begin at the anchor: older records are not read"),
    as_json: bool = flag("--json", JSON_HELP),
) -> int:
    """verified: 0; no anchor, or records newer than it: 1; changed: 76, and at which record"""
    from agentkit.vault.log.auditverify import is_separate, print_verdict

    return print_verdict(
        os.environ, anchor or [], vkey=key, new_only=new_only, as_json=as_json, is_separate=is_separate(os.environ)
    )


@audit.command(cls=Verb, options_metavar="[OPTIONS]", short_help="who asked for what, newest first")
def log(
    name: str | None = one("--name", "NAME", "of this secret"),
    op: str | None = one("--op", "OP", "of this verb: get, exec, set, rotate, …"),
    since: str | None = one("--since", "DURATION", "not older than this"),
    limit: int = typer.Option(50, "--limit", metavar="N", help="how many"),
    as_json: bool = flag("--json", JSON_HELP),
) -> None:
    """the records of the log, newest first"""
    from agentkit.vault.log.auditlog import print_log

    print_log(os.environ, name=name, op=op, since=since, limit=limit, as_json=as_json)


@audit.command(cls=Verb, options_metavar="[--anchor WHERE]...", short_help="a signed note of the log as it is")
def checkpoint(
    anchor: list[str] | None = typer.Option(
        None, "--anchor", metavar="WHERE", help="keep it there: a file, or git:URL#BRANCH +"
    ),
) -> None:
    """print a signed note of the log as it is now, to be kept where this machine cannot rewrite it"""
    from agentkit.vault.log.checkpointing import make_checkpoint

    make_checkpoint(os.environ, anchor or [])
