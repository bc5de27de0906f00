"""Rolling, harvesting and stopping what is held: when each is due, and what it makes (methodology 3.1, 3.2, 3.5)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import floor
from types import MappingProxyType
from typing import Final

from alvh.core.hedge.chain import ChainSlice
from alvh.core.hedge.guards import CARRY_LIMIT

HARVEST_MULTIPLE: Final = 2.5
"""Mark over entry price from which a lot of L1 is harvested, once."""

REARM_MULTIPLE: Final = 2.0
"""Mark over entry price below which it may be harvested again."""

ROLL_UP_DELTA: Final = 0.75
CALENDAR_PROFIT: Final = 1.50
"""F1 - F2, points, from which a calendar is closed with its profit."""

CALENDAR_STOP: Final = 1.00
"""Loss of a calendar, points, at which it is given up."""


LAGGING_CAPTURE: Final = 1.5
HARVEST_SHARE: Final = 0.50
REINVEST_SHARE: Final = 0.50
MODEL_SLIPPAGE: Final = 0.10
"""Of a roll of one call into another at model prices: half a spread of 0.10 on each, points."""

STAND_IN_ROLL_DTE: Final = 7
"""Days to settlement at or below which a future in place of an option is rolled, as the calendar's front is (4.4)."""

SHARE_ROLL_DAYS: Final = 23
"""Days after which shares in place of an option are rolled, into options where these are to be had again: as long as a
future bought at 30 days is held. They have no end of their own, and pay the roll of the curve every day."""

ROLL_DTE: Final[Mapping[str, int]] = MappingProxyType({"L1": 10, "L1b": 10, "L2": 7, "L3a": 60, "L3b": 130})
"""Days to expiry at or below which a leg is rolled; L3b becomes L3a there."""


def rearmed(*, armed: bool, multiple: float) -> tuple[bool, bool]:
    """Return (the lot's harvest condition fires now, whether it stays armed); a lot that is rolled is armed anew.

    Args:
        armed: whether the lot may still fire.
        multiple: mark over entry price.
    """
    ready = armed or multiple < REARM_MULTIPLE
    fires = ready and multiple >= HARVEST_MULTIPLE
    return fires, ready and not fires


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldLeg:
    """A held leg as its rules see it.

    Attributes:
        leg: L1, L1b, L2, L3a, L3b or FIN.
        dte: days to expiry, of L2 the front contract's; of shares the 30 days they are kept at.
        multiple: mark over entry price (of FIN: mark over credit).
        extrinsic_share: extrinsic value over that at entry; None where it is not known.
        delta: of the long strike, of FIN of the short one; None for futures.
        gain: since entry, points (L2).
        spread: F1 - F2, points (L2).
        stand_in: `future` or `share` where it is held in place of options (L-F); empty otherwise.
        held_days: since it was opened (shares).
    """

    leg: str
    dte: int
    multiple: float = 1.0
    extrinsic_share: float | None = None
    delta: float | None = None
    gain: float = 0.0
    spread: float | None = None
    stand_in: str = ""
    held_days: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What the rules ask of the market.

    Attributes:
        trigger_active: any of `ratio_neg`, `bigtop`, `vR`, `capR` holds.
        vol_trigger: `vR` or `vM` holds.
        daily_roll: points per business day; None where unknown.
        vix_cross_down: the VIX's MACD histogram crossed below 0 within the last closes (S06).
        hot: a hot surprise is valid (S21).
        capture: downside capture of the small caps (S12); None where it is not ready.
        small_caps_lag: `ratio_neg` or the RSI divergence.
        confirmed: the phase is CONFIRMED.
        release_pending: a release of S20 is still to come on this event day: no roll of L1 before it.
    """

    trigger_active: bool = False
    vol_trigger: bool = False
    daily_roll: float | None = None
    vix_cross_down: bool = False
    hot: bool = False
    capture: float | None = None
    small_caps_lag: bool = False
    confirmed: bool = False
    release_pending: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What is due for a leg: ROLL, AGE (L3b becomes L3a), ROLL_UP, HARVEST or CLOSE, and the rule that says so."""

    leg: str
    action: str
    rule: str


def due(held: HeldLeg, now: Circumstances) -> Due | None:
    """Return what a held leg's rules ask for, the most pressing one; None when nothing does (3.1, 3.5, 3.6)."""
    if held.stand_in:
        found = _stand_in_due(held, now)
        return None if found is None else Due(leg=held.leg, action=found[0], rule=found[1])
    found = {"L1": _call_due, "L1b": _call_due, "L2": _calendar_due, "L3a": _long_due, "L3b": _long_due,
             "FIN": _financing_due}[held.leg](held, now)  # fmt: skip
    return None if found is None else Due(leg=held.leg, action=found[0], rule=found[1])


def _call_due(held: HeldLeg, now: Circumstances) -> tuple[str, str] | None:
    deep = held.delta is not None and held.delta >= ROLL_UP_DELTA
    may_roll = not now.release_pending
    if may_roll and held.dte <= ROLL_DTE[held.leg]:
        return "ROLL", f"dte<={ROLL_DTE[held.leg]}"
    if may_roll and held.leg == "L1" and deep and rolls_up(now):
        return "ROLL_UP", "delta>=0.75 and small caps lag on hot prints or captures"
    if held.multiple >= HARVEST_MULTIPLE:
        return "HARVEST", "mark>=2.5x entry"
    if deep:
        return "HARVEST", "delta>=0.75"
    faded = held.extrinsic_share is not None and held.extrinsic_share <= 0.5
    if may_roll and faded and not now.trigger_active:
        return "ROLL", "extrinsic<=50% of entry and no trigger"
    return None


