"""All portfolios of an instance: their anchors, timers and desks, and the watched indices they share."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from alvh.core.announce import Decision
from alvh.core.answers import settle, take
from alvh.core.desks import open_desk
from alvh.core.events import AccountPositions, Answer
from alvh.core.market import MarketBoard
from alvh.core.portfolio import PortfolioState
from alvh.core.quiet_bands import QuietBands
from alvh.core.situation import Desk, Situation
from alvh.core.triggers import MoveWatch, move_ratio
from alvh.message_parts import Move

LARGE_CAP: Final = "SPX"
SMALL_CAPS: Final = ("RUT", "IWM")
"""What may be the small-cap index, the preferred one first."""


class Portfolios:
    """The portfolios by rank, their place in the configuration."""

    __slots__ = ("_bands", "_settings", "_watches", "desks", "small_cap", "states")

    def __init__(self) -> None:
        self.states: list[PortfolioState] = []
        self.desks: list[Desk] = []
        self.small_cap: str | None = None
        self._settings: list[Mapping[str, Any]] = []
        self._watches: dict[str, MoveWatch] = {}
        self._bands = QuietBands()

    def configure(self, document: Mapping[str, Any]) -> None:
        """Take a configuration; portfolios that stay keep their anchors, timers and sequence."""
        anchors = {state.portfolio_id: self.anchors(rank) for rank, state in enumerate(self.states)}
        known = {state.portfolio_id: state for state in self.states}
        self._settings = list(document["portfolios"])
        self.desks = [open_desk(portfolio, document) for portfolio in self._settings]
        names = [portfolio["id"] for portfolio in self._settings]
        self.states = [known.get(name) or PortfolioState(portfolio_id=name) for name in names]
        if self.small_cap is not None:
            self.watch(self.small_cap)
        for rank, name in enumerate(names):
            self._arm(rank, anchors.get(name, {}))
        self._draw_bands()

    def _draw_bands(self) -> None:
        pairs = zip(self.desks, self.states, strict=True)
        self._bands.reset([desk.quiet_band(state) for desk, state in pairs])

    def watch(self, small_cap: str) -> None:
        """Watch SPX and this small-cap index, with no anchors yet."""
        self.small_cap = small_cap
        self._watches = {LARGE_CAP: MoveWatch(), small_cap: MoveWatch()}

    def choose_small_cap(self, board: MarketBoard) -> None:
        """Choose RUT if it has been quoted and IWM otherwise, once, where the feed has not said which."""
        if self.small_cap is None and board.price(LARGE_CAP) is not None:
            name = next((name for name in SMALL_CAPS if board.price(name) is not None), None)
            if name is not None:
                self.watch(name)

    def wants_chains(self, rank: int) -> bool:
        """Whether a portfolio decides on option chains now."""
        desk = self.desks[rank]
        return desk.wants_chains and desk.is_ready(self.states[rank])

    def watch_of(self, instrument_id: str) -> MoveWatch | None:
        """The watch of an instrument, or None where it is none of the watched indices."""
        return self._watches.get(instrument_id)

    def methodology(self, rank: int) -> Mapping[str, Any]:
        """The methodology's numbers as a portfolio has them."""
        methodology: Mapping[str, Any] = self._settings[rank]["methodology"]
        return methodology

    def hedge(self, rank: int) -> str:
        """How a portfolio is hedged: `alvh` or `none`."""
        return str(self._settings[rank]["hedge"])

    def positions(self, event: AccountPositions) -> bool:
        """Hand positions to the portfolios that are read from their account; return whether there is one."""
        ranks = [rank for rank, plain in enumerate(self._settings) if plain.get("from_account") == event.account]
        for rank in ranks:
            self.desks[rank].positions(self.states[rank], event)
        return bool(ranks)

    def rank_of(self, portfolio_id: str) -> int | None:
        """The rank of a portfolio, or None where there is no such portfolio."""
        return next((rank for rank, state in enumerate(self.states) if state.portfolio_id == portfolio_id), None)

    def needs(self, rank: int) -> tuple[str, ...]:
        """Instruments a portfolio's first message, and each of its closes on a live feed, cannot do without."""
        return (LARGE_CAP, self.small_cap or "", *self.desks[rank].needs)

    def is_seen(self, rank: int, board: MarketBoard, at: int) -> bool:
        """Whether all prices the first message needs are good at a close, and the desk has something to decide about.

        A stale price of a live feed becomes no anchor; on a tape any price that was seen is good.
        """
        is_seen = all(board.price_for_decisions(name, at) is not None for name in self.needs(rank))
        return is_seen and self.desks[rank].is_ready(self.states[rank])

    def is_complete(self, board: MarketBoard, at: int) -> bool:
        """Whether a live feed has seen the close at `at` (ns UTC) of all that any portfolio needs."""
        names = {name for rank in range(len(self.states)) for name in self.needs(rank)}
        return all(board.was_live(name, at) for name in names)

    def beyond(self, board: MarketBoard, at: int) -> frozenset[int]:
        """The portfolios that stand beyond their threshold at a close (ns UTC), where one price is enough."""
        ranks: set[int] = set()
        for name, watch in self._watches.items():
            price = board.price_for_decisions(name, at)
            if price is not None:
                ranks.update(watch.beyond(price))
        return frozenset(ranks)

    def count_close(self, rank: int, moved: frozenset[int]) -> list[str]:
        """Count a session close of an anchored portfolio; return the triggers it fires."""
        state = self.states[rank]
        state.sessions += 1
        triggers = ["MOVE_3"] if rank in moved else []
        if state.sessions >= self.methodology(rank)["timer"]["hard"]:
            triggers.append("TIMER_10")
        return triggers

    def rebalanced(self, rank: int, board: MarketBoard, session: date) -> None:
        """Set the anchors to the newest good prices and the timer to 0."""
        state = self.states[rank]
        state.is_anchored = True
        state.sessions = 0
        state.last_rebalance = session
        self._arm(rank, {name: price for name in self._watches if (price := board.price(name)) is not None})

    def _arm(self, rank: int, anchors: Mapping[str, float]) -> None:
        move3 = self.methodology(rank)["move3"]
        for name, anchor in anchors.items():
            if name in self._watches:
                self._watches[name].arm(rank, anchor, move3["threshold"], move3["confirm_quotes"])

    def anchors(self, rank: int) -> dict[str, float]:
        """The index levels a portfolio's next move is measured from, in points."""
        return {name: anchor for name, watch in self._watches.items() if (anchor := watch.anchor(rank)) is not None}

    def moves(self, rank: int, board: MarketBoard) -> list[Move]:
        """Both watched indices against a portfolio's anchors (S01)."""
        moves = []
        for name, watch in self._watches.items():
            price, anchor = board.price(name), watch.anchor(rank)
            ratio = move_ratio(price, anchor) if price is not None and anchor is not None else None
            moves.append(Move(index=name, price=price, anchor=anchor, move_ratio=ratio))
        return moves

    def decide(self, rank: int, situation: Situation) -> Decision:
        """Ask a portfolio's desk."""
        desk, state = self.desks[rank], self.states[rank]
        decision = desk.decide(state, situation)
        self._bands.put(rank, desk.quiet_band(state))
        return decision

    def answered(self, rank: int, answer: Answer) -> None:
        """Record an answer that counts, and tell the portfolio's desk."""
        desk, state = self.desks[rank], self.states[rank]
        take(state, answer)
        desk.answered(state, answer)
        settle(state, answer.event_id)
        self._bands.put(rank, desk.quiet_band(state))

    def is_quiet(self, spx: float) -> bool:
        """Whether a price of SPX neither crosses a defence line nor comes back from beyond one."""
        return self._bands.is_quiet(spx)

    def defended(self, spx: float) -> list[int]:
        """The portfolios of which a defence line is crossed at a price of SPX inside a session, rising (S41)."""
        ranks: list[int] = []
        for rank in self._bands.outside(spx):
            desk, state = self.desks[rank], self.states[rank]
            if desk.is_crossed_at(state, spx):
                ranks.append(rank)
            else:
                self._bands.put(rank, desk.quiet_band(state))
        return ranks

    def state(self) -> dict[str, Any]:
        """Return the portfolios as plain data."""
        return {
            "small_cap": self.small_cap,
            "watches": {name: watch.state() for name, watch in self._watches.items()},
            "portfolios": [state.state() for state in self.states],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what `state` was taken from; `configure` must have named the same portfolios."""
        self.small_cap = state["small_cap"]
        self._watches = {name: MoveWatch() for name in state["watches"]}
        for name, watch in self._watches.items():
            watch.restore(state["watches"][name])
        self.states = [PortfolioState.restored(portfolio) for portfolio in state["portfolios"]]
        self._draw_bands()
