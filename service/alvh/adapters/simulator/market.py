"""How the made-up market moves: its state between sessions, its regimes, and one session's prices bar by bar.

SPX is a jump diffusion whose drift, volatility and jumps belong to a regime (calm, stress, crash: a Markov chain from
session to session); the VIX is drawn to the regime's level and answers to SPX; everything else answers to those two.
Prices are rounded before they are carried on, so that a last bit that differs between two machines goes no further.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

_SESSIONS_PER_YEAR: Final = 252.0
_OVERNIGHT_SHARE: Final = 0.2  # of a day's variance falls between the close and the next open


@dataclass(frozen=True, slots=True, kw_only=True)
class Regime:
    """What one kind of market is like.

    Attributes:
        name: for a person.
        drift: of SPX, per year, log.
        volatility: of SPX without jumps, per year.
        jumps: expected jumps of SPX per session.
        jump_mean: mean size of one, log.
        jump_sd: its standard deviation.
        vix: the level the VIX is drawn to, points.
        spread: the level ln(RVX/VIX) is drawn to: below zero in a large-cap panic (methodology 2.2, remark 2).
        next: odds of the next session's regime: calm, stress, crash.
    """

    name: str
    drift: float
    volatility: float
    jumps: float
    jump_mean: float
    jump_sd: float
    vix: float
    spread: float
    next: tuple[float, float, float]


# Chosen so that VIX, its curve and the size of moves cover what 2004-2024 showed, with stress more often than then:
# who looks at a simulator wants to see something happen.
REGIMES: Final = (
    Regime(name="calm", drift=0.18, volatility=0.12, jumps=0.02, jump_mean=-0.001, jump_sd=0.008, vix=14.5,
           spread=0.34, next=(0.965, 0.029, 0.006)),
    Regime(name="stress", drift=-0.10, volatility=0.22, jumps=0.10, jump_mean=-0.002, jump_sd=0.012, vix=24.0,
           spread=0.22, next=(0.10, 0.86, 0.04)),
    Regime(name="crash", drift=-0.80, volatility=0.48, jumps=0.35, jump_mean=-0.006, jump_sd=0.020, vix=46.0,
           spread=-0.06, next=(0.02, 0.28, 0.70)),
)  # fmt: skip

_SPX_HOME, _SPX_PULL = 6000.0, 0.30  # per year: the index may run for centuries of simulated time and stays an index
_RUT_HOME, _RUT_PULL = math.log(2240.0 / 6000.0), 2.0  # ln(RUT/SPX)
_RSP_HOME, _RSP_PULL = math.log(182.0 / 6000.0), 2.0
_IWM_PER_RUT: Final = 0.0992
_SPY_PER_SPX: Final = 0.0998
_RUT_BETA: Final = 1.22
_RUT_SKEW: Final = 0.11  # and so much more on bars that fall, less on bars that rise, beyond the usual size of a bar
_MEAN_ABSOLUTE: Final = math.sqrt(2.0 / math.pi)  # of a standard normal
_RUT_OWN_SD: Final = 0.0055  # per session, log
_RSP_BETA, _RSP_OWN_SD = 0.93, 0.0025
_VIX_PULL: Final = 0.10  # per session, towards the regime's level
_VIX_PER_SPX: Final = -4.2607  # d ln VIX per d ln SPX: the reverse of the published regression (methodology 4.2)
_VIX_OWN_SD: Final = 0.035
_VIX_RANGE: Final = (9.0, 95.0)
_SPREAD_PULL, _SPREAD_OWN_SD = 0.15, 0.030
_SPREAD_PER_VIX: Final = -0.15  # RVX answers to the VIX with an elasticity of 0.85 (methodology 4.3)
_VOLATILITY_MEAN: Final = 19.5  # the level the term structure of the VIX family leads to
_YIELD_SD: Final = 0.04  # percentage points per session
_YIELD_PULL: Final = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketState:
    """Where the market stands between two sessions; plain data, so that it can be a feed's position.

    Attributes:
        regime: index into `REGIMES`, of the session to come.
        spx, rut, rsp, vix: points.
        spread: ln(RVX/VIX).
        us2y, us10y: yields in per cent.
    """

    regime: int = 0
    spx: float = 5870.0
    rut: float = 2230.0
    rsp: float = 176.0
    vix: float = 16.5
    spread: float = 0.30
    us2y: float = 4.2
    us10y: float = 4.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """Prices at one instant, points, by instrument id, and the book where the instrument is traded itself."""

    spx: float
    rut: float
    rsp: float
    vix: float
    spread: float

    def prices(self) -> dict[str, float]:
        """Every quoted instrument's price, by name."""
        vix = self.vix
        return {
            "IWM": round(self.rut * _IWM_PER_RUT, 2),
            "RSP": self.rsp,
            "RUT": self.rut,
            "RVX": round(vix * math.exp(self.spread), 2),
            "SPX": self.spx,
            "SPY": round(self.spx * _SPY_PER_SPX, 2),
            "VIX": vix,
            "VIX3M": round(_VOLATILITY_MEAN + (vix - _VOLATILITY_MEAN) * 0.62, 2),
            "VIX9D": round(max(8.0, vix + (vix - _VOLATILITY_MEAN) * 0.22), 2),
            "VVIX": round(68.0 + 1.65 * vix, 2),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Breadth:
    """How many shares of a universe rose and fell in a session."""

    advancers: int
    decliners: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedSession:
    """One session: its bars in order, its breadth, surprise draws for whatever is released, and the state behind it."""

    bars: tuple[Bar, ...]
    large: Breadth
    small: Breadth
    surprises: tuple[float, float]
    after: MarketState


def simulate_session(before: MarketState, bars: int, rng: np.random.Generator) -> SimulatedSession:
    """Return one session of `bars` bars from the state before it; all draws are taken from `rng` in a fixed order."""
    regime = REGIMES[before.regime]
    draws = rng.standard_normal((bars, 5))
    jumps = _jumps(regime, bars, rng)
    daily = rng.standard_normal(6)
    turn = float(rng.random())
    path = tuple(_bars(before, regime, draws, jumps))
    last = path[-1]
    after = replace(
        before,
        regime=_drawn(regime.next, turn),
        spx=last.spx,
        rut=last.rut,
        rsp=last.rsp,
        vix=last.vix,
        spread=last.spread,
        us2y=_yield(before.us2y, 4.0, float(daily[0])),
        us10y=_yield(before.us10y, 4.3, float(0.6 * daily[0] + 0.8 * daily[1])),
    )
    return SimulatedSession(
        bars=path,
        large=_breadth(math.log(last.spx / before.spx), 503, float(daily[2])),
        small=_breadth(math.log(last.rut / before.rut), 1960, float(daily[3])),
        surprises=(float(daily[4]), float(daily[5])),
        after=after,
    )


def _drawn(odds: tuple[float, ...], turn: float) -> int:
    """Which of several things with these odds a number in [0, 1) stands for."""
    total = 0.0
    for index, share in enumerate(odds):
        total += share
        if turn < total:
            return index
    return len(odds) - 1  # the odds' sum may be a last bit short of 1


def _jumps(regime: Regime, bars: int, rng: np.random.Generator) -> NDArray[np.float64]:
    sizes = regime.jump_mean + regime.jump_sd * rng.standard_normal(bars)
    return np.asarray(np.where(rng.random(bars) < regime.jumps / bars, sizes, 0.0))


def _bars(before: MarketState, regime: Regime, draws: NDArray[np.float64], jumps: NDArray[np.float64]) -> Iterator[Bar]:
    count = len(jumps)
    spx, rut, rsp, vix, spread = before.spx, before.rut, before.rsp, before.vix, before.spread
    inside = (1.0 - _OVERNIGHT_SHARE) / count
    for number, (z, jump) in enumerate(zip(draws.tolist(), jumps.tolist(), strict=True)):
        share = inside + (_OVERNIGHT_SHARE if number == 0 else 0.0)  # of a session's variance
        root, years = math.sqrt(share), share / _SESSIONS_PER_YEAR
        drift = regime.drift + _SPX_PULL * math.log(_SPX_HOME / spx)
        usual = regime.volatility * math.sqrt(years)
        r_spx = drift * years + usual * z[0] + jump
        r_rut = _RUT_BETA * r_spx - _RUT_SKEW * (abs(r_spx) - _MEAN_ABSOLUTE * usual)
        r_rut += _RUT_OWN_SD * root * z[1] + _RUT_PULL * years * (_RUT_HOME - math.log(rut / spx))
        r_rsp = _RSP_BETA * r_spx + _RSP_OWN_SD * root * z[2]
        r_rsp += _RSP_PULL * years * (_RSP_HOME - math.log(rsp / spx))
        r_vix = _VIX_PULL * share * math.log(regime.vix / vix) + _VIX_PER_SPX * r_spx + _VIX_OWN_SD * root * z[3]
        spread += _SPREAD_PULL * share * (regime.spread - spread) + _SPREAD_PER_VIX * r_vix
        spread = round(spread + _SPREAD_OWN_SD * root * z[4], 6)
        spx = round(spx * math.exp(r_spx), 2)
        rut = round(rut * math.exp(r_rut), 2)
        rsp = round(rsp * math.exp(r_rsp), 2)
        vix = round(min(max(vix * math.exp(r_vix), _VIX_RANGE[0]), _VIX_RANGE[1]), 2)
        yield Bar(spx=spx, rut=rut, rsp=rsp, vix=vix, spread=spread)


def _breadth(log_return: float, shares: int, z: float) -> Breadth:
    # A move of one per cent has about three in four shares on its side.
    odds = 0.5 + 0.46 * math.tanh(70.0 * log_return + 0.35 * z)
    advancers = round(shares * 0.985 * odds)
    return Breadth(advancers=advancers, decliners=round(shares * 0.985) - advancers)


def _yield(now: float, home: float, z: float) -> float:
    return round(min(max(now + _YIELD_PULL * (home - now) + _YIELD_SD * z, 0.05), 15.0), 2)
