"""Which contracts stand behind our instruments: resolved by contract details, VIX futures by the exchange's rule."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from typing import Final

from ib_async import Contract, ContractDetails

from alvh.adapters.ib.feed_settings import BreadthIndex, IbFeedSettings, Kind, OptionLeg, Watched
from alvh.adapters.ib.link import Link, RefusedError
from alvh.core.sessions import SessionCalendar, vix_settlement
from alvh.errors import OutageError

_SEC_TYPES: Final = {
    Kind.INDEX: "IND", Kind.VOLATILITY: "IND", Kind.BREADTH: "IND", Kind.FUND: "STK", Kind.FUTURE: "FUT",
    Kind.OPTION: "OPT", Kind.ETP: "STK",
}  # fmt: skip
_NO_DEFINITION: Final = 200
_SATURDAY: Final = 5
# VX back months and wings of options may not trade or move for minutes.
_FUTURE_STALE_S: Final = 120.0
_OPTION_STALE_S: Final = 300.0


def query(watched: Watched) -> Contract:
    """Return what to ask the broker for."""
    return Contract(
        secType=_SEC_TYPES[watched.kind], symbol=watched.symbol, exchange=watched.exchange, currency="USD",
        primaryExchange=watched.primary_exchange, right=watched.right, strike=watched.strike,
        lastTradeDateOrContractMonth="" if watched.expiry is None else watched.expiry.strftime("%Y%m%d"),
        tradingClass=watched.trading_class,
    )  # fmt: skip


def leg_of(leg: OptionLeg) -> Watched:
    """Return a leg of the book as something to watch."""
    return Watched(
        instrument_id=leg.instrument_id, kind=Kind.OPTION, symbol=leg.symbol, exchange="SMART", expiry=leg.expiry,
        strike=leg.strike, right=leg.right, trading_class=leg.trading_class, stale_after_s=_OPTION_STALE_S,
    )  # fmt: skip


def breadth_of(index: BreadthIndex) -> Watched:
    """Return a breadth index as something to watch."""
    return Watched(
        instrument_id=index.symbol, kind=Kind.BREADTH, symbol=index.symbol, exchange=index.exchange,
        stale_after_s=_FUTURE_STALE_S,
    )  # fmt: skip


def etp_of(symbol: str) -> Watched:
    """Return a volatility ETP as something to watch."""
    return Watched(instrument_id=symbol, kind=Kind.ETP, symbol=symbol, exchange="SMART", stale_after_s=_FUTURE_STALE_S)


def expiry_of(contract: Contract) -> date | None:
    """Return a contract's last trade date, or None where it has none that can be read."""
    try:
        return datetime.strptime(contract.lastTradeDateOrContractMonth[:8], "%Y%m%d").date()  # noqa: DTZ007 - a date
    except ValueError:
        return None


