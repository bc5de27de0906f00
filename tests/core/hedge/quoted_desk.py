"""A desk on quoted chains, a session at a time: what tests of it share."""

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

from alvh.adapters.simulator.options import spx_chain, vix_chain, vx_curve
from alvh.core.engine import Engine
from alvh.core.events import Calendar, Event, FuturesCurve, OptionChain, Quote, SessionClose, WatchedIndex
from alvh.core.hedge.holdings import Holdings
from alvh.core.sessions import SessionCalendar
from core.conditions import configuration, published
from tapes import weekday_sessions

SESSIONS = weekday_sessions(date(2024, 1, 1), date(2025, 12, 31))
CALENDAR = SessionCalendar(SESSIONS)
PROGRAM: dict[str, Any] = {
    "id": "core",
    "small_caps": [{"symbol": "IWM", "shares": 448}],
    "condor_program": {"dte": 35, "short_delta": 0.20, "long_delta": 0.05, "quantity": 4, "roll": "expiry"},
}


def engine(portfolio: dict[str, Any]) -> Engine:
    made = Engine()
    made.handle(configuration([portfolio]))
    made.handle(Calendar(ts_event=0, ts_recv=0, exchange="XNYS", sessions=SESSIONS))
    made.handle(WatchedIndex(ts_event=0, ts_recv=0, instrument_id="RUT"))
    return made


def market(
    number: int,
    spx: float,
    vix: float,
    *,
    chains: bool = True,
    curve: bool = True,
    width: float = 1.0,
    futures_width: float | None = 1.0,
    etps: dict[str, tuple[float, float]] | None = None,
) -> Iterator[Event]:
    """All that one session's close brings.

    `width` multiplies the spreads of VIX options, `futures_width` those of VIX futures, which None leaves unquoted;
    `etps` are bid and ask of volatility ETPs.
    """
    today, _, at = SESSIONS[number]
    prices = {"IWM": spx / 27, "RUT": spx / 2.7, "RVX": vix + 5.0, "SPX": spx, "VIX": vix, "VVIX": 90.0}
    for name, price in prices.items():
        yield Quote(ts_event=at, ts_recv=at, instrument_id=name, last_price=price)
    for name, (bid, ask) in (etps or {}).items():
        yield Quote(
            ts_event=at, ts_recv=at, instrument_id=name, last_price=(bid + ask) / 2, bid_price=bid, ask_price=ask
        )
    nodes = tuple(
        (day, level, None, None)
        if futures_width is None or bid is None or ask is None
        else (day, level, level - futures_width * (level - bid), level + futures_width * (ask - level))
        for day, level, bid, ask in vx_curve(CALENDAR, today, vix)
    )
    if curve:
        yield FuturesCurve(ts_event=at, ts_recv=at, symbol="VX", nodes=nodes)
    if chains:
        rows = tuple(
            (row[0], row[1], row[2], max(row[3] - (width - 1.0) * 0.2, 0.01), row[4] + (width - 1.0) * 0.2, *row[5:])
            for row in vix_chain(today, vix, 90.0, nodes)
        )
        yield OptionChain(ts_event=at, ts_recv=at, underlying="VIX", rows=rows)
        yield OptionChain(ts_event=at, ts_recv=at, underlying="SPX", rows=spx_chain(CALENDAR, today, spx, vix))
    yield SessionClose(ts_event=at, ts_recv=at, session=today)


def told(made: Engine, events: Iterator[Event]) -> list[dict[str, Any]]:
    return [json.loads(message.body)["data"] for event in events for message in published(made.handle(event))]


def holdings(made: Engine) -> Holdings:
    return Holdings.from_plain(made.portfolios.states[0].hedge["holdings"])
