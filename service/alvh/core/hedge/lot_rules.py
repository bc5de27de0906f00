"""What the lots held ask for at a close: which are to be rolled or closed, which have multiplied, which have aged."""

from collections.abc import Mapping
from dataclasses import replace
from math import inf

from alvh.core.hedge.book import ETP_DAYS
from alvh.core.hedge.harvest import Circumstances, HeldLeg, due, rearmed
from alvh.core.hedge.holdings import SHARE, Holdings, Lot
from alvh.core.hedge.phases import Phase
from alvh.core.hedge.rolling_up import long_roll
from alvh.core.hedge.selection import choose_leg
from alvh.core.hedge.snapshot import Snapshot
from alvh.core.signals.term_structure import basis_and_roll
from alvh.core.situation import Situation

_OPEN_PHASES = (Phase.STANDBY, Phase.INITIAL, Phase.STAGED, Phase.CONFIRMED)


def circumstances(situation: Situation, phase: Phase) -> Circumstances:
    """Return what the rules of the legs ask of the market."""
    book, flags = situation.book, situation.book.flags
    close = book.newest
    return Circumstances(
        trigger_active=bool(flags.ratio_neg or flags.bigtop or flags.v_r or flags.cap_r),
        vol_trigger=bool(flags.v_r or flags.v_m),
        daily_roll=None if close is None else basis_and_roll(close)[1],
        vix_cross_down=close is not None and book.fear.is_fresh_cross_down(close),
        hot=flags.hot,
        capture=book.exposure.capture,
        small_caps_lag=bool(flags.ratio_neg or book.small_caps.is_diverging),
        confirmed=phase is Phase.CONFIRMED,
        release_pending=situation.release_pending,
    )


def harvestable(holdings: Holdings, snapshot: Snapshot) -> bool:
    """Whether a lot of L1 has multiplied now (3.2, `monet`); each fires once until it re-arms."""
    fires = False
    for lot in list(holdings.lots):
        if lot.leg == "L1":
            multiple = snapshot.unit_mid(lot) / lot.entry_price if lot.entry_price > 0.0 else 1.0
            fired, armed = rearmed(armed=lot.armed, multiple=multiple)
            fires = fires or fired
            if armed != lot.armed:
                holdings.swap(lot, replace(lot, armed=armed))
    return fires


def age(holdings: Holdings, snapshot: Snapshot) -> list[str]:
    """Let an L3b that has come near become an L3a, without a trade (3.1); return notes."""
    notes = []
    for lot in [lot for lot in holdings.lots if lot.leg == "L3b"]:
        rule = due(_seen(lot, snapshot), Circumstances())
        if rule is None or rule.action != "AGE":
            continue
        for part in lot.parts:
            holdings.sleeve.relabel(part.symbol, "L3b", "L3a")
        holdings.swap(lot, None)
        holdings.put(replace(lot, leg="L3a"))
        notes.append(f"L3b_becomes_L3a:{'/'.join(lot.symbols)}")
    return notes


_PROFITS = ("F1-F2>=1.50", "S06 cross-down", "50% of credit earned")


def exit_reasons(going: Mapping[str, str]) -> list[str]:
    """Return the reason codes of legs that their own rules let go: HARVEST for profits taken, ROLL for others."""
    rules = [rule.removeprefix("CLOSE: ") for rule in going.values()]
    return [*(["HARVEST"] if any(rule in _PROFITS for rule in rules) else []),
            *(["ROLL"] if any(rule not in _PROFITS for rule in rules) else [])]  # fmt: skip


def leaving(holdings: Holdings, snapshot: Snapshot, now: Circumstances, phase: Phase) -> dict[str, str]:
    """Return the lots that are to go whatever the target: their symbols joined by spaces, and the rule.

    A phase that adds nothing rolls nothing. A roll into the very contracts held is none.
    """
    if phase not in _OPEN_PHASES or not snapshot.is_fresh:
        return {}
    found = {}
    for lot in holdings.lots:
        rule = due(_seen(lot, snapshot), now)
        if rule is None or rule.action not in ("ROLL", "ROLL_UP", "CLOSE"):
            continue
        if rule.action == "ROLL_UP" and not _may_roll_up(lot, snapshot):
            continue
        if rule.action == "ROLL" and _chosen(lot, snapshot) == lot.symbols:
            continue
        found[lot.key] = f"{rule.action}: {rule.rule}"
    return found


def observed(holdings: Holdings, snapshot: Snapshot, now: Circumstances) -> list[str]:
    """Return what the harvest rule of 3.1 sees in lots that are not traded for it; the harvest is the phase's (3.2)."""
    found = []
    for lot in holdings.lots:
        rule = due(_seen(lot, snapshot), now)
        if rule is not None and rule.action == "HARVEST":
            found.append(f"{lot.leg}_{rule.rule.replace(' ', '_')}:{'/'.join(lot.symbols)}")
    return found


def _may_roll_up(lot: Lot, snapshot: Snapshot) -> bool:
    """Whether its long call can be rolled, or the whole lot into one of a higher strike that is to be had."""
    if long_roll(lot, snapshot) is not None:
        return True
    chosen = choose_leg(lot.leg, snapshot.selection(inf), snapshot.rules)
    strikes = [part.strike for part in chosen.contracts if part.ratio > 0 and part.strike is not None]
    return chosen.passed and bool(strikes) and strikes[0] > (lot.parts[0].strike or 0.0)


def _chosen(lot: Lot, snapshot: Snapshot) -> tuple[str, ...]:
    """The contracts this leg would be made of today."""
    choice = choose_leg(lot.leg, snapshot.selection(inf), snapshot.rules)
    return tuple(part.symbol for part in choice.contracts)


def _seen(lot: Lot, snapshot: Snapshot) -> HeldLeg:
    mid = snapshot.unit_mid(lot)
    if lot.is_stand_in:
        return HeldLeg(
            leg=lot.leg, stand_in=lot.kind, held_days=(snapshot.session - lot.opened).days,
            dte=round(ETP_DAYS) if lot.kind == SHARE else (lot.parts[0].expiry - snapshot.session).days,
            multiple=mid / lot.entry_price if lot.entry_price > 0.0 else 1.0,
        )  # fmt: skip
    dte = min((part.expiry - snapshot.session).days for part in lot.parts)
    if lot.leg == "L2":
        return HeldLeg(leg=lot.leg, dte=dte, gain=mid - lot.entry_price, spread=mid)
    first = lot.parts[0]
    call = snapshot.call(first.expiry, first.strike or 0.0)
    forward = float(snapshot.market.curve.level(max(dte, 1)))
    share = None
    if lot.extrinsic:
        share = max(call.mid - max(forward - (first.strike or 0.0), 0.0), 0.0) / lot.extrinsic
    return HeldLeg(
        leg=lot.leg, dte=dte, multiple=mid / lot.entry_price if lot.entry_price > 0.0 else 1.0,
        extrinsic_share=share, delta=call.delta,
    )  # fmt: skip
