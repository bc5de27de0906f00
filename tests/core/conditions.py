"""What engine tests share: a configured engine, made-up sessions, and random walks as events."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np

from alvh.core.effects import Effect, Publish
from alvh.core.engine import Engine
from alvh.core.events import Calendar, Configuration, Event, Quote, SessionClose, WatchedIndex
from alvh.settings import Settings, decision_document, document_hash

HOUR = 3_600_000_000_000
DAY = 24 * HOUR
EPOCH = 1_072_915_200_000_000_000  # 2004-01-01T00:00Z


def session_dates(count: int) -> list[date]:
    """`count` weekdays from 2004-01-01 on; holidays do not matter here."""
    days = (date(2004, 1, 1) + timedelta(days=n) for n in range(count * 2))
    return [day for day in days if day.weekday() < 5][:count]


def midnight(day: date) -> int:
    """Midnight UTC of a date, ns."""
    return EPOCH + (day - date(2004, 1, 1)).days * DAY


def open_of(day: date) -> int:
    """First instant of a made-up session."""
    return midnight(day) + 14 * HOUR + HOUR // 2


def close_of(day: date) -> int:
    """Last instant of a made-up session."""
    return midnight(day) + 21 * HOUR


def calendar(count: int) -> Calendar:
    """So many made-up sessions."""
    rows = tuple((day, open_of(day), close_of(day)) for day in session_dates(count))
    return Calendar(ts_event=0, ts_recv=0, exchange="XNYS", sessions=rows)


def configuration(portfolios: Sequence[dict[str, Any]] | None = None, feed: str = "tape") -> Configuration:
    """A configuration; by default one portfolio of triggers alone."""
    settings = Settings(portfolios=list(portfolios or [{"id": "core", "hedge": "none"}]))  # type: ignore[arg-type]
    document = decision_document(settings, feed_kind=feed)
    return Configuration(
        ts_event=0, ts_recv=0, document=document, config_hash=document_hash(document), engine_version="test"
    )


def engine(portfolios: Sequence[dict[str, Any]] | None = None, *, sessions: int = 400, feed: str = "tape") -> Engine:
    """An engine that has been told its configuration, its calendar and that RUT is watched."""
    made = Engine()
    made.handle(configuration(portfolios, feed))
    made.handle(calendar(sessions))
    made.handle(WatchedIndex(ts_event=0, ts_recv=0, instrument_id="RUT"))
    return made


def quote(name: str, ts: int, price: float | None, **fields: Any) -> Quote:  # noqa: ANN401 - fields of a Quote
    """A quote received when it happened."""
    return Quote(ts_event=ts, ts_recv=fields.pop("ts_recv", ts), instrument_id=name, last_price=price, **fields)


def close(day: date) -> SessionClose:
    """The close of a made-up session."""
    return SessionClose(ts_event=close_of(day), ts_recv=close_of(day), session=day)


def walk(seed: int, sessions: int, quotes_per_session: int, volatility: float = 0.004) -> list[Event]:
    """SPX and RUT on a random walk, with jumps, quotes at the close, and quotes outside the hours."""
    rng = np.random.default_rng(seed)
    events: list[Event] = []
    prices = {"RUT": 560.0, "SPX": 1100.0}
    for day in session_dates(sessions):
        span = close_of(day) - open_of(day)
        for number in range(quotes_per_session):
            ts = open_of(day) + span * number // max(1, quotes_per_session - 1)
            for name in ("RUT", "SPX"):
                if rng.random() < 0.02:
                    continue
                prices[name] *= float(np.exp(rng.normal(0, volatility)))
                seen = round(prices[name], 2) * (100.0 if rng.random() < 0.002 else 1.0)
                events.append(quote(name, ts, seen))
        events.append(close(day))
        if rng.random() < 0.3:
            prices["SPX"] *= float(np.exp(rng.normal(0, volatility * 4)))
            events.append(quote("SPX", close_of(day) + HOUR, round(prices["SPX"], 2)))
    return events


def published(effects: Iterable[Effect], kind: str = "adjustment") -> list[Publish]:
    """The messages of one kind among effects."""
    return [effect for effect in effects if isinstance(effect, Publish) and effect.kind == kind]
