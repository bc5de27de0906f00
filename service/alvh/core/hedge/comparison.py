"""Straight IWM puts beside the hedge: same exposure, snapshot, scenarios and cost convention (methodology section 6).

The hedge is a bundle of units in fixed proportion, by default the ladder 4:4:2. Nothing here prefers either: the
verdict is written from the numbers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from alvh.core.hedge.book import HedgeUnit, SmallCaps
from alvh.core.hedge.iwm_put import IwmPut, PutMarks, PutPricer
from alvh.core.hedge.pricing import Floats
from alvh.core.hedge.scenario import HedgeMarket, ScenarioParameters, linked_spx_return, small_cap_return
from alvh.core.hedge.stress import PathPoint, StressCase, applicable, chop_path, grind_path
from alvh.core.hedge.units import UnitBoard, unit_table

GRID_RETURNS: Final = (-0.15, -0.10, -0.07, -0.05, -0.03, 0.0, 0.03)
GRID_SHOCKS: Final = (0.0, 3.0, 6.0, 10.0, 20.0)
GRID_DAYS: Final = (0.0, 7.0, 14.0, 28.0)
CARRY_DAYS: Final = (7.0, 14.0, 21.0, 28.0, 35.0)
CONVEXITY_SHOCKS: Final = (5.0, 10.0, 20.0)
EQUAL_OFFSET: Final = 0.50
"""Share of the design loss at which the two are compared by cost."""

SENSITIVITIES: Final = ((0.43, 0.0), (0.43, 1.5), (0.55, 0.0), (0.55, 1.5))
"""(volatility beta at 30 days, vvix_beta) for which the bundle's equal-cost offset is shown."""

