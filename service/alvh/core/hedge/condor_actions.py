"""What the condors should do: which of the actions of 3.7 are due, and the strikes and expiries that carry them out."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from math import floor
from types import MappingProxyType
from typing import Final

from alvh.core.hedge.book import Condor
from alvh.core.hedge.chain import Chain, ChainSide, ChainSlice
from alvh.core.hedge.fin import Check
from alvh.core.hedge.phases import Phase

WIDEN_EDR: Final = 0.25
WIDEN_DEBIT_SHARE: Final = 0.10
LONGEST_DTE: Final = 60

_RANK: Final[Mapping[Phase, int]] = MappingProxyType({
    Phase.OFF: 0, Phase.STANDBY: 1, Phase.INITIAL: 2, Phase.STAGED: 3, Phase.CONFIRMED: 4,
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class DefenceLine:
    """How near SPX stands to the condor's break-evens (S41).

    Attributes:
        proximity: distance to the nearer break-even in expected one-day ranges; below 0 beyond it.
        side: `put` or `call`: the side nearer to being tested.
        threshold: 1.0, or 1.5 while TIGHTEN is in force.
    """

    proximity: float
    side: str
    threshold: float

    @property
    def crossed(self) -> bool:
        """Whether the condor is inside its defence line."""
        return self.proximity < self.threshold


def defence_line(
    condor: Condor, spx: float, edr_points: float, *, tight: bool, plain: float = 1.0, tightened: float = 1.5
) -> DefenceLine:
    """Return the defence line of a condor.

    Args:
        condor: its break-evens at expiry are the short strikes less and plus the credit.
        spx: points.
        edr_points: expected one-day range (S40), points, above 0.
        tight: whether TIGHTEN is in force.
        plain: threshold without it (`edr.defence`).
        tightened: with it (`edr.defence_tight`).
    """
    low, high = condor.break_evens()
    below, above = spx - low, high - spx
    return DefenceLine(
        proximity=min(below, above) / edr_points,
        side="put" if below <= above else "call",
        threshold=tightened if tight else plain,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CondorSituation:
    """What decides on condor actions at one close.

    Attributes:
        phase: the phase whose target is in force (`PhaseState.working`).
        line: the defence line.
        tight: whether TIGHTEN is in force already.
        ivx_on: S10 is active.
        pcf_contracts: S22.
        pe_compresses: S23.
        weak_print: a weak surprise of S21 within the last two sessions.
        average_broken: the small caps broke a key average (S13) within two sessions of that print.
        infeasible_floor: sizing said INFEASIBLE_FLOOR.
        second_engine: the condors' net return is below its hurdle (S30).
        hold_new: the user's own setting on S44 says no new condors.
    """

    phase: Phase
    line: DefenceLine
    tight: bool = False
    ivx_on: bool = False
    pcf_contracts: bool = False
    pe_compresses: bool = False
    weak_print: bool = False
    average_broken: bool = False
    infeasible_floor: bool = False
    second_engine: bool = False
    hold_new: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CondorAction:
    """An action that is due: WIDEN, ROLL_OUT, TIGHTEN, DE_RISK or HOLD_NEW, its side (`put`, `call`, None), and why."""

    action: str
    side: str | None
    reason: str


def due_actions(at: CondorSituation) -> tuple[CondorAction, ...]:
    """Return the actions of 3.7 that are due, in the order of its table.

    WIDEN alone works both sides; beside a ROLL_OUT it leaves the tested side to that.
    """
    staged = _RANK.get(at.phase, 0) >= _RANK[Phase.STAGED]
    rolls = staged and at.weak_print and at.average_broken
    widens = at.ivx_on and at.pcf_contracts and not at.line.crossed
    actions: list[CondorAction] = []
    if widens:
        other = "call" if at.line.side == "put" else "put"
        sides = (other,) if rolls else ("put", "call")
        actions += [CondorAction(action="WIDEN", side=side, reason="S10 active and S22 contracts") for side in sides]
    if rolls:
        actions.append(CondorAction(action="ROLL_OUT", side=at.line.side, reason="S13 break on a weak print"))
    if rolls and (at.pcf_contracts or at.pe_compresses) and not at.tight:
        actions.append(CondorAction(action="TIGHTEN", side=None, reason="S13 break on a weak print, valuation falls"))
    if at.infeasible_floor:
        actions.append(CondorAction(action="DE_RISK", side=at.line.side, reason="INFEASIBLE_FLOOR"))
    elif at.line.crossed and at.phase is Phase.CONFIRMED:
        actions.append(CondorAction(action="DE_RISK", side=at.line.side, reason="defence line crossed in CONFIRMED"))
    if at.second_engine or at.hold_new:
        why = "second_engine" if at.second_engine else "S44 setting"
        actions.append(CondorAction(action="HOLD_NEW", side=None, reason=why))
    return tuple(actions)


def stays_tight(*, tight: bool, phase: Phase, actions: tuple[CondorAction, ...]) -> bool:
    """Return whether the tightened defence line is in force behind a close: from TIGHTEN until phase <= INITIAL.

    Args:
        tight: whether it was in force.
        phase: the phase whose target is in force (`PhaseState.working`).
        actions: what this close made due.
    """
    begins = any(action.action == "TIGHTEN" for action in actions)
    return (tight or begins) and _RANK.get(phase, 0) > _RANK[Phase.INITIAL]


@dataclass(frozen=True, slots=True, kw_only=True)
class WingMove:
    """One wing moved to other strikes, an expiry, or both.

    Attributes:
        action: WIDEN or ROLL_OUT.
        side: `put` or `call`.
        quantity: condors whose wing moves.
        short_strike: new, points.
        long_strike: new, points.
        expiry: new.
        trading_class: of the new legs.
        net_credit: per condor at the touch, points; negative is a debit.
        gain_per_day: extrinsic value gained per day of the roll, points; 0 for WIDEN.
        checks: every test of the table; the move is proposed when all pass.
    """

    action: str
    side: str
    quantity: int
    short_strike: float
    long_strike: float
    expiry: date
    trading_class: str
    net_credit: float
    gain_per_day: float
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether it may be proposed."""
        return all(check.passed for check in self.checks)


