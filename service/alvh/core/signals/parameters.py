"""The methodology's numbers that signals depend on, with their defaults (section 11)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

from alvh.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class RsiParameters:
    """`rsi`: periods and levels, 0 to 100; `div` is the divergence (small caps less SPX) that counts."""

    n: int = 14
    vol_on: float = 70.0
    vol_off: float = 60.0
    rut_cap: float = 35.0
    calm: float = 45.0
    div: float = -8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MacdParameters:
    """`macd`: periods in closes; `seeding` knows `talib_classic` alone (9.2)."""

    fast: int = 12
    slow: int = 26
    signal: int = 9
    seeding: str = "talib_classic"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadParameters:
    """`ivx`: the RVX-VIX spread against its mean of `window` closes, as ratios, and the additions `a` it earns."""

    window: int = 90
    trigger: float = 0.25
    off: float = 0.10
    floor_pts: float = 1.0
    a_min: float = 0.10
    a_step: float = 0.025
    a_max: float = 0.20


@dataclass(frozen=True, slots=True, kw_only=True)
class BetaParameters:
    """`beta`: windows in sessions, Vasicek's prior, and the bounds of downside capture."""

    w1: int = 30
    w2: int = 90
    prior_mean: float = 1.15
    prior_sd: float = 0.15
    dcap_win: int = 60
    dcap_lo: float = 1.5
    dcap_hi: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BreadthParameters:
    """`ad_div`: sessions compared, and the difference of normalised changes that counts."""

    sessions: int = 5
    thr: float = -0.50


@dataclass(frozen=True, slots=True, kw_only=True)
class MacroParameters:
    """`macro`: the window around a release in sessions, the surprise that counts, and how long it stays valid."""

    before: int = 3
    after: int = 1
    z: float = 1.0
    valid: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class BigTopParameters:
    """`bigtop`: levels of the score (0 to 100), closes they must hold, and the least weight present (per cent)."""

    on: float = 60.0
    on_n: int = 3
    off: float = 45.0
    off_n: int = 5
    min_weight: float = 70.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseParameters:
    """`phase`: of it, signals need the closes an addition stays frozen for when the spread inverts."""

    min_hold: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveParameters:
    """`edr`: which volatility index gives the expected daily range, in order of preference."""

    source: tuple[str, ...] = ("VIX1D", "VIX9D", "VIX")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalParameters:
    """Every number the signals depend on."""

    rsi: RsiParameters = field(default_factory=RsiParameters)
    macd: MacdParameters = field(default_factory=MacdParameters)
    ivx: SpreadParameters = field(default_factory=SpreadParameters)
    beta: BetaParameters = field(default_factory=BetaParameters)
    ad_div: BreadthParameters = field(default_factory=BreadthParameters)
    macro: MacroParameters = field(default_factory=MacroParameters)
    bigtop: BigTopParameters = field(default_factory=BigTopParameters)
    phase: PhaseParameters = field(default_factory=PhaseParameters)
    edr: MoveParameters = field(default_factory=MoveParameters)

    @classmethod
    def of(cls, methodology: Mapping[str, Any]) -> Self:
        """Return the parameters of a mapping shaped like methodology section 11; what it leaves out has its default.

        Raises:
            InputError: a seeding other than `talib_classic`.
        """
        groups = {}
        for group in fields(cls):
            kind = _GROUPS[group.name]
            given = methodology.get(group.name, {})
            known = {item.name for item in fields(kind)}
            groups[group.name] = kind(**{name: value for name, value in given.items() if name in known})
        parameters = cls(**groups)
        if parameters.macd.seeding != "talib_classic":
            raise InputError(f"methodology.macd.seeding: expected talib_classic, not {parameters.macd.seeding!r}")
        return parameters


_GROUPS: Mapping[str, type] = {
    "rsi": RsiParameters,
    "macd": MacdParameters,
    "ivx": SpreadParameters,
    "beta": BetaParameters,
    "ad_div": BreadthParameters,
    "macro": MacroParameters,
    "bigtop": BigTopParameters,
    "phase": PhaseParameters,
    "edr": MoveParameters,
}