_SHARES_PER_PUT: Final = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two instruments; dollars.

    Attributes:
        gain_design: of one unit (a put, a bundle) in the design scenario, linked.
        cost: K of one unit over the horizon.
        efficiency: gain over cost, ratio.
        equal_cost_units: units that cost what the whole puts cost.
        equal_cost_usd: that cost.
        equal_cost_share: of the exposure, ratio.
        equal_cost_offset: share of the design loss they offset, ratio.
        equal_offset_units: units that offset half of the design loss; inf where one gains nothing.
        equal_offset_usd: what they cost.
        carry: P&L of the equal-cost position with nothing changed, by day of `CARRY_DAYS`.
        convexity: G(10)/G(5) and G(20)/G(10) on the linked path; None where the smaller gain is not positive.
        dispersion_vix: mean over spots of the standard deviation of the gain over VIX, at 14 days.
        dispersion_spot: mean over VIX of its standard deviation over spots.
        half_spread_usd: half of the spread of the equal-cost position, paid at each trade.
        relative_width: spread over mid of one unit, ratio.
        grind: P&L of the equal-cost position at the end of path G1; likewise `chop` of C1.
        stress: P&L in each case of the stress library, by name.
    """

    gain_design: float
    cost: float
    efficiency: float
    equal_cost_units: float
    equal_cost_usd: float
    equal_cost_share: float
    equal_cost_offset: float
    equal_offset_units: float
    equal_offset_usd: float
    carry: Mapping[float, float]
    convexity: tuple[float | None, float | None]
    dispersion_vix: float
    dispersion_spot: float
    half_spread_usd: float
    relative_width: float
    grind: float
    chop: float
    stress: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell of the comparison's grid: spot return, VIX change, days, P&L of both at equal cost in dollars."""

    r_iwm: float
    d_vix: float
    day: float
    puts: float
    bundle: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Puts and bundle side by side.

    Attributes:
        put: the put compared with.
        marks: its marks today.
        iwm_design: IWM in the design scenario, dollars.
        design_loss: of the small caps there, dollars.
        puts: the puts' side.
        bundle: the hedge's side.
        grid: all cells, spot outermost, then VIX, then days.
        puts_win: cells in which the puts are ahead at equal cost; `bundle_wins` likewise; ties are neither's.
        bundle_wins: likewise.
        beta: which small-cap beta the linked numbers use.
        ratio: efficiency of the puts over that of the bundle; None where the bundle gains nothing.
        sensitivities: (beta_30, vvix_beta) to the bundle's equal-cost offset, ratio.
        verdict: one sentence from the numbers.
    """

    put: IwmPut
    marks: PutMarks
    iwm_design: float
    design_loss: float
    puts: Side
    bundle: Side
    grid: tuple[Cell, ...]
    puts_win: int
    bundle_wins: int
    beta: float
    ratio: float | None
    sensitivities: Mapping[tuple[float, float], float]
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonInputs:
    """What the comparison needs.

    Attributes:
        market: with IWM, RVX and the IWM smile.
        small_caps: whose loss is to be covered.
        put: the put.
        units: of the bundle.
        weights: contracts of each in one bundle, in their order.
        horizon: H, calendar days.
        design: VIX change of the design scenario, points.
        parameters: of the scenarios.
        stress: library cases.
    """

    market: HedgeMarket
    small_caps: SmallCaps
    put: IwmPut
    units: tuple[HedgeUnit, ...]
    weights: tuple[float, ...]
    horizon: float
    design: float
    parameters: ScenarioParameters
    stress: tuple[StressCase, ...] = ()


def ladder_bundle(
    units: Sequence[HedgeUnit], ladder: Mapping[str, float]
) -> tuple[tuple[HedgeUnit, ...], tuple[float, ...]]:
    """Return the units of a ladder that are to be had, and their contracts in one bundle."""
    kept = tuple(unit for unit in units if ladder.get(unit.leg, 0.0) > 0.0)
    return kept, tuple(ladder[unit.leg] * unit.per_unit for unit in kept)


def compare_both_betas(inputs: ComparisonInputs) -> tuple[Comparison, Comparison]:
    """Return the comparison for the stress beta and for beta*: the first favours the puts (methodology 6.2)."""
    star = replace(inputs.small_caps, beta_stress=inputs.small_caps.beta_star)
    return compare(inputs), compare(replace(inputs, small_caps=star))


def compare(inputs: ComparisonInputs) -> Comparison:
    """Return puts and bundle side by side.

    Raises:
        ValueError: the market knows no IWM price, RVX or smile.
    """
    parameters, market = inputs.parameters, inputs.market
    pricer = PutPricer(market, inputs.put, parameters.rvx_elasticity, parameters.shift_cap)
    view = _Scenarios(inputs)
    board = UnitBoard(market, inputs.units, parameters.vvix_beta)
    weights = np.asarray(inputs.weights, dtype=np.float64)
    table = unit_table(board, (inputs.design,), 0, inputs.horizon, parameters.vix_pct_per_spx_pct, market.vix)
    put_gains = pricer.gains(view.r_iwm, view.d_vix, view.days)
    bundle_gains = weights @ board.gains(view.d_vix, view.days)
    # Thirty hundreds of shares at a price and back may be a hair below thirty.
    whole = max(1.0, float(np.floor(inputs.small_caps.exposure / (_SHARES_PER_PUT * pricer.spot) + 1e-9)))
    put_cost, bundle_cost = pricer.cost(inputs.horizon), float(weights @ table.cost)
    spent = whole * put_cost
    marks = pricer.marks()
    put_spread = 100.0 * (inputs.put.ask - inputs.put.bid)
    puts = view.side(put_gains, put_cost, spent, put_spread, marks.relative_width)
    spread = float(weights @ board.spread)
    # A future alone is quoted at its price; a calendar's net price says nothing of its width.
    mids = np.where(board.is_futures, table.mid, board.entry - 0.5 * board.spread)
    quoted_mid = float(weights @ np.where(board.is_calendar, 0.0, mids))
    bundle = view.side(bundle_gains, bundle_cost, spent, spread, spread / quoted_mid if quoted_mid > 0.0 else 0.0)
    grid = view.grid(whole * put_gains, bundle.equal_cost_units * bundle_gains)
    ahead = [cell.puts - cell.bundle for cell in grid]
    ratio = puts.efficiency / bundle.efficiency if bundle.efficiency > 0.0 else None
    return Comparison(
        put=inputs.put,
        marks=marks,
        iwm_design=pricer.spot * (1.0 + float(view.r_iwm[0])),
        design_loss=view.design_loss,
        puts=puts,
        bundle=bundle,
        grid=grid,
        puts_win=sum(lead > 0.0 for lead in ahead),
        bundle_wins=sum(lead < 0.0 for lead in ahead),
        beta=inputs.small_caps.beta_stress,
        ratio=ratio,
        sensitivities=_sensitivities(inputs, weights, bundle.equal_cost_units, view.design_loss),
        verdict=_verdict(puts, bundle, ahead),
    )


class _Scenarios:
    """All scenarios of the comparison in one row of arrays: linked path, carry, grid, paths, stress library."""

    def __init__(self, inputs: ComparisonInputs) -> None:
        self._inputs = inputs
        link, vix = inputs.parameters, inputs.market.vix
        shocks = np.array((inputs.design, *CONVEXITY_SHOCKS))
        linked = small_cap_return(inputs.small_caps, linked_spx_return(link, vix, shocks))
        paths: tuple[PathPoint, ...] = (grind_path()[-1], chop_path()[-1])
        self._cases = tuple(applicable(inputs.stress, vix))
        cells = [(r, d, t) for r in GRID_RETURNS for d in GRID_SHOCKS for t in GRID_DAYS]
        rows = [(float(r), float(d), 0.0) for r, d in zip(linked, shocks, strict=True)]
        rows += [(0.0, 0.0, day) for day in CARRY_DAYS]
        rows += [
            (float(small_cap_return(inputs.small_caps, point.r_spx)), point.d_vix, float(point.day)) for point in paths
        ]
        rows += [(case.r_rut, case.d_vix, float(case.days)) for case in self._cases]
        self._first_cell = len(rows)
        self._cells = cells
        self.r_iwm, self.d_vix, self.days = np.array(rows + cells).T
        self.design_loss = max(0.0, -float(linked[0]) * inputs.small_caps.exposure)

    def side(self, gains: Floats, cost: float, spent: float, spread: float, width: float) -> Side:
        """Return one side from the gains of one unit in all scenarios."""
        units = spent / cost
        design = float(gains[0])
        offset = units * design / self.design_loss if self.design_loss > 0.0 else 0.0
        wanted = EQUAL_OFFSET * self.design_loss / design if design > 0.0 else np.inf
        small, middle, large = (float(gain) for gain in gains[1:4])
        carry_at, path_at = 4, 4 + len(CARRY_DAYS)
        stress_at = path_at + 2
        cube = gains[self._first_cell :].reshape(len(GRID_RETURNS), len(GRID_SHOCKS), len(GRID_DAYS))
        fortnight = units * cube[:, :, GRID_DAYS.index(14.0)]
        return Side(
            gain_design=design,
            cost=cost,
            efficiency=design / cost,
            equal_cost_units=units,
            equal_cost_usd=spent,
            equal_cost_share=spent / self._inputs.small_caps.exposure if self._inputs.small_caps.exposure > 0 else 0.0,
            equal_cost_offset=offset,
            equal_offset_units=wanted,
            equal_offset_usd=wanted * cost,
            carry={day: units * float(gains[carry_at + at]) for at, day in enumerate(CARRY_DAYS)},
            convexity=(middle / small if small > 0.0 else None, large / middle if middle > 0.0 else None),
            dispersion_vix=float(fortnight.std(axis=1).mean()),
            dispersion_spot=float(fortnight.std(axis=0).mean()),
            half_spread_usd=0.5 * units * spread,
            relative_width=width,
            grind=units * float(gains[path_at]),
            chop=units * float(gains[path_at + 1]),
            stress={case.name: units * float(gains[stress_at + at]) for at, case in enumerate(self._cases)},
        )

    def grid(self, puts: Floats, bundle: Floats) -> tuple[Cell, ...]:
        """Return the cells with the P&L of both at equal cost."""
        return tuple(
            Cell(r_iwm=r, d_vix=d, day=t, puts=float(puts[at]), bundle=float(bundle[at]))
            for at, (r, d, t) in enumerate(self._cells, self._first_cell)
        )


def _sensitivities(
    inputs: ComparisonInputs, weights: Floats, units: float, loss: float
) -> dict[tuple[float, float], float]:
    """Return the bundle's equal-cost offset under other volatility betas; its cost does not depend on them."""
    found: dict[tuple[float, float], float] = {}
    for beta, vvix in SENSITIVITIES:
        market = replace(inputs.market, curve=replace(inputs.market.curve, beta_30=beta))
        gain = float(weights @ UnitBoard(market, inputs.units, vvix).gains([inputs.design], 0.0)[:, 0])
        found[beta, vvix] = units * gain / loss if loss > 0.0 else 0.0
    return found


def _verdict(puts: Side, bundle: Side, ahead: Sequence[float]) -> str:
    """Write the verdict: what each covers for its cost, and who is ahead how often."""
    wins, cells = sum(lead > 0.0 for lead in ahead), len(ahead)
    losses = sum(lead < 0.0 for lead in ahead)
    leader, count = ("IWM puts", wins) if wins >= losses else ("the VIX hedge", losses)
    per_puts, per_bundle = (100.0 * side.equal_cost_offset / side.equal_cost_usd for side in (puts, bundle))
    return (
        f"Per dollar of expected cost, IWM puts cover {per_puts:.4f} % and the VIX hedge covers {per_bundle:.4f} % of "
        f"the design loss (for {puts.equal_cost_usd:,.0f} USD: {puts.equal_cost_offset:.1%} and "
        f"{bundle.equal_cost_offset:.1%}); {leader} {'win' if leader == 'IWM puts' else 'wins'} in {count} of "
        f"{cells} cells."
    )
