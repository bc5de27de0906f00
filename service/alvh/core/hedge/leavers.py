"""What of a hedge is to go whatever its target: legs whose own rules roll or close them, financing bought back."""

from dataclasses import replace

from alvh.core.hedge import financing, lot_rules, put_desk
from alvh.core.hedge.look import Look


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
