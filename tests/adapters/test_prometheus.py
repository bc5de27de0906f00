"""Metrics: table, page and what is served say the same; series are there from the start; labels stay bounded."""

import math
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from alvh.adapters.prometheus import (
    DEFINITIONS,
    Bounds,
    Hours,
    Metrics,
    PortfolioFigures,
    PortfolioLimits,
    Round,
    metrics_page,
)
from alvh.core.events import Quote, SessionClose
from alvh.messages import AdjustmentMessage, HedgeTarget
from alvh.shell.ports import Observer

_NOW = 1_700_000_000_000_000_000
_SPECIFIED = {
    "quotes_total": {"instrument", "source"},
    "quotes_rejected_total": {"instrument", "reason"},
    "quote_timestamp_seconds": {"instrument"},
    "signal_value": {"signal"},
    "index_move_ratio": {"portfolio", "index"},
    "sessions_since_rebalance": {"portfolio"},
    "phase": {"portfolio", "phase"},
    "adjustments_total": {"portfolio", "reason"},
    "unanswered_adjustments": {"portfolio"},
    "hedge_cost_ratio": {"portfolio"},
    "hedge_offset_ratio": {"portfolio", "vix_points"},
    "target_contracts": {"portfolio", "leg"},
    "outbox_pending_messages": set(),
    "quote_to_publish_seconds": set(),
    "commit_seconds": set(),
    "feed_connected": set(),
    "redis_connected": set(),
    "mqtt_connected": set(),
    "leader": set(),
    "feed_errors_total": {"code"},
    "build_info": {"version"},
}


def _metrics(feed: str = "ib") -> Metrics:
    bounds = Bounds(
        version="1.2.3",
        feed=feed,
        portfolios={"core": PortfolioLimits(), "other-book": PortfolioLimits(threshold=0.02, soft=3, hard=6)},
        instruments=("SPX", "RUT"),
        signals=("S03", "S10"),
        feed_error_codes=("1100", "354"),
    )
    return Metrics(bounds, now=lambda: _NOW)


def _round() -> Round:
    hours = Hours(in_session=False, session_open=10, session_close=20, duty_start=5, calendar_end=99)
    return Round(is_ready=True, is_feed_connected=True, hours=hours, epoch=17, folded=4711)


def _value(metrics: Metrics, name: str, **labels: str) -> float:
    value = metrics.registry.get_sample_value(f"alvh_{name}", labels)
    assert value is not None, (name, labels)
    return value


def _quote(instrument: str, ts_recv: int = _NOW + 5_000_000_000) -> Quote:
    return Quote(ts_event=ts_recv - 1, ts_recv=ts_recv, instrument_id=instrument, last_price=5000.0)


def _adjustment(**fields: object) -> AdjustmentMessage:
    data: dict[str, object] = {
        "event_id": f"core-{1:020d}-7", "prev_event_id": None, "book_id": "core", "sleeve_id": "core-hedge",
        "schema_version": 1, "engine_version": "1", "config_hash": "c",
        "created_at": "2025-01-02T21:00:00Z", "asof_session": "2025-01-02",
        "snapshot_id": "s", "is_async": False, "advice_status": "decision_support_not_advice", "feed": "ib",
        "simulated": False, "text": "", "reason_codes": ["STATE", "MOVE_3"], "phase_before": "OFF",
        "phase_after": "STANDBY", "held": 0, "sessions_since_rebalance": 0, "moves": [], "pricing": "model",
        "executable": False, **fields,
    }  # fmt: skip
    envelope = {"id": data["event_id"], "source": "alvh/main", "subject": "core", "time": data["created_at"]}
    return AdjustmentMessage.model_validate({**envelope, "sequence": f"{1:020d}", "data": data})


def test_the_page_is_what_the_table_makes() -> None:
    page = Path(__file__).parents[2] / "docs" / "metrics.md"
    assert page.read_text(encoding="utf-8") == metrics_page(), "write it anew: metrics_page()"


def test_what_is_served_is_the_table() -> None:
    body, content_type = _metrics().exposition()
    assert content_type.startswith("text/plain")
    served = {family.name: family for family in parse_text(body.decode()) if not family.name.startswith("process_")}
    assert {d.name.removesuffix("_total") for d in DEFINITIONS} == set(served)
    for definition in DEFINITIONS:
        family = served[definition.name.removesuffix("_total")]
        assert (family.type, family.documentation) == (definition.kind, definition.help)
        assert family.samples, f"{definition.name} has no series at the start"
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(definition.labels)


