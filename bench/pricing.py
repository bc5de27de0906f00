"""Options priced with five Greeks per second, in batches of 2 000, beside the bare formulas in numpy."""

import time
from collections.abc import Callable
from typing import Final

import numpy as np
from scipy.special import ndtr

from alvh.core.hedge.pricing import Floats, black76_greeks, bsm_greeks
from bench.figures import Figure, Report, median

NAME: Final = "pricing"
TITLE: Final = "Options priced with five Greeks"

_BATCH: Final = 2_000
_BATCHES: Final = 300
_ROUNDS: Final = 5
_RATE: Final = 0.042
_DIVIDEND: Final = 0.013


def measure(scale: float) -> Report:
    """Measure on one core; all take turns, and the median of the rounds counts."""
    rng = np.random.default_rng(1)
    strikes, years = rng.uniform(4_500.0, 7_500.0, _BATCH), rng.uniform(0.02, 1.0, _BATCH)
    vols, is_call = rng.uniform(0.08, 0.6, _BATCH), rng.random(_BATCH) < 0.5
    batches = max(1, round(_BATCHES * scale))
    work: tuple[Callable[[], object], ...] = (
        lambda: bsm_greeks(6_000.0, strikes, years, vols, _RATE, _DIVIDEND, is_call),
        lambda: black76_greeks(6_000.0, strikes, years, vols, _RATE, is_call),
        lambda: _bare(6_000.0, strikes, years, vols, is_call),
    )
    rounds = [[_per_second(each, batches) for each in work] for _ in range(_ROUNDS)]
    spot, future, bare = (median(of_one) for of_one in zip(*rounds, strict=True))
    against = "the textbook formulas in numpy"
    figures = (
        Figure(what="Black-Scholes-Merton, price and five Greeks", value=spot, unit="/s", against=against, floor=bare),
        Figure(what="Black-76, price and five Greeks", value=future, unit="/s", against=against, floor=bare),
    )
    note = (
        "Ours prices the out-of-the-money side and turns it by parity, so that no digits cancel, and guards what has no"
        " time or volatility left; the bare formulas do neither."
    )
    return Report(name=NAME, title=TITLE, figures=figures, notes=(note,))


def _per_second(work: Callable[[], object], batches: int) -> float:
    began = time.perf_counter()
    for _ in range(batches):
        work()
    return batches * _BATCH / (time.perf_counter() - began)


def _bare(spot: float, k: Floats, t: Floats, s: Floats, is_call: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> object:
    """Return price, delta, gamma, vega, theta and rho as the textbook writes them."""
    root = np.sqrt(t)
    total = s * root
    d1 = (np.log(spot / k) + (_RATE - _DIVIDEND + 0.5 * s * s) * t) / total
    d2 = d1 - total
    sign = np.where(is_call, 1.0, -1.0)
    carried, discounted = spot * np.exp(-_DIVIDEND * t), k * np.exp(-_RATE * t)
    n1, n2 = sign * ndtr(sign * d1), sign * ndtr(sign * d2)
    density = np.exp(-0.5 * d1 * d1) * 0.3989422804014327 * carried
    price = carried * n1 - discounted * n2
    delta = carried * n1 / spot
    gamma = density / (spot * spot * total)
    vega = density * root
    theta = -0.5 * density * s / root - _RATE * discounted * n2 + _DIVIDEND * carried * n1
    return price, delta, gamma, vega, theta, t * discounted * n2
