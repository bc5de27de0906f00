"""What of a hedge is to go whatever its target: legs whose own rules roll or close them, financing bought back."""

from dataclasses import replace

from alvh.core.hedge import financing, lot_rules, put_desk
from alvh.core.hedge.look import Look
from alvh.core.hedge.phases import Phase


def leavers(look: Look, *, vol_trigger: bool = False) -> dict[str, str]:
    """Return the symbols of each lot that is to go, joined by spaces, and the rule that says so (3.1, 3.6).

    Args:
        look: the decision.
        vol_trigger: of a sizing by itself: what a person says that no signal can.
    """
    going = financing.leaving(look) | put_desk.leaving(look)
    if look.snapshot.nodes:
        now = lot_rules.circumstances(look.situation, look.phase.phase)
        now = replace(now, vol_trigger=now.vol_trigger or vol_trigger)
        going |= lot_rules.leaving(look.holdings, look.snapshot, now, look.phase.phase)
    return going


def observations(look: Look) -> list[str]:
    """Return what the harvest rule sees in lots that the phase leaves alone (3.1)."""
    if not look.snapshot.nodes or look.phase.phase is Phase.MONETISE:
        return []
    now = lot_rules.circumstances(look.situation, look.phase.phase)
    return lot_rules.observed(look.holdings, look.snapshot, now)
