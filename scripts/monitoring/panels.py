"""Panels of Grafana, made from metric definitions: what a metric says and its unit are said once, in its definition."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from alvh.adapters.prometheus import DEFINITIONS
from monitoring.rules import SOURCE

Kind = Literal["timeseries", "stat", "table", "state-timeline", "bargauge", "heatmap", "alertlist", "text"]
METRICS: Final = {definition.name.removeprefix("alvh_"): definition for definition in DEFINITIONS}
COLUMNS: Final = 24
GREEN_AT_ONE: Final = ({"color": "red", "value": None}, {"color": "green", "value": 1})
GREEN_AT_ZERO: Final = ({"color": "green", "value": None}, {"color": "red", "value": 1})


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One query: PromQL with Grafana's variables, and how its series are named."""

    expr: str
    legend: str = ""
    is_range: bool = True
    format: Literal["time_series", "table", "heatmap"] = "time_series"
    exemplars: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel.

    Attributes:
        title: what is seen.
        kind: how.
        queries: of what.
        metric: the metric, without its prefix, whose text and unit the panel takes.
        unit: Grafana's unit where it is another than the metric's.
        width: of 24 columns.
        height: in Grafana's rows.
        steps: colours by value, lowest first.
        words: what values are shown as.
        options: of the kind, over its defaults.
        defaults: of the field, over the panel's.
        text: what it is about, where no metric says so.
    """

    title: str
    kind: Kind = "timeseries"
    queries: tuple[Query, ...] = ()
    metric: str | None = None
    unit: str | None = None
    width: int = 12
    height: int = 8
    steps: Sequence[Mapping[str, Any]] = ({"color": "blue", "value": None},)
    words: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    text: str = ""

    def laid(self, number: int, x: int, y: int) -> dict[str, Any]:
        """Return it as Grafana has it, at a place."""
        panel: dict[str, Any] = {
            "id": number,
            "title": self.title,
            "type": self.kind,
            "description": self.text or (METRICS[self.metric].help if self.metric else ""),
            "gridPos": {"h": self.height, "w": self.width, "x": x, "y": y},
            "options": {**_OPTIONS.get(self.kind, {}), **self.options},
        }
        if self.queries:
            panel["datasource"] = {"type": "prometheus", "uid": SOURCE}
            panel["targets"] = [_target(query, rank) for rank, query in enumerate(self.queries)]
            panel["fieldConfig"] = {"defaults": self._field(), "overrides": []}
        return panel

    def _field(self) -> dict[str, Any]:
        unit = self.unit or (unit_of(self.metric) if self.metric else "short")
        made: dict[str, Any] = {
            "unit": unit,
            "thresholds": {"mode": "absolute", "steps": [dict(s) for s in self.steps]},
        }
        if self.words:
            options = {value: {"text": word, "index": rank} for rank, (value, word) in enumerate(self.words.items())}
            made["mappings"] = [{"type": "value", "options": options}]
        if self.kind == "timeseries":
            made["color"] = {"mode": "palette-classic"}
            made["custom"] = {"lineWidth": 1, "fillOpacity": 5, "showPoints": "never", "spanNulls": False}
        else:
            made["color"] = {"mode": "thresholds"}
        return {**made, **self.defaults}


_OPTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "timeseries": {
        "legend": {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "background",
        "graphMode": "none",
        "textMode": "auto",
        "orientation": "auto",
        "justifyMode": "auto",
    },
    "bargauge": {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "orientation": "horizontal",
        "displayMode": "basic",
    },
    "table": {"showHeader": True, "cellHeight": "sm"},
    "state-timeline": {"mergeValues": True, "showValue": "auto", "rowHeight": 0.9},
    "heatmap": {
        "calculate": False,
        "cellGap": 1,
        "yAxis": {"unit": "s"},
        "color": {"mode": "scheme", "scheme": "Blues"},
    },
}


def unit_of(metric: str) -> str:
    """Grafana's unit of a metric, from its name: base units stand in it."""
    name = METRICS[metric].name
    if name.endswith("_timestamp_seconds"):
        return "dateTimeFromNow"
    if name.endswith("_seconds"):
        return "s"
    if name.endswith("_ratio"):
        return "percentunit"
    return "short"


def of_leader(name: str, labels: str = "") -> str:
    """Select what the leader says of a metric, `labels` as further matchers."""
    assert name in METRICS, name
    chosen = f'job="$job", {labels}' if labels else 'job="$job"'
    return f'(alvh_{name}{{{chosen}}} and on (job, instance) alvh_leader{{job="$job"}} == 1)'


def of_all(name: str, labels: str = "") -> str:
    """Select what all nodes say of a metric."""
    assert name.removesuffix("_bucket") in METRICS, name
    chosen = f'job="$job", {labels}' if labels else 'job="$job"'
    return f"alvh_{name}{{{chosen}}}"


def plain(name: str) -> Panel:
    """Show a metric as it comes: all nodes together, a counter as what was added, a histogram as its far end."""
    labels = ", ".join(METRICS[name].labels)
    if METRICS[name].kind == "gauge":
        expr = f"max by ({labels}) ({of_all(name)})"
    elif METRICS[name].kind == "counter":
        expr = f"sum by ({labels}) (increase({of_all(name)}[$__rate_interval]))"
    else:
        expr = f"histogram_quantile(0.99, sum by (le) (rate({of_all(f'{name}_bucket')}[$__rate_interval])))"
    return Panel(title=name.replace("_", " ").capitalize(), metric=name, queries=(Query(expr=expr),))


def _target(query: Query, rank: int) -> dict[str, Any]:
    return {
        "refId": chr(ord("A") + rank),
        "datasource": {"type": "prometheus", "uid": SOURCE},
        "expr": query.expr,
        "legendFormat": query.legend or "__auto",
        "range": query.is_range,
        "instant": not query.is_range,
        "format": query.format,
        "exemplar": query.exemplars,
    }


def flow(panels: Sequence[Panel], y: int, first_id: int) -> tuple[list[dict[str, Any]], int]:
    """Lay panels from left to right, and on into the next line; return them and the line behind."""
    laid, x, tallest = [], 0, 0
    for rank, panel in enumerate(panels):
        if x + panel.width > COLUMNS:
            x, y, tallest = 0, y + tallest, 0
        laid.append(panel.laid(first_id + rank, x, y))
        x += panel.width
        tallest = max(tallest, panel.height)
    return laid, y + tallest
