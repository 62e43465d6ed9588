"""Which findings are in the body of an Alertmanager webhook?

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config, version 4.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress

from agentkit.core.times import parse_instant

SOURCE = "alertmanager"
# What people write there; what nobody knows is at least worth a warning.
SEVERITIES = {
    "critical": "critical",
    "page": "critical",
    "emergency": "critical",
    "fatal": "critical",
    "error": "critical",
    "high": "critical",
    "warning": "warning",
    "info": "info",
    "informational": "info",
    "none": "info",
    "debug": "info",
    "low": "info",
}
SUMMARIES = ("summary", "title", "message", "description")


def to_findings(body: Mapping[str, object]) -> Iterator[dict[str, object]]:
    """Yield a finding for each alert; an alert is the same one tomorrow when its labels are the same."""
    alerts = body.get("alerts")
    for alert in alerts if isinstance(alerts, list) else []:
        if isinstance(alert, dict):
            yield _to_finding(alert)


def _to_finding(alert: Mapping[str, object]) -> dict[str, object]:
    labels, annotations = _texts(alert.get("labels")), _texts(alert.get("annotations"))
    name = labels.get("alertname") or "alert"
    instance = labels.get("instance", "")
    host = instance.rpartition(":")[0] or instance
    record: dict[str, object] = {
        "v": 1,
        "kind": "finding",
        "host": host or os.uname().nodename,
        "source": SOURCE,
        "type": name,
        "subject": f"host:{host}" if host else f"alert:{name}",
        # Every label tells two alerts apart.
        "key": json.dumps(labels, sort_keys=True),
        "severity": SEVERITIES.get(labels.get("severity", "").lower(), "warning"),
        "state": "resolved" if alert.get("status") == "resolved" else "firing",
        "title": next((annotations[key] for key in SUMMARIES if annotations.get(key)), name),
        "evidence": {"labels": labels, "annotations": annotations},
    }
    begun = alert.get("startsAt")
    with suppress(ValueError):
        # An alert counts whatever its clock says.
        parse_instant(str(begun))
        record["at"] = record["first_seen"] = begun
    return record


def _texts(value: object) -> dict[str, str]:
    return {str(key): str(each) for key, each in value.items()} if isinstance(value, dict) else {}
