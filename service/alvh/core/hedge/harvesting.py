"""The harvest of one close in MONETISE: what is sold, what its proceeds repay, what of the rest buys time (3.5)."""

from dataclasses import dataclass
from typing import Final

from alvh.core.hedge.book import HedgeUnit
from alvh.core.hedge.harvest import HarvestPlan, plan_harvest
from alvh.core.hedge.look import Look
from alvh.core.hedge.outcome import Sizing
from alvh.core.hedge.selection import choose_leg
from alvh.core.hedge.sizing_desk import Change, lot_of, refusal_of, sale_of, touch
from alvh.core.hedge.sizing_inputs import SizingParameters
from alvh.core.hedge.units import UnitBoard, unit_table

_LONGER: Final = ("L3a", "L3a", "L3b")
"""What proceeds may buy, in turn: the two thirds and one third of STANDBY."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Room:
    """What may still be added, or what one contract takes of it: dollars, and delta per +1 % SPX."""

    money: float
    cost: float
    premium: float
    gain: float
    delta: float

    def less(self, other: "_Room") -> "_Room":
        """Return what is left behind a contract."""
        return _Room(
            money=self.money - other.money, cost=self.cost - other.cost, premium=self.premium - other.premium,
            gain=self.gain - other.gain, delta=self.delta - other.delta,
        )  # fmt: skip

    @property
    def is_enough(self) -> bool:
        """Whether nothing has gone below zero."""
        return min(self.money, self.cost, self.premium, self.gain, self.delta) >= -1e-9


def harvest(look: Look, sizing: Sizing, parameters: SizingParameters) -> list[Change]:
    """Return the sales of a harvest, and the purchases that at most half of what they leave pays for."""
    lots = [lot for lot in look.holdings.lots if lot.leg in ("L1", "L1b", "L2")]
    held: dict[str, int] = {}
    for lot in lots:
        held[lot.leg] = held.get(lot.leg, 0) + lot.quantity
    calendar = next((lot for lot in lots if lot.leg == "L2"), None)
    spread = None if calendar is None else look.snapshot.unit_mid(calendar)
    sales: list[Change] = []
    for leg, count in plan_harvest(held, spread=spread).items():
        left = count
        for lot in (lot for lot in lots if lot.leg == leg):
            units = min(left, lot.quantity)
            if units and look.snapshot.held(lot, look.fees.of_lot(lot)).is_tradable:
                sales.append(sale_of(lot, units, look.snapshot, look.fees))
                left -= units
    plan = _plan(look, sales)
    if sales:
        look.notes.append(
            f"harvest: proceeds {plan.proceeds:.2f}, repays {plan.repays:.2f}, may reinvest {plan.reinvest:.2f}"
        )
    return [*sales, *_reinvested(look, sizing, parameters, plan, sales)]


def _plan(look: Look, sales: list[Change]) -> HarvestPlan:
    """Share the proceeds: the cost to date is repaid first, that of the lots sold here not among it."""
    proceeds = gained = 0.0
    for sale in sales:
        lot, units = sale.lot, -sale.units
        fees = look.fees.of_lot(lot) * units * sum(abs(part.ratio) for part in lot.parts)
        gain = (sale.net - lot.entry_price) * lot.multiplier * units
        proceeds += (sale.net * lot.multiplier * units if lot.is_premium else gain) - fees
        gained += (look.snapshot.unit_mid(lot) - lot.entry_price) * lot.multiplier * units
    made = look.holdings.sleeve.gain_of_book(look.marks.sleeve)
    return HarvestPlan.shared(proceeds, cost_to_date=max(0.0, gained - made))


def _reinvested(
    look: Look, sizing: Sizing, parameters: SizingParameters, plan: HarvestPlan, sales: list[Change]
) -> list[Change]:
    """Buy L3a and L3b in turn while money and every limit of a sizing allow; above VX1 30 half as many (3.5)."""
    if plan.reinvest <= 0.0:
        return []
    room = _room(look, sizing, parameters, plan, sales)
    found = {leg: _unit(look, leg, parameters) for leg in dict.fromkeys(_LONGER)}
    units = {leg: unit for leg, unit in found.items() if unit is not None}
    prices = {leg: _price(look, unit, sizing, parameters) for leg, unit in units.items()}
    counts = dict.fromkeys(units, 0)
    going = True
    while going:
        going = False
        for leg in (leg for leg in _LONGER if leg in units and prices[leg].gain > 0.0):
            left = room.less(prices[leg])
            if left.is_enough:
                room, going = left, True
                counts[leg] += 1
    front = look.snapshot.nodes[0].settle if look.snapshot.nodes else look.snapshot.market.vix
    if front > parameters.bands.bands[1]:
        counts = {leg: count // 2 for leg, count in counts.items()}
    return [_purchase(look, units[leg], count) for leg, count in counts.items() if count]


def _room(look: Look, sizing: Sizing, parameters: SizingParameters, plan: HarvestPlan, sales: list[Change]) -> _Room:
    rows = {(row.leg, row.unit.terms): row for row in sizing.legs}
    sold = [(rows[sale.lot.leg, sale.unit.terms], -sale.units) for sale in sales if sale.unit is not None]
    after = {
        name: sum(getattr(row, name) * units for row, units in sold)
        for name in ("cost_held", "at_risk", "gain_design", "spx_pct")
    }
    loss = sizing.protected_loss_design
    book = sizing.deltas.book - after["spx_pct"]
    return _Room(
        money=plan.reinvest,
        cost=sizing.cap - (sizing.cost - after["cost_held"]),
        premium=parameters.premium_max * sizing.credit
        - (sizing.premium_at_risk + sizing.loss_at_stops - after["at_risk"]),
        gain=sizing.ceiling * loss - (sizing.gain_design - after["gain_design"]),
        delta=book if look.small_caps is not None else float("inf"),
    )


def _unit(look: Look, leg: str, parameters: SizingParameters) -> HedgeUnit | None:
    front = look.snapshot.nodes[0].settle if look.snapshot.nodes else look.snapshot.market.vix
    if front > parameters.bands.block_above:
        return None
    choice = choose_leg(leg, look.snapshot.selection(parameters.bands.bands[1]), look.snapshot.rules)
    return None if refusal_of(choice) else choice.unit(look.fees.of_choice(choice))


def _price(look: Look, unit: HedgeUnit, sizing: Sizing, parameters: SizingParameters) -> _Room:
    market, scenario = look.snapshot.market, parameters.scenario
    board = UnitBoard(market, (unit,), scenario.vvix_beta)
    table = unit_table(board, (sizing.shock.design,), 0, sizing.horizon, scenario.vix_pct_per_spx_pct, market.vix)
    return _Room(
        # A future costs no premium: what it ties is the money it takes, and its fall to a low VIX is at risk.
        money=float(table.capital[0]) + unit.fee_usd * unit.contracts,
        cost=float(table.cost[0]),
        premium=float(table.premium[0] + table.stop[0]),
        gain=float(table.gain[0, 0]),
        delta=-float(table.spx_pct[0]),
    )


def _purchase(look: Look, unit: HedgeUnit, count: int) -> Change:
    lot = lot_of(unit, unit.leg, count, look.snapshot)
    held = look.holdings.find(unit.leg, lot.terms)
    return Change(lot=lot, units=count, held=held.quantity if held else 0, prices=touch(unit, buying=True), unit=unit)