def rolls_up(now: Circumstances) -> bool:
    """Return the condition of ROLL_UP apart from the delta: a hot print, or lagging small caps that capture 1.5."""
    captured = now.capture is not None and now.capture >= LAGGING_CAPTURE
    return now.hot or (captured and now.small_caps_lag)


def _calendar_due(held: HeldLeg, now: Circumstances) -> tuple[str, str] | None:
    if held.gain <= -CALENDAR_STOP + 1e-9:
        return "CLOSE", "loss>=1.00"
    # A profit is taken where there is one: a calendar bought beyond the line would else be sold at the next look.
    if held.spread is not None and held.spread >= CALENDAR_PROFIT - 1e-9 and held.gain > 1e-9:
        return "CLOSE", "F1-F2>=1.50"
    if now.vix_cross_down:
        return "CLOSE", "S06 cross-down"
    if now.daily_roll is not None and now.daily_roll > CARRY_LIMIT and not now.vol_trigger:
        return "CLOSE", "daily roll>0.10 and no vol trigger"
    return ("ROLL", "front dte<=7") if held.dte <= ROLL_DTE["L2"] else None


def _long_due(held: HeldLeg, _: Circumstances) -> tuple[str, str] | None:
    if held.dte > ROLL_DTE[held.leg]:
        return None
    return ("AGE", "dte<=130") if held.leg == "L3b" else ("ROLL", "dte<=60")


def _stand_in_due(held: HeldLeg, now: Circumstances) -> tuple[str, str] | None:
    """Rules of futures and shares held in place of options: of delta, extrinsic value and multiples they know nothing.

    They are harvested as the leg they stand in for is (half of L1 and L1b in MONETISE), and roll by their own time.
    """
    may_roll = not (now.release_pending and held.leg in ("L1", "L1b"))
    if held.stand_in == "share":
        is_due = may_roll and held.held_days >= SHARE_ROLL_DAYS
        return ("ROLL", f"held>={SHARE_ROLL_DAYS} days") if is_due else None
    if may_roll and held.dte <= STAND_IN_ROLL_DTE:
        return "ROLL", f"dte<={STAND_IN_ROLL_DTE}"
    return ("AGE", "dte<=130") if held.leg == "L3b" and held.dte <= ROLL_DTE["L3b"] else None


def _financing_due(held: HeldLeg, now: Circumstances) -> tuple[str, str] | None:
    if not now.confirmed:
        return "CLOSE", "phase<CONFIRMED"
    if held.delta is not None and held.delta >= 0.35:
        return "CLOSE", "short delta>=0.35"
    return ("CLOSE", "50% of credit earned") if held.multiple <= 0.5 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RollUp:
    """A long call sold and a higher one bought, points.

    Attributes:
        expiry, strike, delta: of the call that is bought.
        sold_at, bought_at: what is received and paid.
    """

    expiry: date
    strike: float
    delta: float
    sold_at: float
    bought_at: float

    @property
    def credit(self) -> float:
        """What is left of a contract's sale."""
        return self.sold_at - self.bought_at


def roll_up(strike: float, own: ChainSlice, places: Sequence[ChainSlice], *, quoted: bool) -> RollUp | None:
    """Return the roll of a long call into the 0.50-delta call above it, in the first place that has one (3.5).

    Args:
        strike: of the held call, points.
        own: its expiry.
        places: where a call may be bought: its own expiry before the next one.
        quoted: sold at the bid and bought at the ask; otherwise at the mids, each less half of the slippage.

    Returns:
        None where the held call is not quoted, or no higher strike lies nearest to a delta of 0.50 at a credit.
    """
    at = own.calls.index_of(strike)
    if at is None:
        return None
    slip = 0.0 if quoted else 0.5 * MODEL_SLIPPAGE
    sold = float(own.calls.bid[at] if quoted else own.calls.mid[at]) - slip
    for part in places:
        new = part.calls.nearest_delta(0.50)
        if new is None or not part.calls.strike[new] > strike:
            continue
        bought = float(part.calls.ask[new] if quoted else part.calls.mid[new]) + slip
        if sold > bought:
            return RollUp(
                expiry=part.expiry, strike=float(part.calls.strike[new]), delta=float(part.calls.delta[new]),
                sold_at=sold, bought_at=bought,
            )  # fmt: skip
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class HarvestPlan:
    """What the proceeds of a harvest are for; dollars.

    Attributes:
        proceeds: after fees.
        repays: of it, what repays the hedge cost to date.
        reinvest: of the rest, what may buy L3a and L3b at most.
    """

    proceeds: float
    repays: float
    reinvest: float

    @classmethod
    def shared(cls, proceeds: float, *, cost_to_date: float) -> "HarvestPlan":
        """Share proceeds: the hedge cost of this condor's life first, half of what is left may buy time (3.5)."""
        repays = min(max(cost_to_date, 0.0), max(proceeds, 0.0))
        return cls(proceeds=proceeds, repays=repays, reinvest=REINVEST_SHARE * max(proceeds - repays, 0.0))


def plan_harvest(held: Mapping[str, int], *, spread: float | None) -> dict[str, int]:
    """Return contracts to sell per leg: half of L1 and L1b, all of L2 if F1 - F2 >= 1.50, nothing of L3 (3.5).

    Half of an odd number is rounded down, but one contract at least is sold of what is held.

    Args:
        held: contracts per leg.
        spread: F1 - F2 of the held calendar, points; None where there is none.
    """
    sell = {leg: max(1, floor(held[leg] * HARVEST_SHARE)) for leg in ("L1", "L1b") if held.get(leg, 0) > 0}
    if held.get("L2", 0) > 0 and spread is not None and spread >= CALENDAR_PROFIT - 1e-9:
        sell["L2"] = held["L2"]
    return sell
