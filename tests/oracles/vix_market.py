"""The market of one sizing as a second program reads it: futures curve, option quotes, smiles, scenarios (4.1, 4.3)."""

import math
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from oracles.option_formulas import black76, bsm, implied

INTERCEPT, SLOPE, R2 = 0.00062, -0.1147, 0.4887
GAMMA = R2 / -SLOPE
HOLIDAYS = {
    date.fromisoformat(day)
    for day in (
        "2025-05-26", "2025-06-19", "2025-07-04", "2025-09-01", "2025-11-27", "2025-12-25", "2026-01-01", "2026-01-19",
        "2026-02-16", "2026-04-03", "2026-05-25", "2026-06-19", "2026-07-03", "2026-09-07", "2026-11-26", "2026-12-25",
    )
}  # fmt: skip
"""Of the New York Stock Exchange, from May 2025 to the end of 2026: its own published list."""


def business_days(session: date, days: int) -> int:
    """Return the business days from a session to the settlement so many calendar days later."""
    ahead = [session + timedelta(days=day) for day in range(1, days + 1)]
    return sum(day.weekday() < 5 and day not in HOLIDAYS for day in ahead)


def days_of(item: dict[str, Any], session: date) -> int:
    if item.get("dte") is not None:
        return int(item["dte"])
    expiry = item["expiry"]
    return ((date.fromisoformat(expiry) if isinstance(expiry, str) else expiry) - session).days


@dataclass(frozen=True)
class Quote:
    days: int
    strike: float
    bid: float
    ask: float
    vol: float

    @property
    def half(self) -> float:
        return (self.ask - self.bid) / 2


class Market:
    """What one sizing sees (4.1, 4.3)."""

    def __init__(self, raw: dict[str, Any], vvix_beta: float = 0.0, beta_v30: float = 0.43) -> None:
        session = raw["session"]
        self.session = date.fromisoformat(session) if isinstance(session, str) else session
        self.spx, self.vix = float(raw["spx"]), float(raw["vix"])
        self.rvx: float | None = raw.get("rvx")
        self.iwm: float | None = raw.get("iwm")
        self.rut: float | None = raw.get("rut")
        rates = {"r": 0.042, "q": 0.013, "q_iwm": 0.012} | raw.get("rates", {})
        self.r, self.q, self.q_iwm = float(rates["r"]), float(rates["q"]), float(rates["q_iwm"])
        fees = {"option": 1.0, "future_spread": 4.0} | raw.get("fees", {})
        self.fee, self.calendar_fee = float(fees["option"]), float(fees["future_spread"])
        self.vvix_beta, self.beta_v30 = vvix_beta, beta_v30
        rows = sorted(((days_of(row, self.session), row) for row in raw["vx"]), key=lambda pair: pair[0])
        self.nodes = [(days, float(row["price"])) for days, row in rows]
        self.touch = {days: (row.get("bid"), row.get("ask")) for days, row in rows}
        self.sigma30 = raw["vvix"] / 100.0 if raw.get("vvix") else 0.88
        smile = raw.get("spx_smile")
        scale = self.vix / 17.20
        self.smile_of: dict[str, float] = smile or {
            "level": 0.148 * scale,
            "slope": -0.75 * scale,
            "curvature": 2.0 * scale,
        }
        self.beta_star = float(raw.get("beta_star", 1.15))
        self.beta_stress = float(raw.get("beta_stress") or self.beta_star)
        self.rv20: float | None = raw["rv20"] / 100 if raw.get("rv20") else None
        self.phase: str = raw.get("phase", "INITIAL")
        self.a = float(raw.get("a", 0.0))
        self.by_bigtop = bool(raw.get("by_bigtop", False))
        self.vix_rising = raw.get("vix_rising", False)
        read = (self._quote(row) for row in raw.get("vix_options", []) if row.get("right", "C") == "C")
        quoted = [quote for quote in read if quote is not None]
        self.is_quoted = bool(quoted)
        self.quotes = quoted or self._model_quotes()

    def _model_quotes(self) -> list[Quote]:
        """Return what the model surface quotes where nothing is quoted (4.3): a grid of strikes for every future."""
        found = []
        for days, forward in self.nodes:
            halves = [5.0 + 0.5 * step for step in range(20)]
            for strike in [*halves, *map(float, range(15, math.ceil(max(4 * forward, 16.0)) + 1))]:
                z = math.log(strike / forward) / (self.sigma30 * math.sqrt(days / 365))
                vol = self.sigma30 * (30 / days) ** 0.23 * (1 + 0.156 * max(z, 0.0))
                centre = round(black76(forward, strike, days / 365, vol, self.r) / 0.05) * 0.05
                found.append(Quote(days, strike, max(0.0, centre - 0.05), centre + 0.05, vol))
        return found

    def _quote(self, row: dict[str, Any]) -> Quote | None:
        days, strike = days_of(row, self.session), float(row["strike"])
        bid, ask = float(row["bid"]), float(row["ask"])
        vol = row.get("iv") or implied((bid + ask) / 2, self.level(days), strike, days / 365, self.r)
        return None if vol is None or bid <= 0.0 or ask < bid else Quote(days, strike, bid, ask, vol)

    def level(self, days: float) -> float:
        """Return the curve of today, linear from the VIX through the futures and flat beyond them."""
        nodes = [(0.0, self.vix), *self.nodes]
        for (x0, y0), (x1, y1) in pairwise(nodes):
            if days <= x1:
                return y0 + (y1 - y0) * (days - x0) / (x1 - x0)
        return nodes[-1][1]

    def future(self, days: float, t: float, d: float) -> float:
        left = max(days - t, 0.0)
        beta = 1.0 if left <= 0.0 else min(1.0, self.beta_v30 * math.sqrt(30.0 / left))
        return self.level(left) * math.pow((self.vix + d) / self.vix, beta)

    def vix_call(self, quote: Quote, t: float, d: float) -> float:
        if t >= quote.days:
            return max(0.0, self.vix + d - quote.strike)
        vol = quote.vol + self.vvix_beta * d / 100.0 * min(1.0, math.sqrt(30.0 / quote.days))
        return black76(self.future(quote.days, t, d), quote.strike, (quote.days - t) / 365, vol, self.r)

    def smile(self, x: float) -> float:
        s = self.smile_of
        return max(s.get("floor", 0.08), s["level"] + s["slope"] * x + s["curvature"] * x * x)

    def spx_return(self, d: float) -> float:
        return 0.0 if d == 0.0 else INTERCEPT + SLOPE * d / self.vix

    def tenor_factor(self, left: float) -> float:
        return min(1.5, math.sqrt(30.0 / max(left, 1.0)))

    def spx_option(self, strike: float, right: str, left: float, spot: float, shift: float) -> float:
        vol = self.smile(math.log(strike / spot)) + shift / 100.0 * self.tenor_factor(left)
        return bsm(spot, strike, left / 365, vol, self.r, self.q, right)
