"""How a target gain is shared among the legs: a phase's mix, and the tilts that make the floor feasible (4.8)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alvh.core.hedge.book import LEGS
from alvh.core.hedge.phase_targets import MixKind
from alvh.core.hedge.pricing import Floats
from alvh.core.hedge.slots import Slots

L1B_AT: Final = LEGS.index("L1b")
L2_AT: Final = LEGS.index("L2")

TILT_STEP: Final = 0.05
TILT_L2_MAX: Final = 0.50
TILT_L1B_MAX: Final = 0.30

# Shares are sums of steps: two that differ by less than this are the same.
_ROUNDING: Final = 1e-9

LADDERS: Final = (MixKind.CONTRACTS, MixKind.GAIN_AND_CONTRACTS)
"""Mixes of which at least a part is given in relative numbers of contracts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """A phase's mix and the tilts of it that feasibility may call for, in the order in which they are tried.

    Attributes:
        kind: how `weights` is read.
        weights: shape (5,).
        shares: of the gain for each tilt, shape (tilts, 5); row 0 is the mix itself.
        ladder: share of the gain that goes to the contract ladder, shape (tilts,); the rest is in `shares`.
        lost: share of the gain of legs that are not to be had and nobody takes over, shape (5,).
        left: what each tilt leaves of the mix's own shares, shape (tilts,).
        unladdered: share of the gain of the ladder's legs where none of them is to be had, shape (5,).
    """

    kind: MixKind
    weights: Floats
    shares: Floats
    ladder: Floats
    lost: Floats
    left: Floats
    unladdered: Floats

    def per_gain(self, slots: Slots) -> Floats:
        """Return contracts per dollar of target gain of each tilt, of what can be bought: (tilts, 5)."""
        gain = slots.gain[:, -1]
        usable = gain > 0.0
        per = np.where(usable, self.shares / np.where(usable, gain, 1.0), 0.0)
        weights = self.weights * slots.per_unit[:, -1]
        unit = float(weights @ gain)
        return per + (np.outer(self.ladder, weights / unit) if self.kind in LADDERS and unit > 0.0 else 0.0)

    def yields(self, slots: Slots) -> Floats:
        """Return dollars gained at 7/6 of the design shock per dollar of cost, of each tilt: (tilts,)."""
        per = self.per_gain(slots)
        high, cost = per @ slots.gain_high[:, -1], per @ slots.cost[:, -1]
        return np.where(cost > 0.0, high / np.where(cost > 0.0, cost, 1.0), 0.0)


def mix_of(kind: MixKind, weights: Mapping[str, float], slots: Slots) -> Mix:
    """Return the mix of a phase, untilted.

    Args:
        kind: of the phase.
        weights: leg to weight.
        slots: what the legs offer.
    """
    values = np.array([weights.get(leg, 0.0) for leg in LEGS])
    usable, is_l2 = slots.usable, np.arange(len(LEGS)) == L2_AT
    by_gain = {MixKind.GAIN: np.ones(len(LEGS), dtype=np.bool_), MixKind.GAIN_AND_CONTRACTS: is_l2}.get(
        kind, np.zeros(len(LEGS), dtype=np.bool_)
    )
    shares = np.where(by_gain, values, 0.0)
    # Legs of the ladder stand in for one another; a share of the gain whose leg is missing stays unhedged.
    steps = np.where(by_gain | ~usable, 0.0, values)
    has_ladder = kind in LADDERS and bool((steps > 0.0).any())
    rungs = np.where(by_gain, 0.0, values)
    none_to_be_had = kind in LADDERS and not has_ladder and rungs.sum() > 0.0
    return Mix(
        kind=kind,
        weights=steps,
        shares=np.where(usable, shares, 0.0)[None, :],
        ladder=np.array([1.0 - float(shares.sum()) if has_ladder else 0.0]),
        lost=np.where(usable, 0.0, shares),
        left=np.ones(1),
        unladdered=(1.0 - float(shares.sum())) * rungs / rungs.sum() if none_to_be_had else np.zeros(len(LEGS)),
    )


def tilted(mix: Mix, slots: Slots, allowed: NDArray[np.bool_]) -> Mix:
    """Return a mix with the tilts that feasibility may call for, in the order in which they are tried.

    Tilts take 5 % of the gain at a time from the rest of the mix, pro rata: L2 up to 50 %, then L1b up to 30 %, L2
    untouched, so that options stay at least half. A leg that is not to be had is not tilted to, nor one that covers
    less for its cost than what it would replace.

    Args:
        mix: of the phase, untilted.
        slots: what the legs offer.
        allowed: legs that may be bought at all, (5,).
    """
    for leg, most in ((L2_AT, TILT_L2_MAX), (L1B_AT, TILT_L1B_MAX)):
        if slots.usable[leg] and allowed[leg] and mix.kind is not MixKind.NONE:
            longer = _tilted(mix, leg, most)
            mix = longer if mix.yields(slots)[-1] < longer.yields(slots)[-1] else mix
    return mix


def _tilted(mix: Mix, leg: int, most: float) -> Mix:
    """Return the mix with the steps appended that raise one leg's share of the gain; L1b's are not taken from L2."""
    base, ladder, left = mix.shares[-1], mix.ladder[-1], mix.left[-1]
    others = np.array([at != leg and not (leg == L1B_AT and at == L2_AT) for at in range(len(LEGS))])
    giving = float(base[others].sum() + ladder + left * mix.lost.sum())
    steps = TILT_STEP * np.arange(1, 1 + int(np.ceil(max(most - base[leg], 0.0) / TILT_STEP - _ROUNDING)))
    shares = np.minimum(base[leg] + steps, most)
    shares = shares[shares - base[leg] < giving - _ROUNDING]
    keep = 1.0 - (shares - base[leg]) / giving if shares.size else shares
    rows = np.where(others, base * keep[:, None], base)
    rows[:, leg] = shares
    return Mix(
        kind=mix.kind,
        weights=mix.weights,
        shares=np.concatenate((mix.shares, rows)),
        ladder=np.concatenate((mix.ladder, ladder * keep)),
        lost=mix.lost,
        left=np.concatenate((mix.left, left * keep)),
        unladdered=mix.unladdered,
    )
