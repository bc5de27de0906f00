"""What is decided about every leg before it is held: entry, exit, roll and stop, in words and in numbers (1.2, 3.1)."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from alvh.core.hedge.book import ETP_DAYS
from alvh.core.hedge.contracts import SelectionRules
from alvh.core.hedge.fin import APPROVALS, CALL_LOSS_RATIO, CREDIT_SHARE, SHORT_DELTA, UP_LOSS_SHARE
from alvh.core.hedge.guards import CARRY_LIMIT
from alvh.core.hedge.harvest import (
    CALENDAR_PROFIT,
    CALENDAR_STOP,
    HARVEST_MULTIPLE,
    HARVEST_SHARE,
    ROLL_DTE,
    ROLL_UP_DELTA,
    SHARE_ROLL_DAYS,
    STAND_IN_ROLL_DTE,
)
from alvh.core.hedge.iwm_put import PUT_DAYS, PUT_MONEYNESS
from alvh.core.hedge.units import LOWEST_VIX
from alvh.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class LegProtocol:
    """The protocol of one leg; `triggers` are the numbers its sentences speak of, by name with their unit last."""

    leg: str
    entry: str
    exit: str
    roll: str
    stop: str
    triggers: MappingProxyType[str, float]


def protocol(leg: str, rules: SelectionRules | None = None, stand_in: str = "") -> LegProtocol:
    """Return the protocol of a leg under the rules in force.

    Args:
        leg: its name.
        rules: it is chosen by.
        stand_in: `future` or `share` for what is held in place of its options (L-F).

    Raises:
        InputError: there is no such leg; none may be proposed without a protocol.
    """
    writer = _WRITERS.get(leg)
    if writer is None:
        raise InputError(f"leg {leg!r}: expected one of {', '.join(_WRITERS)}")
    if stand_in:
        return _STAND_INS[stand_in](leg, rules or SelectionRules())
    return writer(leg, rules or SelectionRules())


def _write(leg: str, texts: tuple[str, str, str, str], **triggers: float) -> LegProtocol:
    entry, leave, roll, stop = texts
    return LegProtocol(leg=leg, entry=entry, exit=leave, roll=roll, stop=stop, triggers=MappingProxyType(triggers))


def _short_calls(leg: str, rules: SelectionRules) -> LegProtocol:
    window, z = rules.windows[leg], rules.z
    strikes = (
        f"long the strike nearest {rules.delta:.2f} delta, short the one nearest {z[1]:g} standard deviations up"
        if leg == "L1"
        else f"the strike nearest {z[1]:g} standard deviations up, between {z[0]:g} and {z[2]:g}"
    )
    return _write(
        leg,
        (
            f"VIX calls of {window.low}-{window.high} days, nearest {window.target}, monthly first; {strikes}.",
            f"Sell {HARVEST_SHARE:.0%} when the mark is {HARVEST_MULTIPLE:g} times the entry; at a long delta of "
            f"{ROLL_UP_DELTA:g} L1 is rolled up on a hot print or where small caps lag, else it is noted.",
            f"At {ROLL_DTE[leg]} days, or when half the extrinsic value at entry is gone and no trigger is active.",
            "The premium paid is the most that can be lost; nothing is added within a session of a hedge loss.",
        ),
        dte_low_days=window.low,
        dte_high_days=window.high,
        dte_target_days=window.target,
        roll_dte_days=ROLL_DTE[leg],
        harvest_multiple_ratio=HARVEST_MULTIPLE,
        roll_up_delta=ROLL_UP_DELTA,
        extrinsic_left_ratio=0.5,
    )


def _calendar(leg: str, rules: SelectionRules) -> LegProtocol:
    window = rules.windows[leg]
    return _write(
        leg,
        (
            f"Long the monthly VIX future of {window.low}-{window.high} days, short the next monthly, one to one; "
            f"none while the daily roll exceeds {CARRY_LIMIT:.2f} unless the VIX's MACD histogram is above 0.",
            f"Take profit when front less back is {CALENDAR_PROFIT:+.2f} or more, or the VIX's MACD crosses down.",
            f"Roll the spread when the front has {ROLL_DTE[leg]} days left.",
            f"Close at a loss of {CALENDAR_STOP:.2f} points, or when the daily roll exceeds {CARRY_LIMIT:.2f} "
            "and no volatility trigger is active.",
        ),
        dte_low_days=window.low,
        dte_high_days=window.high,
        roll_dte_days=ROLL_DTE[leg],
        take_profit_points=CALENDAR_PROFIT,
        stop_loss_points=CALENDAR_STOP,
        daily_roll_limit_points=CARRY_LIMIT,
    )


def _structural(leg: str, rules: SelectionRules) -> LegProtocol:
    window = rules.windows[leg]
    roll = (
        f"At {ROLL_DTE[leg]} days it becomes L3a; a new L3b is bought if the phase needs one."
        if leg == "L3b"
        else f"At {ROLL_DTE[leg]} days into a new one of {window.target}."
    )
    return _write(
        leg,
        (
            f"VIX calls of {window.low}-{window.high} days, nearest {window.target}, strike nearest "
            f"{rules.delta:.2f} delta.",
            "Sell only in MONETISE (the harvest itself leaves it alone) or when the hedge is over its cap.",
            roll,
            "The premium paid is the most that can be lost; no stop on the price.",
        ),
        dte_low_days=window.low,
        dte_high_days=window.high,
        dte_target_days=window.target,
        roll_dte_days=ROLL_DTE[leg],
        entry_delta=rules.delta,
    )


def _future_instead(leg: str, rules: SelectionRules) -> LegProtocol:
    window = rules.windows[leg]
    return _write(
        leg,
        (
            f"A VIX future nearest {window.target} days with the delta of the VIX calls that failed the gate, VXM "
            "before VX; itself through the gate.",
            "With the leg it stands in for: half of L1 and L1b in MONETISE, L3 only when the hedge is over its cap.",
            f"At {STAND_IN_ROLL_DTE} days, into the leg's options where these pass the gate again.",
            f"No stop on the price: its fall to a VIX of {LOWEST_VIX:g} is counted as at risk and tied as margin.",
        ),
        dte_target_days=window.target,
        roll_dte_days=STAND_IN_ROLL_DTE,
        risk_vix_points=LOWEST_VIX,
        harvest_multiple_ratio=HARVEST_MULTIPLE,
    )


def _share_instead(leg: str, rules: SelectionRules) -> LegProtocol:
    return _write(
        leg,
        (
            "Shares of a volatility ETP that gain per 1 % of the 30-day VIX future what the VIX calls would have; "
            f"quoted within {rules.liquidity.max_rel:.0%}.",
            "With the leg it stands in for: half of L1 and L1b in MONETISE, L3 only when the hedge is over its cap.",
            f"After {SHARE_ROLL_DAYS} days, into the leg's options or a future where these pass the gate again.",
            "No stop on the price: the whole price of the shares is counted as at risk.",
        ),
        constant_maturity_days=ETP_DAYS,
        roll_after_days=SHARE_ROLL_DAYS,
        width_max_ratio=rules.liquidity.max_rel,
        harvest_multiple_ratio=HARVEST_MULTIPLE,
    )


def _financing(leg: str, _: SelectionRules) -> LegProtocol:
    return _write(
        leg,
        (
            f"Sell SPX call spreads of the condor's width and expiry, short delta at most {SHORT_DELTA:.2f}, in "
            f"CONFIRMED; credit at most {CREDIT_SHARE:.0%} of the hedge's debit; {APPROVALS} approvals.",
            f"Buy back at {CREDIT_SHARE:.0%} of the credit, or when the phase falls below CONFIRMED.",
            "With the condor; it never outlives it.",
            "Buy back when the short delta reaches 0.35; the width less the credit is the most that can be lost.",
        ),
        short_delta_max=SHORT_DELTA,
        credit_share_of_debit_max_ratio=CREDIT_SHARE,
        buy_back_ratio=0.5,
        stop_delta=0.35,
        call_side_loss_max_ratio=CALL_LOSS_RATIO,
        up_loss_share_max_ratio=UP_LOSS_SHARE,
        approvals=APPROVALS,
    )


def _puts(leg: str, _: SelectionRules) -> LegProtocol:
    return _write(
        leg,
        (
            f"IWM puts {1 - PUT_MONEYNESS:.0%} out of the money of about {PUT_DAYS} days, where these were chosen.",
            "Sell what the target needs no more; all of it when the hedge is switched off.",
            "At 7 days into a new put of that geometry, or settle at expiry.",
            "The premium paid is the most that can be lost; no stop on the price.",
        ),
        dte_target_days=PUT_DAYS,
        moneyness_ratio=PUT_MONEYNESS,
        roll_dte_days=7,
    )


def _condor(leg: str, _: SelectionRules) -> LegProtocol:
    return _write(
        leg,
        (
            "As the portfolio's condors or its program say; none while HOLD_NEW is in force.",
            "Settles at expiry: SPXW at that day's close, SPX at that morning's opening prices.",
            "ROLL_OUT: up to half of the tested side 7 to 21 days later, for a net credit, within 60 days.",
            "Defence line at 1.0 expected one-day range from a break-even, 1.5 while tightened; DE_RISK in CONFIRMED.",
        ),
        defence_edr=1.0,
        defence_tight_edr=1.5,
        roll_out_least_days=7,
        roll_out_most_days=21,
        roll_out_share_ratio=0.5,
        dte_after_roll_max_days=60,
    )


_STAND_INS: Final = MappingProxyType({"future": _future_instead, "share": _share_instead})

_WRITERS: Final = MappingProxyType({
    "L1": _short_calls, "L1b": _short_calls, "L2": _calendar, "L3a": _structural, "L3b": _structural,
    "FIN": _financing, "IWM": _puts, "COND": _condor,
})  # fmt: skip
