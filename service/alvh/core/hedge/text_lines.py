"""What a person reads of a decision on a phone: the worst case first, then what to trade, then what limited it."""

from collections.abc import Sequence

from alvh.core.hedge.condor_actions import CondorAction
from alvh.core.hedge.condor_moves import CondorMove
from alvh.core.hedge.look import Look
from alvh.core.hedge.outcome import Sizing
from alvh.core.hedge.phase_targets import PhaseTarget
from alvh.core.hedge.sizing_desk import Change


def lines_of(
    look: Look,
    sizing: Sizing,
    changes: Sequence[Change],
    target: PhaseTarget,
    condors: Sequence[CondorMove | CondorAction],
) -> tuple[str, ...]:
    """Return the lines; those of the message's own head are not among them.

    Args:
        look: the decision.
        sizing: of it.
        changes: of the hedge.
        target: what the phase wants.
        condors: what the condors should do, trades first.
    """
    lines = [
        f"Worst case: hedge {_usd(-sizing.worst_case_hedge)}, whole book {_usd(-sizing.book_max_loss)}.",
        _wanted(sizing, target),
    ]
    for change in changes:
        if change.roll is not None:
            new, old = (" ".join(symbol.split()) for symbol in change.lot.symbols)
            lines.append(f"Roll up {change.units} {change.lot.leg} {old} to {new}, credit {-change.net:.2f}")
            continue
        sells = (change.units > 0) == (change.lot.leg == "FIN")
        name = "/".join(" ".join(symbol.split()) for symbol in change.lot.symbols)
        price = -change.net if change.lot.leg == "FIN" else change.net
        word = "Sell" if sells else "Buy"
        stands_in = " in place of calls" if change.lot.is_stand_in else ""
        lines.append(f"{word} {abs(change.units)} {change.lot.leg} {name} at {price:.2f}{stands_in}")
    lines += near_break_evens(look)
    if not changes:
        lines.append("Hold: nothing to trade in the hedge.")
    lines += [_condor_line(each) for each in condors[:2]]
    if sizing.bindings:
        cuts: dict[str, float] = {}
        for each in sizing.bindings:  # one limit may cut in several places
            cuts[each.constraint] = cuts.get(each.constraint, 0.0) + each.cut_usd
        lines.append("Bound by " + "; ".join(f"{name} ${cut:,.0f}" for name, cut in list(cuts.items())[:3]) + ".")
    if look.snapshot.pricing == "model":
        lines.append("Model prices: not executable.")
    return tuple(lines)


def _wanted(sizing: Sizing, target: PhaseTarget) -> str:
    """Say whose loss is offset, how much of it was wanted and is done, and what that costs of what it may."""
    at = f"at VIX {sizing.shock.design:+.1f}"
    if sizing.protected_loss_design <= 0.0:
        return f"Wanted: nothing, as there is no loss to offset {at}."
    small, own = sizing.small_cap_loss_design, sizing.small_caps
    whose = f"the condors' loss of {_usd(sizing.loss_design)}"
    if own is not None:
        whose += f" and of the small caps' {_usd(small)}, each on its own budget,"
    elif sizing.protected_loss_design != sizing.loss_design:
        whose = f"the condors' and small caps' loss of {_usd(sizing.protected_loss_design)}"
    budget = sizing.cap + (own.budget if own is not None else 0.0)
    return (
        f"Wanted: {100 * target.phi:.0f} % of {whose} {at}; done {_percent(sizing.offset_design)}, "
        f"cost {_usd(sizing.cost)} of {_usd(budget)}."
    )


def near_break_evens(look: Look) -> list[str]:
    """Say of a DEFENCE how near SPX stands to which break-evens (S41): of two condors at most, nearest first."""
    if "DEFENCE" not in look.reasons:
        return []
    crossed = [(look.lines[held.key], held) for held in look.holdings.condors if held.key in look.lines]
    crossed = sorted((pair for pair in crossed if pair[0].crossed), key=lambda pair: pair[0].proximity)
    said = []
    for line, held in crossed[:2]:
        level = held.condor.break_evens()[line.side == "call"]
        where = f"{line.proximity:.2f} expected daily moves from" if line.proximity >= 0.0 else "beyond"
        said.append(f"Condor {held.expiry}: SPX is {where} its {line.side}-side break-even {level:,.2f}.")
    return said


def _usd(amount: float) -> str:
    """Return whole dollars, without a sign where none is left."""
    whole = round(amount)
    return f"{'-' if whole < 0 else ''}${abs(whole):,}"


def _condor_line(each: CondorMove | CondorAction) -> str:
    if isinstance(each, CondorAction):
        return f"Condor: {each.action}{f' {each.side}' if each.side else ''}: {each.reason}"
    way = f"{each.quantity} x {each.old.short:g}/{each.old.long:g}{each.right}"
    if each.new is not None:
        later = "" if each.new.expiry == each.old.expiry else f" {each.new.expiry}"
        way += f" to {each.new.short:g}/{each.new.long:g}{later}"
    price = f"debit {each.net_debit:.2f}" if each.net_debit > 0.0 else f"credit {-each.net_debit:.2f}"
    return f"Condor: {each.action} {way}, {price}{', or fewer condors' if each.is_choice else ''}"


def _percent(ratio: float | None) -> str:
    return "-" if ratio is None else f"{100 * ratio:.1f} %"
