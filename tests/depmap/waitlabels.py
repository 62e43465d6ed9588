"""How much of its way is a command bounded: what the tables of commands call it."""

from agentkit.depmap.wait import PARTLY, UNBOUNDED

BOUNDED = "bounded"

__all__ = ["BOUNDED", "PARTLY", "UNBOUNDED"]
