"""S22 to S26, S29: slow figures - valuations of small caps, quick ratio, real exchange rate, implied premium."""

from typing import Final

from alvh.core.signals.family import Family
from alvh.core.signals.model import Close, Signal, signal
from alvh.core.statistics import Lag, RollingMean, RollingRank

_QUARTER: Final = 63  # sessions
_TEN_YEARS: Final = 2520  # sessions
_LEAST_RANKED: Final = 252  # sessions a percentile needs, however long its window
_MONTHS: Final = 36
_CONTRACTION: Final = -0.10
_HIGH_PERCENTILE: Final = 80.0
_DIVERGENCE: Final = 1.0
_LOW_QUICK: Final = 1.0
_REER_MONTHS: Final = 3
_REER_CHANGE: Final = 0.02
_CASH_FLOWS: Final = ("SMALL_PCF", "SMALL_VALUE_PCF", "REIT_PCF")
_YEAR_DAYS: Final = (350, 420)  # how much older "a year ago" may be, for figures that come quarterly
_QUARTERS_KEPT: Final = 6


class FundamentalsFamily(Family):
    """Figures that come weekly to quarterly, read at each close as they then stand; stale ones are left out.

    All of them may be missing for ever; none of them blocks anything (methodology, 2.2).
    """

    _STATISTICS = ("_small_pcf", "_value_pcf", "_reit_pcf", "_pe", "_pe_rank", "_pe_months", "_pcf_months", "_premium")
    _PLAIN = ("_changes", "_pe_change", "_pe_percentile", "_month", "_month_values", "_z_difference", "_quick",
              "_reer", "_implied")  # fmt: skip

    def __init__(self) -> None:
        self._small_pcf, self._value_pcf, self._reit_pcf = Lag(_QUARTER), Lag(_QUARTER), Lag(_QUARTER)
        self._pe = Lag(_QUARTER)
        self._pe_rank = RollingRank(_TEN_YEARS, _LEAST_RANKED)
        self._pe_months = RollingMean(_MONTHS)
        self._pcf_months = RollingMean(_MONTHS)
        self._premium = RollingRank(_TEN_YEARS, _LEAST_RANKED)
        self._changes: list[float | None] = [None] * len(_CASH_FLOWS)
        self._pe_change: float | None = None
        self._pe_percentile: float | None = None
        self._month: int | None = None
        self._month_values: list[float | None] = [None, None]  # P/E and P/CF at the newest close
        self._z_difference: float | None = None
        self._quick: list[list[float]] = []  # [ordinal date, value], oldest first
        self._reer: list[list[float]] = []
        self._implied: float | None = None

    def update(self, close: Close) -> None:
        """Take one session's close."""
        lags = (self._small_pcf, self._value_pcf, self._reit_pcf)
        self._changes = [_moved(lag, close.fresh(name)) for name, lag in zip(_CASH_FLOWS, lags, strict=True)]
        pe = close.fresh("SMALL_PE")
        self._pe_change = _moved(self._pe, pe)
        self._pe_percentile = None
        if pe is not None:
            self._pe_rank.update(pe)
            self._pe_percentile = self._pe_rank.value
        self._update_months(close, pe)
        self._quick = _appended(self._quick, close, "SMALL_QUICK_RATIO", _QUARTERS_KEPT)
        self._reer = _appended(self._reer, close, "REER", _REER_MONTHS + 1)
        dividend, growth, bond = (close.fresh(name) for name in ("DDM_DIVIDEND_YIELD", "DDM_GROWTH", "US10Y"))
        self._implied = None
        if dividend is not None and growth is not None and bond is not None:
            self._implied = dividend + growth - bond
            self._premium.update(self._implied)

    def _update_months(self, close: Close, pe: float | None) -> None:
        """At the first close of a month, the values of the last close of the month before become its point."""
        month = close.session.year * 12 + close.session.month
        if self._month is not None and month != self._month:
            months = (self._pe_months, self._pcf_months)
            scores = []
            for statistic, value in zip(months, self._month_values, strict=True):
                scores.append(None if value is None else statistic.zscore(value))
                if value is not None:
                    statistic.update(value)
            price, flow = scores
            self._z_difference = None if price is None or flow is None else price - flow
        self._month = month
        self._month_values = [pe, close.fresh("SMALL_PCF")]

    def _cash_flow(self) -> tuple[str, float | None]:
        """Return the series that stands for small caps and its change: small value, then REITs stand in."""
        for name, change in zip(_CASH_FLOWS, self._changes, strict=True):
            if change is not None:
                return name, change
        return _CASH_FLOWS[0], None

    @property
    def is_contracting(self) -> bool | None:
        """S22: price over cash flow fell by at least a tenth in 63 sessions; None where unknown."""
        change = self._cash_flow()[1]
        return None if change is None else change <= _CONTRACTION

    @property
    def is_compressing(self) -> bool | None:
        """S23: price over earnings fell by at least a tenth in 63 sessions; None where unknown."""
        return None if self._pe_change is None else self._pe_change <= _CONTRACTION

    @property
    def is_expensive(self) -> bool | None:
        """S23 for S32 c5: percentile of P/E at or above 80; None where unknown."""
        return None if self._pe_percentile is None else self._pe_percentile >= _HIGH_PERCENTILE

    @property
    def premium_percentile(self) -> float | None:
        """Percentile of the implied equity premium (S29 for S32 c6); None where unknown."""
        return None if self._implied is None else self._premium.value

    def signals(self, close: Close) -> tuple[Signal, ...]:
        """Return S22 to S26 and S29."""
        return (
            self._flow_signal(close), self._earnings_signal(close), self._divergence_signal(close),
            self._quick_signal(close), self._reer_signal(close), self._implied_signal(close),
        )  # fmt: skip

    def _flow_signal(self, close: Close) -> Signal:
        name, change = self._cash_flow()
        return signal(
            close, "S22", value=change, unit="ratio", state="contraction" if self.is_contracting else "none",
            threshold=f"<= {_CONTRACTION:g} in {_QUARTER} sessions", inputs=(name,), is_proxy=name != _CASH_FLOWS[0],
            parts=(("small", self._changes[0]), ("value", self._changes[1]), ("reit", self._changes[2])),
        )  # fmt: skip

    def _earnings_signal(self, close: Close) -> Signal:
        cheaper = "compression" if self.is_compressing else "none"
        return signal(
            close, "S23", value=self._pe_change, unit="ratio", inputs=("SMALL_PE",),
            state="expensive" if self.is_expensive else cheaper,
            threshold=f"<= {_CONTRACTION:g} in {_QUARTER} sessions; percentile >= {_HIGH_PERCENTILE:g}",
            parts=(("change", self._pe_change), ("percentile", self._pe_percentile)),
        )  # fmt: skip

    def _divergence_signal(self, close: Close) -> Signal:
        z = self._z_difference
        return signal(
            close, "S24", value=z, unit="deviations",
            state="on" if z is not None and abs(z) >= _DIVERGENCE else "off", threshold=f"|z| >= {_DIVERGENCE:g}",
            inputs=("SMALL_PE", "SMALL_PCF"),
        )  # fmt: skip

    def _quick_signal(self, close: Close) -> Signal:
        value = self._quick[-1][1] if self._quick else None
        change = _year_change(self._quick)
        is_low = value is not None and value < _LOW_QUICK
        is_falling = change is not None and change <= _CONTRACTION
        return signal(
            close, "S25", value=value, unit="ratio", state="weak" if is_low or is_falling else "sound",
            threshold=f"< {_LOW_QUICK:g} or {_CONTRACTION:.0%} in a year", inputs=("SMALL_QUICK_RATIO",),
            parts=(("change_year", change),),
        )  # fmt: skip

    def _reer_signal(self, close: Close) -> Signal:
        is_full = len(self._reer) > _REER_MONTHS
        change = self._reer[-1][1] / self._reer[0][1] - 1.0 if is_full else None
        if change is not None and change <= -_REER_CHANGE:
            state = "weak_dollar"
        else:
            state = "strong_dollar" if change is not None and change >= _REER_CHANGE else "none"
        return signal(
            close, "S26", value=change, unit="ratio", state=state,
            threshold=f"|change| >= {_REER_CHANGE:.0%} in {_REER_MONTHS} months", inputs=("REER",),
        )  # fmt: skip

    def _implied_signal(self, close: Close) -> Signal:
        return signal(
            close, "S29", value=self._implied, unit="%", state="ready", threshold="none",
            inputs=("DDM_DIVIDEND_YIELD", "DDM_GROWTH", "US10Y"), parts=(("percentile", self.premium_percentile),),
        )  # fmt: skip


def _moved(lag: Lag, value: float | None) -> float | None:
    if value is None:
        return None
    lag.update(value)
    before = lag.value
    return None if not before else value / before - 1.0


def _appended(points: list[list[float]], close: Close, series: str, limit: int) -> list[list[float]]:
    """Return the newest points of a series by the date they stand under; a new value of that date replaces it."""
    one = close.news(series)
    if one is None:
        return points
    day = float(one.observed.toordinal())
    kept = points[:-1] if points and points[-1][0] == day else points
    return [*kept, [day, one.value]][-limit:]


def _year_change(points: list[list[float]]) -> float | None:
    least, most = _YEAR_DAYS
    for day, value in reversed(points):
        if least <= points[-1][0] - day <= most and value:
            return points[-1][1] / value - 1.0
    return None
