"""What does a tree measure, by the command that the accepted settings name?"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from datetime import timedelta

from agentkit.core.errors import AgentkitError
from agentkit.core.process import run_program
from agentkit.core.program import Program
from agentkit.core.repo.checkout import Tree, Workshop
from agentkit.ratchet.metrics import Metric, read_metrics
from agentkit.ratchet.settings import Settings

KEEP_BYTES = 1_048_576
KEPT = ("PATH", "LANG", "LC_ALL", "TZ")
PYTHON_WORD = "{python}"


def measure(
    work: Workshop, settings: Settings, tree: Tree, python: str, environ: Mapping[str, str]
) -> tuple[Metric, ...]:
    """Return what the metrics command prints in a checkout of the tree; nothing where it fails: that is worse."""
    if not settings.metrics:
        return ()
    checkout = work.check_out(tree)
    environment = {name: value for name, value in environ.items() if name in (*KEPT, *settings.environment)}
    environment |= {"HOME": checkout.folder, "PYTHONSAFEPATH": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    environment.setdefault("PATH", os.defpath)
    words = tuple(word.replace(PYTHON_WORD, python) for word in settings.metrics)
    limit = min(settings.limit, timedelta(minutes=10))
    try:
        ended = run_program(
            Program(words, limit=limit, environment=environment, folder=checkout.folder, keep_bytes=KEEP_BYTES)
        )
        return read_metrics(ended.stdout) if ended.status == 0 else ()
    except AgentkitError:
        return ()
    finally:
        shutil.rmtree(checkout.folder, ignore_errors=True)