def test_the_specified_metrics_are_there_with_their_labels() -> None:
    labels = {d.name: set(d.labels) for d in DEFINITIONS}
    for name, expected in _SPECIFIED.items():
        assert labels[f"alvh_{name}"] == expected


def test_names_follow_the_conventions() -> None:
    for definition in DEFINITIONS:
        assert definition.name.startswith("alvh_")
        assert definition.name.endswith("_total") == (definition.kind == "counter")
        assert not definition.name.endswith(("_ms", "_age", "_age_seconds", "_percent", "_pct"))
        assert definition.help.endswith(".")


def test_a_live_quote_is_counted_with_its_receipt() -> None:
    metrics = _metrics()
    observer: Observer = metrics
    observer.event_taken(_quote("SPX"))
    observer.event_taken(_quote("SPX"))
    observer.event_taken(_quote("NEVER_HEARD_OF"))
    assert _value(metrics, "quotes_total", instrument="SPX", source="ib") == 2
    assert _value(metrics, "quotes_total", instrument="other", source="ib") == 1
    assert _value(metrics, "quotes_total", instrument="RUT", source="ib") == 0
    assert _value(metrics, "quote_timestamp_seconds", instrument="SPX") == _NOW / 1e9 + 5
    assert _value(metrics, "quote_timestamp_seconds", instrument="RUT") == 0


def test_a_delayed_quote_is_no_live_one() -> None:
    metrics = _metrics()
    metrics.event_taken(_quote("SPX"))
    metrics.event_taken(replace(_quote("SPX", _NOW + 9_000_000_000), is_live=False))
    assert _value(metrics, "quote_timestamp_seconds", instrument="SPX") == _NOW / 1e9 + 9
    assert _value(metrics, "live_quote_timestamp_seconds", instrument="SPX") == _NOW / 1e9 + 5


def test_a_tapes_quote_was_received_when_it_was_taken() -> None:
    metrics = _metrics("tape")
    metrics.event_taken(_quote("SPX", ts_recv=1_000_000_000))
    assert _value(metrics, "quote_timestamp_seconds", instrument="SPX") == _NOW / 1e9


def test_other_events_are_no_quotes() -> None:
    metrics = _metrics()
    before = metrics.exposition()[0]
    metrics.event_taken(SessionClose(ts_event=1, ts_recv=1, session=date(2025, 1, 2)))
    lines = [set(body.decode().splitlines()) for body in (before, metrics.exposition()[0])]
    assert not [line for line in lines[0] ^ lines[1] if line.startswith("alvh_")]


@pytest.mark.parametrize(
    ("subject", "reason", "name", "labels"),
    [
        ("SPX", "jump", "quotes_rejected_total", {"instrument": "SPX", "reason": "jump"}),
        ("RUT", "new word", "quotes_rejected_total", {"instrument": "RUT", "reason": "other"}),
        ("answer", "unknown_portfolio", "refused_total", {"subject": "answer", "reason": "unknown_portfolio"}),
        ("inbound", "flood", "refused_total", {"subject": "inbound", "reason": "flood"}),
        ("x" * 500, "y" * 500, "refused_total", {"subject": "other", "reason": "other"}),
    ],
)
def test_what_was_left_out_is_counted_under_bounded_labels(
    subject: str, reason: str, name: str, labels: dict[str, str]
) -> None:
    metrics = _metrics()
    metrics.refused(subject, reason)
    assert _value(metrics, name, **labels) == 1


def test_no_input_adds_a_series() -> None:
    metrics = _metrics()

    def series() -> set[str]:
        lines = metrics.exposition()[0].decode().splitlines()
        return {line.rsplit(" ", 1)[0] for line in lines if line.startswith("alvh_")}

    before = series()
    for i in range(100):
        metrics.refused(f"subject {i}", f"reason {i}")
        metrics.event_taken(_quote(f"X{i}"))
        metrics.feed_error(i)
        metrics.portfolio(f"p{i}", PortfolioFigures(phase="OFF", sessions=1, moves={}, unanswered=0))
        metrics.signals({f"S{i}": 1.0}, _NOW)
    metrics.adjusted(_adjustment(book_id="gone"))
    assert series() == before


def test_commits_and_deliveries_fill_their_histograms() -> None:
    metrics = _metrics()
    for seconds in (0.0004, 0.0005, 0.003, 100.0):
        metrics.committed(seconds, 10)
        metrics.published(seconds)
    assert _value(metrics, "commit_seconds_bucket", le="0.0005") == 2
    assert _value(metrics, "commit_seconds_bucket", le="0.005") == 3
    assert _value(metrics, "commit_seconds_bucket", le="30.0") == 3
    assert _value(metrics, "commit_seconds_bucket", le="+Inf") == 4
    assert _value(metrics, "commit_seconds_sum") == pytest.approx(100.0039)
    assert _value(metrics, "committed_events_total") == 40
    assert _value(metrics, "commit_timestamp_seconds") == _NOW / 1e9
    assert _value(metrics, "quote_to_publish_seconds_count") == 4
    assert _value(metrics, "publish_timestamp_seconds") == _NOW / 1e9


