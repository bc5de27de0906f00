"""A made-up market for the measurements: an engine armed at a close, and quotes that walk near its anchors."""

from datetime import date
from random import Random
from typing import Any, Final

from alvh.core.engine import Engine
from alvh.core.events import Calendar, Configuration, Event, Quote, SessionClose
from alvh.settings import Portfolio, Settings, decision_document, document_hash

DAY_NS: Final = 86_400 * 10**9
SPX: Final = 4_500.0
RUT: Final = 2_000.0

_OPEN_NS: Final = 1_700_000_000 * 10**9
_SESSIONS: Final = tuple(
    (date(2023, 11, 14 + day), _OPEN_NS + day * DAY_NS, _OPEN_NS + day * DAY_NS + DAY_NS // 4) for day in (0, 1)
)
TRADING_NS: Final = _SESSIONS[1][1]
"""The opening of the session behind the first close (ns UTC)."""


def opening(*, portfolios: int = 1, confirm_quotes: int = 2) -> list[Event]:
    """Return what a log begins with, up to the first close: behind it all anchors are set and quotes may trigger."""
    methodology: dict[str, Any] = {"move3": {"confirm_quotes": confirm_quotes}}
    settings = Settings(
        portfolios=[
            Portfolio(id=f"book-{number}", hedge="none", methodology=methodology)  # type: ignore[arg-type]  # pydantic reads mappings
            for number in range(portfolios)
        ]
    )
    document = decision_document(settings, feed_kind="tape")
    at, close = _SESSIONS[0][1], _SESSIONS[0][2]
    return [
        Configuration(
            ts_event=0, ts_recv=0, document=document, config_hash=document_hash(document), engine_version="0"
        ),
        Calendar(ts_event=0, ts_recv=0, exchange="XNYS", sessions=_SESSIONS),
        Quote(ts_event=at, ts_recv=at, instrument_id="RUT", last_price=RUT),
        Quote(ts_event=at, ts_recv=at, instrument_id="SPX", last_price=SPX),
        SessionClose(ts_event=close, ts_recv=close, session=_SESSIONS[0][0]),
    ]


def armed(*, portfolios: int = 1) -> Engine:
    """Return an engine behind its first close."""
    engine = Engine()
    for event in opening(portfolios=portfolios):
        engine.handle(event)
    return engine


def walk(count: int, *, seed: int = 1, begin_ns: int = TRADING_NS, step_ns: int = 1_000) -> list[Quote]:
    """Return quotes of SPX that stay within a few tenths of a per cent of its anchor: what nearly all quotes are."""
    random = Random(seed)
    price = SPX
    quotes = []
    for number in range(count):
        price += 0.05 * (SPX - price) / SPX + random.gauss(0.0, 0.05)
        at = begin_ns + number * step_ns
        quotes.append(Quote(ts_event=at, ts_recv=at, instrument_id="SPX", last_price=round(price, 2)))
    return quotes
