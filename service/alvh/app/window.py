"""The daemon as the page may see it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from alvh import __version__
from alvh.adapters.http import (
    AccountView,
    Advance,
    ApprovalView,
    Chart,
    ChartLine,
    Connection,
    FeedView,
    HeldPhase,
    InstrumentView,
    LegView,
    MoveView,
    PortfolioSummary,
    PortfolioView,
    QuoteView,
    SignalsView,
    Status,
    TimerView,
)
from alvh.app.inbox import answer as answer_event
from alvh.app.live import LiveFeed
from alvh.app.lookout import Lookout
from alvh.app.node import InstanceNode
from alvh.core.announce import rfc3339, signal_part
from alvh.core.answers import approvers, status_of
from alvh.core.hedge.account_follow import account_words
from alvh.core.hedge.phases import CONDITIONS, Phase, ways
from alvh.core.sessions import et_ns
from alvh.errors import InputError
from alvh.settings import Settings
from alvh.settings_feeds import IbFeed
from alvh.shell.ports import Clock


class DaemonWindow:
    """What `adapters.http.Window` asks for, from the node's engine and what the lookout noticed."""

    def __init__(self, settings: Settings, node: InstanceNode, lookout: Lookout, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._node = node
        self._lookout = lookout

    @property
    def _is_live(self) -> bool:
        return isinstance(self._settings.feed, IbFeed)

    def ready(self) -> Sequence[str]:
        """Return why we are not ready, one line each."""
        connections = self._lookout.connections
        reasons = [
            f"{name} is not connected" for name in ("redis", "mqtt") if not connections.get(name, (False, 0.0))[0]
        ]
        if not self._node.is_leader:
            reasons.append("following: another node leads" if self._node.seq else "not leading yet")
        return [*reasons, *self._feed_reasons()]

    def _feed_reasons(self) -> list[str]:
        engine = self._node.engine
        if self._is_live:
            feed = self._node.feed
            reasons = list(feed.waiting_for()) if isinstance(feed, LiveFeed) else []
            told = feed.status().known_until if isinstance(feed, LiveFeed) else None
            if engine.owed is not None:
                reasons.append(f"the close of {engine.owed} was not seen; its history is waited for")
            elif engine.session is None or (told is not None and engine.session < told):
                reasons.append(f"history: taken up to {engine.session or 'nothing yet'} of {told or 'what is fetched'}")
            return reasons
        small_cap = engine.portfolios.small_cap or "RUT"
        return [f"no quote of {name} yet" for name in ("SPX", small_cap) if engine.board.price(name) is None]

    def _feed_view(self) -> FeedView:
        """Where prices come from; of a live feed also how it stands and what it lacks."""
        kind = self._settings.feed.kind
        view = FeedView(
            kind=kind,
            simulated=kind == "simulated",
            is_connected=self._lookout.connections.get("feed", (not self._is_live, 0.0))[0],
            note="the tape has ended" if self._node.is_feed_ended else None,
        )
        feed = self._node.feed
        if not isinstance(feed, LiveFeed):
            return view
        found = feed.status()
        left_out = f"; left out for want of lines: {', '.join(found.left_out)}" if found.left_out else ""
        view["note"] = f"{found.state}: {found.detail}{left_out}"
        view["state"] = found.state
        view["left_out"] = list(found.left_out)
        view["watched"] = found.watched
        view["instruments"] = [
            InstrumentView(
                instrument=each.instrument_id,
                received=None if each.last_live_ns is None else each.last_live_ns / 1e9,
                trouble=each.trouble,
            )
            for each in found.instruments
        ]
        return view

    def status(self) -> Status:
        """Return what a person asks first."""
        engine = self._node.engine
        newest = max((engine.board.entry(name).ts_event for name in engine.board.prices()), default=0)
        now_ns = self._clock.now() if self._is_live else newest
        feed = self._settings.feed
        return Status(
            instance=self._settings.instance,
            version=__version__,
            now=self._clock.now() / 1e9,
            is_leader=self._node.is_leader,
            not_ready=list(self.ready()),
            in_session=engine.sessions is not None and engine.sessions.is_open(now_ns),
            session=engine.session.isoformat() if engine.session else None,
            feed=self._feed_view(),
            connections=[
                Connection(
                    name=name,
                    is_connected=is_connected,
                    since=since,
                    note=self._lookout.note_on_redis() if name == "redis" else None,
                )
                for name, (is_connected, since) in sorted(self._lookout.connections.items())
            ],
            quotes=self._quotes(),
            stale_after_s=feed.stale_after_s if isinstance(feed, IbFeed) else None,
            pending_messages=self._lookout.pending_messages,
        )

    def _quotes(self) -> list[QuoteView]:
        board = self._node.engine.board
        return [
            QuoteView(
                instrument=name,
                price=price,
                time=rfc3339(board.entry(name).ts_event),
                received=self._lookout.received.get(name),
                quality=board.entry(name).quality,
                is_live=board.entry(name).is_live,
            )
            for name, price in board.prices().items()
        ]

    def portfolios(self) -> Sequence[PortfolioSummary]:
        """Return one row per portfolio."""
        return [self._summary(rank) for rank in range(len(self._node.engine.portfolios.states))]

    def _summary(self, rank: int) -> PortfolioSummary:
        portfolios = self._node.engine.portfolios
        state, methodology = portfolios.states[rank], portfolios.methodology(rank)
        return PortfolioSummary(
            id=state.portfolio_id,
            hedge=portfolios.hedge(rank),
            phase=state.phase,
            sessions_since_rebalance=state.sessions,
            timer=TimerView(soft=methodology["timer"]["soft"], hard=methodology["timer"]["hard"]),
            threshold=methodology["move3"]["threshold"],
            moves=[
                MoveView(index=move.index, price=move.price, anchor=move.anchor, move_ratio=move.move_ratio)
                for move in self._node.engine.moves(rank)
            ],
            unanswered=len(state.unanswered),
        )

    def portfolio(self, portfolio: str) -> PortfolioView | None:
        """Return one portfolio."""
        rank = self._node.engine.portfolios.rank_of(portfolio)
        if rank is None:
            return None
        state = self._node.engine.portfolios.states[rank]
        newest = self._lookout.adjustments(None, portfolio, 1)
        summary = self._summary(rank)
        view = PortfolioView(
            id=summary["id"],
            hedge=summary["hedge"],
            phase=summary["phase"],
            sessions_since_rebalance=summary["sessions_since_rebalance"],
            timer=summary["timer"],
            threshold=summary["threshold"],
            moves=summary["moves"],
            unanswered=summary["unanswered"],
            held=state.held,
            phase_history=[
                HeldPhase(phase=phase, since=since, reason=CONDITIONS[how].text.replace("`", "") if how else None)
                for phase, since, how in state.phase_history
            ],
            newest=newest[0] if newest else None,
            open=list(state.unanswered),
            answers={
                event_id: [
                    {"decision": given["decision"], "by": given["by"], "time": given["time"]} for given in answers
                ]
                for event_id, answers in state.answers.items()
            },
            approvals={
                event_id: ApprovalView(
                    status=status_of(state, event_id),
                    agreed=len(approvers(given)),
                    required=state.required.get(event_id, 0),
                )
                for event_id, given in state.answers.items()
            },
            legs=[LegView(**leg) for leg in self._node.engine.legs(rank)],  # type: ignore[typeddict-item]  # as declared
            advances=_advances(summary, newest[0]["data"]["booleans"] if newest else {}),
        )
        account = self._settings.portfolios[rank].from_account
        if account is not None:
            words = account_words(state.hedge)
            view["account"] = AccountView(account=account, is_seen="account" in state.hedge, words=words)
        return view

    def chart(self, portfolio: str) -> Chart | None:
        """Return the moves of one portfolio since its last rebalance."""
        portfolios = self._node.engine.portfolios
        rank = portfolios.rank_of(portfolio)
        if rank is None:
            return None
        since = portfolios.states[rank].last_rebalance
        since_ns = et_ns(since, "00:00") if since else 0
        return Chart(
            threshold=portfolios.methodology(rank)["move3"]["threshold"],
            since=since.isoformat() if since else None,
            lines=[
                ChartLine(
                    index=move.index, anchor=move.anchor, points=self._lookout.trails[move.index].points(since_ns)
                )
                for move in self._node.engine.moves(rank)
            ],
        )

    def signals(self) -> SignalsView:
        """Return the newest evaluation."""
        engine = self._node.engine
        session = engine.session
        if session is None:
            return SignalsView(session=None, as_of=None, signals=[], flags={})
        book = engine.book
        return SignalsView(
            session=session.isoformat(),
            as_of=rfc3339(engine.sessions.close_of(session)) if engine.sessions else None,
            signals=[signal_part(signal).model_dump(mode="json") for signal in book.signals],
            flags=engine.flags,
        )

    async def adjustments(self, after: int | None, portfolio: str | None, limit: int) -> Sequence[Mapping[str, Any]]:
        """Return adjustments, oldest first."""
        return self._lookout.adjustments(after, portfolio, limit)

    async def answer(self, portfolio: str, answer: Mapping[str, Any]) -> Mapping[str, Any]:
        """Take a person's answer.

        Raises:
            InputError: it does not fit.
            OutageError: we do not lead.
        """
        event = answer_event(portfolio, dict(answer), self._clock.now(), f"answer to {portfolio}")
        rank = self._node.engine.portfolios.rank_of(portfolio)
        if rank is None:
            raise InputError(f"no portfolio {portfolio}")
        allowed = self._settings.mqtt.allowed_by
        if allowed is not None and event.by not in allowed:
            raise InputError(f"by: expected one of mqtt.allowed_by, got {event.by}")
        refusal = self._node.engine.refusal_of(event)
        if refusal is not None:
            raise InputError(refusal.detail)
        await self._node.submit(event)
        return {"event_id": event.event_id, "decision": event.decision, "by": event.by}


def _advances(summary: PortfolioSummary, booleans: Mapping[str, bool | None]) -> list[Advance]:
    """Where the phase can go from here, and how its conditions stood at the newest adjustment."""
    if summary["hedge"] == "none":
        return []
    return [
        Advance(
            to=to,
            when=text.replace("`", ""),
            flags={name: value for name, value in booleans.items() if re.search(rf"`{name}`", text)},
        )
        for to, text in ways(Phase(summary["phase"]))
        if to is not Phase.OFF
    ]
