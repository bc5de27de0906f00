"""S38, S39: when not to trade - closing flows of leveraged VIX products, and windows around open, close and prints."""

from collections.abc import Iterable, Sequence
from typing import Final

_MINUTE_NS: Final = 60 * 1_000_000_000
_EDGE: Final = 10 * _MINUTE_NS  # first and last minutes of a session
_BEFORE_RELEASE: Final = 5 * _MINUTE_NS
# On a settlement Wednesday the special opening quotation is made from the opening trades of SPX options: orders for
# it gather from an hour before the open on, and the last series open within half an hour (CHOICE).
_VRO_BEFORE: Final = 60 * _MINUTE_NS
_VRO_AFTER: Final = 30 * _MINUTE_NS
_VX_MULTIPLIER: Final = 1000.0
_CROWDED: Final = 0.05


def closing_flow(products: Iterable[tuple[float, float]], day_return: float) -> float:
    """Return dollars of VX that leveraged and inverse products must buy at the close, negative to sell (S38).

    Args:
        products: (assets in dollars, leverage), leverage 1.5, 2, -1 or -0.5 and their like.
        day_return: today's return of the 30-day VX exposure, as a ratio.
    """
    return sum(assets * (leverage * leverage - leverage) for assets, leverage in products) * day_return


def flow_contracts(flow_usd: float, vx_price: float) -> float:
    """Return the flow in VX contracts."""
    return flow_usd / (_VX_MULTIPLIER * vx_price)


def is_crowded(contracts: float, volume_20d: float) -> bool:
    """Return whether the flow is above 5 % of the 20-day volume of VX1 and VX2: avoid 15:45 to 16:15 ET."""
    return abs(contracts) > _CROWDED * volume_20d


def closed_window(
    now: int, open_ns: int, close_ns: int, *, releases: Sequence[int] = (), is_vix_settlement: bool = False
) -> str | None:
    """Return why not to trade at `now` (S39), or None where nothing speaks against it.

    Args:
        now: ns UTC, as all times here.
        open_ns: the session's open.
        close_ns: its close.
        releases: times of today's releases of S20.
        is_vix_settlement: whether VIX contracts settle this morning.
    """
    if is_vix_settlement and open_ns - _VRO_BEFORE <= now < open_ns + _VRO_AFTER:
        return "vro"
    if not open_ns <= now <= close_ns:
        return "closed"
    if now < open_ns + _EDGE:
        return "first_10_minutes"
    if now > close_ns - _EDGE:
        return "last_10_minutes"
    if any(0 <= release - now <= _BEFORE_RELEASE for release in releases):
        return "release"
    return None
