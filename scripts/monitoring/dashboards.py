"""The dashboards: overview, portfolio, operations."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from monitoring.boards import OPERATIONS, OVERVIEW, PORTFOLIO
from monitoring.panels import METRICS, Panel, flow, plain
from monitoring.rules import SOURCE

_JOB: Final = {"name": "job", "label": "instance", "query": "label_values(alvh_build_info, job)"}
_BOOK: Final = {
    "name": "portfolio",
    "label": "portfolio",
    "query": 'label_values(alvh_phase{job="$job"}, portfolio)',
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """One dashboard: rows of panels under headings."""

    uid: str
    title: str
    about: str
    rows: Mapping[str, Sequence[Panel]]
    variables: tuple[Mapping[str, str], ...]
    since: str


DASHBOARDS: Final = (
    Dashboard(
        uid="alvh-overview",
        title="ALVH overview",
        about="Whether the service works, and where each portfolio stands.",
        rows=OVERVIEW,
        variables=(_JOB,),
        since="now-6h",
    ),
    Dashboard(
        uid="alvh-portfolio",
        title="ALVH portfolio",
        about="One portfolio: triggers, phase, hedge, signals, answers.",
        rows=PORTFOLIO,
        variables=(_JOB, _BOOK),
        since="now-7d",
    ),
    Dashboard(
        uid="alvh-operations",
        title="ALVH operations",
        about="Feed, log, delivery, nodes.",
        rows=OPERATIONS,
        variables=(_JOB,),
        since="now-6h",
    ),
)


def _shown_elsewhere() -> str:
    rows = [row for dashboard in DASHBOARDS for row in dashboard.rows.values()]
    return " ".join(query.expr for row in rows for panel in row for query in panel.queries)


def _further() -> list[Panel]:
    """Panels of the metrics that no row shows, so that a new one is seen before somebody gives it a place."""
    shown = _shown_elsewhere()
    return [plain(name) for name, each in METRICS.items() if not re.search(rf"\b{each.name}(_bucket)?\b", shown)]


def dashboard_file(dashboard: Dashboard) -> str:
    """Return a dashboard as Grafana provisions it."""
    return json.dumps(_document(dashboard), indent=2, ensure_ascii=False) + "\n"


def _document(dashboard: Dashboard) -> dict[str, Any]:
    panels: list[dict[str, Any]] = []
    y = 0
    further = _further() if dashboard.rows is OPERATIONS else []
    for heading, row in {**dashboard.rows, **({"Further": further} if further else {})}.items():
        bar = {"id": len(panels) + 1, "type": "row", "title": heading, "collapsed": False, "panels": []}
        panels.append({**bar, "gridPos": {"h": 1, "w": 24, "x": 0, "y": y}})
        laid, y = flow(row, y + 1, len(panels) + 1)
        panels += laid
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.about,
        "tags": ["alvh"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": "15s",
        "time": {"from": dashboard.since, "to": "now"},
        "annotations": {"list": [_adjustments(dashboard)]},
        "templating": {"list": [_variable(variable) for variable in dashboard.variables]},
        "links": [
            {
                "title": other.title,
                "type": "link",
                "url": f"/d/{other.uid}",
                "includeVars": True,
                "keepTime": True,
                "icon": "dashboard",
                "targetBlank": False,
                "tags": [],
                "asDropdown": False,
                "tooltip": other.about,
            }
            for other in DASHBOARDS
            if other is not dashboard
        ],
        "panels": panels,
    }


def _adjustments(dashboard: Dashboard) -> dict[str, Any]:
    """A mark on every chart where an adjustment was committed."""
    book = ', portfolio="$portfolio"' if len(dashboard.variables) > 1 else ""
    return {
        "name": "Adjustments",
        "datasource": {"type": "prometheus", "uid": SOURCE},
        "enable": True,
        "hide": False,
        "iconColor": "purple",
        "expr": f'changes(alvh_adjustment_timestamp_seconds{{job="$job"{book}}}[1m]) > 0',
        "titleFormat": "adjustment",
        "textFormat": "{{portfolio}}",
    }


def _variable(variable: Mapping[str, str]) -> dict[str, Any]:
    return {
        "name": variable["name"],
        "label": variable["label"],
        "type": "query",
        "datasource": {"type": "prometheus", "uid": SOURCE},
        "query": {"query": variable["query"], "refId": variable["name"]},
        "refresh": 2,
        "sort": 1,
        "multi": False,
        "includeAll": False,
        "hide": 0,
    }
