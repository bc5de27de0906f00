"""S27, S28, S42: rates - the differential to abroad, what capital costs small caps, and credit spreads."""

from typing import Final

from alvh.core.signals.family import Family
from alvh.core.signals.model import Close, Signal, signal
from alvh.core.statistics import Lag, RollingMean

_MONTH: Final = 20  # sessions
_YEAR: Final = 252
_BP: Final = 100.0  # basis points in a per cent
_DIFFERENTIAL_BP: Final = 25.0
_CAPITAL_BP: Final = 50.0
_CAPITAL_Z: Final = 1.0
_CREDIT_BP: Final = 50.0
_PREMIUM: Final = 4.5  # per cent: equity risk premium, tax rate and debt share are the defaults of S28
_TAX: Final = 0.21
_DEBT: Final = 0.35


def cost_of_capital(bond: float, beta: float, high_yield: float) -> float:
    """Return what capital costs small caps, per cent a year, from yields in per cent and beta* (S28)."""
    return (1.0 - _DEBT) * (bond + beta * _PREMIUM) + _DEBT * high_yield * (1.0 - _TAX)


class RatesFamily(Family):
    """Changes of yields and spreads over twenty sessions, each read at the close as it then stands."""

    _STATISTICS = ("_differential", "_real", "_capital", "_capital_mean", "_credit")
    _PLAIN = ("_differential_bp", "_real_bp", "_wacc", "_wacc_z", "_wacc_bp", "_credit_bp")

    def __init__(self) -> None:
        self._differential, self._real, self._credit = Lag(_MONTH), Lag(_MONTH), Lag(_MONTH)
        self._capital = Lag(_MONTH)
        self._capital_mean = RollingMean(_YEAR)
        self._differential_bp: float | None = None
        self._real_bp: float | None = None
        self._wacc: float | None = None
        self._wacc_z: float | None = None
        self._wacc_bp: float | None = None
        self._credit_bp: float | None = None
        self._beta: float | None = None

    def weigh(self, beta_star: float | None) -> None:
        """Say beta* of the close that is taken next (S11)."""
        self._beta = beta_star

    def update(self, close: Close) -> None:
        """Take one session's close."""
        home, abroad = close.fresh("US2Y"), close.fresh("DE2Y")
        self._differential_bp = _moved(self._differential, None if home is None or abroad is None else home - abroad)
        self._real_bp = _moved(self._real, close.fresh("US10Y_REAL"))
        self._credit_bp = _moved(self._credit, close.fresh("HY_OAS"))
        bond, high_yield = close.fresh("US10Y"), close.fresh("HY_YIELD")
        self._wacc = self._wacc_z = self._wacc_bp = None
        if bond is not None and high_yield is not None and self._beta is not None:
            self._wacc = cost_of_capital(bond, self._beta, high_yield)
            self._wacc_z = self._capital_mean.zscore(self._wacc)
            self._capital_mean.update(self._wacc)
            self._wacc_bp = _moved(self._capital, self._wacc)

    @property
    def is_capital_dear(self) -> bool | None:
        """S28: z at or above 1, or up by 50 bp in twenty sessions; None where unknown or not yet warm."""
        if self._wacc_z is None:
            return None
        return self._wacc_z >= _CAPITAL_Z or (self._wacc_bp is not None and self._wacc_bp >= _CAPITAL_BP)

    @property
    def is_credit_stressed(self) -> bool | None:
        """S42: the high-yield spread rose by at least 50 bp in twenty sessions; None where unknown."""
        return None if self._credit_bp is None else self._credit_bp >= _CREDIT_BP

    @property
    def is_stressed(self) -> bool:
        """S28 or S42 says stress, the third cross-check of S10 (unknown counts as False)."""
        return self.is_capital_dear is True or self.is_credit_stressed is True

    def signals(self, close: Close) -> tuple[Signal, ...]:
        """Return S27, S28 and S42."""
        differential, credit = self._differential_bp, self._credit_bp
        is_wide = differential is not None and abs(differential) >= _DIFFERENTIAL_BP
        return (
            signal(
                close, "S27", value=differential, unit="bp", state="on" if is_wide else "off",
                threshold=f"|change| >= {_DIFFERENTIAL_BP:g} in {_MONTH} sessions", inputs=("US2Y", "DE2Y"),
                parts=(("change20", differential), ("real10y_change20", self._real_bp)),
            ),
            signal(
                close, "S28", value=self._wacc, unit="%", state="stress" if self.is_capital_dear else "none",
                threshold=f"z >= {_CAPITAL_Z:g} or +{_CAPITAL_BP:g} bp in {_MONTH} sessions",
                inputs=("US10Y", "HY_YIELD", close.small_cap, "SPX"), is_warm=self._wacc_z is not None,
                parts=(("wacc", self._wacc), ("z", self._wacc_z), ("change20", self._wacc_bp)),
            ),
            signal(
                close, "S42", value=credit, unit="bp", state="stress" if self.is_credit_stressed else "none",
                threshold=f">= {_CREDIT_BP:g} in {_MONTH} sessions", inputs=("HY_OAS",), parts=(("change20", credit),),
            ),
        )  # fmt: skip


def _moved(lag: Lag, value: float | None) -> float | None:
    """Return the change over the lag in basis points; None where either end is unknown."""
    if value is None:
        return None
    lag.update(value)
    before = lag.value
    return None if before is None else (value - before) * _BP
