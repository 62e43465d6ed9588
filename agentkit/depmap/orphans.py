"""What is there and used by nothing: functions never called, scripts that nothing starts, units that nothing wants?"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from agentkit.core.errors import tell
from agentkit.depmap.answers import begin_record, draw_table, or_null, quote, tell_place, write_text
from agentkit.depmap.names import check_kinds, read_names
from agentkit.depmap.opening import open_map
from agentkit.depmap.store import Map, pack, unpack

COLUMNS = ("node", "where")
KINDS = ("file", "func", "py", "unit")
# Units that stand for themselves: systemd or a person starts them, and that nothing wants them says nothing.
UNITS = (".service", ".socket", ".timer", ".path")
# Order is no use: what is to come after a unit does not want it; and what stops with a unit does not start it.
ORPHANS = """
SELECT DISTINCT n.identity, d.file, d.line FROM defined AS d JOIN nodes AS n ON n.id = d.node WHERE NOT EXISTS (
  SELECT 1 FROM nodes AS m JOIN edges AS e ON e.target = m.id JOIN nodes AS s ON s.id = e.source
  WHERE m.identity = n.identity AND s.identity <> n.identity
    AND e.kind NOT IN ('after', 'before', 'partof', 'unknown'))"""
Orphan = tuple[str, str, int | None]


def print_orphans(environ: Mapping[str, str], *, kinds: Collection[str], as_json: bool, is_quiet: bool) -> None:
    """Print what is defined and used by nothing, by file and line."""
    check_kinds("orphans", kinds, KINDS)
    with open_map(environ) as chart:
        found = [one for one in find_orphans(chart) if not kinds or one[0].partition(":")[0] in kinds]
        if as_json:
            beginning = begin_record("orphan", chart.host)
            for name, file, line in found:
                told = f'"node": {quote(name)}, "file": {quote(file)}, "line": {or_null(line)}'
                write_text(f"{beginning}{told}}}\n")
        elif found:
            rows = [(name, tell_place(file, line)) for name, file, line in found]
            write_text(draw_table(COLUMNS, rows))
    if not found and not is_quiet:
        tell("agentkit: everything that is defined is used by something\n")


def find_orphans(chart: Map) -> list[Orphan]:
    """Return (name, file, line) of what no edge of another node leads to."""
    rows = chart.connection.execute(ORPHANS).fetchall()
    names = read_names(chart, {node for node, _, _ in rows})
    found = [(names[node], unpack(file), line) for node, file, line in rows if _may_be_orphan(chart, names[node])]
    return sorted(found, key=lambda one: (one[1], one[2] or 0, one[0]))


def _may_be_orphan(chart: Map, name: str) -> bool:
    kind = name.partition(":")[0]
    if kind != "unit":
        return kind in KINDS
    stem, template, suffix = name.partition("@.")
    return name.endswith(UNITS) and not (template and _has_instance(chart, f"{stem}@", f".{suffix}"))


def _has_instance(chart: Map, beginning: str, end: str) -> bool:
    """Tell whether the map knows a unit that is made of a template: then the template is used."""
    statement = """SELECT 1 FROM nodes WHERE substr(label, 1, length(?1)) = ?1 AND substr(label, -length(?2)) = ?2
        AND length(label) > length(?1) + length(?2) LIMIT 1"""
    return chart.connection.execute(statement, (pack(beginning), pack(end))).fetchone() is not None
