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
        f"Worst case: hedge -${sizing.worst_case_hedge:,.0f}, whole book -${sizing.book_max_loss:,.0f}.",
        f"Wanted: {100 * target.phi:.0f} % of the condors' loss of ${sizing.loss_design:,.0f} at VIX "
        f"{sizing.shock.design:+.1f}; done {_percent(sizing.offset_design)}, cost ${sizing.cost:,.0f} of "
        f"${sizing.cap:,.0f}.",
    ]
    for change in changes:
        sells = (change.units > 0) == (change.lot.leg == "FIN")
        name = "/".join(" ".join(symbol.split()) for symbol in change.lot.symbols)
        price = -change.net if change.lot.leg == "FIN" else change.net
        word = "Sell" if sells else "Buy"
        lines.append(f"{word} {abs(change.units)} {change.lot.leg} {name} at {price:.2f}")
    if not changes:
        lines.append("Hold: nothing to trade in the hedge.")
    lines += [_condor_line(each) for each in condors[:2]]
    if sizing.bindings:
        cuts = [f"{each.constraint} ${each.cut_usd:,.0f}" for each in sizing.bindings[:3]]
        lines.append("Bound by " + "; ".join(cuts) + ".")
    if look.snapshot.pricing == "model":
        lines.append("Model prices: not executable.")
    return tuple(lines)


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
