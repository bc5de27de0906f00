"""What is quoted: id, multiplier, tick size, settlement rule, and how far one price may lie from the last."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One quoted thing.

    Attributes:
        instrument_id: the name used in tapes, topics and metrics.
        kind: `index`, `etf`, `volatility` (a volatility index), `future` or `option`.
        multiplier: dollars per point of one contract; 1 for what is held in shares or only watched.
        tick_size: smallest price step in points.
        max_jump: greatest believable distance of two neighbouring prices, as a ratio of the earlier one
            (interfaces, section 4: 20 % for the watched indices); None means no limit.
    """

    instrument_id: str
    kind: str
    multiplier: float = 1.0
    tick_size: float = 0.01
    max_jump: float | None = None


# A volatility index may double within a day (VIX 2018-02-05: x2.16 close to close; 2024-08-05: x2.8 inside the
# session), so only what no market has ever shown is refused: more than five times the last price, or less than a fifth.
VOLATILITY_JUMP_FACTOR: Final = 5.0

# What lies outside is a slip, whatever lies beside it, and no arithmetic is asked to bear it. Volatility indices have
# lain between 8 and 300 (VVIX), indices and shares between cents and tens of thousands.
BELIEVABLE: Final = (1e-4, 1e7)
BELIEVABLE_VOLATILITY: Final = (1e-2, 1e3)

_ALL: Final = (
    Instrument(instrument_id="SPX", kind="index", multiplier=100.0, max_jump=0.20),
    Instrument(instrument_id="RUT", kind="index", multiplier=100.0, max_jump=0.20),
    Instrument(instrument_id="IWM", kind="etf", max_jump=0.20),
    Instrument(instrument_id="SPY", kind="etf", max_jump=0.20),
    Instrument(instrument_id="RSP", kind="etf", max_jump=0.20),
    # Volatility ETPs move as the front VIX futures do, which have risen by two fifths in a session.
    Instrument(instrument_id="VIXY", kind="etf", max_jump=0.50),
    Instrument(instrument_id="VXX", kind="etf", max_jump=0.50),
    Instrument(instrument_id="VIX", kind="volatility"),
    Instrument(instrument_id="RVX", kind="volatility"),
    Instrument(instrument_id="VIX1D", kind="volatility"),
    Instrument(instrument_id="VIX9D", kind="volatility"),
    Instrument(instrument_id="VIX3M", kind="volatility"),
    Instrument(instrument_id="VVIX", kind="volatility"),
    Instrument(instrument_id="SKEW", kind="volatility"),
)

INSTRUMENTS: Final = MappingProxyType({instrument.instrument_id: instrument for instrument in _ALL})


def believable(instrument_id: str) -> tuple[float, float]:
    """Return the least and the greatest number, in points, that can be a price of an instrument at all."""
    instrument = INSTRUMENTS.get(instrument_id)
    is_volatility = instrument is not None and instrument.kind == "volatility"
    return BELIEVABLE_VOLATILITY if is_volatility else BELIEVABLE
