"""Option chains on demand: which contracts are asked for, within the lines that are free, and what came of them."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from ib_async import Contract, OptionChain, OptionComputation, Ticker

from alvh.adapters.ib.contracts import expiry_of
from alvh.adapters.ib.feed_settings import ChainPlan, IbFeedSettings, Kind
from alvh.adapters.ib.link import MESSAGES_PER_SECOND, Link
from alvh.adapters.ib.ticks import LIVE, Reading, TickReader, known, price_of
from alvh.core.events import OptionChain as ChainEvent
from alvh.core.sessions import third_friday
from alvh.errors import OutageError
from alvh.shell.ports import Clock

Row = tuple[date, str, float, float, float, float | None, str | None]

_POLL_S: Final = 0.1
# Of the time a chain may take, what is kept for cancelling the last lines and telling the answer.
_RESERVE_S: Final = 1.0
# A line that has said nothing for so long after its request has no quote: its place is given to the next one.
_PATIENCE_S: Final = 2.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A chain as fetched: its rows, and how many contracts were left out for want of lines, time or a quote."""

    rows: tuple[Row, ...]
    left_out: int


@dataclass(slots=True, kw_only=True)
class _Line:
    contract: Contract
    reader: TickReader
    ticker: Ticker
    asked_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeks:
    """A model's numbers; None is what the broker does not know (vega and theta come as -2 then)."""

    iv: float | None
    delta: float | None
    gamma: float | None
    vega: float | None
    theta: float | None


def greeks_of(computation: OptionComputation | None) -> Greeks | None:
    """Return the greeks of a computation, missing ones as None."""
    if computation is None:
        return None
    iv = known(computation.impliedVol)
    return Greeks(
        iv=None if iv is None else price_of(iv), delta=known(computation.delta), gamma=known(computation.gamma),
        vega=known(computation.vega), theta=known(computation.theta),
    )  # fmt: skip