def test_connections_and_leadership_come_and_go() -> None:
    metrics = _metrics()
    for name in ("redis", "mqtt"):
        assert _value(metrics, f"{name}_connected") == 0
        metrics.connected(name, True)
        assert _value(metrics, f"{name}_connected") == 1
    metrics.connected("mqtt", False)
    metrics.leader(True)
    metrics.pending(7)
    metrics.feed_error(1100)
    metrics.feed_clock(-0.25)
    metrics.malformed_row()
    metrics.round(_round())
    assert _value(metrics, "mqtt_connected") == 0
    assert _value(metrics, "feed_connected") == 1
    assert _value(metrics, "leader") == 1
    assert _value(metrics, "outbox_pending_messages") == 7
    assert _value(metrics, "feed_errors_total", code="1100") == 1
    assert _value(metrics, "feed_clock_offset_seconds") == -0.25
    assert _value(metrics, "malformed_rows_total") == 1
    assert _value(metrics, "ready") == 1
    assert _value(metrics, "in_session") == 0
    assert _value(metrics, "session_open_timestamp_seconds") == 10
    assert _value(metrics, "session_close_timestamp_seconds") == 20
    assert _value(metrics, "duty_start_timestamp_seconds") == 5
    assert _value(metrics, "calendar_end_timestamp_seconds") == 99
    assert _value(metrics, "leader_epoch") == 17
    assert _value(metrics, "folded_events") == 4711
    assert _value(metrics, "heartbeat_timestamp_seconds") == _NOW / 1e9
    assert _value(metrics, "build_info", version="1.2.3") == 1


def test_a_portfolio_shows_its_phase_as_a_state_set() -> None:
    metrics = _metrics()
    moves = {"SPX": -0.012, "RUT": None}
    metrics.portfolio("core", PortfolioFigures(phase="STAGED", sessions=4, moves=moves, unanswered=2))
    phases = {d: _value(metrics, "phase", portfolio="core", phase=d) for d in ("OFF", "STANDBY", "STAGED", "COOLDOWN")}
    assert phases == {"OFF": 0, "STANDBY": 0, "STAGED": 1, "COOLDOWN": 0}
    metrics.portfolio("core", PortfolioFigures(phase="COOLDOWN", sessions=0, moves=moves, unanswered=2))
    assert _value(metrics, "phase", portfolio="core", phase="STAGED") == 0
    assert _value(metrics, "phase", portfolio="core", phase="COOLDOWN") == 1
    assert _value(metrics, "index_move_ratio", portfolio="core", index="SPX") == -0.012
    assert math.isnan(_value(metrics, "index_move_ratio", portfolio="core", index="RUT"))
    assert _value(metrics, "unanswered_adjustments", portfolio="core") == 2
    assert _value(metrics, "move_threshold_ratio", portfolio="other-book") == 0.02
    assert _value(metrics, "timer_limit_sessions", portfolio="other-book", limit="hard") == 6


def test_a_phase_begins_when_it_is_seen_and_at_a_start_when_the_log_says() -> None:
    now = [1000.0]
    bounds = Bounds(version="1", feed="ib", portfolios={"core": PortfolioLimits()}, instruments=(), signals=())
    metrics = Metrics(bounds, now=lambda: int(now[0] * 1e9))

    def look(phase: str, since: float | None) -> float:
        figures = PortfolioFigures(phase=phase, sessions=0, moves={}, unanswered=0, phase_since=since)
        metrics.portfolio("core", figures)
        return _value(metrics, "phase_timestamp_seconds", portfolio="core")

    assert look("OFF", None) == 0
    assert look("OFF", None) == 0
    assert look("INITIAL", 500.0) == 1000
    now[0] = 2000.0
    assert look("INITIAL", 500.0) == 1000
    for since, shown in ((500.0, 500), (9000.0, 2000)):
        again = Metrics(bounds, now=lambda: int(now[0] * 1e9))
        again.portfolio("core", PortfolioFigures(phase="OFF", sessions=0, moves={}, unanswered=0, phase_since=since))
        assert _value(again, "phase_timestamp_seconds", portfolio="core") == shown


