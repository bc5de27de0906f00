"""The same work in nautilus_trader: EMA, RSI and MACD on every quote, and 3 % moves confirmed by two of them."""

import time
from collections.abc import Sequence

from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.indicators import (
    ExponentialMovingAverage,
    MovingAverageConvergenceDivergence,
    RelativeStrengthIndex,
)
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import AccountType, OmsType, PriceType
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import Equity
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.trading.strategy import Strategy

from alvh.core.events import Quote

_VENUE = Venue("SIM")
_INDEX = InstrumentId(Symbol("SPX"), _VENUE)
_THRESHOLD = 0.03
_CONFIRM = 2


class _Watcher(Strategy):  # type: ignore[misc]  # the library ships no types
    """Indicators registered where they take quotes (EMA, MACD); fed by hand where they do not (RSI, signal line)."""

    def __init__(self) -> None:
        super().__init__()
        self.ema = ExponentialMovingAverage(12, price_type=PriceType.MID)
        self.macd = MovingAverageConvergenceDivergence(12, 26, price_type=PriceType.MID)
        self.signal = ExponentialMovingAverage(9)
        self.rsi = RelativeStrengthIndex(14)
        self.anchor: float | None = None
        self.beyond = 0
        self.quotes = 0

    def on_start(self) -> None:
        self.register_indicator_for_quote_ticks(_INDEX, self.ema)
        self.register_indicator_for_quote_ticks(_INDEX, self.macd)
        self.subscribe_quote_ticks(_INDEX)

    def on_quote_tick(self, tick: QuoteTick) -> None:
        price = tick.bid_price.as_double()
        self.quotes += 1
        self.rsi.update_raw(price)
        self.signal.update_raw(self.macd.value)
        if self.anchor is None:
            self.anchor = price
        elif abs(price / self.anchor - 1.0) >= _THRESHOLD:
            self.beyond += 1
            if self.beyond == _CONFIRM:
                self.anchor, self.beyond = price, 0
        elif self.beyond:
            self.beyond = 0


def quotes_per_second(quotes: Sequence[Quote]) -> float:
    """Run a BacktestEngine over `quotes`; loading them and setting it up are not counted."""
    engine = BacktestEngine(config=BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    engine.add_venue(
        venue=_VENUE,
        oms_type=OmsType.NETTING,
        account_type=AccountType.MARGIN,
        base_currency=USD,
        starting_balances=[Money(1_000_000, USD)],
    )
    tick, one = Price.from_str("0.01"), Quantity.from_int(1)
    engine.add_instrument(
        Equity(_INDEX, Symbol("SPX"), USD, price_precision=2, price_increment=tick, lot_size=one, ts_event=0, ts_init=0)
    )
    watcher = _Watcher()
    engine.add_strategy(watcher)
    engine.add_data([_tick(quote, one) for quote in quotes])
    began = time.perf_counter()
    engine.run()
    taken = time.perf_counter() - began
    seen = watcher.quotes
    engine.dispose()
    if seen != len(quotes):
        raise RuntimeError(f"nautilus_trader passed on {seen} of {len(quotes)} quotes")
    return len(quotes) / taken


def _tick(quote: Quote, size: Quantity) -> QuoteTick:
    price = Price(quote.last_price, 2)
    return QuoteTick(_INDEX, price, price, size, size, quote.ts_event, quote.ts_event)
