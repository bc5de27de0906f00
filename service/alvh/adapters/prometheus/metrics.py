"""What the daemon tells about itself: an `Observer` of the shell, and doors for what the app knows."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import nan
from typing import Final

from prometheus_client import CollectorRegistry, Metric, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar

from alvh.adapters.prometheus.cells import Cells, Times
from alvh.adapters.prometheus.definitions import DEFINITIONS, OTHER, Bounds
from alvh.core.events import Event, Quote
from alvh.messages import AdjustmentMessage, HedgeAdjustment, HedgeTarget

NS_PER_SECOND: Final = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioFigures:
    """Where one portfolio stands.

    Attributes:
        phase: its phase.
        sessions: session closes since the last rebalance.
        moves: price / anchor - 1 by watched index; None before the first rebalance.
        unanswered: adjustments nobody has answered.
        differences: positions in which the account read differs from the answers given, or that nobody explains.
        phase_since: by our clock, the close at which the phase was entered (Unix seconds); None where it is not known.
    """

    phase: str
    sessions: int
    moves: Mapping[str, float | None]
    unanswered: int
    differences: int = 0
    phase_since: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """How the daemon finds itself on its round.

    Attributes:
        is_ready: as /readyz says.
        is_feed_connected: whether quotes can come.
        hours: when the exchange works, and when somebody must be awake.
        epoch: fencing token, 0 while following.
        folded: sequence number of the last event folded.
    """

    is_ready: bool
    is_feed_connected: bool
    hours: "Hours"
    epoch: int
    folded: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """The session that runs or comes next, Unix seconds; see the metrics of these names."""

    in_session: bool
    session_open: float
    session_close: float
    duty_start: float
    calendar_end: float


class _Seen:
    """Quotes of one instrument: how many, and when the newest, and the newest live one, were received (ns)."""

    __slots__ = ("count", "live", "received")

    def __init__(self) -> None:
        self.count = 0
        self.received = 0
        self.live = 0


class Metrics(Collector):
    """All metrics of one process, in a registry of its own; satisfies `shell.ports.Observer`.

    To be used from the event loop's thread alone: nothing is locked. A label value that is not among `bounds` is
    counted as `other`; a portfolio that is not configured is left out.

    Args:
        bounds: the values labels may take.
        now: time of day, ns UTC.
    """

    def __init__(self, bounds: Bounds, *, now: Callable[[], int] = time.time_ns) -> None:
        self._bounds = bounds
        self._now = now
        self._is_live = bounds.feed == "ib"
        self._cells = {d.name: Cells(d, bounds) for d in DEFINITIONS if d.kind != "histogram"}
        self._times = {d.name: Times(d) for d in DEFINITIONS if d.kind == "histogram"}
        self._commit_times = self._times["alvh_commit_seconds"]
        self._publish_times = self._times["alvh_quote_to_publish_seconds"]
        self._seen = {name: _Seen() for name in bounds.of("instruments")}
        self._seen_other = self._seen[OTHER]
        self._events = 0
        self._committed_ns = 0
        self._published_ns = 0
        self._phases: dict[str, str] = {}
        self._deadlines: dict[str, float] = {}
        for portfolio, limits in bounds.portfolios.items():
            self._cells["alvh_move_threshold_ratio"].set(limits.threshold, portfolio)
            self._cells["alvh_timer_limit_sessions"].set(limits.soft, portfolio, "soft")
            self._cells["alvh_timer_limit_sessions"].set(limits.hard, portfolio, "hard")
            self._cells["alvh_answers_expected"].set(float(limits.awaits_answers), portfolio)
        self._set("simulated", float(bounds.feed == "simulated"))
        self._set("start_timestamp_seconds", now() / NS_PER_SECOND)
        self.registry = CollectorRegistry()
        self.registry.register(self)
        ProcessCollector(registry=self.registry)

    # What the shell tells (shell/ports.py)

    def event_taken(self, event: Event) -> None:
        """Count a quote that was journaled; the hot path."""
        if type(event) is Quote:
            seen = self._seen.get(event.instrument_id, self._seen_other)
            seen.count += 1
            # A tape's and a simulator's stamps are those of their market; when we received it is what is asked for.
            seen.received = event.ts_recv if self._is_live else self._now()
            if event.is_live:
                seen.live = seen.received

    def refused(self, subject: str, reason: str) -> None:
        """Count what was left out: a quote where the subject is an instrument."""
        if subject in self._seen:
            self._count("quotes_rejected_total", subject, self._known(reason, "rejections"))
        else:
            self._count("refused_total", self._known(subject, "subjects"), self._known(reason, "refusals"))

    def committed(self, seconds: float, events: int) -> None:
        """Note how long one commit took."""
        self._commit_times.observe(seconds)
        self._events += events
        self._committed_ns = self._now()

    def published(self, seconds: float) -> None:
        """Note the time from an event to the broker's acknowledgement."""
        self._publish_times.observe(seconds)
        self._published_ns = self._now()

    def pending(self, messages: int) -> None:
        """Note how many committed messages wait for the broker."""
        self._set("outbox_pending_messages", messages)

    def connected(self, name: str, is_connected: bool) -> None:
        """Note that `redis`, `mqtt` or `feed` came or went."""
        self._set(f"{name}_connected", float(is_connected))

    def leader(self, is_leader: bool) -> None:
        """Note that leadership was won or lost."""
        self._set("leader", float(is_leader))
        self._archive_fault(None)

    def durable(self, doubt: str | None) -> None:
        """Note whether what Redis confirms is durable."""
        self._set("log_durable", float(doubt is None))

    def archived(self, seq: int) -> None:
        """Note that all that is due stands in the archive, which ends with event `seq`."""
        self._set("archived_events", seq)
        self._set("archive_timestamp_seconds", self._now() / NS_PER_SECOND)
        self._archive_fault(None)

    def not_archived(self, reason: str, detail: str) -> None:  # noqa: ARG002 - a line is no label
        """Note why what is due cannot be archived."""
        self._archive_fault(reason)

    def _archive_fault(self, reason: str | None) -> None:
        for each in self._bounds.archive_faults:
            self._set("archive_fault", float(each == reason), each)

    # What the feed tells

    def feed_error(self, code: int | str) -> None:
        """Count an error code of the feed."""
        self._count("feed_errors_total", self._known(str(code), "feed_error_codes"))

    def malformed_row(self) -> None:
        """Count a row of a tape that was left out."""
        self._count("malformed_rows_total")

    def feed_clock(self, offset_s: float) -> None:
        """Note the feed's clock less ours, seconds."""
        self._set("feed_clock_offset_seconds", offset_s)

    # What the app tells behind a commit, a close and on its round

    def portfolio(self, portfolio: str, figures: PortfolioFigures) -> None:
        """Show where a portfolio stands."""
        if portfolio not in self._bounds.portfolios:
            return
        for phase in self._bounds.phases:
            self._set("phase", float(phase == figures.phase), portfolio, phase)
        self._set("sessions_since_rebalance", figures.sessions, portfolio)
        self._set("unanswered_adjustments", figures.unanswered, portfolio)
        self._set("account_differences", figures.differences, portfolio)
        for index in self._bounds.indices:
            self._set("index_move_ratio", _number(figures.moves.get(index)), portfolio, index)
        deadline = self._deadlines.get(portfolio, 0.0) if figures.unanswered else 0.0
        self._set("answer_deadline_timestamp_seconds", deadline, portfolio)
        self._note_phase(portfolio, figures)

    def _note_phase(self, portfolio: str, figures: PortfolioFigures) -> None:
        """Note when a phase begins: what we see ourselves, by our clock; at a start, what the log says of it."""
        before = self._phases.get(portfolio)
        if figures.phase == before:
            return
        self._phases[portfolio] = figures.phase
        since = self._now() / NS_PER_SECOND
        if before is None:
            since = 0.0 if figures.phase_since is None else min(since, figures.phase_since)
        self._set("phase_timestamp_seconds", since, portfolio)

    def signals(self, values: Mapping[str, float | None], close_ns: int) -> None:
        """Show the signals of the close at `close_ns` (ns UTC); what is not named is missing."""
        for signal in self._bounds.signals:
            self._set("signal_value", _number(values.get(signal)), signal)
        self._set("evaluated_close_timestamp_seconds", close_ns / NS_PER_SECOND)

    def adjusted(self, message: AdjustmentMessage) -> None:
        """Count an adjustment that was committed, and show its hedge."""
        data = message.data
        if data.book_id not in self._bounds.portfolios:
            return
        stamp = self._now() / NS_PER_SECOND
        # An exemplar may hold 128 characters; an id has at most 105.
        exemplar = Exemplar({"event_id": message.id}, 1.0, stamp)
        for reason in data.reason_codes:
            if self._cells["alvh_adjustments_total"].has(data.book_id, reason):
                self._cells["alvh_adjustments_total"].add(data.book_id, reason, exemplar=exemplar)
        self._set("adjustment_timestamp_seconds", stamp, data.book_id)
        self.hedge(data)

    def hedge(self, data: HedgeAdjustment) -> None:
        """Show cost and offset of a hedge as its newest adjustment says, without counting it (also at a start)."""
        if data.book_id not in self._bounds.portfolios:
            return
        cost = None if data.hc_pct is None else data.hc_pct / 100.0
        cap = data.cap / data.credit if data.cap is not None and data.credit else None
        self._set("hedge_cost_ratio", _number(cost), data.book_id)
        self._set("hedge_cost_cap_ratio", _number(cap), data.book_id)
        lapses = data.expires_at or data.valid_until
        self._deadlines[data.book_id] = 0.0 if lapses is None else datetime.fromisoformat(lapses).timestamp()
        for points in self._bounds.vix_points:
            offset: float | None = getattr(data, f"offset{points}")
            self._set("hedge_offset_ratio", _number(offset), data.book_id, points)

    def target(self, data: HedgeTarget) -> None:
        """Show contracts wanted and held as the newest target says."""
        if data.portfolio not in self._bounds.portfolios:
            return
        for leg in self._bounds.legs:
            of_leg = [row for row in data.legs if row.leg == leg]
            self._set("target_contracts", sum(row.target_quantity for row in of_leg), data.portfolio, leg)
            self._set("held_contracts", sum(row.current_quantity for row in of_leg), data.portfolio, leg)

    def round(self, found: Round) -> None:
        """Note that the daemon went its round, and how it found itself."""
        self._set("heartbeat_timestamp_seconds", self._now() / NS_PER_SECOND)
        self._set("ready", float(found.is_ready))
        self._set("feed_connected", float(found.is_feed_connected))
        self._set("leader_epoch", found.epoch)
        self._set("folded_events", found.folded)
        hours = found.hours
        self._set("in_session", float(hours.in_session))
        self._set("session_open_timestamp_seconds", hours.session_open)
        self._set("session_close_timestamp_seconds", hours.session_close)
        self._set("duty_start_timestamp_seconds", hours.duty_start)
        self._set("calendar_end_timestamp_seconds", hours.calendar_end)

    # What Prometheus reads

    def exposition(self, accept: str = "") -> tuple[bytes, str]:
        """Return all metrics in the newest format that an Accept header names, and the format's content type."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type

    def collect(self) -> Iterator[Metric]:
        """Yield every metric as it stands, in the order of its definition."""
        self._settle()
        for definition in DEFINITIONS:
            cells = self._cells.get(definition.name)
            yield cells.metric() if cells else self._times[definition.name].metric()

    def _settle(self) -> None:
        """Bring what the hot path counts in plain integers into its cells."""
        for name, seen in self._seen.items():
            self._set("quotes_total", seen.count, name, self._bounds.feed)
            self._set("quote_timestamp_seconds", seen.received / NS_PER_SECOND, name)
            self._set("live_quote_timestamp_seconds", seen.live / NS_PER_SECOND, name)
        self._set("committed_events_total", self._events)
        self._set("commit_timestamp_seconds", self._committed_ns / NS_PER_SECOND)
        self._set("publish_timestamp_seconds", self._published_ns / NS_PER_SECOND)
        self._set("clock_timestamp_seconds", self._now() / NS_PER_SECOND)

    def _known(self, value: str, domain: str) -> str:
        return value if value in getattr(self._bounds, domain) else OTHER

    def _set(self, name: str, value: float, *labels: str) -> None:
        self._cells[f"alvh_{name}"].set(value, *labels)

    def _count(self, name: str, *labels: str) -> None:
        self._cells[f"alvh_{name}"].add(*labels)


def _number(value: float | None) -> float:
    return nan if value is None else value
