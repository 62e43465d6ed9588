"""The whole pipe with a real small model, where there is no network: check, explain, wake."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

import jsonschema
from referencing import Registry, Resource

from agentkit.core.schemas import list_kinds, read_schema
from tests.conftest import ROOT
from tests.think.smallmodel import SmallModel

# Each of these jobs fails in its own way, so that there is more than one kind of finding.
FAILING = ("-- false", "-- sh -c 'echo no space left on device >&2; exit 28'", "--timeout 50ms -- sleep 5")


def think_with(
    model: SmallModel, folder: Path, environ: Mapping[str, str], *, findings: int, group_by: str, limit_s: float
) -> tuple[int, list[dict[str, object]], list[str]]:
    """Let so many jobs fail, and pipe what a check finds through `explain` into `wake`: (status, decisions, faults)."""
    home = folder / "home"
    home.mkdir(mode=0o700)
    (home / "agentkit.toml").write_text(
        f"[think]\ndeadline = '{limit_s:.0f}s'\ngroup_by = ['{group_by}']\n"
        f"[[think.provider]]\nname = 'small'\nkind = 'openai'\nurl = '{model.url}'\nmodel = 'small'\nprice = 0\n"
        '[[think.runbook]]\nname = "look"\nmatch = {type = "nothing"}\nrun = ["df", "-h"]\n'
    )
    agentkit = f"{shlex.quote(sys.executable)} -m agentkit"
    runs = "\n".join(
        f"{agentkit} heartbeat run job-{number} {FAILING[number % len(FAILING)]} || true" for number in range(findings)
    )
    pipe = f"{agentkit} heartbeat check --json | {agentkit} depmap explain --json | {agentkit} think wake --json"
    ended = model.run_inside(
        ["sh", "-c", f"exec 2>/dev/null\n({runs}) >/dev/null\nexec 2>{folder}/said\n{pipe}"],
        environ={**os.environ, **environ, "AGENTKIT_HOME": str(home), "PYTHONPATH": str(ROOT)}, cwd=folder,
        limit_s=limit_s + 120,
    )  # fmt: skip
    records = [json.loads(line) for line in ended.stdout.splitlines()]
    return ended.returncode, records, [fault for record in records for fault in _find_faults(record)]


def _find_faults(record: Mapping[str, object]) -> list[str]:
    registry: Registry[object] = Registry().with_resources(
        [(str(schema["$id"]), Resource.from_contents(schema)) for schema in map(read_schema, list_kinds())]
    )
    validator = jsonschema.Draft202012Validator(read_schema("decision"), registry=registry)
    return [error.message for error in validator.iter_errors(record)]
