"""The financing spreads as a message shows them: what is held and offered, and where they break even (3.6, 5)."""

from alvh.core.hedge.book import CONDOR_MULTIPLIER
from alvh.core.hedge.financing import quotes_of
from alvh.core.hedge.holdings import Lot
from alvh.core.hedge.look import Look
from alvh.message_parts import BreakEven, FinancingPart


def financing_parts(look: Look) -> list[FinancingPart]:
    """Return the spreads held, then the one offered."""
    return [_part(lot, look, proposed=proposed) for lot, proposed in _lots(look)]


def financing_break_evens(look: Look, next_review: str) -> list[BreakEven]:
    """Return SPX at expiry at which each spread earns nothing: the sold strike and the credit (section 5)."""
    return [
        BreakEven(
            leg="FIN", at_settlement=(lot.parts[1].strike or 0.0) - lot.entry_price,
            max_gain=-lot.entry_price * lot.multiplier, next_review=next_review,
        )
        for lot, _ in _lots(look)
    ]  # fmt: skip


def _lots(look: Look) -> list[tuple[Lot, bool]]:
    found = [(lot, False) for lot in look.holdings.overlays if lot.leg == "FIN"]
    if look.offer is not None and look.offer.change is not None:
        found.append((look.offer.change.lot, True))
    return found


def _part(lot: Lot, look: Look, *, proposed: bool) -> FinancingPart:
    far, near = lot.parts
    long, short = quotes_of(lot, look.snapshot)
    credit, width = -lot.entry_price, (far.strike or 0.0) - (near.strike or 0.0)
    return FinancingPart(
        short_call=near.symbol,
        long_call=far.symbol,
        n=lot.quantity,
        proposed=proposed,
        credit=credit,
        mark=short.mid - long.mid,
        short_delta=short.delta,
        break_even=(near.strike or 0.0) + credit,
        max_loss=(width - credit) * CONDOR_MULTIPLIER * lot.quantity,
    )
