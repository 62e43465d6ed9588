"""What does one `depmap probe` do, from its words to its status?"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from difflib import get_close_matches

from agentkit.core.asides import warn
from agentkit.core.config import load_configuration
from agentkit.core.errors import AgentkitError, Exit, tell
from agentkit.core.evidence import StoredFinding
from agentkit.core.screen import ProgressLine
from agentkit.core.times import parse_duration
from agentkit.depmap.opening import open_map
from agentkit.depmap.probing.asked import Asked, Check, read_asked, tell_apart
from agentkit.depmap.probing.blame import Blame
from agentkit.depmap.probing.findings import Probed, find_state, make_findings
from agentkit.depmap.probing.memory import Stuck, keep, note_stuck, read_stuck
from agentkit.depmap.probing.network import Network
from agentkit.depmap.probing.page import Outcome, count_states, print_page, write_records
from agentkit.depmap.probing.rounds import AT_ONCE, UNKILLABLE, run_checks
from agentkit.depmap.probing.turns import Turns
from agentkit.depmap.store import BUILD, Map

LIMIT = "5m"
ENDING = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
EXAMPLE = '[[check]] with node = "unit:nginx.service", run = ["systemctl", "is-active", "-q", "nginx"], limit = "3s"'
Scope = tuple[list[Check], list[int]]


class EndedBySignalError(BaseException):
    """We were asked to end; no handler of failures is to hold that up."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


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

    With `names` only the checks of these nodes and of what they depend on. Raises AgentkitError: usage, configuration.
    """
    limit_s = parse_duration(LIMIT if limit is None else limit, "--limit")
    at_once = AT_ONCE if jobs is None else jobs
    if at_once < 1:
        raise AgentkitError(f"--jobs: {at_once} is no number above 0", status=Exit.USAGE)
    configuration = load_configuration(environ, own=("depmap", "check"), warn=warn)
    asked = read_asked(configuration, file)
    if not asked.checks:
        if not is_quiet:
            tell(f"agentkit: no checks in {asked.file}: write {EXAMPLE}\n")
        return Exit.OK
    try:
        with _ending_by_signal(), _open_map(environ) as chart:
            network = Network(chart)
            scope = _choose(network, asked, names)
            if not scope[0] and not is_quiet:
                tell(f"agentkit: no check tells of {', '.join(names)}, nor of what it depends on\n")
            probed, outcome, stuck = _probe(
                network, scope, environ, host=configuration.host, limit_s=limit_s, at_once=at_once, is_quiet=is_quiet
            )
            findings = make_findings(probed, network)
    except EndedBySignalError as error:
        return Exit.SIGNAL_BASE + error.number
    whole = None if names else asked.file
    known = {(check.node, check.key) for check in probed.checks}

    def is_settled(stored: StoredFinding) -> bool:
        return (stored.subject, stored.key) in known or (whole is not None and stored.evidence().get("file") == whole)

    kept = keep(environ, findings, stuck=stuck, last=outcome.to_record(), is_settled=is_settled, now=probed.now)
    if as_json:
        write_records(kept, outcome)
    elif not is_quiet:
        print_page(kept, outcome)
    return Exit.FINDINGS if outcome.bad else Exit.OK


def _choose(network: Network, asked: Asked, names: Sequence[str]) -> Scope:
    """Return the checks that are asked for, under the full names of their nodes, and those nodes."""
    for source, target, place in asked.declared:
        network.declare(
            network.find(source, f"{asked.file}: {place}.from"), network.find(target, f"{asked.file}: {place}.to")
        )
    nodes = [network.find(check.node, f"{check.file}: {check.place}.node") for check in asked.checks]
    called = network.name(nodes)
    reached: Container[int] = set(nodes)
    if names:
        reached = network.reach([_find_named(network, name, set(called.values())) for name in names]).numbers
    chosen: dict[str, tuple[Check, int]] = {}
    for one, node in zip(asked.checks, nodes, strict=True):
        if node in reached:
            check = replace(one, node=called[node])
            chosen.setdefault(check.identity, (check, node))  # the same one twice is one
    return tell_apart([check for check, _ in chosen.values()]), [node for _, node in chosen.values()]


def _find_named(network: Network, name: str, known: Collection[str]) -> int:
    """Return the node that is meant on the command line; also one that only the checks know, without its type."""
    endings = (f":{name}", f"/{name}", f":{name}.service")
    fits = [name] if name in known else [one for one in known if one.endswith(endings)]
    try:
        node = network.find(fits[0] if len(fits) == 1 else name, "NODE")
    except AgentkitError as error:
        # Several may be meant, and they are named; or none, and then it may be a slip of the pen.
        raise _refuse(error.message, name, known, error.hint) from None
    if not fits and not network.knows(node):
        raise _refuse(f"{name!r} is neither in the map nor among the checks", name, known, None)
    return node


def _refuse(message: str, name: str, known: Collection[str], hint: str | None) -> AgentkitError:
    near = get_close_matches(name, known, n=3, cutoff=0.4)
    return AgentkitError(message, hint=f"did you mean {' or '.join(near)}?" if near else hint)


def _probe(
    network: Network,
    scope: Scope,
    environ: Mapping[str, str],
    *,
    host: str,
    limit_s: float,
    at_once: int,
    is_quiet: bool,
) -> tuple[Probed, Outcome, list[Stuck]]:
    checks, nodes = scope
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
            limit_s=limit_s,
            at_once=at_once,
            tell=None if is_quiet or not sys.stderr.isatty() else lambda done: line.show("probing", done, len(checks)),
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
    probed = Probed(checks, nodes, places, web, answers, stuck, blame, host, time.time())
    return probed, _sum_up(probed, took_s), list(living.values())


def _sum_up(probed: Probed, took_s: float) -> Outcome:
    causes = [probed.blame.find_cause(place) for place in probed.places]
    return Outcome(
        count_states([find_state(probed, number) for number in range(len(probed.checks))]),
        [(probed.web.names[root], state) for root, state in probed.blame.roots.items()],
        took_s,
        min((cause.confidence for cause in causes if cause is not None), default=None),
        probed.host,
        probed.now,
    )


@contextmanager
def _open_map(environ: Mapping[str, str]) -> Iterator[Map | None]:
    """Give the map; None where there is none, and where the one that is there cannot be used, with a warning."""
    try:
        chart = open_map(environ)
    except AgentkitError as error:
        if error.status == Exit.CONFIGURATION:
            raise
        if error.hint != BUILD:
            warn(f"without the map only what is declared beside the checks counts: {error.message}")
        yield None
        return
    with chart:
        yield chart


@contextmanager
def _ending_by_signal() -> Iterator[None]:
    """Let the signals that ask us to end raise EndedBySignalError: whatever runs is ended first."""

    def end(number: int, frame: object) -> None:  # noqa: ARG001  # as every handler
        for one in taken:
            # Ending what runs has a limit of its own, and a second Ctrl-C must not leave half of it running.
            signal.signal(one, signal.SIG_IGN)
        raise EndedBySignalError(number)

    # What nohup or the shell's & made deaf stays deaf.
    taken = [number for number in ENDING if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, end) for number in taken}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
