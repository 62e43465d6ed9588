"""What texts may a value be, with holes for what is not known? (first the kinds)"""

from __future__ import annotations

from agentkit.depmap.python.things import Formed, Thing

PATHS = frozenset({"pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath", "/", "path.parent", "pathlib.Path.cwd"})


def is_path(thing: Thing) -> bool:
    """Tell whether a value is a pathlib.Path."""
    return isinstance(thing, Formed) and thing.operation in PATHS
