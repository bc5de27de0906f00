"""Every metric of the service: its name, kind, labels, what it says, and which values its labels may take."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import nan
from typing import Final, Literal

from alvh.core.hedge.phases import Phase
from alvh.core.market import REASONS
from alvh.messages import REASON_CODES

OTHER: Final = "other"
"""Where a label's value comes from outside and is none of those expected: so that a label stays bounded."""

VIX_POINTS: Final = ("5", "6", "7", "10", "20")
HEDGE_LEGS: Final = ("L1", "L1b", "L2", "L3a", "L3b", "FIN")

# A commit is one fsync (0.1 ms on a good disk, 50 ms on a bad one) or an outage; the ends tell which.
COMMIT_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0)
# A commit and a broker's acknowledgement; the far end is what a broker's restart costs.
PUBLISH_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0, 300.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioLimits:
    """What one portfolio is set to: its move as a ratio, its timer in session closes, whether it waits for answers."""

    threshold: float = 0.03
    soft: int = 5
    hard: int = 10
    awaits_answers: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The values labels may take; all of them are served from the start on.

    Attributes:
        version: of this program.
        feed: kind of the feed: ib, tape or simulated.
        portfolios: by id, what their triggers are set to.
        instruments: what the feed may quote; others are counted as `other`.
        signals: ids of the signals evaluated.
        feed_error_codes: codes the feed's vendor may send; others are counted as `other`.
    """

    version: str
    feed: str
    portfolios: Mapping[str, PortfolioLimits]
    instruments: tuple[str, ...]
    signals: tuple[str, ...]
    feed_error_codes: tuple[str, ...] = ()
    indices: tuple[str, ...] = ("SPX", "RUT", "IWM")
    legs: tuple[str, ...] = HEDGE_LEGS
    phases: tuple[str, ...] = tuple(phase.value for phase in Phase)
    reasons: tuple[str, ...] = REASON_CODES
    rejections: tuple[str, ...] = (*REASONS, "no_history", "no_chain", "no_line")
    subjects: tuple[str, ...] = (
        "answer", "observation", "inbound", "curve", "session", "timer", "chain", "row", "positions",
    )  # fmt: skip
    refusals: tuple[str, ...] = (
        "too_large", "flood", "malformed", "retained", "not_allowed", "duplicate", "out_of_order", "unknown",
        "unknown_portfolio", "superseded", "closed", "not_approved", "expired", "unfit", "incomplete",
        "late",
    )  # fmt: skip
    archive_faults: tuple[str, ...] = ("unusable", "other_log")
    vix_points: tuple[str, ...] = VIX_POINTS
    limits: tuple[str, ...] = ("soft", "hard")

    def of(self, domain: str) -> tuple[str, ...]:
        """Return the values of a domain, in the order in which they are served."""
        match domain:
            case "version" | "feed":
                return (str(getattr(self, domain)),)
            case "instruments" | "feed_error_codes" | "rejections" | "subjects" | "refusals":
                return (*getattr(self, domain), OTHER)
            case _:
                return tuple(getattr(self, domain))


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One metric.

    Attributes:
        name: as served.
        kind: counter, gauge or histogram.
        help: what it says, with its unit.
        labels: (label, domain of its values in `Bounds`).
        initial: value of each series before anything is known of it.
        buckets: upper bounds of a histogram, seconds.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: Mapping[str, str] = field(default_factory=dict)
    initial: float = 0.0
    buckets: tuple[float, ...] = ()


def _counter(name: str, text: str, **labels: str) -> Definition:
    return Definition(name=f"alvh_{name}", kind="counter", help=text, labels=labels)


def _gauge(name: str, text: str, *, initial: float = 0.0, **labels: str) -> Definition:
    return Definition(name=f"alvh_{name}", kind="gauge", help=text, labels=labels, initial=initial)


def _histogram(name: str, text: str, buckets: tuple[float, ...]) -> Definition:
    return Definition(name=f"alvh_{name}", kind="histogram", help=text, buckets=buckets)


DEFINITIONS: Final = (
    # Market
    _counter("quotes_total", "Quotes written to the journal.", instrument="instruments", source="feed"),
    _counter(
        "quotes_rejected_total", "Quotes that were left out, by why.", instrument="instruments", reason="rejections"
    ),
    _gauge(
        "quote_timestamp_seconds", "When we received the newest quote; 0 before the first.", instrument="instruments"
    ),
    _gauge(
        "live_quote_timestamp_seconds",
        "When we received the newest quote that was live: neither delayed nor frozen nor halted; 0 before the first.",
        instrument="instruments",
    ),
    _counter("malformed_rows_total", "Rows of a tape that were left out."),
    _gauge(
        "signal_value",
        "A signal at its newest evaluation, in its own unit; NaN while missing.",
        initial=nan,
        signal="signals",
    ),
    _gauge("evaluated_close_timestamp_seconds", "The newest session close that was evaluated; 0 before the first."),
    _gauge(
        "in_session", "Whether the exchange's session is open now (1) or not (0); the feed's sessions when simulated."
    ),
    _gauge(
        "session_open_timestamp_seconds",
        "Open of the session that runs, or else comes next; without a live feed 0 in its sessions, +Inf outside.",
        initial=nan,
    ),
    _gauge(
        "session_close_timestamp_seconds",
        "Close of the session that runs, or else comes next; +Inf without a live feed.",
        initial=nan,
    ),
    _gauge(
        "duty_start_timestamp_seconds",
        "Start of the duty hours that run, or else come next: an hour before a session's open to an hour after its "
        "close; 0 without a live feed. Alerts keep silent before it.",
        initial=nan,
    ),
    _gauge("calendar_end_timestamp_seconds", "Close of the last session the calendar knows.", initial=nan),
    # Triggers
    _gauge(
        "index_move_ratio",
        "Move of a watched index since the last rebalance, price / anchor - 1; NaN where there is none.",
        initial=nan,
        portfolio="portfolios",
        index="indices",
    ),
    _gauge("move_threshold_ratio", "Move at which a rebalance is triggered, as configured.", portfolio="portfolios"),
    _gauge("sessions_since_rebalance", "Session closes since the last rebalance.", portfolio="portfolios"),
    _gauge(
        "timer_limit_sessions",
        "Session closes at which the timer fires: soft (if the target has drifted) and hard, as configured.",
        portfolio="portfolios",
        limit="limits",
    ),
    # Hedge
    _gauge(
        "phase", "Phase of the hedge: 1 for the one it is in, 0 for the others.", portfolio="portfolios", phase="phases"
    ),
    _gauge(
        "phase_timestamp_seconds",
        "When the phase was entered, as this process saw it, or else the close it was entered at; 0 where unknown.",
        portfolio="portfolios",
    ),
    _counter(
        "adjustments_total",
        "Adjustments committed by this process; one with several reasons counts under each. OpenMetrics adds its id.",
        portfolio="portfolios",
        reason="reasons",
    ),
    _gauge(
        "adjustment_timestamp_seconds",
        "When the newest adjustment was committed by this process; 0 before the first.",
        portfolio="portfolios",
    ),
    _gauge("unanswered_adjustments", "Adjustments nobody has answered.", portfolio="portfolios"),
    _gauge(
        "account_differences",
        "Positions in which the account that is read differs from the answers given, or that fit no leg.",
        portfolio="portfolios",
    ),
    _gauge(
        "answers_expected",
        "Whether the legs held follow people's answers (1), or adjustments are taken as executed (0), as configured.",
        portfolio="portfolios",
    ),
    _gauge(
        "answer_deadline_timestamp_seconds",
        "When the adjustment that waits for an answer lapses; 0 where none waits, or it does not lapse.",
        portfolio="portfolios",
    ),
    _gauge(
        "hedge_cost_ratio",
        "What the hedge costs over its horizon if nothing moves, as a share of the condors' credit.",
        initial=nan,
        portfolio="portfolios",
    ),
    _gauge(
        "hedge_cost_cap_ratio",
        "What it may cost at most, as a share of the condors' credit.",
        initial=nan,
        portfolio="portfolios",
    ),
    _gauge(
        "hedge_offset_ratio",
        "Hedge gain over condor loss at VIX +points; 5, 6, 7 mean 5/6, 1, 7/6 of the design shock (6 up to VIX 18).",
        initial=nan,
        portfolio="portfolios",
        vix_points="vix_points",
    ),
    _gauge(
        "target_contracts",
        "Contracts wanted, signed, all expiries of a leg together.",
        portfolio="portfolios",
        leg="legs",
    ),
    _gauge(
        "held_contracts",
        "Contracts held when the newest target was set, signed, all expiries of a leg together.",
        portfolio="portfolios",
        leg="legs",
    ),
    # Log and delivery
    _counter("committed_events_total", "Events written to the journal."),
    _histogram("commit_seconds", "Time one commit to Redis took.", COMMIT_BUCKETS),
    _gauge("commit_timestamp_seconds", "When the newest commit was done; 0 before the first."),
    _histogram(
        "quote_to_publish_seconds",
        "Time from taking an event to the broker's acknowledgement of a message it caused.",
        PUBLISH_BUCKETS,
    ),
    _gauge("publish_timestamp_seconds", "When the broker last acknowledged a message; 0 before the first."),
    _gauge("outbox_pending_messages", "Committed messages the broker has not acknowledged."),
    _gauge("folded_events", "Events the engine has folded since the log began; a standby's trail the leader's."),
    _gauge(
        "archive_fault",
        "Why the log cannot be archived now (1), so that nothing leaves Redis; all 0 where it can, or is not.",
        reason="archive_faults",
    ),
    _gauge(
        "archive_timestamp_seconds",
        "When all that was due was last found or put into the archive; 0 before, and where none is kept.",
    ),
    _gauge("archived_events", "The last event that stands in the archive; 0 as long as nothing is known of it."),
    _counter(
        "refused_total",
        "Events and inbound messages, other than quotes, that were left out.",
        subject="subjects",
        reason="refusals",
    ),
    # Connections and process
    _gauge("feed_connected", "Whether the feed is connected (1) or not (0)."),
    _gauge("redis_connected", "Whether Redis is connected (1) or not (0)."),
    _gauge(
        "log_durable",
        "Whether what Redis confirms survives a failure of its host (1), or may not or was not told (0); of a leader.",
    ),
    _gauge("mqtt_connected", "Whether the broker is connected (1) or not (0)."),
    _counter("feed_errors_total", "Error codes the feed has sent.", code="feed_error_codes"),
    _gauge("leader", "Whether this process leads (1) or follows (0)."),
    _gauge("leader_epoch", "Fencing token of this process while it leads; 0 while it follows."),
    _gauge("ready", "Whether this process is ready (1), as /readyz says."),
    _gauge("simulated", "Whether the market is made up (1) or real (0)."),
    _gauge("build_info", "Always 1; the version stands in the label.", initial=1.0, version="version"),
    _gauge("start_timestamp_seconds", "When this process started."),
    _gauge(
        "heartbeat_timestamp_seconds",
        "When the daemon last went its round; an alert that this grows old is the dead man's switch.",
    ),
    _gauge("clock_timestamp_seconds", "Our clock at this scrape; compare it with the scrape's own time."),
    _gauge("feed_clock_offset_seconds", "The feed's clock less ours; NaN where the feed does not tell.", initial=nan),
)
"""In the order in which they are served and documented."""
