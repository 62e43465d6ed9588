"""Was the audit log changed by anybody but us?

`main` is called before typer is imported: with --new-only a cron line asks this every few minutes.
"""

from __future__ import annotations

import os
import sys
from _collections_abc import Mapping, Sequence

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.optionwords import FLAG, MANY, ONE, split_options, usage
from agentkit.core.visible import make_visible
from agentkit.vault.log.anchors import read_anchor
from agentkit.vault.log.claims import describe_levels, find_levels
from agentkit.vault.log.note import Key, read_vkey
from agentkit.vault.log.proving import prove_log
from agentkit.vault.log.signing import read_public_key
from agentkit.vault.log.verdict import NEWER, VERIFIED, Verdict
from agentkit.vault.places import find_places

VERB = "vault audit verify"
WORDS = {"--json": FLAG, "--new-only": FLAG, "--anchor": MANY, "--key": ONE}


def main(words: list[str]) -> int:
    """Answer the words of the command line and return the status."""
    given = read_words(words)
    return print_verdict(
        os.environ,
        given.get("--anchor", []),
        vkey=given.get("--key", [None])[-1],
        new_only="--new-only" in given,
        as_json="--json" in given,
        is_separate=is_separate(os.environ),
    )


def read_words(words: list[str]) -> dict[str, list[str]]:
    """Return the values of each option that was given; raises AgentkitError (usage)."""
    others, values = split_options(VERB, words, WORDS)
    if others:
        raise usage(VERB, f"got unexpected extra argument ({others[0]})")
    for option, given in values.items():
        if "" in given:
            raise usage(VERB, f"option {option!r} requires an argument")
    return values


def print_verdict(
    environ: Mapping[str, str],
    anchors: Sequence[str],
    *,
    vkey: str | None,
    new_only: bool,
    as_json: bool,
    is_separate: bool,
) -> int:
    """Print whether the log holds, and what that is worth; return the status.

    `vkey` is the public half of the signing key where that of audit/ is not to be trusted. Raises AgentkitError as
    `read_anchor` and `prove_log` do, usage where --new-only has nothing to begin at.
    """
    if new_only and not anchors:
        raise usage(VERB, "--new-only begins at an anchor, and none is given")
    places = find_places(environ)
    if not anchors and not os.path.lexists(places.vault):
        raise AgentkitError(
            f"there is no vault at {places.vault}",
            hint="agentkit vault init --new-recovery FILE",
            status=Exit.UNAVAILABLE,
        )
    known = []
    if anchors:
        key = _find_key(vkey, places.audit)
        known = [(where, read_anchor(where, key, environ)) for where in anchors]
    verdict = prove_log(places.audit, known, new_only=new_only).verdict
    levels = find_levels(is_separate=is_separate, is_anchored=verdict.outcome in (VERIFIED, NEWER))
    if as_json:
        _print_record(environ, verdict, levels)
    else:
        _print_lines(verdict, levels)
    return verdict.status


def is_separate(environ: Mapping[str, str]) -> bool:
    """Tell whether a user of its own holds the vault (L1), as far as that can be seen from here."""
    if "SUDO_UID" not in environ:
        return False  # it is reached by sudo alone, and to look at the rest costs more than the verdict
    from agentkit.vault.separate.separation import OWN_UID, find_level

    return find_level(find_places(environ), environ).level == OWN_UID


def _find_key(vkey: str | None, audit: str) -> Key:
    if vkey is None:
        return read_public_key(audit)
    try:
        return read_vkey(vkey, "--key")
    except AgentkitError as error:
        raise AgentkitError(error.message, hint="the line in audit/vkey", status=Exit.USAGE) from None


def _print_lines(verdict: Verdict, levels: list[str]) -> None:
    lines = [verdict.tell(), *verdict.remarks, *describe_levels(levels)]
    # As UTF-8 whatever the locale says: the origin may hold any letter.
    sys.stdout.flush()
    sys.stdout.buffer.write("".join(f"{make_visible(line)}\n" for line in lines).encode("utf-8", "backslashreplace"))
    sys.stdout.buffer.flush()


def _print_record(environ: Mapping[str, str], verdict: Verdict, levels: list[str]) -> None:
    import time

    from agentkit.core.lines import write_record
    from agentkit.core.times import format_instant
    from agentkit.vault.viewing import read_host

    head = {"v": 1, "kind": "audit", "at": format_instant(time.time()), "host": read_host(environ)}
    write_record({**head, **verdict.to_record(), "levels": levels})