def test_what_waits_for_an_answer_shows_when_it_lapses() -> None:
    metrics = _metrics()
    assert _value(metrics, "answers_expected", portfolio="core") == 0
    waiting = PortfolioFigures(phase="OFF", sessions=0, moves={}, unanswered=1)
    metrics.portfolio("core", waiting)
    assert _value(metrics, "answer_deadline_timestamp_seconds", portfolio="core") == 0
    metrics.adjusted(_adjustment(valid_until="2025-01-03T21:00:00.123456789Z"))
    metrics.portfolio("core", waiting)
    deadline = datetime(2025, 1, 3, 21, tzinfo=UTC).timestamp()
    assert int(_value(metrics, "answer_deadline_timestamp_seconds", portfolio="core")) == deadline
    metrics.portfolio("core", replace(waiting, unanswered=0))
    assert _value(metrics, "answer_deadline_timestamp_seconds", portfolio="core") == 0


def test_a_signal_that_is_missing_is_not_a_number() -> None:
    metrics = _metrics()
    assert math.isnan(_value(metrics, "signal_value", signal="S03"))
    metrics.signals({"S03": -1.5, "S10": 0.3}, _NOW)
    assert _value(metrics, "signal_value", signal="S03") == -1.5
    metrics.signals({"S03": None, "S10": 0.0}, _NOW + 1_000_000_000)
    assert math.isnan(_value(metrics, "signal_value", signal="S03"))
    assert _value(metrics, "signal_value", signal="S10") == 0
    assert _value(metrics, "evaluated_close_timestamp_seconds") == _NOW / 1e9 + 1


def test_an_adjustment_counts_under_each_reason_and_shows_its_hedge() -> None:
    metrics = _metrics()
    message = _adjustment(hc_pct=36.0, cap=1600.0, credit=4000.0, offset5=0.55, offset20=1.7)
    metrics.adjusted(message)
    for reason, count in (("STATE", 1), ("MOVE_3", 1), ("TIMER_10", 0)):
        assert _value(metrics, "adjustments_total", portfolio="core", reason=reason) == count
    assert _value(metrics, "hedge_cost_ratio", portfolio="core") == 0.36
    assert _value(metrics, "hedge_cost_cap_ratio", portfolio="core") == 0.4
    assert _value(metrics, "hedge_offset_ratio", portfolio="core", vix_points="5") == 0.55
    assert _value(metrics, "hedge_offset_ratio", portfolio="core", vix_points="20") == 1.7
    assert math.isnan(_value(metrics, "hedge_offset_ratio", portfolio="core", vix_points="6"))
    metrics.hedge(message.data)
    assert _value(metrics, "adjustments_total", portfolio="core", reason="STATE") == 1


def test_openmetrics_names_the_newest_adjustment_as_exemplar() -> None:
    metrics = _metrics()
    metrics.adjusted(_adjustment())
    body, content_type = metrics.exposition("application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert content_type.startswith("application/openmetrics-text")
    families = {family.name: family for family in parse_openmetrics(body.decode())}  # type: ignore[no-untyped-call]
    exemplars = {s.labels["reason"]: s.exemplar for s in families["alvh_adjustments"].samples if s.exemplar}
    assert set(exemplars) == {"STATE", "MOVE_3"}
    assert exemplars["STATE"].labels == {"event_id": f"core-{1:020d}-7"}


def test_a_target_shows_contracts_by_leg() -> None:
    metrics = _metrics()
    legs = [
        {"leg": "L3a", "instrument": "VIX A", "target_quantity": 3, "current_quantity": 1},
        {"leg": "L3a", "instrument": "VIX B", "target_quantity": 0, "current_quantity": 2},
        {"leg": "FIN", "instrument": "SPXW C", "target_quantity": -2, "current_quantity": 0},
    ]
    target = {
        "event_id": "x", "portfolio": "core", "as_of": "2025-01-02T21:00:00Z", "phase": "INITIAL", "legs": legs,
        "pricing": "model", "simulated": False, "advice_status": "x",
    }  # fmt: skip
    metrics.target(HedgeTarget.model_validate(target))
    wanted = {leg: _value(metrics, "target_contracts", portfolio="core", leg=leg) for leg in ("L1", "L3a", "FIN")}
    assert wanted == {"L1": 0, "L3a": 3, "FIN": -2}
    assert _value(metrics, "held_contracts", portfolio="core", leg="L3a") == 3


def test_two_processes_worth_of_metrics_do_not_meet() -> None:
    one, two = _metrics(), _metrics()
    one.event_taken(_quote("SPX"))
    assert _value(two, "quotes_total", instrument="SPX", source="ib") == 0
