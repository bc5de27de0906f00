"""Full repricing of condors, small caps and the financing spread at a VIX change, an SPX return and days elapsed.

Deterministic and without calibration (methodology 4.3): SPX smiles are sticky in moneyness and shift in parallel with
the VIX. Scenario arguments are arrays of one shape `(s,)`; results have one row per position.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from alvh.core.hedge.book import CONDOR_MULTIPLIER, Condor, FinancingSpread, SmallCaps
from alvh.core.hedge.curve import VixCurve
from alvh.core.hedge.pricing import DAYS_PER_YEAR, Floats, Greeks, bsm, bsm_greeks
from alvh.core.hedge.surface import Smile, shifted_vol, vol_shift

CONDOR_CALLS: Final = np.array([False, False, True, True])
"""Which options of a condor are calls, in the order of `Condor.strikes`."""

CONDOR_SIGNS: Final = np.array([-1.0, 1.0, -1.0, 1.0])
"""How they are held by the seller, in the same order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioParameters:
    """The `scenario:` section of methodology 11.

    Attributes:
        intercept: of the regression of SPX returns on VIX returns, ratio.
        slope: of the same.
        r_squared: its explained share; gives the other direction, which is no inverse of this one.
        vvix_beta: volatility points a VIX option gains per VIX point at 30 days.
        rvx_elasticity: exponent of RVX on VIX.
        shift_cap: greatest multiple of dVIX in a smile's shift.
    """

    intercept: float = 0.00062
    slope: float = -0.1147
    r_squared: float = 0.4887
    vvix_beta: float = 0.0
    rvx_elasticity: float = 0.85
    shift_cap: float = 1.5

    @classmethod
    def from_methodology(cls, methodology: Mapping[str, Mapping[str, object]]) -> "ScenarioParameters":
        """Return the parameters a `methodology:` mapping says, defaults where it is silent."""
        said, default = methodology.get("scenario", {}), cls()
        link = said.get("spx_vix", (default.intercept, default.slope, default.r_squared))
        intercept, slope, r_squared = (float(value) for value in link)  # type: ignore[attr-defined]  # a sequence of three, validated by settings
        return cls(
            intercept=intercept,
            slope=slope,
            r_squared=r_squared,
            vvix_beta=float(str(said.get("vvix_beta", default.vvix_beta))),
            rvx_elasticity=float(str(said.get("rvx_elast", default.rvx_elasticity))),
            shift_cap=float(str(said.get("iv_cap", default.shift_cap))),
        )

    @property
    def vix_pct_per_spx_pct(self) -> float:
        """Return gamma: per cent by which the VIX rises when SPX falls by one (methodology 4.2)."""
        return self.r_squared / -self.slope


@dataclass(frozen=True, slots=True, kw_only=True)
class HedgeMarket:
    """The snapshot a sizing sees.

    Attributes:
        spx: points.
        curve: VIX and its futures.
        rate: continuous, decimal.
        dividend: yield of SPX, decimal.
        spx_smile: of SPX options of any expiry that `expiry_smiles` does not name.
        expiry_smiles: (days to expiry, smile) where a chain gives one of its own.
        iwm: price of one share, dollars; None where it is not known.
        rvx: points; None where it is not known.
        iwm_dividend: decimal.
        iwm_smile: None where there is neither chain nor RVX.
    """

    spx: float
    curve: VixCurve
    rate: float
    dividend: float
    spx_smile: Smile
    expiry_smiles: tuple[tuple[float, Smile], ...] = ()
    iwm: float | None = None
    rvx: float | None = None
    iwm_dividend: float = 0.012
    iwm_smile: Smile | None = None

    @property
    def vix(self) -> float:
        """Spot VIX, points."""
        return self.curve.vix

    def smile_of(self, days: float) -> Smile:
        """Return the smile of an SPX expiry."""
        return next((smile for at, smile in self.expiry_smiles if at == days), self.spx_smile)


DEEPEST: Final = -0.9
"""Deepest fall a scenario asks for, ratio: no methodology's beta reaches it where markets have been."""


def linked_spx_return(parameters: ScenarioParameters, vix: float, d_vix: ArrayLike) -> Floats:
    """Return the SPX return that goes with a VIX change: 0 for none, else intercept + slope * dVIX/VIX.

    The line has no end, an index has: a shock that is many times a low VIX leaves a tenth of it.
    """
    change = np.asarray(d_vix, dtype=np.float64)
    return np.where(change == 0.0, 0.0, np.maximum(parameters.intercept + parameters.slope * change / vix, DEEPEST))


def small_cap_return(small_caps: SmallCaps, r_spx: ArrayLike) -> Floats:
    """Return what small caps do when SPX does `r_spx`: the stress beta in a fall, beta* otherwise."""
    r = np.asarray(r_spx, dtype=np.float64)
    return np.maximum(np.where(r < 0.0, small_caps.beta_stress, small_caps.beta_star) * r, DEEPEST)


