"""From a target gain to contracts: the real-valued solve, the feasibility of the floor and its tilt, the rounding.

Arrays carry portfolios on their first axis and the five legs of `book.LEGS` on their second, so that one portfolio and
ten thousand of them are the same arithmetic (methodology 4.8).
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alvh.core.hedge.book import LEGS
from alvh.core.hedge.mix import LADDERS, Mix, tilted
from alvh.core.hedge.pricing import Floats
from alvh.core.hedge.slots import Slots
from alvh.core.hedge.structural import IS_STRUCTURAL, largest

Ints = NDArray[np.int64]

# Fractions and floors are compared with this much slack: real numbers of contracts carry rounding from the solve.
ROUNDING: Final = 1e-9
_NONE: Final = np.zeros(len(LEGS), dtype=np.bool_)
# A limit in dollars is kept to this share of itself: sums of the same products in another order differ in the last bit.
_SLACK: Final = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What each portfolio asks for and may spend; arrays of shape (B,) unless said, dollars.

    Attributes:
        loss: at the design shock.
        floor_loss: at 7/6 of it, of the condors alone: the floor is a share of their loss.
        phi: share of the loss to offset, ratio.
        ceiling: greatest offset at the design shock, ratio.
        floor: least offset at 7/6 of it, ratio.
        cap: what may still be spent over the horizon.
        premium_limit: greatest premium at risk.
        delta_room: what the hedge may take off the book's delta; inf where no small caps are held.
        held: contracts held in each segment of the slots, (B, 5, segments).
        least: contracts held that stay whatever the target, (B, 5); only the hard limits bring them down.
        over_insured: offset at the design shock that even these may not pass, ratio.
        most: most contracts permitted by the guards, (B, 5); inf where none.
        halved: legs the high-VIX guard halves, (5,).
    """

    loss: Floats
    floor_loss: Floats
    phi: Floats
    ceiling: Floats
    floor: float
    cap: Floats
    premium_limit: Floats
    delta_room: Floats
    held: Floats
    least: Floats
    over_insured: Floats
    most: Floats
    halved: NDArray[np.bool_]


