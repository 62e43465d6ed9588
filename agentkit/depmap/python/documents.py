"""Which document is a file of Python a part of, and what of a program belongs to the document that was read?

A package is one document, whichever programs use it: read once, and not with each of them. A program outside of any
package is one with the modules beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from agentkit.depmap.disk import Disk
from agentkit.depmap.document import Defined
from agentkit.depmap.edge import Edge
from agentkit.depmap.python.finding import find_package
from agentkit.depmap.python.locating import name_module
from agentkit.depmap.python.program import Program


class Share:
    """The share of one document in a program: its own modules, and the packages that it uses."""

    def __init__(self, path: str, program: Program, disk: Disk) -> None:
        self._modules = list(program.modules.values())
        self._package_of = {each.path: find_package(each.path, disk) for each in program.modules.values()}
        own = {each for each in self._package_of if each == path or each.startswith(f"{path}/")}
        own.update(each for each, package in self._package_of.items() if package is None)
        self._files = own
        self._beginnings = {f"py:{each.name}" for each in program.modules.values() if each.path in own}

    def list_troubles(self) -> list[str]:
        """Return what could not be read of own modules, a line each."""
        return [f"{one.path}: {one.trouble}" for one in self._modules if one.trouble and one.path in self._files]

    def list_packages(self) -> list[str]:
        """Return the folders of the packages that are documents of their own."""
        found = (package for path, package in self._package_of.items() if package and path not in self._files)
        return list(dict.fromkeys(found))

    def choose_edges(self, edges: Iterable[Edge]) -> Iterator[Edge]:
        """Yield the edges that stand in own modules, or lead to one: what a package is handed, only its users know."""
        return (edge for edge in edges if edge.file in self._files or self._is_own(edge.target))

    def choose_defined(self, defined: Iterable[Defined]) -> Iterator[Defined]:
        """Yield what own modules define."""
        return (one for one in defined if one.file in self._files)

    def _is_own(self, node: str) -> bool:
        return node in self._beginnings or node.rpartition(":")[0] in self._beginnings


def link_module(path: str, disk: Disk) -> Edge:
    """Return the edge from a file that is run to the module that it is."""
    return Edge(f"file:{path}", f"py:{name_module(path, disk)[0]}", "call", path, None, "module")
