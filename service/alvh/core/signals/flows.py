"""S38: what leveraged and inverse VIX products must trade at the close, against what VX1 and VX2 usually trade."""

from typing import Final

from alvh.core.signals.family import Family
from alvh.core.signals.model import Close, Signal, signal
from alvh.core.signals.timing import closing_flow, flow_contracts, is_crowded
from alvh.core.statistics import RollingMean

_MONTH: Final = 20
_VX30_DAYS: Final = 30
_VOLUME: Final = "VX_VOLUME"
PRODUCTS: Final = (("AUM_UVXY", 1.5), ("AUM_UVIX", 2.0), ("AUM_SVIX", -1.0), ("AUM_SVXY", -0.5))
"""Series of assets in dollars, and the leverage each product restores at the close."""


class FlowFamily(Family):
    """Closing flows, from the products' assets and the day's return of the 30-day VIX future.

    Without some product's assets the flow is that of the others, and a proxy. The volume is the mean of the newest
    twenty figures; today's flow is held against it when today's volume is in.
    """

    _STATISTICS = ("_volume",)
    _PLAIN = ("_level", "_return")

    def __init__(self) -> None:
        self._volume = RollingMean(_MONTH)
        self._level: float | None = None  # of the 30-day future at the newest close, points
        self._return: float | None = None

    def update(self, close: Close) -> None:
        """Take one session's close."""
        now = close.constant_maturity(_VX30_DAYS)
        self._return = None if now is None or self._level is None else now / self._level - 1.0
        self._level = now
        volume = close.news(_VOLUME)
        if volume is not None:
            self._volume.update(volume.value)

    def signals(self, close: Close) -> tuple[Signal, ...]:
        """Return S38."""
        known = [(name, leverage, close.fresh(name)) for name, leverage in PRODUCTS]
        held = [(assets, leverage) for _, leverage, assets in known if assets is not None]
        flow = None if self._return is None or not held else closing_flow(held, self._return)
        usual = self._volume.value if close.fresh(_VOLUME) is not None else None
        contracts = share = None
        if flow is not None and self._level is not None:
            contracts = flow_contracts(flow, self._level)
            share = None if not usual else contracts / usual
        crowded = contracts is not None and usual is not None and is_crowded(contracts, usual)
        names = tuple(name for name, _, assets in known if assets is not None) or (PRODUCTS[0][0],)
        return (
            signal(
                close, "S38", value=contracts, unit="VX contracts", state="crowded" if crowded else "light",
                threshold="> 5 % of the 20-day VX1+VX2 volume", inputs=(*names, "VX", _VOLUME),
                is_warm=share is not None, is_proxy=len(held) < len(PRODUCTS),
                parts=(("flow_usd", flow), ("vx30_return", self._return), ("volume20", usual), ("share", share)),
            ),
        )  # fmt: skip
