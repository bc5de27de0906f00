"""Limits on what may be bought that come from the VIX curve: the high-VIX and the carry guard (methodology 3.5)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alvh.core.hedge.book import LEGS, HedgeUnit
from alvh.core.hedge.pricing import Floats

CARRY_LIMIT: Final = 0.10
"""Daily roll (VX1 - VIX per business day, points) above which no new calendar spread is bought (Simon, Campasano)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VixBands:
    """The `vxth:` section of methodology 11: bands of VX1 and what belongs to each.

    Attributes:
        bands: upper ends of the first three bands, points, each included.
        weights: share of the small caps' value a `split` scope may spend in 30 days, by band.
        block_above: VX1 above which no outright call is bought.
    """

    bands: tuple[float, float, float] = (15.0, 30.0, 50.0)
    weights: tuple[float, float, float, float] = (0.0, 0.01, 0.005, 0.0)
    block_above: float = 50.0

    @classmethod
    def from_methodology(cls, methodology: Mapping[str, Mapping[str, object]]) -> "VixBands":
        """Return the bands a `methodology:` mapping says, defaults where it is silent."""
        said, default = methodology.get("vxth", {}), cls()
        low, middle, high = _numbers(said.get("bands"), default.bands)
        calm, usual, tense, crisis = _numbers(said.get("weights"), default.weights)
        return cls(
            bands=(low, middle, high),
            weights=(calm, usual, tense, crisis),
            block_above=_numbers([said["block_above"]], ())[0] if "block_above" in said else default.block_above,
        )

    def weight(self, vx1: float) -> float:
        """Return w of a front future at `vx1` points; a level on a band's upper end belongs to it."""
        return self.weights[sum(vx1 > end for end in self.bands)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Guards:
    """What the guards permit for each of `LEGS`; arrays of shape (5,).

    Attributes:
        frozen: nothing new may be bought.
        halved: the number of contracts is halved.
        reasons: leg to the constraint's name, where one applies.
        notes: for the message.
    """

    frozen: NDArray[np.bool_]
    halved: NDArray[np.bool_]
    reasons: Mapping[str, str]
    notes: tuple[str, ...]

    def most(self, held: Floats) -> Floats:
        """Return the most contracts of each leg, (B, 5), with `held` (B, 5) of them held already."""
        return np.where(self.frozen, held, np.inf)


def guards_of(
    candidates: Sequence[HedgeUnit], vx1: float, bands: VixBands, daily_roll: float | None, *, vix_momentum: bool
) -> Guards:
    """Return the guards in force.

    Futures and shares that stand in for calls (L-F) are neither outright calls nor calendars: no guard is about them.

    Args:
        candidates: what could be bought; a leg without one cannot grow.
        vx1: front VIX future, points.
        bands: of VXTH.
        daily_roll: S14, points per business day; None where it is not known (no guard then).
        vix_momentum: `vM`, which lifts the carry guard.
    """
    frozen, halved = np.ones(len(LEGS), dtype=np.bool_), np.zeros(len(LEGS), dtype=np.bool_)
    reasons: dict[str, str] = {}
    for unit in candidates:
        at = LEGS.index(unit.leg)
        frozen[at] = False
        if unit.is_outright and vx1 > bands.block_above:
            frozen[at], reasons[unit.leg] = True, "HIGH_VIX_GUARD"
        elif unit.is_outright and vx1 > bands.bands[1]:
            # L1 is bought as a spread or not at all; the other outright calls at half.
            frozen[at], halved[at] = unit.leg == "L1", unit.leg != "L1"
            reasons[unit.leg] = "HIGH_VIX_GUARD"
        elif unit.leg == "L2" and daily_roll is not None and daily_roll > CARRY_LIMIT and not vix_momentum:
            frozen[at], reasons[unit.leg] = True, "CARRY_GUARD"
    notes = ("vxth_weight=0",) if bands.weight(vx1) == 0.0 else ()
    return Guards(frozen=frozen, halved=halved, reasons=reasons, notes=notes)


def _numbers(said: object, default: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(float(value) for value in said) if isinstance(said, Sequence) else default
