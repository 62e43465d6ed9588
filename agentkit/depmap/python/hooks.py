"""Which methods does a server call of a class that it was handed?"""

from __future__ import annotations

import re

from agentkit.depmap.python import calling
from agentkit.depmap.python.attributes import find_order, load_from
from agentkit.depmap.python.engine import Engine
from agentkit.depmap.python.things import Arguments, Class, External, Node, Site

# What servers and loops call of the objects that they make of a class.
HOOKS = re.compile(
    r"do_[A-Z]+|handle|setup|finish|log_message|connection_(?:made|lost)|(?:data|datagram|eof|error)_received"
)


def call_hooks(engine: Engine, thing: Class, site: Site) -> None:
    """Call what a server calls of a class that it was handed, if that is derived from one that is from outside."""
    order = find_order(thing)
    if not any(isinstance(each, External) and each.name != "builtins.object" for each in order):
        return
    found: dict[str, Node] = {}
    for each in order:
        for name, node in each.members.items() if isinstance(each, Class) else ():
            if HOOKS.fullmatch(name):
                found.setdefault(name, node)
    for name in found:
        method = Node()
        load_from(engine, thing.instance, name, method, (site.module, site.function, site.line))
        calling.call_node(engine, method, Arguments([]), site, Node(), rule="callback")
