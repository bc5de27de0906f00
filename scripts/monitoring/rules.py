"""The rules as files: for Prometheus, and the same alerts as Grafana manages them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import yaml

from monitoring.alerts import ALERTS, Alert
from monitoring.recorded import records

SOURCE: Final = "alvh-prometheus"
"""The uid under which Grafana knows Prometheus."""

FOLDER: Final = "ALVH"
EVERY_S: Final = 15
GRAFANA_EVERY_S: Final = 60  # Grafana's `for` must be a multiple of it, or 0
_LOOK_BACK_S: Final = 600
_ORGANISATION: Final = 1


class _Plain(yaml.SafeDumper):
    """YAML without aliases, in the order given."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401, ARG002 - the library's signature
        """Write everything out."""
        return True


def written(document: Mapping[str, Any], about: str) -> str:
    """Return a document as YAML, with a first line that says what it says."""
    body = yaml.dump(document, Dumper=_Plain, sort_keys=False, width=120, allow_unicode=True)
    return f"# {about}\n# Made by `make monitoring` from scripts/monitoring; not to be edited.\n{body}"


def recording_file() -> str:
    """Return the recording rules of Prometheus."""
    rules = [{"record": record.name, "expr": record.expr} for record in records()]
    group = {"name": "alvh-recorded", "interval": f"{EVERY_S}s", "rules": rules}
    return written(
        {"groups": [group]}, "What alerts look at, recorded: one series per instance, held when nodes vanish."
    )


def alert_file(runbook: str) -> str:
    """Return the alerts of Prometheus."""
    rules = []
    for alert in ALERTS:
        rule: dict[str, Any] = {"alert": alert.name, "expr": alert.expr}
        if alert.for_s:
            rule["for"] = f"{alert.for_s}s"
        rules.append({**rule, "labels": _labels(alert), "annotations": _annotations(alert, runbook)})
    group = {"name": "alvh-alerts", "interval": f"{EVERY_S}s", "rules": rules}
    return written({"groups": [group]}, "What wakes somebody, or does not; docs/runbook.md says what to do.")


def grafana_file(runbook: str) -> str:
    """Return the same alerts as Grafana manages them, for its provisioning."""
    group = {
        "orgId": _ORGANISATION,
        "name": "alvh-alerts",
        "folder": FOLDER,
        "interval": f"{GRAFANA_EVERY_S}s",
        "rules": [_managed(alert, runbook) for alert in ALERTS],
    }
    about = "The alerts of deploy/prometheus/alerts.yml as Grafana-managed rules, for who does not run Alertmanager."
    return written({"apiVersion": 1, "groups": [group]}, about)


def _managed(alert: Alert, runbook: str) -> dict[str, Any]:
    multiples = -(-alert.for_s // GRAFANA_EVERY_S)
    return {
        "uid": alert.anchor,
        "title": alert.name,
        "condition": "firing",
        "data": [_query(alert), _threshold()],
        # What a rule gives is what fires; nothing given is quiet, as missing series are held by the recorded ones.
        "noDataState": "OK",
        "execErrState": "Error",
        "for": f"{multiples * GRAFANA_EVERY_S}s",
        "labels": _labels(alert),
        "annotations": _annotations(alert, runbook),
        "isPaused": False,
    }


def _query(alert: Alert) -> dict[str, Any]:
    # Grafana fires on a value above 0, Prometheus on any series: to the power of 0 every value is 1, NaN too.
    model = {
        "refId": "found",
        "datasource": {"type": "prometheus", "uid": SOURCE},
        "expr": f"({alert.expr}) ^ 0",
        "instant": True,
        "range": False,
    }
    window = {"from": _LOOK_BACK_S, "to": 0}
    return {"refId": "found", "relativeTimeRange": window, "datasourceUid": SOURCE, "model": model}


def _threshold() -> dict[str, Any]:
    conditions: Sequence[Mapping[str, Any]] = [{"evaluator": {"type": "gt", "params": [0]}}]
    model = {
        "refId": "firing",
        "type": "threshold",
        "datasource": {"type": "__expr__", "uid": "__expr__"},
        "expression": "found",
        "conditions": conditions,
    }
    return {
        "refId": "firing",
        "relativeTimeRange": {"from": 0, "to": 0},
        "datasourceUid": "__expr__",
        "model": model,
    }


def _labels(alert: Alert) -> dict[str, str]:
    return {"severity": alert.severity, "service": "alvh"}


def _annotations(alert: Alert, runbook: str) -> dict[str, str]:
    return {
        "summary": alert.summary,
        "description": f"{alert.meaning} What to do: {alert.action}",
        "runbook_url": f"{runbook}#{alert.anchor}",
    }
