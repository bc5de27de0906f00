"""Time of one full sizing, and of 10 000 portfolios in one batch beside the same repricing in a QuantLib loop."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from math import exp, log, sqrt
from random import Random
from typing import Final

import numpy as np
import QuantLib

from alvh.core.hedge.batch import size_many
from alvh.core.hedge.book import Condor
from alvh.core.hedge.exposure import DESIGN, HIGH, LOW, shocks_of
from alvh.core.hedge.pricing import DAYS_PER_YEAR, Floats
from alvh.core.hedge.scenario import condor_values, linked_spx_return
from alvh.core.hedge.sizing import size
from alvh.core.hedge.sizing_inputs import SizingInputs
from bench.figures import Aim, Figure, Report, percentile
from core.hedge.worked_example import CONDOR, MARKET, VECTOR_A

NAME: Final = "sizing"
TITLE: Final = "Sizing"

_SINGLE: Final = 300
_PORTFOLIOS: Final = 10_000
_ROUNDS: Final = 3
_WANTED_MS: Final = 3.0
_WANTED_S: Final = 2.0
_SHIFT_CAP: Final = 1.5
_PUT, _CALL = QuantLib.Option.Put, QuantLib.Option.Call
_RIGHTS: Final = (_PUT, _PUT, _CALL, _CALL)
_SIGNS: Final = (1, -1, 1, -1)


def measure(scale: float) -> Report:
    """Measure on one core; the batch and the loop take turns, and the quickest of the rounds counts."""
    random = Random(1)
    portfolios = [_portfolio(random) for _ in range(_PORTFOLIOS)]
    singles = _one_by_one(portfolios[: round(_SINGLE * scale)])
    spx, vix = _scenarios(VECTOR_A)
    condors = [each.condors[0] for each in portfolios]
    batch, arrays, loop = [], [], []
    difference = 0.0
    for _ in range(_ROUNDS):
        batch.append(_timed(partial(size_many, portfolios)))
        began = time.perf_counter()
        ours = condor_values(MARKET, condors, spx, vix, 0.0, _SHIFT_CAP)
        arrays.append(time.perf_counter() - began)
        began = time.perf_counter()
        theirs = _in_a_loop(condors, spx, vix)
        loop.append(time.perf_counter() - began)
        difference = float(np.max(np.abs(ours - theirs)))
    one = percentile(singles, 0.50) * 1e3
    in_turn = percentile(singles, 0.50) * _PORTFOLIOS
    figures = (
        Figure(what="one full sizing, p50", value=one, unit="ms", against="p99", floor=percentile(singles, 0.99) * 1e3,
               aim=Aim(text=f"under {_WANTED_MS:g} ms", is_met=one < _WANTED_MS)),
        Figure(what=f"{_PORTFOLIOS:,} portfolios in a batch", value=min(batch), unit="s",
               against="QuantLib's repricing of their condors alone", floor=min(loop),
               aim=Aim(text=f"under {_WANTED_S:g} s", is_met=min(batch) < _WANTED_S)),
        Figure(what=f"{_PORTFOLIOS:,} portfolios in a batch", value=min(batch), unit="s",
               against="as many single sizings, one after another", floor=in_turn),
        Figure(what="repricing of their condors alone", value=min(arrays), unit="s",
               against="the same in a QuantLib loop", floor=min(loop)),
    )  # fmt: skip
    note = (
        f"{len(condors) * 4 * len(spx):,} option values: a condor each, today and in {len(spx) - 1} shocks;"
        f" the two repricings differ by at most {difference:.0e} points."
    )
    return Report(name=NAME, title=TITLE, figures=figures, notes=(note,))


def _portfolio(random: Random) -> SizingInputs:
    """Return vector A with a condor of its own."""
    lower, upper = random.randrange(-40, 20) * 5.0, random.randrange(-20, 40) * 5.0
    condor = Condor(
        long_put=CONDOR.long_put + lower,
        short_put=CONDOR.short_put + lower,
        short_call=CONDOR.short_call + upper,
        long_call=CONDOR.long_call + upper,
        quantity=random.randint(1, 20),
        credit=round(random.uniform(7.0, 12.0), 2),
        days=CONDOR.days,
    )
    return replace(VECTOR_A, condors=(condor,))


def _one_by_one(portfolios: Sequence[SizingInputs]) -> list[float]:
    size(VECTOR_A)
    return [_timed(partial(size, each)) for each in portfolios]


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _scenarios(inputs: SizingInputs) -> tuple[Floats, Floats]:
    """Return today and the band of shocks: SPX returns and VIX changes."""
    _, shocks = shocks_of(inputs.market, inputs)
    vix = np.array([0.0, *(shocks[place] for place in (LOW, DESIGN, HIGH))])
    return linked_spx_return(inputs.parameters.scenario, inputs.market.vix, vix), vix


def _in_a_loop(condors: Sequence[Condor], r_spx: Floats, d_vix: Floats) -> Floats:
    """Return the points it costs to close each condor in each scenario, option by option."""
    values = np.empty((len(condors), len(r_spx)))
    for row, condor in enumerate(condors):
        years = condor.days / DAYS_PER_YEAR
        root, discount = sqrt(years), exp(-MARKET.rate * years)
        growth = exp((MARKET.rate - MARKET.dividend) * years)
        widen = min(_SHIFT_CAP, sqrt(30.0 / max(condor.days, 1.0))) / 100.0
        parts = tuple(zip(condor.strikes, _RIGHTS, _SIGNS, strict=True))
        for column, (r, d) in enumerate(zip(r_spx.tolist(), d_vix.tolist(), strict=True)):
            spot = MARKET.spx * (1.0 + r)
            total = 0.0
            for strike, right, sign in parts:
                vol = max(0.01, _smile(log(strike / spot)) + widen * d)
                total += sign * QuantLib.blackFormula(right, strike, spot * growth, vol * root, discount)
            values[row, column] = total
    return values


def _smile(x: float) -> float:
    """The model smile of the worked example, in plain floats."""
    return max(0.08, 0.148 + x * (-0.75 + 2.0 * x))