def condor_values(
    market: HedgeMarket,
    condors: Sequence[Condor],
    r_spx: ArrayLike,
    d_vix: ArrayLike,
    elapsed: ArrayLike,
    shift_cap: float = 1.5,
) -> Floats:
    """Return the points it costs to close one condor of each kind: shape (condors, s).

    At or behind its expiry a condor is worth its intrinsic value.
    """
    r, d, t = np.broadcast_arrays(*(np.atleast_1d(np.asarray(x, dtype=np.float64)) for x in (r_spx, d_vix, elapsed)))
    spot = market.spx * (1.0 + r)
    values = np.empty((len(condors), spot.size))
    for smile, rows in by_smile(market, condors):
        strikes = np.array([condors[row].strikes for row in rows]).T[:, :, None]
        left = np.array([[float(condors[row].days)] for row in rows]) - t
        vols = _smile_vols(smile, strikes, spot, d, left, shift_cap)
        years = np.maximum(left, 0.0) / DAYS_PER_YEAR
        legs = bsm(spot, strikes, years, vols, market.rate, market.dividend, CONDOR_CALLS[:, None, None])
        values[rows] = legs[0] - legs[1] + legs[2] - legs[3]  # the order of `Condor.strikes`
    return values


def condor_losses(
    market: HedgeMarket,
    condors: Sequence[Condor],
    r_spx: ArrayLike,
    d_vix: ArrayLike,
    elapsed: ArrayLike,
    shift_cap: float = 1.5,
) -> Floats:
    """Return dollars lost by all condors against today's model mid (not the filled credit): shape (s,)."""
    shape = np.broadcast_shapes(np.shape(r_spx), np.shape(d_vix), np.shape(elapsed), (1,))
    if not condors:
        return np.zeros(shape)
    # The first scenario is today: one call prices both.
    r, d, t = (np.concatenate(([0.0], np.broadcast_to(np.asarray(x, float), shape))) for x in (r_spx, d_vix, elapsed))
    values = condor_values(market, condors, r, d, t, shift_cap)
    dollars = np.array([condor.dollars_per_point for condor in condors])
    return np.asarray(dollars @ (values[:, 1:] - values[:, :1]))


def condor_greeks(market: HedgeMarket, condor: Condor) -> tuple[Greeks, Floats]:
    """Return today's Greeks of the four options (in `Condor.strikes` order) and their signs in the position held.

    The signs are those of the seller: what is short counts negative.
    """
    strikes = np.asarray(condor.strikes)
    vols = market.smile_of(condor.days).vol(np.log(strikes / market.spx))
    years = max(condor.days, 0.0) / DAYS_PER_YEAR
    return bsm_greeks(market.spx, strikes, years, vols, market.rate, market.dividend, CONDOR_CALLS), CONDOR_SIGNS


def financing_values(
    market: HedgeMarket, spread: FinancingSpread, r_spx: ArrayLike, d_vix: ArrayLike, elapsed: ArrayLike
) -> Floats:
    """Return the points it costs to buy back one financing spread: shape (s,)."""
    r, d, t = np.broadcast_arrays(*(np.atleast_1d(np.asarray(x, dtype=np.float64)) for x in (r_spx, d_vix, elapsed)))
    spot, strikes, left = market.spx * (1.0 + r), np.array([[spread.short_call], [spread.long_call]]), spread.days - t
    vols = _smile_vols(market.smile_of(spread.days), strikes, spot, d, left, 1.5)
    years = np.maximum(left, 0.0) / DAYS_PER_YEAR
    legs = bsm(spot, strikes, years, vols, market.rate, market.dividend, np.True_)
    return np.asarray(legs[0] - legs[1])


def financing_losses(
    market: HedgeMarket, spreads: Sequence[FinancingSpread], r_spx: ArrayLike, d_vix: ArrayLike, elapsed: ArrayLike
) -> Floats:
    """Return dollars the spreads lose against their credit (of spreads held: against what they are worth now)."""
    shape = np.broadcast_shapes(np.shape(r_spx), np.shape(d_vix), np.shape(elapsed), (1,))
    total = np.zeros(shape)
    for spread in spreads:
        points = financing_values(market, spread, r_spx, d_vix, elapsed) - spread.credit
        total = total + CONDOR_MULTIPLIER * spread.quantity * points
    return np.asarray(total)


def financing_delta(market: HedgeMarket, spread: FinancingSpread) -> float:
    """Return dollars the spreads held gain per +1 % of SPX by Black-Scholes deltas (negative: they are sold)."""
    strikes = np.array([spread.short_call, spread.long_call])
    vols = market.smile_of(spread.days).vol(np.log(strikes / market.spx))
    years = max(spread.days, 0.0) / DAYS_PER_YEAR
    deltas = bsm_greeks(market.spx, strikes, years, vols, market.rate, market.dividend, np.True_).delta
    return float(deltas[1] - deltas[0]) * CONDOR_MULTIPLIER * spread.quantity * market.spx * 0.01


def by_smile(market: HedgeMarket, condors: Sequence[Condor]) -> list[tuple[Smile, list[int]]]:
    """Group rows that share a smile, so that each group is priced in one go."""
    groups: list[tuple[Smile, list[int]]] = []
    for row, condor in enumerate(condors):
        smile = market.smile_of(condor.days)
        rows = next((rows for known, rows in groups if known is smile), None)
        if rows is None:
            groups.append((smile, [row]))
        else:
            rows.append(row)
    return groups


def _smile_vols(smile: Smile, strikes: Floats, spot: Floats, d: Floats, left: Floats, cap: float) -> Floats:
    return shifted_vol(smile, np.log(strikes / spot), vol_shift(d, left, cap))
