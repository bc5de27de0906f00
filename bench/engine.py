"""Quotes per second through `engine.handle`, with EMA, RSI and MACD updated and triggers evaluated on every quote."""

import gc
import importlib.util
import time
from collections.abc import Sequence
from typing import Final

from alvh.core.events import Quote
from alvh.core.statistics import Ema, Macd, WilderRsi
from bench.figures import Aim, Figure, Report, median
from bench.market import armed, walk

NAME: Final = "engine"
TITLE: Final = "Quotes per second through the engine"

_PEER: Final = "nautilus_trader 1.221.0 BacktestEngine, the same work"
_QUOTES: Final = 200_000
_ROUNDS: Final = 3
_MANY: Final = 1_000
_WANTED: Final = 3.0


def measure(scale: float) -> Report:
    """Measure; ours and the peer take turns, and the median of the rounds counts."""
    quotes = walk(round(_QUOTES * scale))
    ours, many, alone, peers = [], [], [], []
    has_peer = importlib.util.find_spec("nautilus_trader") is not None
    for _ in range(_ROUNDS):
        ours.append(_through_engine(quotes, portfolios=1))
        many.append(_through_engine(quotes, portfolios=_MANY))
        alone.append(_statistics_alone(quotes))
        if has_peer:
            from bench.peer import quotes_per_second  # noqa: PLC0415 - only where it is installed

            peers.append(quotes_per_second(quotes))
    value = median(ours)
    what = "engine.handle + EMA, RSI, MACD"
    floor = "the three statistics alone, without an engine"
    figures = [
        Figure(what=f"{what}, 1 portfolio", value=value, unit="/s", against=floor, floor=median(alone)),
        Figure(what=f"{what}, {_MANY} portfolios", value=median(many), unit="/s", against="1 portfolio", floor=value),
    ]
    if peers:
        aim = Aim(text=f"at least {_WANTED:g} x", is_met=value >= _WANTED * median(peers))
        figures.insert(
            0, Figure(what=f"{what}, 1 portfolio", value=value, unit="/s", against=_PEER, floor=median(peers), aim=aim)
        )
    notes = (
        "Both sides: one index, prices within the 3 % threshold, two quotes to confirm a move; one thread.",
        "The peer's engine also keeps an order matcher for the venue, which ours has no use for."
        if peers
        else "nautilus_trader is not installed here, so nothing stands beside the engine.",
    )
    return Report(name=NAME, title=TITLE, figures=tuple(figures), notes=notes)


def _through_engine(quotes: Sequence[Quote], *, portfolios: int) -> float:
    handle = armed(portfolios=portfolios).handle
    ema, rsi, macd = Ema(12), WilderRsi(14), Macd(12, 26, 9)
    gc.collect()
    began = time.perf_counter()
    for quote in quotes:
        handle(quote)
        price = quote.last_price
        assert price is not None, "the walk has a price in every quote"
        ema.update(price)
        rsi.update(price)
        macd.update(price)
    return len(quotes) / (time.perf_counter() - began)


def _statistics_alone(quotes: Sequence[Quote]) -> float:
    ema, rsi, macd = Ema(12), WilderRsi(14), Macd(12, 26, 9)
    prices = [quote.last_price or 0.0 for quote in quotes]
    began = time.perf_counter()
    for price in prices:
        ema.update(price)
        rsi.update(price)
        macd.update(price)
    return len(quotes) / (time.perf_counter() - began)
