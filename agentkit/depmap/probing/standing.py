"""What is there to say of the last probes, on a line of the summary, and which probe looks again?"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence

from agentkit.core.asides import read_instant, say_when
from agentkit.core.errors import AgentkitError
from agentkit.core.evidence import StoredFinding
from agentkit.core.ledger import open_read_only
from agentkit.core.ledger.findings import find_firing
from agentkit.core.ledger.notes import read_value
from agentkit.core.lines import CRITICAL, INFO, WARNING
from agentkit.core.paths import configuration_file, state_folder
from agentkit.core.summary import Line
from agentkit.depmap.probing.memory import LAST_KEY, SOURCE

SHOWN_ROOTS = 3
PROBE = "agentkit depmap probe"


def find_standing(environ: Mapping[str, str], now: float) -> tuple[Line, str] | None:
    """Return how what was probed is, and the command that asks it once more; None when nothing ever was."""
    try:
        with open_read_only(state_folder(environ)) as ledger:
            last = read_value(ledger, LAST_KEY)
            bad = [finding for finding in find_firing(ledger, source=SOURCE) if finding.severity != INFO]
    except AgentkitError as error:
        return Line(f"what was probed is not known: {error.message}", WARNING), PROBE
    if last is None:
        return None
    at = read_instant(_read_record(last).get("at"))
    when = "" if at is None else f", probed {say_when(at, now)}"
    if not bad:
        return Line(f"what was probed is well{when}"), PROBE
    roots = sorted({f"{finding.subject} ({finding.type})" for finding in bad if _is_root(finding)})
    shown = ", ".join(roots[:SHOWN_ROOTS]) + (
        f" and {len(roots) - SHOWN_ROOTS} more" if len(roots) > SHOWN_ROOTS else ""
    )
    told = f"; {'root' if len(roots) == 1 else 'roots'}: {shown}" if roots else ""
    text = f"{len(bad)} {'check is' if len(bad) == 1 else 'checks are'} not well{told}{when}"
    return Line(text, CRITICAL), _find_step(bad, configuration_file(environ))


def _find_step(bad: Sequence[StoredFinding], configuration: str) -> str:
    files = [str(finding.evidence().get("file", configuration)) for finding in bad]
    return PROBE if configuration in files else f"{PROBE} --checks {shlex.quote(files[0])}"


def _is_root(finding: StoredFinding) -> bool:
    return finding.evidence().get("root") == finding.subject


def _read_record(text: str) -> Mapping[str, object]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