def widen(
    condor: Condor,
    side: str,
    part: ChainSlice,
    *,
    spx: float,
    edr_points: float,
    sleeve_delta: float,
    delta_limit: float,
) -> WingMove | None:
    """Return a wing moved outward by max(one strike, 0.25 EDR), its width unchanged (3.7).

    Args:
        condor: as held.
        side: `put` or `call`.
        part: the chain of its own expiry and class.
        spx: points.
        edr_points: expected one-day range, points.
        sleeve_delta: of condors and hedge now, dollars per +1 % SPX.
        delta_limit: 6 % of the condors' greatest loss, dollars per +1 %.

    Returns:
        None where an old or a new leg is not quoted.
    """
    options = part.puts if side == "put" else part.calls
    outward = -1.0 if side == "put" else 1.0
    short, long = _wing(condor, side)
    least = outward * short + WIDEN_EDR * edr_points
    beyond = sorted(outward * float(strike) for strike in options.strike if outward * strike > outward * short)
    new_short = next((outward * strike for strike in beyond if strike >= least - 1e-9), None)
    if new_short is None:
        return None
    new_long = new_short + (long - short)
    moved = _legs(options, short, long), _legs(options, new_short, new_long)
    if moved[0] is None or moved[1] is None:
        return None
    net = _sale(options, moved[1]) - _purchase(options, moved[0])
    # Dollars per +1 % of SPX: delta of the short wing times a hundredth of the index, times 100 dollars a point.
    change = (_wing_delta(options, moved[1]) - _wing_delta(options, moved[0])) * spx * condor.quantity
    after = sleeve_delta + change
    return WingMove(
        action="WIDEN",
        side=side,
        quantity=condor.quantity,
        short_strike=new_short,
        long_strike=new_long,
        expiry=part.expiry,
        trading_class=part.trading_class,
        net_credit=net,
        gain_per_day=0.0,
        checks=(
            Check(
                name="debit_at_most_10pct_of_credit",
                passed=-net <= WIDEN_DEBIT_SHARE * condor.credit,
                value=-net,
                limit=WIDEN_DEBIT_SHARE * condor.credit,
            ),
            Check(
                # Where the sleeve is outside its band already, a move that does not take it farther out is allowed.
                name="delta_band",
                passed=abs(after) <= max(delta_limit, abs(sleeve_delta)),
                value=after,
                limit=delta_limit,
            ),
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RollOutRules:
    """The `roll_out:` section of methodology 11: days later and share of the condors."""

    least: int = 7
    most: int = 21
    default: int = 14
    share: float = 0.50

    @classmethod
    def from_methodology(cls, methodology: Mapping[str, Mapping[str, float]]) -> "RollOutRules":
        """Return the rules a `methodology:` mapping says, defaults where it is silent."""
        said, default = methodology.get("roll_out", {}), cls()
        return cls(
            least=int(said.get("min", default.least)),
            most=int(said.get("max", default.most)),
            default=int(said.get("default", default.default)),
            share=said.get("share", default.share),
        )


def roll_out(
    condor: Condor, side: str, chain: Chain, rules: RollOutRules, releases: Collection[date] = ()
) -> WingMove | None:
    """Return half the condors' tested wing rolled to a later expiry at the same strikes (3.7).

    Of the listed expiries 7 to 21 days later that are no S20 date, the one whose extrinsic value gained per day is
    greatest; of equals the one nearest the default of 14 days, then the earlier. Short and long legs move together.

    Args:
        condor: as held; its expiry has to be known.
        side: `put` or `call`: the tested one.
        chain: SPX options, its own expiry among them.
        rules: how far, and how many.
        releases: dates of releases (S20).

    Returns:
        None where fewer than two condors are held, no expiry qualifies, or a leg is not quoted.
    """
    quantity = floor(condor.quantity * rules.share)
    here = None if condor.expiry is None else chain.slice_of(condor.expiry, condor.trading_class)
    if quantity < 1 or here is None or condor.expiry is None:
        return None
    short, long = _wing(condor, side)
    old = here.puts if side == "put" else here.calls
    at = _legs(old, short, long)
    if at is None:
        return None
    first, last = (condor.expiry + timedelta(days=days) for days in (rules.least, rules.most))
    found: list[tuple[float, int, WingMove]] = []
    for part in chain.slices:
        new = part.puts if side == "put" else part.calls
        there = _legs(new, short, long)
        if part.trading_class != condor.trading_class or not first <= part.expiry <= last or there is None:
            continue
        if part.expiry in releases:
            continue
        days = (part.expiry - condor.expiry).days
        gain = (_extrinsic(part, new, there) - _extrinsic(here, old, at)) / days
        net = _sale(new, there) - _purchase(old, at)
        move = _rolled(side, quantity, (short, long), part, net, gain)
        found.append((-gain, abs(days - rules.default), move))
    return min(found, key=lambda item: (item[0], item[1], item[2].expiry))[2] if found else None


def _rolled(
    side: str, quantity: int, strikes: tuple[float, float], part: ChainSlice, net: float, gain: float
) -> WingMove:
    return WingMove(
        action="ROLL_OUT",
        side=side,
        quantity=quantity,
        short_strike=strikes[0],
        long_strike=strikes[1],
        expiry=part.expiry,
        trading_class=part.trading_class,
        net_credit=net,
        gain_per_day=gain,
        checks=(
            Check(name="net_credit_not_negative", passed=net >= -1e-9, value=net, limit=0.0),
            Check(name="dte_at_most_60", passed=part.dte <= LONGEST_DTE, value=part.dte, limit=LONGEST_DTE),
        ),
    )


def _wing(condor: Condor, side: str) -> tuple[float, float]:
    return (condor.short_put, condor.long_put) if side == "put" else (condor.short_call, condor.long_call)


def _legs(options: ChainSide, short: float, long: float) -> tuple[int, int] | None:
    near, far = options.index_of(short), options.index_of(long)
    return None if near is None or far is None else (near, far)


def _sale(options: ChainSide, at: tuple[int, int]) -> float:
    """What selling the wing pays at the touch, points."""
    return float(options.bid[at[0]] - options.ask[at[1]])


def _purchase(options: ChainSide, at: tuple[int, int]) -> float:
    """What buying the wing back costs at the touch, points."""
    return float(options.ask[at[0]] - options.bid[at[1]])


def _wing_delta(options: ChainSide, at: tuple[int, int]) -> float:
    """Delta of a wing as held: short the near leg, long the far one."""
    return float(options.delta[at[1]] - options.delta[at[0]])


def _extrinsic(part: ChainSlice, options: ChainSide, at: tuple[int, int]) -> float:
    """Extrinsic value of the short wing, points: mid less the discounted intrinsic value on the forward."""
    sign = 1.0 if options.right == "C" else -1.0
    values = [
        float(options.mid[index]) - max(0.0, sign * (part.forward - float(options.strike[index]))) * part.discount
        for index in at
    ]
    return values[0] - values[1]
