"""The IWM put that stands beside the hedge: its geometry, its marks, what it gains in a scenario (methodology 6.1)."""

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from alvh.core.hedge.pricing import DAYS_PER_YEAR, Floats, american_put_binomial, bsm, bsm_greeks
from alvh.core.hedge.scenario import HedgeMarket
from alvh.core.hedge.surface import Smile, shifted_vol, vol_shift

PUT_DAYS: Final = 35
PUT_MONEYNESS: Final = 0.95
"""Geometry of Cboe's PPUT: about a month, 5 % out of the money."""

PUT_MULTIPLIER: Final = 100.0
_HALF_SPREAD: Final = 0.05  # of a model quote, points; as the worked example's
_TICK: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class IwmPut:
    """One listed put on IWM.

    Attributes:
        strike: dollars.
        days: to expiry.
        bid: dollars per share.
        ask: likewise.
        vol: implied volatility of its quote, decimal; None takes the smile's.
        fee_usd: per contract and side.
        expiry: the date itself, where it is known.
    """

    strike: float
    days: int
    bid: float
    ask: float
    vol: float | None = None
    fee_usd: float = 1.0
    expiry: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PutMarks:
    """One put today; dollars per share, Greeks per point, per volatility point and per day.

    Attributes:
        vol: implied volatility, decimal.
        mid: European value.
        tree: what the binomial tree needs: spot, strike, years, volatility, rate, dividend.
        delta: per dollar of IWM.
        gamma: per dollar squared.
        vega: per volatility point.
        theta: per calendar day.
        break_even: IWM price at expiry at which a put bought at the ask breaks even.
        break_even_return: the same as a return, ratio.
        relative_width: (ask - bid) / mid, ratio.
    """

    vol: float
    mid: float
    tree: tuple[float, float, float, float, float, float]
    delta: float
    gamma: float
    vega: float
    theta: float
    break_even: float
    break_even_return: float
    relative_width: float

    @property
    def american(self) -> float:
        """Its value with early exercise by the binomial tree: dearer than all else here, so made when asked for."""
        return american_put_binomial(*self.tree)


class PutPricer:
    """Values one put over scenarios of IWM, VIX and time; the smile is sticky in moneyness and shifts with RVX."""

    def __init__(self, market: HedgeMarket, put: IwmPut, rvx_elasticity: float, shift_cap: float = 1.5) -> None:
        if market.iwm is None or market.iwm_smile is None or market.rvx is None:
            raise ValueError("an IWM put needs the price of IWM, RVX and a smile")
        self.put = put
        self.spot = market.iwm
        self._market = market
        self._smile: Smile = market.iwm_smile
        self._rvx = market.rvx
        self._elasticity = rvx_elasticity
        self._cap = shift_cap
        smile_vol = float(self._smile.vol(np.log(put.strike / self.spot)))
        self._own = 0.0 if put.vol is None else put.vol - smile_vol

    def gains(self, r_iwm: ArrayLike, d_vix: ArrayLike, elapsed: ArrayLike) -> Floats:
        """Return P&L of one put bought at the ask, entry fee only, dollars; arguments broadcast."""
        r, d, t = (np.asarray(x, dtype=np.float64) for x in (r_iwm, d_vix, elapsed))
        spot = self.spot * (1.0 + r)
        left = self.put.days - t
        alive = np.maximum(0.0, self._mids(spot, d, left) - 0.5 * (self.put.ask - self.put.bid))
        value = np.where(left > 0.0, alive, np.maximum(0.0, self.put.strike - spot))
        return np.asarray(PUT_MULTIPLIER * (value - self.put.ask) - self.put.fee_usd)

    def cost(self, horizon: float) -> float:
        """Return K over the horizon, dollars: the whole debit and the entry fee where the put ends inside it.

        Else entry less exit with the fees of both sides; never below the round trip (methodology 4.4).
        """
        if self.put.days <= horizon:
            lost = PUT_MULTIPLIER * self.put.ask + self.put.fee_usd
        else:
            lost = self.put.fee_usd - float(self.gains(0.0, 0.0, horizon))
        return max(lost, PUT_MULTIPLIER * (self.put.ask - self.put.bid) + 2.0 * self.put.fee_usd)

    def marks(self) -> PutMarks:
        """Return the put's marks today."""
        put, market, years = self.put, self._market, self.put.days / DAYS_PER_YEAR
        vol = float(self._smile.vol(np.log(put.strike / self.spot))) + self._own
        greeks = bsm_greeks(self.spot, put.strike, years, vol, market.rate, market.iwm_dividend, False)
        mid, even = float(greeks.price), put.strike - put.ask
        return PutMarks(
            vol=vol,
            mid=mid,
            tree=(self.spot, put.strike, years, vol, market.rate, market.iwm_dividend),
            delta=float(greeks.delta),
            gamma=float(greeks.gamma),
            vega=float(greeks.vega_point),
            theta=float(greeks.theta_day),
            break_even=even,
            break_even_return=even / self.spot - 1.0,
            relative_width=(put.ask - put.bid) / (0.5 * (put.ask + put.bid)) if put.ask > 0.0 else 0.0,
        )

    def _mids(self, spot: Floats, d_vix: Floats, left: Floats) -> Floats:
        ratio = np.maximum(self._market.vix + d_vix, 1.0) / self._market.vix
        shift = vol_shift(self._rvx * (ratio**self._elasticity - 1.0), left, self._cap)
        vol = shifted_vol(self._smile, np.log(self.put.strike / spot), shift + self._own)
        years = np.maximum(left, 0.0) / DAYS_PER_YEAR
        return bsm(spot, self.put.strike, years, vol, self._market.rate, self._market.iwm_dividend, False)


def model_put(market: HedgeMarket, days: int = PUT_DAYS, strike_step: float = 1.0) -> IwmPut:
    """Return the comparison's put priced by the model: 5 % out of the money, quoted 0.05 to either side of its mid.

    Raises:
        ValueError: the market knows no IWM price or smile.
    """
    if market.iwm is None or market.iwm_smile is None:
        raise ValueError("an IWM put needs the price of IWM and a smile")
    strike = max(strike_step, round(PUT_MONEYNESS * market.iwm / strike_step) * strike_step)
    vol = market.iwm_smile.vol(np.log(strike / market.iwm))
    mid = float(bsm(market.iwm, strike, days / DAYS_PER_YEAR, vol, market.rate, market.iwm_dividend, False))
    bid = max(0.0, round((mid - _HALF_SPREAD) / _TICK) * _TICK)
    ask = max(_TICK, round((mid + _HALF_SPREAD) / _TICK) * _TICK)
    return IwmPut(strike=strike, days=days, bid=round(bid, 2), ask=round(ask, 2))