def is_monthly(expiry: date) -> bool:
    """Tell whether an expiry is the standard one of its month: VIX's Wednesday or SPX's third Friday, or a day off."""
    following = third_friday(expiry.year + expiry.month // 12, expiry.month % 12 + 1)
    return abs((expiry - third_friday(expiry.year, expiry.month)).days) <= 1 or 30 <= (following - expiry).days <= 31


def choose_expiries(listed: Iterable[date], plan: ChainPlan, today: date) -> tuple[date, ...]:
    """Return one expiry per window of the plan, monthly first, then nearest the window's middle; none twice."""
    chosen: list[date] = []
    for first, last in plan.days:
        inside = [expiry for expiry in listed if first <= (expiry - today).days <= last and expiry not in chosen]
        if inside:
            middle = (first + last) / 2
            chosen.append(min(inside, key=lambda e: (not is_monthly(e), abs((e - today).days - middle), e)))
    return tuple(chosen)


def choose_contracts(listed: Iterable[Contract], plan: ChainPlan, spot: float, limit: int) -> tuple[Contract, ...]:
    """Return the contracts inside the plan's strikes, out-of-the-money ones first, nearest the price first.

    Where more fit than `limit` allows, strikes are thinned evenly rather than the wings cut off.
    """
    inside = [c for c in listed if plan.lowest * spot <= c.strike <= plan.highest * spot and c.right[:1] in {"C", "P"}]

    def rank(contract: Contract) -> tuple[bool, float, str]:
        is_in_the_money = (contract.right[:1] == "C") == (contract.strike < spot)
        return is_in_the_money, abs(contract.strike - spot), contract.right

    ordered = sorted(inside, key=rank)
    outside_money = [contract for contract in ordered if not rank(contract)[0]]
    if len(outside_money) > limit > 0:
        return tuple(outside_money[round(n * (len(outside_money) - 1) / max(limit - 1, 1))] for n in range(limit))
    return tuple(ordered[:limit])


class ChainFetcher:
    """Fetches chains one at a time over a connection.

    Args:
        settings: plans and limits.
        clock: time and sleeping.
        own_rows: the row of a contract that has a line of its own, which must not be cancelled here; None: it has none.
    """

    def __init__(
        self, settings: IbFeedSettings, clock: Clock, own_rows: Callable[[Contract], list[Row] | None]
    ) -> None:
        """Start with nothing cached."""
        self._settings = settings
        self._clock = clock
        self._own_rows = own_rows
        self._plans = {plan.underlying: plan for plan in settings.chains}
        self._details: dict[tuple[str, str, date], tuple[date, tuple[Contract, ...]]] = {}
        self._lines: dict[Ticker, _Line] = {}

    def on_ticker(self, ticker: Ticker, reading: Reading) -> bool:
        """Read a ticker's ticks if it is one of ours."""
        line = self._lines.get(ticker)
        if line is None:
            return False
        line.reader.read(ticker.ticks, reading)
        return True

    def forget(self) -> None:
        """Drop the lines of a connection that has ended."""
        self._lines.clear()

    async def fetch(self, link: Link, underlying: Contract, spot: float, today: date, lines: int) -> Fetched:
        """Fetch the chain of an underlying within the time and the lines given.

        Args:
            link: the connection.
            underlying: its resolved contract.
            spot: its price in points.
            today: the exchange's date.
            lines: market-data lines that may be used at a time.

        Raises:
            OutageError: the broker lists no options, or the connection ended.
        """
        started = self._clock.now()
        deadline = started + round((self._settings.chain_timeout_s - _RESERVE_S) * 1e9)
        plan = self._plans.get(underlying.symbol)
        if plan is None or lines < 1:
            raise OutageError(f"chain of {underlying.symbol}: {'no plan' if plan is None else 'no line is free'}")
        listed = await self._list(link, underlying, plan, today)
        # Each option costs a request and its end, within the client's rate; lines in flight are asked at once.
        affordable = int((deadline - self._clock.now()) / 1e9 * MESSAGES_PER_SECOND / 2)
        limit = min(affordable, 4 * lines)
        per_expiry = max(limit // max(len(listed), 1), 1)
        wanted = [c for contracts in listed for c in choose_contracts(contracts, plan, spot, per_expiry)]
        total = sum(len(contracts) for contracts in listed)
        rows = await self._quote(link, wanted, lines, deadline)
        return Fetched(rows=rows, left_out=total - len(rows))

    async def _list(self, link: Link, underlying: Contract, plan: ChainPlan, today: date) -> list[tuple[Contract, ...]]:
        timeout_s = self._settings.request_timeout_s
        of = (underlying.symbol, "", underlying.secType, underlying.conId)
        groups = await link.ask(lambda: link.ib.reqSecDefOptParamsAsync(*of), timeout_s)
        per_class = _expiries_by_class(groups, plan)
        by_expiry = {expiry: name for name in reversed(plan.classes) for expiry in per_class.get(name, ())}
        chosen = choose_expiries(sorted(by_expiry), plan, today)
        if not chosen:
            raise OutageError(f"chain of {underlying.symbol}: the broker lists no expiry that is wanted")
        return list(
            await asyncio.gather(
                *(self._contracts(link, underlying, by_expiry[expiry], expiry, today) for expiry in chosen)
            )
        )

    async def _contracts(
        self, link: Link, underlying: Contract, trading_class: str, expiry: date, today: date
    ) -> tuple[Contract, ...]:
        key = (underlying.symbol, trading_class, expiry)
        cached = self._details.get(key)
        if cached is not None and cached[0] == today:
            return cached[1]
        asked = Contract(
            secType="OPT", symbol=underlying.symbol, exchange="SMART", currency="USD", tradingClass=trading_class,
            lastTradeDateOrContractMonth=expiry.strftime("%Y%m%d"),
        )  # fmt: skip
        found = await link.ask(lambda: link.ib.reqContractDetailsAsync(asked), self._settings.request_timeout_s)
        contracts = tuple(details.contract for details in found if details.contract is not None)
        self._details = {name: kept for name, kept in self._details.items() if kept[0] == today}
        self._details[key] = (today, contracts)
        return contracts

    async def _quote(self, link: Link, wanted: Sequence[Contract], lines: int, deadline: int) -> tuple[Row, ...]:
        """Give each contract a line until it has a quote or has been patient enough; never more lines than allowed."""
        waiting: list[Contract] = []
        rows: list[Row] = []
        for contract in reversed(wanted):
            own = self._own_rows(contract)
            if own is None:
                waiting.append(contract)
            else:
                rows += own
        try:
            while (waiting or self._lines) and self._clock.now() < deadline:
                while waiting and len(self._lines) < lines:
                    self._ask(link, waiting.pop())
                await self._clock.sleep(_POLL_S)
                for line in list(self._lines.values()):
                    if self._is_over(line):
                        rows += self._end(link, line)
        finally:
            for line in list(self._lines.values()):
                rows += self._end(link, line)
        return tuple(sorted(rows, key=lambda row: row[:3]))

    def _ask(self, link: Link, contract: Contract) -> None:
        ticker, _ = link.subscribe(contract)
        reader = TickReader(contract.localSymbol, Kind.OPTION, round(self._settings.stale_after_s * 1e9))
        self._lines[ticker] = _Line(contract=contract, reader=reader, ticker=ticker, asked_at=self._clock.now())

    def _is_over(self, line: _Line) -> bool:
        book = line.reader.book
        is_quoted = book.bid is not None and book.ask is not None and line.ticker.modelGreeks is not None
        return is_quoted or self._clock.now() - line.asked_at > _PATIENCE_S * 1e9

    def _end(self, link: Link, line: _Line) -> list[Row]:
        del self._lines[line.ticker]
        link.unsubscribe(line.contract)
        return option_row(line.contract, line.reader, line.ticker)


def option_row(contract: Contract, reader: TickReader, ticker: Ticker) -> list[Row]:
    """Return the row of an option, or nothing where it has no live offer; an empty bid is a bid of zero."""
    book, expiry = reader.book, expiry_of(contract)
    is_live = reader.last_live_ns and ticker.marketDataType == LIVE and not reader.is_halted
    if book.ask is None or expiry is None or not is_live:
        return []
    greeks = greeks_of(ticker.modelGreeks)
    iv = None if greeks is None else greeks.iv
    return [(expiry, contract.right[:1], contract.strike, book.bid or 0.0, book.ask, iv, contract.tradingClass or None)]


def chain_event(underlying: str, request_id: str, fetched: Fetched, now: int) -> ChainEvent:
    """Return the answer to a request for a chain."""
    return ChainEvent(ts_event=now, ts_recv=now, underlying=underlying, rows=fetched.rows, request_id=request_id)


def _expiries_by_class(groups: Iterable[OptionChain], plan: ChainPlan) -> dict[str, tuple[date, ...]]:
    """Return the expiries of each class of the plan; other classes are not ours."""
    found: dict[str, set[date]] = {}
    for group in groups:
        if group.tradingClass in plan.classes:
            days = (expiry_of(Contract(lastTradeDateOrContractMonth=text)) for text in group.expirations)
            found.setdefault(group.tradingClass, set()).update(day for day in days if day is not None)
    return {name: tuple(sorted(days)) for name, days in found.items()}
