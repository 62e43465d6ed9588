"""Which checks are asked for, and which nodes do they tell of?"""

from __future__ import annotations

from collections.abc import Collection, Container, Sequence
from dataclasses import replace
from difflib import get_close_matches

from agentkit.core.errors import AgentkitError
from agentkit.depmap.probing.asked import Asked, Check, tell_apart
from agentkit.depmap.probing.network import Network


def choose_checks(network: Network, asked: Asked, names: Sequence[str]) -> tuple[list[Check], list[int]]:
    """Return the checks that are asked for, under the full names of their nodes, and those nodes.

    With `names` these are the checks of the nodes that are meant, and of all that they depend on. What is declared
    beside the checks is added to the network. Raises AgentkitError: configuration for a name in the file, unavailable
    for one of `names`.
    """
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
