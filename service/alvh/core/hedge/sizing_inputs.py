"""What a sizing depends on: the snapshot, the book, the phase, and the numbers of methodology section 11 it uses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from alvh.core.hedge.book import Condor, FinancingSpread, HedgeLeg, HedgeUnit, SmallCaps
from alvh.core.hedge.curve import BETA_30_PRIOR
from alvh.core.hedge.guards import VixBands
from alvh.core.hedge.phase_targets import PhaseTarget
from alvh.core.hedge.scenario import HedgeMarket, ScenarioParameters
from alvh.errors import InputError

_SCOPES = ("strict", "split")

PUT_SHARES: Final = {"alvh": 0.0, "mix": 0.5, "iwm_put": 1.0}
"""Share of the small caps' loss that IWM puts are to offset, by the trader's choice of instrument (6.3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SizingParameters:
    """Parameters of a sizing; ratios unless said.

    Attributes:
        credit_share: of the credit that the hedge may cost over the horizon.
        premium_max: of the credit that may be at risk as premium.
        fin_max: of the gross hedge cost that financing may pay.
        scope: `strict` (small caps share the condors' cap) or `split` (they have a budget of their own).
        covers_small_caps: in a strict scope, whether the small caps' loss is offset inside the cap too.
        small_cap_share: of their loss, what is the VIX hedge's; the rest is that of IWM puts (6.3).
        floor: least offset at 7/6 of the design shock.
        band: VIX points of the acceptance band in a quiet market: low, design, high.
        sleeve_max_share: of the condors' maximum loss that the sleeve's delta may reach.
        up_shock: VIX points of the mean-reversion test.
        up_loss_share: of the credit that may be lost in it.
        hurdle_over_rf: by which the expected return must beat the rate, per year.
        beta_30: volatility beta of a 30-day VIX future; the curve of the snapshot is built with it.
        scenario: the link between SPX and VIX and the shape of shocks.
        bands: of VXTH.
    """

    credit_share: float = 0.40
    premium_max: float = 1.00
    fin_max: float = 0.50
    scope: str = "strict"
    covers_small_caps: bool = False
    small_cap_share: float = 1.0
    floor: float = 0.40
    band: tuple[float, float, float] = (5.0, 6.0, 7.0)
    sleeve_max_share: float = 0.06
    up_shock: float = -3.0
    up_loss_share: float = 0.80
    hurdle_over_rf: float = 0.05
    beta_30: float = BETA_30_PRIOR
    scenario: ScenarioParameters = field(default_factory=ScenarioParameters)
    bands: VixBands = field(default_factory=VixBands)

    @classmethod
    def from_portfolio(cls, portfolio: Mapping[str, Any]) -> "SizingParameters":
        """Return the parameters of a portfolio's configuration.

        Raises:
            InputError: a value is of the wrong kind.
        """
        parameters = cls.from_methodology(portfolio["methodology"])
        instrument = str(portfolio.get("hedge_instrument", "alvh"))
        return replace(
            parameters,
            covers_small_caps=bool(portfolio.get("hedge_small_caps", False)) or instrument == "mix",
            small_cap_share=1.0 - PUT_SHARES[instrument],
        )

    @classmethod
    def from_methodology(cls, methodology: Mapping[str, Mapping[str, object]]) -> "SizingParameters":
        """Return the parameters a `methodology:` mapping says, defaults where it is silent.

        Raises:
            InputError: a value is of the wrong kind.
        """
        default, said = cls(), _Said(methodology)
        scope = str(methodology.get("cap", {}).get("scope", default.scope))
        if scope not in _SCOPES:
            raise InputError(f"methodology.cap.scope: expected one of {', '.join(_SCOPES)}, not {scope!r}")
        return cls(
            credit_share=said.number("cap", "credit_share", default.credit_share),
            premium_max=said.number("cap", "premium_max", default.premium_max),
            fin_max=said.number("cap", "fin_max", default.fin_max),
            scope=scope,
            floor=said.number("phi", "floor7", default.floor),
            band=_band(methodology, default.band),
            sleeve_max_share=said.number("delta", "sleeve_max_share", default.sleeve_max_share),
            up_shock=said.number("up_test", "dvix", default.up_shock),
            up_loss_share=said.number("up_test", "max_loss_share_credit", default.up_loss_share),
            hurdle_over_rf=said.number("irr", "hurdle_over_rf", default.hurdle_over_rf),
            beta_30=said.number("scenario", "beta_v30", default.beta_30),
            scenario=ScenarioParameters.from_methodology(methodology),
            bands=VixBands.from_methodology(methodology),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SizingInputs:
    """Everything one sizing depends on.

    Attributes:
        market: the snapshot.
        condors: held.
        small_caps: held; None without.
        candidates: what could be bought and passed the liquidity gate, at most one unit for each leg.
        held: hedge legs held, at today's quotes, in the order in which they are to be kept.
        target: what the phase wants (`phase_targets.phase_target`).
        parameters: of methodology 11.
        cost_to_date_usd: hedge cost of this condor's life so far, realised and accrued; None takes it from the entry
            prices of what is held.
        financing: FIN spreads held; their credit is what is left to be earned.
        offered: FIN spreads proposed beside this sizing: counted in its cost and its risk, not in its budget.
        refused: (leg, reason) of legs the gate and the fallbacks left out.
        daily_roll: S14, VIX points per business day; None where it is not known.
        vix_momentum: `vM`.
        covers_small_caps: whether a strict sizing offsets the loss of the small caps too.
        small_cap_share: of their loss and of their budget, what is this hedge's: the rest is that of IWM puts (6.3).
        trailing_credit_usd: credit of the last 21 sessions, for daily programs.
        rv20: realised volatility of SPX, decimal; None where it is not known.
    """

    market: HedgeMarket
    condors: tuple[Condor, ...]
    small_caps: SmallCaps | None
    candidates: tuple[HedgeUnit, ...]
    target: PhaseTarget
    held: tuple[HedgeLeg, ...] = ()
    parameters: SizingParameters = field(default_factory=SizingParameters)
    cost_to_date_usd: float | None = None
    financing: tuple[FinancingSpread, ...] = ()
    offered: tuple[FinancingSpread, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    daily_roll: float | None = None
    vix_momentum: bool = False
    covers_small_caps: bool = False
    small_cap_share: float = 1.0
    trailing_credit_usd: float | None = None
    rv20: float | None = None


@dataclass(frozen=True, slots=True)
class _Said:
    """A `methodology:` mapping read number by number."""

    mapping: Mapping[str, Mapping[str, object]]

    def number(self, section: str, name: str, default: float) -> float:
        value = self.mapping.get(section, {}).get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError(f"methodology.{section}.{name}: expected a number, not {value!r}")
        return float(value)


def _band(methodology: Mapping[str, object], default: tuple[float, float, float]) -> tuple[float, float, float]:
    said = methodology.get("design_vix")
    if said is None:
        return default
    if not isinstance(said, Sequence) or len(said) != len(default) or not 0 < said[0] <= said[1] <= said[2]:
        raise InputError(f"methodology.design_vix: expected three rising VIX changes, not {said!r}")
    return float(said[0]), float(said[1]), float(said[2])
