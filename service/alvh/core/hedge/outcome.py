"""The answer of a sizing: every number that methodology section 7 wants of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from alvh.core.hedge.baseline import Baseline
from alvh.core.hedge.book import LEGS, HedgeUnit
from alvh.core.hedge.breakevens import LegBreakEven
from alvh.core.hedge.constraints import Binding
from alvh.core.hedge.costs import Carry, ExpectedReturn, Returns
from alvh.core.hedge.delta import BookGreeks, Deltas
from alvh.core.hedge.target import DesignShock


@dataclass(frozen=True, slots=True, kw_only=True)
class LegSizing:
    """One row of the answer: a unit, how many are held and how many should be; dollars per unit unless said.

    Attributes:
        leg: its name.
        unit: what it is.
        held: units held.
        target: units that should be held.
        real: contracts of the whole leg before rounding.
        gain: G at 5, 6, 7, 10, 20 points and at the design point, bought at the touch.
        gain_design: at the design point.
        cost: K over the horizon at the touch.
        cost_held: K of units held.
        efficiency: gain_design over cost.
        spx_pct: D per +1 % SPX.
        vix_point: V$ per +1 VIX point.
        premium: at risk.
        at_risk: that, and what futures lose at their stop or down to a VIX of 9.
        capital: tied.
        entry_price: net price paid for what is held, points; None where not known.
        mid: today's model mid, points.
    """

    leg: str
    unit: HedgeUnit
    held: int
    target: int
    real: float
    gain: Mapping[float, float]
    gain_design: float
    cost: float
    cost_held: float
    efficiency: float
    spx_pct: float
    vix_point: float
    premium: float
    at_risk: float
    capital: float
    entry_price: float | None
    mid: float

    @property
    def change(self) -> int:
        """Units to buy (positive) or sell."""
        return self.target - self.held


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizing:
    """What one sizing found; dollars unless said. With nothing to change `is_hold` is true.

    Attributes:
        legs: rows, in the order of `book.LEGS`.
        shock: design point d and its band, VIX points.
        losses: condor loss by VIX change (5, 6, 7, 10, 20).
        loss_low: condor loss at 5/6 d; likewise `loss_design`, `loss_high`.
        small_cap_loss_design: loss of the small caps at d.
        protected_loss_design: the loss that was sized against, at d.
        phi: share of it to be offset, ratio.
        target_gain: T.
        ceiling: greatest offset at d, ratio.
        floor: least offset at 7/6 d, ratio.
        horizon: H, days.
        credit: whose share may be spent.
        cap: what may be spent (40 % of the credit less cost to date).
        cost_to_date: counted against the cap.
        cost: HC over the horizon, financing counted.
        cost_ratio: HC over the credit, ratio.
        premium_at_risk: option debits that can be lost.
        loss_at_stops: of futures spreads at their stop, of futures alone down to a VIX of 9; counted with the premium
            in constraint 3b.
        worst_case_hedge: all debits, stops and entry fees.
        book_max_loss: that and the condors' maximum loss.
        margin_options: of the condors, their width.
        margin_futures: of futures spreads.
        up_move_loss: condor and hedge at the up-test's VIX with SPX +3 %; positive is a loss.
        up_test: P&L of condor and hedge at the up-test's VIX with the linked SPX rise.
        up_test_passed: whether that loses no more than its share of the credit.
        gains: hedge gain by VIX change (5, 6, 7, 10, 20), t = 0.
        gain_low: hedge gain at 5/6 d; likewise `gain_design`, `gain_high`.
        offsets: gains over losses, ratio; None where nothing is lost.
        offset_low: at 5/6 d; likewise `offset_design`, `offset_high`.
        offset_held: offset at d of what is held now, ratio.
        drift: absolute difference of `offset_design` and `offset_held`, ratio (TIMER_5).
        shortfall: of the target gain, at the touch.
        residual_unhedged: share of the target whose leg is not to be had, in dollars of gain.
        feasibility: R of the mix that was used; inf where there is nothing to offset.
        feasibility_untilted: R of the phase's own mix.
        feasibility_target: the same for the whole target: CAP over what T would cost.
        infeasible_floor: R stays below 1 after all tilts: INFEASIBLE_FLOOR, DE_RISK.
        tilt: shares of the gain that were used, leg to ratio; the ladder's under `ladder`.
        bindings: what limited the size, highest priority first.
        deltas: dollars per +1 % SPX.
        greeks: of the condors.
        vega_usd: V$ of the hedge, per +1 VIX point.
        vega_by_expiry: (days, dollars per VIX point) of all expiries, nearest first; S47 shows three.
        carry: capital, carry rates, WACC of the protection.
        carry_per_day: HC over H.
        tenor_centroid: days; None without a hedge.
        returns: of the credit on what is at risk, before hedge cost.
        returns_net: after it.
        irr_drag: difference of their simple annual rates.
        expected: under the realised density; None where RV20 is not known.
        expected_neutral: under the smile's.
        second_engine: whether the expected net return is below the hurdle; None where not known.
        baseline: reference contracts of the small caps.
        break_evens: of each row, bought at the touch, now and 14 days ahead.
        small_caps: the second solve of a split scope: target gain, gain, cost, budget, contracts by leg; None in a
            strict one.
        notes: for the message.
    """

    legs: tuple[LegSizing, ...]
    shock: DesignShock
    losses: Mapping[float, float]
    loss_low: float
    loss_design: float
    loss_high: float
    small_cap_loss_design: float
    protected_loss_design: float
    phi: float
    target_gain: float
    ceiling: float
    floor: float
    horizon: float
    credit: float
    cap: float
    cost_to_date: float
    cost: float
    cost_ratio: float
    premium_at_risk: float
    loss_at_stops: float
    worst_case_hedge: float
    book_max_loss: float
    margin_options: float
    margin_futures: float
    up_move_loss: float
    up_test: float
    up_test_passed: bool
    gains: Mapping[float, float]
    gain_low: float
    gain_design: float
    gain_high: float
    offsets: Mapping[float, float | None]
    offset_low: float | None
    offset_design: float | None
    offset_high: float | None
    offset_held: float | None
    drift: float
    shortfall: float
    residual_unhedged: float
    feasibility: float
    feasibility_untilted: float
    feasibility_target: float
    infeasible_floor: bool
    tilt: Mapping[str, float]
    bindings: tuple[Binding, ...]
    deltas: Deltas
    greeks: BookGreeks
    vega_usd: float
    vega_by_expiry: tuple[tuple[float, float], ...]
    carry: Carry
    carry_per_day: float
    tenor_centroid: float | None
    returns: Returns
    returns_net: Returns
    irr_drag: float
    expected: ExpectedReturn | None
    expected_neutral: ExpectedReturn | None
    second_engine: bool | None
    baseline: Baseline | None
    break_evens: tuple[LegBreakEven, ...]
    small_caps: "SmallCapSizing | None"
    notes: tuple[str, ...]

    @property
    def is_hold(self) -> bool:
        """Whether nothing is to be bought or sold."""
        return all(leg.change == 0 for leg in self.legs)

    @property
    def contracts(self) -> dict[str, int]:
        """Units that should be held by leg, those with none left out."""
        found = {leg: sum(row.target for row in self.legs if row.leg == leg) for leg in LEGS}
        return {leg: count for leg, count in found.items() if count}


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallCapSizing:
    """The small caps' own solve in a split scope; dollars."""

    budget: float
    loss_design: float
    target_gain: float
    real: Mapping[str, float]
    contracts: Mapping[str, int]
    gain_design: float
    offset_design: float | None
    cost: float