LEAST_LIMITS: Final = ("CAP", "PREMIUM", "BOOK_DELTA", "CEILING")
"""What may bring down contracts that stay whatever the target, highest priority first (4.8)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """What was solved; arrays of shape (B,) or (B, 5).

    Attributes:
        target: T, dollars.
        feasibility: R of the mix that was taken; inf where there is nothing to offset.
        feasibility_untilted: R of the phase's own mix.
        tilt: which tilt was taken, 0 for none.
        shares: its shares of the gain, (B, 5); the ladder's part is in `ladder`.
        ladder: its share of the ladder.
        left: what the tilt left of the mix's own shares, ratio.
        wanted: contracts for the whole target, real.
        scaled: after cap, premium and book delta, real.
        real: after the guards, real.
        contracts: whole.
        scale_cap: what the cap leaves of `wanted`, ratio; likewise `scale_premium`, `scale_delta`.
        ceiling_skipped: whether the ceiling stopped the rounding of a leg.
        is_around: whether the legs were sized around contracts that stay beyond the mix; `wanted` holds these too.
        least: what each of `LEAST_LIMITS` leaves of them, ratio, (B, 4).
    """

    target: Floats
    feasibility: Floats
    feasibility_untilted: Floats
    tilt: Ints
    shares: Floats
    ladder: Floats
    left: Floats
    wanted: Floats
    scaled: Floats
    real: Floats
    contracts: Ints
    scale_cap: Floats
    scale_premium: Floats
    scale_delta: Floats
    ceiling_skipped: NDArray[np.bool_]
    is_around: NDArray[np.bool_]
    least: Floats


def solve(slots: Slots, mix: Mix, demand: Demand, tiltable: NDArray[np.bool_] | None) -> Solution:
    """Solve, round and resolve conflicts for all portfolios that share a unit table and a mix.

    Args:
        slots: what the legs offer.
        mix: of the phase, untilted.
        demand: of the portfolios.
        tiltable: legs, (5,), to which the mix may be tilted where the floor is infeasible; None where it may not.
    """
    target = np.maximum(demand.phi * demand.loss, 0.0)
    # K at the touch charges the entry of all contracts; for those held it lies in the cost to date already.
    budget = demand.cap + (demand.held * slots.refund).sum(axis=(1, 2))
    tilt, ratios = _choose_tilt(slots, mix, demand, budget)
    if tiltable is not None and (ratios[:, 0] < 1.0).any():
        mix = tilted(mix, slots, tiltable)
        tilt, ratios = _choose_tilt(slots, mix, demand, budget)
    wanted = _wanted(slots, mix, tilt, target)
    bounds = _bounds(slots, wanted, demand, budget)
    scaled = wanted * np.minimum(np.minimum(bounds[0], bounds[1]), bounds[2])[:, None]
    real = _guarded(scaled, demand)
    contracts, skipped = _round(slots, real, target, demand, np.zeros_like(real), ~_NONE)
    rows = np.arange(target.size)
    solution = Solution(
        target=target,
        feasibility=ratios[rows, tilt],
        feasibility_untilted=ratios[:, 0],
        tilt=tilt,
        shares=mix.shares[tilt],
        ladder=mix.ladder[tilt],
        left=mix.left[tilt],
        wanted=wanted,
        scaled=scaled,
        real=real,
        contracts=contracts,
        scale_cap=bounds[0],
        scale_premium=bounds[1],
        scale_delta=bounds[2],
        ceiling_skipped=skipped,
        is_around=np.asarray((contracts < demand.least).any(axis=1)),
        least=np.ones((target.size, len(LEAST_LIMITS))),
    )
    return _around(slots, demand, solution, budget) if solution.is_around.any() else solution


def _bounds(slots: Slots, wanted: Floats, demand: Demand, budget: Floats) -> tuple[Floats, Floats, Floats]:
    """Return what cap, premium limit and book delta leave of `wanted`, ratios."""
    return (
        _share(slots, wanted, slots.cost, budget),
        _share(slots, wanted, slots.premium, demand.premium_limit),
        _share(slots, wanted, -slots.delta, demand.delta_room),
    )


def _share(slots: Slots, wanted: Floats, each: Floats, limit: Floats) -> Floats:
    """Return how much of `wanted` a limit leaves, ratio in [0, 1]."""
    used = slots.total(wanted, each)
    fits = used <= limit * (1.0 + _SLACK)
    finite = np.where(fits, 0.0, np.maximum(limit, 0.0))
    return np.where(fits, 1.0, np.minimum(slots.scale(wanted, each, finite), 1.0))


def _around(slots: Slots, demand: Demand, first: Solution, budget: Floats) -> Solution:
    """Size the other legs around held contracts that stay: the mix gives way before they are sold (3.1, 4.8).

    The legs stand at the same multiple of the mix, but nowhere below what stays; the multiple is the greatest that
    reaches the target and keeps every limit.
    """
    count = first.target.size
    shares, least = _stays(slots, demand)

    def at(multiple: Floats) -> Floats:
        return np.maximum(multiple[:, None] * first.wanted, least)

    def up_to(each: Floats, limit: Floats) -> Floats:
        return largest(lambda multiple: slots.total(at(multiple), each) <= limit * (1.0 + _SLACK), count)

    to_target = up_to(slots.gain, first.target)
    bounds = (
        up_to(slots.cost, budget),
        up_to(slots.premium, demand.premium_limit),
        up_to(-slots.delta, demand.delta_room),
    )
    wanted = at(to_target)
    scaled = at(np.minimum.reduce((to_target, *bounds)))
    real = np.maximum(_guarded(scaled, demand), least)
    contracts, skipped = _round(slots, real, first.target, demand, least, ~IS_STRUCTURAL)
    gains = [slots.total(at(np.minimum(to_target, bound)), slots.gain) for bound in bounds]
    whole = slots.total(wanted, slots.gain)
    scales = [np.where(whole > 0.0, gain / np.where(whole > 0.0, whole, 1.0), 1.0) for gain in gains]
    here = first.is_around
    return replace(
        first,
        wanted=np.where(here[:, None], wanted, first.wanted),
        scaled=np.where(here[:, None], scaled, first.scaled),
        real=np.where(here[:, None], real, first.real),
        contracts=np.where(here[:, None], contracts, first.contracts),
        scale_cap=np.where(here, scales[0], first.scale_cap),
        scale_premium=np.where(here, scales[1], first.scale_premium),
        scale_delta=np.where(here, scales[2], first.scale_delta),
        ceiling_skipped=np.where(here, skipped, first.ceiling_skipped),
        least=np.where(here[:, None], shares, first.least),
    )


def _stays(slots: Slots, demand: Demand) -> tuple[Floats, Floats]:
    """Return what each of `LEAST_LIMITS` leaves of the contracts that stay, (B, 4), and how many do, whole, (B, 5).

    Over the cap or the premium limit all that is held gives way in proportion, and what stays with it; the book's delta
    and over-insurance take only what breaks them by itself.
    """
    limits = (demand.cap, demand.premium_limit, demand.delta_room, demand.over_insured * np.maximum(demand.loss, 0.0))
    beside = np.where(IS_STRUCTURAL, 0.0, demand.held.sum(axis=2))

    def fits(least: Floats, others: Floats, place: int) -> NDArray[np.bool_]:
        if place == 0:
            used = slots.true_cost(least + others, demand.held)
        elif place == 1:
            used = slots.total(least + others, slots.premium)
        else:
            used = slots.total(least, (-slots.delta, slots.gain)[place - 2])
        return np.asarray(used <= limits[place] * (1.0 + _SLACK))

    def left(place: int) -> Floats:
        return largest(
            lambda share: fits(share[:, None] * demand.least, share[:, None] * beside, place), demand.loss.size
        )

    places = range(len(LEAST_LIMITS))
    shares = np.stack([left(place) for place in places], axis=1)
    share = shares.min(axis=1)[:, None]
    least = np.floor(share * demand.least + ROUNDING)
    for leg in np.flatnonzero(IS_STRUCTURAL):  # what the shares of whole contracts lost and the limits leave room for
        trial = least.copy()
        trial[:, leg] = np.minimum(trial[:, leg] + 1.0, demand.least[:, leg])
        room = np.all([fits(trial, share * beside, place) for place in places], axis=0)
        least = np.where(room[:, None], trial, least)
    return shares, least


def _choose_tilt(slots: Slots, mix: Mix, demand: Demand, budget: Floats) -> tuple[Ints, Floats]:
    """Return the first tilt whose R reaches 1 (the best where none does), and R of every tilt, (B, tilts).

    R compares what the cap buys at 7/6 of the design shock with the floor of the loss there. It is taken per contract
    of what can be bought, so that it depends neither on the number of condors nor on what is held.
    """
    yields = mix.yields(slots)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = yields * (budget / (demand.floor * demand.floor_loss))[:, None]
    ratios = np.where(demand.floor_loss[:, None] > 0.0, ratios, np.inf)
    reached = ratios >= 1.0
    # Where no mix is feasible the one that covers most is kept: a tilt that lowers R helps nobody.
    return np.where(reached.any(axis=1), reached.argmax(axis=1), ratios.argmax(axis=1)), ratios


def _wanted(slots: Slots, mix: Mix, tilt: Ints, target: Floats) -> Floats:
    """Return contracts of each leg for the whole target, real."""
    contracts = slots.contracts_for(mix.shares[tilt] * target[:, None])
    if mix.kind in LADDERS and (mix.weights > 0.0).any():
        contracts = contracts + slots.ladder(mix.weights, mix.ladder[tilt] * target)
    return contracts


def _guarded(scaled: Floats, demand: Demand) -> Floats:
    """Apply the high-VIX and carry guards: outright calls are halved, what may not be bought stays at what is held.

    Halving never sells what is held beyond the half, as the guard is about paying up for calls; and whoever holds what
    it left him is asked for no other number than before.
    """
    half, held = 0.5 * scaled, demand.held.sum(axis=2)
    halved = np.where(held > np.ceil(half - ROUNDING), np.minimum(scaled, held), half)
    return np.minimum(np.where(demand.halved, halved, scaled), demand.most)


def _round(
    slots: Slots, real: Floats, target: Floats, demand: Demand, least: Floats, rising: NDArray[np.bool_]
) -> tuple[Ints, NDArray[np.bool_]]:
    """Floor all, then one pass that adds at most one contract per leg; return contracts and who met the ceiling.

    Args:
        slots: what the legs offer.
        real: contracts to be rounded.
        target: gain at which the pass stops.
        demand: of the portfolios.
        least: contracts that stay whatever the target, (B, 5).
        rising: legs that the pass may add to, (5,). Around contracts that stay this is not L3: one more of it would
            stay too, and the same question asked again would have another answer.
    """
    spent = slots.true_cost(np.floor(real + ROUNDING), demand.held)
    over = spent > demand.cap * (1.0 + _SLACK)
    if over.any():
        # Selling does not bring the entry cost back: scale what is kept until the held prices themselves fit the cap.
        def kept(share: Floats) -> Floats:
            return np.maximum(share[:, None] * real, least)

        share = largest(lambda share: slots.true_cost(kept(share), demand.held) <= demand.cap, real.shape[0])
        real = np.where(over[:, None], kept(share), real)
    contracts = np.floor(real + ROUNDING)
    order = _order(slots, real - contracts)
    rows = np.arange(real.shape[0])
    most = np.where(demand.halved, np.ceil(real - ROUNDING), np.where(np.isfinite(demand.most), demand.most, np.inf))
    most = np.where(rising, most, contracts)
    gain = slots.total(contracts, slots.gain)
    skipped = np.zeros(real.shape[0], dtype=np.bool_)
    for place in range(len(LEGS)):
        leg = order[:, place]
        trial = contracts.copy()
        trial[rows, leg] += 1.0
        trial_gain = slots.total(trial, slots.gain)
        wants = (gain < target) & (real[rows, leg] > 0.0) & (trial[rows, leg] <= most[rows, leg] + ROUNDING)
        over_ceiling = trial_gain > demand.ceiling * demand.loss
        fits = slots.true_cost(trial, demand.held) <= demand.cap * (1.0 + _SLACK)
        fits &= slots.total(trial, slots.premium) <= demand.premium_limit * (1.0 + _SLACK)
        fits &= slots.total(trial, -slots.delta) <= demand.delta_room
        skipped |= wants & fits & over_ceiling
        take = wants & fits & ~over_ceiling
        contracts = np.where(take[:, None], trial, contracts)
        gain = np.where(take, trial_gain, gain)
    return contracts.astype(np.int64), skipped


def _order(slots: Slots, fractions: Floats) -> Ints:
    """Return the legs in the order of the pass: largest fraction, then highest efficiency, then `LEGS`."""
    with np.errstate(divide="ignore", invalid="ignore"):
        efficiency = np.where(slots.cost[:, -1] > 0.0, slots.gain[:, -1] / slots.cost[:, -1], 0.0)
    by_fraction = np.argsort(-fractions, axis=1, kind="stable")
    falling = np.take_along_axis(fractions, by_fraction, axis=1)
    # Fractions within 1e-9 of their neighbour are ties: they share a rank, and the efficiency decides between them.
    breaks = np.cumsum(falling[:, :-1] - falling[:, 1:] > ROUNDING, axis=1)
    ranks = np.zeros_like(by_fraction)
    np.put_along_axis(ranks, by_fraction[:, 1:], breaks, axis=1)
    legs = np.broadcast_to(np.arange(len(LEGS)), fractions.shape)
    keys = (legs, np.broadcast_to(-efficiency, fractions.shape), ranks)
    return np.asarray(np.lexsort(keys, axis=1), dtype=np.int64)
