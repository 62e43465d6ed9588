"""The verbs of evolve: parse, call, print."""

# ruff: noqa: PLR0917  # options are declared one by one, and read by their names

import os

from agentkit.core.door import JSON_HELP, QUIET_HELP, Verb, flag, make_door, one

app = make_door("evolve", "the machine changes its own scripts, and keeps only what the ratchet lets through")
ALLOW = one("--allow-protected", "REASON", "let protected paths change, and say why; it is kept with the candidate")

TRY_HELP = """one change, from its proposal to its verdict: kept, or filed away

\b
  agentkit evolve try --propose 'sed -i s/flock/"flock -n"/ backup.sh'
  agentkit heartbeat check --json | agentkit depmap explain --json |
      agentkit think wake --json | agentkit evolve try

Without --propose, --patch and --rev the decisions of think are read from a pipe, and the proposer of the configuration
is run for each that proposes a change; what is none passes through with --json.
"""


@app.command(
    "try", cls=Verb, options_metavar="[--propose 'PROGRAM…' | --patch FILE|- | --rev REV] [OPTIONS]", help=TRY_HELP,
    short_help="one change, from proposal to verdict",
)  # fmt: skip
def try_(
    propose: str | None = one("--propose", "'PROGRAM…'", "a program that changes a copy of the branch"),
    patch: str | None = one("--patch", "FILE|-", "a patch on top of the accepted commit"),
    rev: str | None = one("--rev", "REV", "a commit"),
    allow_protected: str | None = ALLOW,
    as_json: bool = flag("--json", JSON_HELP),
    quiet: bool = flag("--quiet", QUIET_HELP),
) -> int:
    """Try one change, or one for each decision."""
    from agentkit.evolve.tryverb import Asked, try_one

    return try_one(".", os.environ, Asked(propose, patch, rev, allow_protected, as_json, quiet))