class ContractBook:
    """The contracts resolved so far; they outlive connections.

    Args:
        settings: what is watched.

    Attributes:
        legs: asked for the book's options each time.
        troubles: why a contract could not be resolved, by name.
        futures: the contracts of the curves that are on them.
    """

    def __init__(self, settings: IbFeedSettings) -> None:
        """Start with nothing resolved."""
        self._settings = settings
        self._resolved: dict[str, Contract] = {}
        self.legs: Callable[[], Iterable[OptionLeg]] = lambda: settings.legs
        self.troubles: dict[str, str] = {}
        self.futures: tuple[Watched, ...] = ()

    def contract(self, instrument_id: str) -> Contract | None:
        """Return the contract of an instrument, if it is known."""
        return self._resolved.get(instrument_id)

    def forget(self, instrument_id: str) -> None:
        """Drop a contract that the broker does not know (any more), so that it is resolved anew."""
        self._resolved.pop(instrument_id, None)

    def in_order(self, today: date) -> tuple[Watched, ...]:
        """Return what is to be watched, the most important first: what is left out for want of lines is at the end."""
        legs = tuple(leg_of(leg) for leg in self.legs() if leg.expiry >= today)
        vx = tuple(future for future in self.futures if future.trading_class == "VX")
        vxm = tuple(future for future in self.futures if future.trading_class != "VX")
        etps = tuple(etp_of(symbol) for symbol in self._settings.etps)
        return (
            *self._settings.watchlist,
            *vx,
            *legs,
            *vxm,
            *etps,
            *(breadth_of(index) for index in self._settings.breadth),
        )

    def unresolved(self, wanted: Iterable[Watched]) -> list[Watched]:
        """Return what of it has no contract yet."""
        return [watched for watched in wanted if watched.instrument_id not in self._resolved]

    def missing(self, today: date) -> tuple[str, ...]:
        """Return the names of what cannot be had: no contract, or, of the futures, no curve."""
        names = [watched.instrument_id for watched in self.unresolved(self.in_order(today))]
        return (*names, *(name for name in ("VX", "VXM") if name in self.troubles))

    async def resolve(self, link: Link, wanted: Iterable[Watched]) -> None:
        """Look up what is not known yet, all at once; what fails is remembered in `troubles`."""
        missing = self.unresolved(wanted)
        await asyncio.gather(*(self._resolve_one(link, watched) for watched in missing))

    async def _resolve_one(self, link: Link, watched: Watched) -> None:
        asked = query(watched)
        try:
            found = await self._details(link, asked)
        except OutageError as trouble:
            self.troubles[watched.instrument_id] = f"no contract: {trouble}"
            return
        contract = best_match(found, asked)
        if contract is None:
            self.troubles[watched.instrument_id] = "no contract: the broker's answer holds none that matches"
            return
        self.troubles.pop(watched.instrument_id, None)
        self._resolved[watched.instrument_id] = contract

    async def _details(self, link: Link, asked: Contract) -> list[ContractDetails]:
        """Ask for a contract's details; where nobody knows it at its exchange, wherever it is listed."""
        timeout_s = self._settings.request_timeout_s
        try:
            return await link.ask(lambda: link.ib.reqContractDetailsAsync(asked), timeout_s)
        except RefusedError as refused:
            if refused.code != _NO_DEFINITION:
                raise
        elsewhere = Contract(secType=asked.secType, symbol=asked.symbol, currency=asked.currency)
        if asked.secType == "OPT":
            # What settles in the morning is listed under its last trade date, the business day before.
            elsewhere = Contract(
                secType="OPT", symbol=asked.symbol, exchange=asked.exchange, currency=asked.currency,
                lastTradeDateOrContractMonth=_day_before(asked), strike=asked.strike, right=asked.right,
                tradingClass=asked.tradingClass,
            )  # fmt: skip
        return await link.ask(lambda: link.ib.reqContractDetailsAsync(elsewhere), timeout_s)

    async def resolve_futures(self, link: Link, calendar: SessionCalendar, today: date) -> None:
        """Look up the VX and VXM curves as of `today`: on its settlement day a contract is no longer on the curve."""
        curves = (("VX", "VIX", self._settings.vx_months), ("VXM", "VXM", self._settings.vxm_months))
        wanted = [(name, symbol, months) for name, symbol, months in curves if months]
        answers = await asyncio.gather(*(self._monthlies(link, name, symbol, calendar) for name, symbol, _ in wanted))
        futures: list[Watched] = []
        for (name, symbol, months), listed in zip(wanted, answers, strict=True):
            for expiry, contract in [row for row in listed if row[0] > today][:months]:
                watched = Watched(
                    instrument_id=f"{name} {expiry.isoformat()}", kind=Kind.FUTURE, symbol=symbol, exchange="CFE",
                    expiry=expiry, trading_class=name, stale_after_s=_FUTURE_STALE_S,
                )  # fmt: skip
                self._resolved[watched.instrument_id] = contract
                futures.append(watched)
        if futures:
            self.futures = tuple(futures)

    async def past_futures(
        self, link: Link, calendar: SessionCalendar, since: date
    ) -> tuple[tuple[date, Contract], ...]:
        """Look up the VX contracts, expired ones included, that settle later than `since`; nothing if that fails."""
        listed = await self._monthlies(link, "VX", "VIX", calendar, with_expired=True)
        for _, contract in listed:
            contract.includeExpired = True
        return tuple(row for row in listed if row[0] > since)

    async def _monthlies(
        self, link: Link, name: str, symbol: str, calendar: SessionCalendar, *, with_expired: bool = False
    ) -> tuple[tuple[date, Contract], ...]:
        asked = Contract(secType="FUT", symbol=symbol, exchange="CFE", currency="USD", includeExpired=with_expired)
        try:
            found = await link.ask(lambda: link.ib.reqContractDetailsAsync(asked), self._settings.request_timeout_s)
        except OutageError as trouble:
            self.troubles[name] = f"no contracts: {trouble}"
            return ()
        listed = monthlies(found, name, calendar)
        if listed:
            self.troubles.pop(name, None)
        else:
            self.troubles[name] = "no contracts: the broker lists none"
        return listed


def _day_before(contract: Contract) -> str:
    """Return the weekday before a contract's date (a holiday between is asked for in vain, and said)."""
    expiry = expiry_of(contract)
    if expiry is None:
        return ""
    day = expiry - timedelta(days=1)
    while day.weekday() >= _SATURDAY:
        day -= timedelta(days=1)
    return day.strftime("%Y%m%d")


def best_match(found: Iterable[ContractDetails], asked: Contract) -> Contract | None:
    """Return the one contract that is what was asked for; the smallest id where several are equally good."""
    fitting = [
        details.contract
        for details in found
        if details.contract is not None
        and details.contract.secType == asked.secType
        and details.contract.symbol == asked.symbol
        and (not asked.tradingClass or details.contract.tradingClass in {"", asked.tradingClass})
    ]
    if not fitting:
        return None
    exact = [contract for contract in fitting if contract.exchange == asked.exchange] or fitting
    chosen = min(exact, key=lambda contract: contract.conId)
    if asked.exchange == "SMART":
        chosen.exchange = "SMART"
    return chosen


def monthlies(
    found: Iterable[ContractDetails], name: str, calendar: SessionCalendar
) -> tuple[tuple[date, Contract], ...]:
    """Return the monthly contracts among `found` as (final settlement by the exchange's rule, contract), by date.

    Weekly contracts are of another class, and settle on another day than the rule says.
    """
    by_expiry: dict[date, Contract] = {}
    for details in found:
        contract = details.contract
        expiry = None if contract is None else expiry_of(contract)
        if contract is None or expiry is None or contract.tradingClass not in {"", name}:
            continue
        settlement = vix_settlement(calendar, expiry.year, expiry.month)
        if abs((expiry - settlement).days) <= 1:
            by_expiry.setdefault(settlement, contract)
    return tuple(sorted(by_expiry.items(), key=lambda row: row[0]))
