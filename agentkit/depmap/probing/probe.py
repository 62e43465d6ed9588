"""What does one `depmap probe` do, from its words to its status?"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agentkit.core.asides import warn
from agentkit.core.config import load_configuration
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.evidence import StoredFinding
from agentkit.core.lines import Finding
from agentkit.core.screen import ProgressLine
from agentkit.core.times import parse_duration
from agentkit.depmap.opening import open_map
from agentkit.depmap.probing.asked import Asked, Check, read_asked
from agentkit.depmap.probing.blame import Blame
from agentkit.depmap.probing.choosing import choose_checks
from agentkit.depmap.probing.ending import EndedBySignalError, ending_by_signal
from agentkit.depmap.probing.findings import Probed, find_state, make_findings
from agentkit.depmap.probing.memory import Stuck, keep, note_stuck, read_stuck
from agentkit.depmap.probing.network import Network
from agentkit.depmap.probing.page import Outcome, count_states, print_page, write_records
from agentkit.depmap.probing.rounds import AT_ONCE, UNKILLABLE, run_checks
from agentkit.depmap.probing.sayings import find_sayings
from agentkit.depmap.probing.turns import Turns
from agentkit.depmap.store import BUILD, CorruptMapError, Map

LIMIT = "5m"
EXAMPLE = 'write [[check]] with node = "unit:nginx.service", run = ["systemctl", "is-active", "nginx"], limit = "3s"'
WITHOUT = "without the map only what is declared beside the checks counts"
Result = tuple[list[Finding], Probed, Outcome, list[Stuck]]


@dataclass(frozen=True, slots=True)
class Options:
    """How a probe is made: for which host, within which limit over all, how many checks at a time."""

    host: str
    limit_s: float
    at_once: int
    shows_progress: bool


def print_probe(
    environ: Mapping[str, str],
    names: Sequence[str],
    *,
    file: str | None,
    limit: str | None,
    jobs: int | None,
    as_json: bool,
    is_quiet: bool,
) -> int:
    """Run the checks, keep and print what they say, and return the status: 1 when anything is not well.

    With `names` only the checks of these nodes and of what they depend on. Raises AgentkitError: usage, configuration,
    unavailable where there is no check to run.
    """
    limit_s = parse_duration(LIMIT if limit is None else limit, "--limit")
    at_once = AT_ONCE if jobs is None else jobs
    if at_once < 1:
        raise AgentkitError(f"--jobs: {at_once} is no number above 0", status=Exit.USAGE)
    configuration = load_configuration(environ, own=("depmap", "check"), warn=warn)
    shows_progress = sys.stderr.isatty() and not is_quiet
    options = Options(configuration.host, limit_s, at_once, shows_progress)
    asked = read_asked(configuration, file)
    try:
        with ending_by_signal():
            findings, probed, outcome, stuck = _ask(asked, names, environ, options)
    except EndedBySignalError as error:
        return Exit.SIGNAL_BASE + error.number
    known = {(check.node, check.key) for check in probed.checks}
    nodes = {check.node for check in probed.checks}

    def is_settled(stored: StoredFinding) -> bool:
        # A check that another one came to, or that has other words now, has another key; all of a node run together.
        is_covered = not names or stored.subject in nodes
        return (stored.subject, stored.key) in known or (is_covered and stored.evidence().get("file") == asked.file)

    last = outcome.to_record() if outcome.checks else None
    kept = keep(environ, findings, stuck=stuck, last=last, is_settled=is_settled, now=probed.now)
    if as_json:
        write_records(kept, outcome)
    elif not is_quiet:
        print_page(kept, outcome)
    if not outcome.checks:
        raise _tell_nothing(asked, names)
    return Exit.FINDINGS if outcome.bad else Exit.OK


def _tell_nothing(asked: Asked, names: Sequence[str]) -> AgentkitError:
    """Return what to say where nothing was asked: a status of 0 would say that all is well."""
    if asked.checks:
        return AgentkitError(f"no check tells of {', '.join(names)}, nor of what it depends on")
    return AgentkitError(f"no checks in {asked.file}", hint=EXAMPLE)


def _ask(asked: Asked, names: Sequence[str], environ: Mapping[str, str], options: Options) -> Result:
    """Ask the checks, by the map if there is one that can be read."""

    def ask(chart: Map | None) -> Result:
        network = Network(chart)
        checks, nodes = choose_checks(network, asked, names)
        probed, outcome, stuck = _probe(network, checks, nodes, environ, options)
        return make_findings(probed, network), probed, outcome, stuck

    try:
        chart = open_map(environ)
    except AgentkitError as error:
        if error.status == Exit.CONFIGURATION:
            raise
        if error.hint != BUILD:
            warn(f"{WITHOUT}: {error.message}")
        return ask(None)
    try:
        with chart:
            return ask(chart)
    except CorruptMapError as error:
        # Not even its header showed it: what was asked by half a map is asked again.
        warn(f"{WITHOUT}: {error.message}")
        return ask(None)


def _probe(
    network: Network, checks: list[Check], nodes: list[int], environ: Mapping[str, str], options: Options
) -> tuple[Probed, Outcome, list[Stuck]]:
    web = network.reach(nodes)
    places = [web.numbers[node] for node in nodes]
    turns = Turns(web, places)
    living = read_stuck(environ)
    stuck = {number: living[check.identity] for number, check in enumerate(checks) if check.identity in living}
    line = ProgressLine(sys.stderr, environ)
    begun = time.monotonic()
    try:
        answers = run_checks(
            checks,
            turns,
            stuck=stuck,
            environ=environ,
            limit_s=options.limit_s,
            at_once=options.at_once,
            tell=(lambda done: line.show("probing", done, len(checks))) if options.shows_progress else None,
        )
    finally:
        line.clear()
    took_s = time.monotonic() - begun
    for number, answer in answers.items():
        if answer.ended is not None and answer.state == UNKILLABLE:
            pids = [pid for pid, _ in answer.ended.unkillable]
            living[checks[number].identity] = note_stuck(checks[number].identity, pids)
    states = {number: answer.state for number, answer in answers.items()}
    blame = Blame(web, turns, places, states)
    probed = Probed(
        checks, nodes, places, web, answers, stuck, blame, find_sayings(answers, environ), options.host, time.time()
    )
    return probed, _sum_up(probed, took_s), list(living.values())


def _sum_up(probed: Probed, took_s: float) -> Outcome:
    return Outcome(
        count_states([find_state(probed, number) for number in range(len(probed.checks))]),
        [(probed.web.names[root], state) for root, state in probed.blame.roots.items()],
        took_s,
        probed.blame.find_confidence(),
        probed.host,
        probed.now,
    )
