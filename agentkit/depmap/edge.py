"""What is an edge of the map: who depends on what, of which kind, and where does that stand?"""

from __future__ import annotations

from dataclasses import dataclass

from agentkit.core.errors import AgentkitError, Exit

# What a failure of the target does to the source: it falls with it.
NEEDS = frozenset(
    {
        *("exec", "call", "source", "import", "read", "write", "connect", "env", "secret", "check", "lock", "user"),
        *("requires", "wants", "bindsto", "partof", "listen"),
    }
)
# What a failure of the source does to the target: nobody starts it any more.
STARTS = frozenset({"triggers", "schedules"})
# Order, and what happens after a failure: nothing falls along these.
LOOSE = frozenset({"after", "before", "onfailure", "unknown"})
KINDS = NEEDS | STARTS | LOOSE
# What a unit runs besides its work: without it the unit goes on as before.
ASIDE = frozenset({"ExecReload", "ExecStop", "ExecStopPost"})
LOOKS = frozenset({"read", "write", "check"})
STATIC, SEEN, DECLARED = "static", "seen", "declared"


@dataclass(frozen=True, slots=True)
class Edge:
    """One dependency: `source` (the record's `from`) depends on `target` (`to`), but for the kinds in STARTS.

    `file` and `line` say where it stands (line None: the file as a whole), `function` in which function of it. `rule`
    names what read it, such as `ExecStart` or `default`; `via` the wrapper in front of a program; `path` the real path
    of a program that was found; `reason` why an edge of kind `unknown` could not be resolved. Paths are those of the
    machine that is mapped, as seen from inside its root.
    """

    source: str
    target: str
    kind: str
    file: str
    line: int | None
    rule: str
    function: str | None = None
    how: str = STATIC
    confidence: float = 1.0
    via: str | None = None
    path: str | None = None
    reason: str | None = None

    def to_record(self) -> dict[str, object]:
        """Return the keys of the record that travels (kind `edge`), without those that every record has."""
        return {
            "from": self.source,
            "to": self.target,
            "edge": self.kind,
            "file": self.file,
            "line": self.line,
            "function": self.function,
            "how": self.how,
            "confidence": self.confidence,
            "via": self.via,
            "path": self.path,
            "rule": self.rule,
            "reason": self.reason,
        }


def needs(edge: Edge) -> tuple[str, str] | None:
    """Return (who falls, with what) of an edge; None where nothing falls along it.

    What a person declares is a dependency whatever its kind. A target only groups what it wants: it stays up; and so
    does a unit without the commands that reload or stop it. A script that reads itself, such as for its usage, has
    what it reads. What a unit starts falls with the unit; a script that starts something (`systemctl restart X`) falls
    with that.
    """
    if edge.how == DECLARED:
        return edge.source, edge.target
    if edge.kind in STARTS and edge.source.startswith("unit:"):
        return edge.target, edge.source
    if edge.kind in LOOSE or edge.rule in ASIDE or (edge.kind == "wants" and edge.source.endswith(".target")):
        return None
    if edge.kind in LOOKS and edge.file in (edge.path, edge.target.partition(":")[2]):
        return None
    return edge.source, edge.target


def check_kind(kind: str, where: str) -> str:
    """Return a kind that there is; raises AgentkitError (configuration) naming the nearest one."""
    if kind in KINDS:
        return kind
    import difflib

    near = difflib.get_close_matches(kind, sorted(KINDS), 1, 0)
    raise AgentkitError(f"{where}: there is no kind of edge {kind!r}; nearest: {near[0]}", status=Exit.CONFIGURATION)
