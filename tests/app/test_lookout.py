"""What the daemon notices about itself: what a failover makes it say again is counted once."""

import json

from alvh.adapters.prometheus import Bounds, Metrics, PortfolioLimits
from alvh.app.lookout import Lookout
from alvh.shell.ports import OutboundMessage


def adjustment(sequence: int) -> OutboundMessage:
    """An adjustment as it is committed."""
    event_id = f"core-{sequence}-1700000000000000000"
    data = {
        "event_id": event_id, "prev_event_id": None, "book_id": "core", "sleeve_id": "core-hedge", "schema_version": 1,
        "engine_version": "1", "config_hash": "c", "created_at": "2023-11-14T22:13:20Z", "asof_session": "2023-11-14",
        "snapshot_id": "s", "is_async": False, "advice_status": "decision_support_not_advice", "feed": "simulated",
        "simulated": True, "text": "", "reason_codes": ["MOVE_3"], "phase_before": "STANDBY", "phase_after": "STANDBY",
        "held": 0, "sessions_since_rebalance": 0, "moves": [], "pricing": "model", "executable": False,
    }  # fmt: skip
    event = {
        "id": event_id, "source": "alvh/main", "type": "alvh.hedge.adjustment.v1", "subject": "core",
        "time": data["created_at"], "sequence": f"{sequence:020d}", "data": data, "epoch": 1,
    }  # fmt: skip
    return OutboundMessage(
        message_id=f"{sequence}-1",
        topic="alvh/main/portfolio/core/adjustment",
        body=json.dumps(event).encode(),
        retained=False,
    )


def counted(lookout: Lookout) -> float:
    """Adjustments as Prometheus sees them."""
    labels = {"portfolio": "core", "reason": "MOVE_3"}
    return lookout.metrics.registry.get_sample_value("alvh_adjustments_total", labels) or 0.0


def test_what_is_said_again_behind_a_failover_is_counted_and_shown_once() -> None:
    """The log loses its tail, the leader writes it again, and the lookout is told of the same messages again."""
    bounds = Bounds(
        version="0", feed="simulated", portfolios={"core": PortfolioLimits()}, instruments=("SPX",), signals=("S01",)
    )
    lookout = Lookout(Metrics(bounds))
    lookout.recalled([adjustment(1)])
    lookout.said([adjustment(2), adjustment(3)])
    lookout.said([adjustment(2), adjustment(3), adjustment(4)])
    assert counted(lookout) == 3.0
    assert [shown["sequence"] for shown in lookout.adjustments(None, "core", 9)] == [f"{n:020d}" for n in (1, 2, 3, 4)]


def test_a_doubt_about_durability_is_a_metric() -> None:
    """And gone when it is."""
    lookout = Lookout(Metrics(Bounds(version="0", feed="tape", portfolios={}, instruments=(), signals=())))
    for doubt, value in (("redis may lose it", 0.0), (None, 1.0)):
        lookout.durable(doubt)
        assert lookout.metrics.registry.get_sample_value("alvh_log_durable") == value
        assert lookout.doubt == doubt


def test_an_archive_that_fails_is_a_metric_and_a_note() -> None:
    """And neither when it goes on, or when another node leads."""
    lookout = Lookout(Metrics(Bounds(version="0", feed="tape", portfolios={}, instruments=(), signals=())))
    shown = lookout.metrics.registry.get_sample_value

    def faults() -> list[float | None]:
        return [shown("alvh_archive_fault", {"reason": reason}) for reason in ("unusable", "other_log")]

    lookout.leader(True)
    assert (faults(), lookout.note_on_redis()) == ([0.0, 0.0], None)
    lookout.durable("a doubt")
    lookout.not_archived("other_log", "it is another's")
    assert faults() == [0.0, 1.0]
    assert lookout.note_on_redis() == "a doubt; nothing leaves the log until it can be archived: it is another's"
    lookout.archived(77)
    assert (faults(), lookout.note_on_redis()) == ([0.0, 0.0], "a doubt")
    assert shown("alvh_archived_events") == 77.0
    assert (shown("alvh_archive_timestamp_seconds") or 0.0) > 0.0
    lookout.not_archived("unusable", "no room")
    lookout.leader(False)
    assert (faults(), lookout.note_on_redis()) == ([0.0, 0.0], "a doubt")


def test_adjustments_at_hand_come_back_as_they_were_sent() -> None:
    """Packed meanwhile: unpacked, a year of them showed in the soak as a leak."""
    lookout = Lookout(Metrics(Bounds(version="0", feed="tape", portfolios={}, instruments=(), signals=())))
    sent = [adjustment(number) for number in range(1, 6)]
    for each in sent:
        lookout.remember(each)
    documents = [json.loads(each.body) for each in sent]
    assert lookout.adjustments(None, "core", 3) == documents[2:]
    assert lookout.adjustments(2, "core", 2) == documents[2:4]
    assert lookout.adjustments(None, None, 9) == documents
    assert lookout.adjustments(None, "core", 0) == lookout.adjustments(None, "other", 9) == []
