"""What each dashboard shows, row by row."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from monitoring.panels import GREEN_AT_ONE, GREEN_AT_ZERO, Panel, Query, of_all, of_leader

_BOOK: Final = 'portfolio="$portfolio"'
_YES_NO: Final = {"0": "no", "1": "yes"}
_UP_DOWN: Final = {"0": "away", "1": "connected"}
_RATE: Final = "[$__rate_interval]"
_PHASES: Final = ("OFF", "STANDBY", "INITIAL", "STAGED", "CONFIRMED", "MONETISE", "COOLDOWN")
_BY_CAP: Final = ({"color": "green", "value": None}, {"color": "orange", "value": 0.9}, {"color": "red", "value": 1.0})
_BY_MOVE: Final = ({"color": "green", "value": None}, {"color": "orange", "value": 0.8}, {"color": "red", "value": 1.0})


def _now(expr: str, legend: str = "") -> Query:
    return Query(expr=expr, legend=legend, is_range=False)


def _stat(title: str, metric: str, expr: str, *, legend: str = "", **more: Any) -> Panel:  # noqa: ANN401 - as Panel has
    """One number, or word."""
    made = {"width": 4, "height": 4, **more}
    return Panel(title=title, kind="stat", metric=metric, queries=(_now(expr, legend),), **made)


def _age(title: str, metric: str, labels: str = "") -> Panel:
    """When something happened last, as a time ago; nothing where it never did."""
    return _stat(title, metric, f"max({of_leader(metric, labels)} > 0) * 1000", unit="dateTimeFromNow")


def _lines(title: str, metric: str, *queries: Query, **more: Any) -> Panel:  # noqa: ANN401 - as Panel has them
    """Series over time."""
    return Panel(title=title, metric=metric, queries=queries, **more)


def _moment(title: str, metric: str) -> Panel:
    return _stat(title, metric, f"max({of_all(metric)}) * 1000", unit="dateTimeAsIso")


def _in_phase(phase: str) -> str:
    return f'{_BOOK}, phase="{phase}"'


def _quantiles(metric: str) -> tuple[Query, ...]:
    buckets = f"sum by (le) (rate({of_all(f'{metric}_bucket')}{_RATE}))"
    return tuple(
        Query(expr=f"histogram_quantile({share}, {buckets})", legend=f"{share:.0%}") for share in (0.5, 0.9, 0.99)
    )


def _heat(title: str, metric: str) -> Panel:
    expr = f"sum by (le) (increase({of_all(f'{metric}_bucket')}{_RATE}))"
    query = Query(expr=expr, legend="{{le}}", format="heatmap")
    return Panel(title=title, kind="heatmap", metric=metric, queries=(query,))


OVERVIEW: Final[Mapping[str, Sequence[Panel]]] = {
    "Is it well?": (
        _stat(
            "Market",
            "simulated",
            f"max({of_all('simulated')})",
            words={"0": "real", "1": "SIMULATED"},
            steps=GREEN_AT_ZERO,
        ),
        _stat("Ready", "ready", f"max({of_all('ready')})", words=_YES_NO, steps=GREEN_AT_ONE),
        _stat("Leaders", "leader", f"sum({of_all('leader')})", steps=(*GREEN_AT_ONE, {"color": "red", "value": 2})),
        _stat("Feed", "feed_connected", f"max({of_leader('feed_connected')})", words=_UP_DOWN, steps=GREEN_AT_ONE),
        _stat("Redis", "redis_connected", f"min({of_all('redis_connected')})", words=_UP_DOWN, steps=GREEN_AT_ONE),
        _stat("Broker", "mqtt_connected", f"max({of_leader('mqtt_connected')})", words=_UP_DOWN, steps=GREEN_AT_ONE),
        _stat("Session open", "in_session", f"max({of_all('in_session')})", words=_YES_NO),
        _age("Newest live SPX quote", "live_quote_timestamp_seconds", 'instrument="SPX"'),
        _age("Newest commit", "commit_timestamp_seconds"),
        _age("Newest message out", "publish_timestamp_seconds"),
        _stat(
            "Messages waiting",
            "outbox_pending_messages",
            f"max({of_leader('outbox_pending_messages')})",
            steps=GREEN_AT_ZERO,
        ),
        _stat(
            "Unanswered", "unanswered_adjustments", f"sum({of_leader('unanswered_adjustments')})", steps=GREEN_AT_ZERO
        ),
        Panel(
            title="Alerts",
            kind="alertlist",
            width=24,
            height=6,
            text="What fires now, of Prometheus and of Grafana.",
            options={
                "alertName": "Alvh",
                "maxItems": 20,
                "sortOrder": 3,
                "viewMode": "list",
                "groupMode": "default",
                "stateFilter": {"firing": True, "pending": True, "error": True, "noData": False, "normal": False},
            },
        ),
    ),
    "Portfolios": (
        Panel(
            title="Largest move, as a share of the threshold",
            kind="bargauge",
            metric="index_move_ratio",
            queries=(
                _now(
                    f"max by (portfolio) (abs({of_leader('index_move_ratio')}))"
                    f" / on (portfolio) max by (portfolio) ({of_leader('move_threshold_ratio')})",
                    "{{portfolio}}",
                ),
            ),
            steps=_BY_MOVE,
            defaults={"min": 0, "max": 1},
        ),
        Panel(
            title="Session closes since the last rebalance",
            kind="bargauge",
            metric="sessions_since_rebalance",
            queries=(_now(f"max by (portfolio) ({of_leader('sessions_since_rebalance')})", "{{portfolio}}"),),
            defaults={"min": 0},
        ),
        Panel(
            title="Cost, as a share of its cap",
            kind="bargauge",
            metric="hedge_cost_ratio",
            queries=(
                _now(
                    f"max by (portfolio) ({of_leader('hedge_cost_ratio')})"
                    f" / on (portfolio) max by (portfolio) ({of_leader('hedge_cost_cap_ratio')})",
                    "{{portfolio}}",
                ),
            ),
            steps=_BY_CAP,
            defaults={"min": 0, "max": 1},
        ),
        Panel(
            title="Phase",
            kind="table",
            metric="phase",
            queries=(
                Query(expr=f"max by (portfolio, phase) ({of_leader('phase')}) == 1", is_range=False, format="table"),
            ),
        ),
        _lines(
            "Moves",
            "index_move_ratio",
            Query(
                expr=f"max by (portfolio, index) ({of_leader('index_move_ratio')})", legend="{{portfolio}} {{index}}"
            ),
            width=24,
        ),
    ),
}

PORTFOLIO: Final[Mapping[str, Sequence[Panel]]] = {
    "Triggers": (
        _lines(
            "Moves since the last rebalance",
            "index_move_ratio",
            Query(expr=f"max by (index) ({of_leader('index_move_ratio', _BOOK)})", legend="{{index}}"),
            Query(expr=f"max({of_leader('move_threshold_ratio', _BOOK)})", legend="threshold"),
            Query(expr=f"-max({of_leader('move_threshold_ratio', _BOOK)})", legend="threshold down"),
            width=16,
        ),
        _lines(
            "Session closes since the last rebalance",
            "sessions_since_rebalance",
            Query(expr=f"max({of_leader('sessions_since_rebalance', _BOOK)})", legend="closes"),
            Query(expr=f"max by (limit) ({of_leader('timer_limit_sessions', _BOOK)})", legend="{{limit}} limit"),
            width=8,
        ),
        Panel(
            title="Phase",
            kind="state-timeline",
            metric="phase",
            queries=tuple(
                Query(expr=f"max({of_leader('phase', _in_phase(phase))})", legend=phase) for phase in _PHASES
            ),
            words=_YES_NO,
            steps=({"color": "transparent", "value": None}, {"color": "purple", "value": 1}),
            width=24,
        ),
    ),
    "Hedge": (
        _lines(
            "Cost against its cap",
            "hedge_cost_ratio",
            Query(expr=f"max({of_leader('hedge_cost_ratio', _BOOK)})", legend="cost"),
            Query(expr=f"max({of_leader('hedge_cost_cap_ratio', _BOOK)})", legend="cap"),
        ),
        Panel(
            title="Offset at VIX +points",
            kind="bargauge",
            metric="hedge_offset_ratio",
            queries=(_now(f"max by (vix_points) ({of_leader('hedge_offset_ratio', _BOOK)})", "+{{vix_points}}"),),
            defaults={"min": 0},
        ),
        _lines(
            "Contracts wanted",
            "target_contracts",
            Query(expr=f"max by (leg) ({of_leader('target_contracts', _BOOK)})", legend="{{leg}}"),
        ),
        _lines(
            "Contracts held at the newest target",
            "held_contracts",
            Query(expr=f"max by (leg) ({of_leader('held_contracts', _BOOK)})", legend="{{leg}}"),
        ),
    ),
    "Adjustments": (
        _stat(
            "Unanswered",
            "unanswered_adjustments",
            f"max({of_leader('unanswered_adjustments', _BOOK)})",
            steps=GREEN_AT_ZERO,
        ),
        _stat("Answers expected", "answers_expected", f"max({of_leader('answers_expected', _BOOK)})", words=_YES_NO),
        _stat(
            "Lapses",
            "answer_deadline_timestamp_seconds",
            f"max({of_leader('answer_deadline_timestamp_seconds', _BOOK)}) * 1000",
            unit="dateTimeAsIso",
            words={"0": "nothing waits"},
        ),
        _stat(
            "Account differs",
            "account_differences",
            f"max({of_leader('account_differences', _BOOK)})",
            steps=GREEN_AT_ZERO,
        ),
        _age("Newest adjustment", "adjustment_timestamp_seconds", _BOOK),
        _age("Phase entered", "phase_timestamp_seconds", _BOOK),
        _lines(
            "Adjustments by reason",
            "adjustments_total",
            Query(
                expr=f"sum by (reason) (increase({of_all('adjustments_total', _BOOK)}{_RATE})) > 0 or on () vector(0)",
                legend="{{reason}}",
                exemplars=True,
            ),
            width=24,
        ),
    ),
    "Signals": (
        Panel(
            title="Signals at the newest evaluation",
            kind="table",
            metric="signal_value",
            queries=(Query(expr=f"max by (signal) ({of_leader('signal_value')})", is_range=False, format="table"),),
            height=14,
        ),
        _age("Evaluated close", "evaluated_close_timestamp_seconds"),
    ),
}

OPERATIONS: Final[Mapping[str, Sequence[Panel]]] = {
    "Feed": (
        _lines(
            "Quotes",
            "quotes_total",
            Query(expr=f"sum by (instrument) (rate({of_all('quotes_total')}{_RATE})) > 0", legend="{{instrument}}"),
            unit="cps",
        ),
        _lines(
            "Age of the newest quote",
            "quote_timestamp_seconds",
            Query(
                expr=f"time() - max by (instrument) ({of_leader('quote_timestamp_seconds')} > 0)",
                legend="{{instrument}}",
            ),
            unit="s",
        ),
        _lines(
            "Quotes left out",
            "quotes_rejected_total",
            Query(expr=f"sum by (reason) (rate({of_all('quotes_rejected_total')}{_RATE}))", legend="{{reason}}"),
            unit="cps",
        ),
        _lines(
            "Errors of the feed",
            "feed_errors_total",
            Query(expr=f"sum by (code) (increase({of_all('feed_errors_total')}{_RATE}))", legend="{{code}}"),
        ),
        _lines(
            "Rows of the tape left out",
            "malformed_rows_total",
            Query(expr=f"sum(increase({of_all('malformed_rows_total')}{_RATE}))", legend="rows"),
            width=8,
        ),
        _lines(
            "Other events and inbound messages left out",
            "refused_total",
            Query(
                expr=f"sum by (subject, reason) (increase({of_all('refused_total')}{_RATE}))",
                legend="{{subject}} {{reason}}",
            ),
            width=16,
        ),
    ),
    "Log and delivery": (
        _lines("Commits to Redis", "commit_seconds", *_quantiles("commit_seconds")),
        _lines("Event to acknowledgement", "quote_to_publish_seconds", *_quantiles("quote_to_publish_seconds")),
        _heat("Commits to Redis, all", "commit_seconds"),
        _heat("Event to acknowledgement, all", "quote_to_publish_seconds"),
        _lines(
            "Events committed",
            "committed_events_total",
            Query(expr=f"sum(rate({of_all('committed_events_total')}{_RATE}))", legend="events"),
            unit="cps",
        ),
        _lines(
            "Messages the broker has not acknowledged",
            "outbox_pending_messages",
            Query(expr=of_all("outbox_pending_messages"), legend="{{instance}}"),
        ),
        _stat("Log durable", "log_durable", f"max({of_leader('log_durable')})", words=_YES_NO, steps=GREEN_AT_ONE),
        _stat(
            "Archive",
            "archive_fault",
            f"max({of_leader('archive_fault')})",
            words={"0": "no fault", "1": "refused"},
            steps=GREEN_AT_ZERO,
        ),
        _age("Last archived", "archive_timestamp_seconds"),
        _stat(
            "Events not archived",
            "archived_events",
            f"max({of_leader('folded_events')} - ({of_leader('archived_events')} > 0))",
        ),
    ),
    "Nodes": (
        _lines("Who leads", "leader", Query(expr=of_all("leader"), legend="{{instance}}"), width=8),
        _lines("Epoch", "leader_epoch", Query(expr=of_all("leader_epoch"), legend="{{instance}}"), width=8),
        _lines(
            "Behind the furthest node",
            "folded_events",
            Query(
                expr=f"max by (job) ({of_all('folded_events')}) - on (job) group_right () {of_all('folded_events')}",
                legend="{{instance}}",
            ),
            width=8,
        ),
        _lines(
            "Connections",
            "redis_connected",
            Query(expr=of_all("redis_connected"), legend="redis {{instance}}"),
            Query(expr=of_all("mqtt_connected"), legend="mqtt {{instance}}"),
            Query(expr=of_all("feed_connected"), legend="feed {{instance}}"),
        ),
        _lines(
            "Since the last round",
            "heartbeat_timestamp_seconds",
            Query(expr=f"time() - {of_all('heartbeat_timestamp_seconds')}", legend="{{instance}}"),
            unit="s",
        ),
        _lines(
            "Clock less Prometheus's",
            "clock_timestamp_seconds",
            Query(
                expr=f"{of_all('clock_timestamp_seconds')} - timestamp({of_all('clock_timestamp_seconds')})",
                legend="{{instance}}",
            ),
            Query(expr=of_all("feed_clock_offset_seconds"), legend="feed {{instance}}"),
            unit="s",
        ),
        _lines(
            "CPU",
            "build_info",
            Query(expr=f'rate(process_cpu_seconds_total{{job="$job"}}{_RATE})', legend="{{instance}}"),
            unit="percentunit",
            text="Share of one core each node uses.",
        ),
        _lines(
            "Memory",
            "build_info",
            Query(expr='process_resident_memory_bytes{job="$job"}', legend="{{instance}}"),
            unit="bytes",
            text="Resident memory of each node.",
        ),
        _lines(
            "Open files",
            "build_info",
            Query(expr='process_open_fds{job="$job"}', legend="{{instance}}"),
            text="File descriptors each node holds.",
        ),
    ),
    "Times": (
        _moment("Session opens", "session_open_timestamp_seconds"),
        _moment("Session closes", "session_close_timestamp_seconds"),
        _moment("Duty begins", "duty_start_timestamp_seconds"),
        _moment("Calendar ends", "calendar_end_timestamp_seconds"),
        _stat(
            "Started",
            "start_timestamp_seconds",
            f"{of_all('start_timestamp_seconds')} * 1000",
            unit="dateTimeFromNow",
            legend="{{instance}}",
        ),
        _stat(
            "Version",
            "build_info",
            of_all("build_info"),
            legend="{{version}} {{instance}}",
            options={"textMode": "name"},
        ),
    ),
}
