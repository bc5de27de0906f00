"""`alvh size`: the adjustment one portfolio would get in one market, without a daemon."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alvh import __version__
from alvh.app.market_file import MarketFile, SpxOptionQuote, VixOptionQuote, read_market
from alvh.app.size_input import read_portfolio
from alvh.app.sources import calendar
from alvh.core.announce import Cause, Origin, Shown, adjustment
from alvh.core.events import FuturesCurve, OptionChain, Quote
from alvh.core.hedge.desk import HedgeDesk
from alvh.core.hedge.look import Given
from alvh.core.hedge.phases import Phase, PhaseState
from alvh.core.hedge.surface import QuadraticSmile
from alvh.core.market import MarketBoard
from alvh.core.portfolio import PortfolioState
from alvh.core.sessions import SessionCalendar
from alvh.core.signals.book import SignalBook
from alvh.core.signals.model import Bar
from alvh.core.situation import Situation
from alvh.errors import InputError
from alvh.message_parts import Move
from alvh.settings import Settings, decision_document, document_hash

_WORKING = {"MONETISE": Phase.CONFIRMED, "COOLDOWN": Phase.CONFIRMED}


def sized(portfolio_file: Path, market_file: Path) -> bytes:
    """Return the adjustment as a CloudEvent in JSON.

    Raises:
        InputError: a file says something unexpected.
    """
    market = read_market(market_file)
    portfolio, warnings = read_portfolio(portfolio_file, market_file, market)
    for warning in warnings:
        sys.stderr.write(f"alvh: {warning}\n")
    settings = Settings(portfolios=[portfolio], rates=market.rates, fees=market.fees)
    document = decision_document(settings, feed_kind="tape")
    sessions = SessionCalendar(calendar(settings.calendar, market.session, market.session).sessions)
    if not sessions.is_session(market.session):
        raise InputError(f"{market_file}: session: expected a session of the exchange, got {market.session}")
    situation = _situation(market, document, sessions)
    try:
        desk = HedgeDesk(document["portfolios"][0], document)
    except InputError as error:
        raise InputError(f"{portfolio_file}: {error}") from error
    phase = Phase(market.phase)
    given = Given(
        phase=PhaseState(phase=phase, working=_WORKING.get(market.phase, phase), by_bigtop=market.by_bigtop),
        a=market.a,
        beta_star=market.beta_star,
        beta_stress=market.beta_stress or market.beta_star,
        rv20=None if market.rv20 is None else market.rv20 / 100.0,
        vix_momentum=market.vix_rising,
        spx_smile=_smile(market),
    )
    decision = desk.size_once(PortfolioState(portfolio_id=portfolio.id), situation, given)
    origin = Origin(instance=settings.instance, engine_version=__version__, config_hash=document_hash(document),
                    feed="tape")  # fmt: skip
    cause = Cause(
        ts_event=situation.ts_event, session=market.session, sequence=1, prev_event_id=None, sessions=0,
        moves=situation.moves, anchors={}, prices=situation.board.prices(),
        shown=Shown(situation.book.signals),
    )  # fmt: skip
    return adjustment(origin, portfolio.id, cause, decision)[1][0].body


def _situation(market: MarketFile, document: dict[str, Any], sessions: SessionCalendar) -> Situation:
    at = sessions.close_of(market.session)
    prices = {"IWM": market.iwm, "RUT": market.rut, "RVX": market.rvx, "SPX": market.spx, "VIX": market.vix,
              "VVIX": market.vvix}  # fmt: skip
    known = {name: price for name, price in prices.items() if price is not None}
    board = MarketBoard()
    board.configure(None, {})
    for name, price in known.items():
        board.accept(Quote(ts_event=at, ts_recv=at, instrument_id=name, last_price=price))
    for etp in market.etps:
        middle = (etp.bid + etp.ask) / 2
        board.accept(
            Quote(ts_event=at, ts_recv=at, instrument_id=etp.symbol, last_price=middle, bid_price=etp.bid,
                  ask_price=etp.ask)
        )  # fmt: skip
    nodes = tuple(sorted((node.on(market.session), node.price, node.bid, node.ask) for node in market.vx))
    curve = FuturesCurve(ts_event=at, ts_recv=at, symbol="VX", nodes=nodes)
    book = SignalBook()
    bars = {name: Bar(price=price, ts_event=at) for name, price in known.items()}
    book.close(market.session, at, bars, curve, sessions_to=lambda day: sessions.business_days(market.session, day))
    quoted: tuple[tuple[str, Sequence[VixOptionQuote | SpxOptionQuote]], ...] = (
        ("SPX", market.spx_options),
        ("VIX", market.vix_options),
    )
    chains = {name: _chain(name, rows, market, at) for name, rows in quoted if rows}
    moves = [Move(index="SPX", price=market.spx, anchor=None, move_ratio=None)]
    return Situation(
        ts_event=at, session=market.session, is_close=True, triggers=("MANUAL",), moves=moves, board=board, book=book,
        curve=curve, chains=chains, calendar=sessions, rates=document["rates"], fees=document["fees"], is_live=False,
    )  # fmt: skip


def _chain(name: str, rows: Sequence[VixOptionQuote | SpxOptionQuote], market: MarketFile, at: int) -> OptionChain:
    return OptionChain(
        ts_event=at,
        ts_recv=at,
        underlying=name,
        rows=tuple(
            (row.on(market.session), row.right, row.strike, row.bid, row.ask, row.iv, row.trading_class) for row in rows
        ),
    )


def _smile(market: MarketFile) -> QuadraticSmile | None:
    said = market.spx_smile
    if said is None:
        return None
    return QuadraticSmile(level=said.level, slope=said.slope, curvature=said.curvature, floor=said.floor)
