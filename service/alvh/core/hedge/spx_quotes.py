"""SPX options as one decision sees them: quoted in this session where they are listed, else priced by the smile."""

from datetime import date, timedelta

import numpy as np

from alvh.core.hedge.chain import ChainSlice
from alvh.core.hedge.model_chain import HALF_SPREAD, model_spx_chain
from alvh.core.hedge.pricing import DAYS_PER_YEAR, bsm_greeks
from alvh.core.hedge.settlement import intrinsic
from alvh.core.hedge.snapshot import CallQuote, Snapshot
from alvh.core.hedge.symbols import is_spx_monthly

_FRIDAY = 4


def spx_slice(snapshot: Snapshot, expiry: date, trading_class: str) -> tuple[ChainSlice, str] | None:
    """Return one expiry of one class, and whether it is of `quotes` or of the `model`.

    None where the expiry has passed, or where SPX options are quoted in this session and these are not among them:
    what is not listed cannot be traded, whatever the model says of it.
    """
    if snapshot.spx_chain is not None:
        part = snapshot.spx_chain.slice_of(expiry, trading_class)
        return None if part is None else (part, "quotes")
    if expiry <= snapshot.session:
        return None
    smile = snapshot.market.smile_of((expiry - snapshot.session).days)
    return model_spx_chain([(expiry, trading_class)], smile, snapshot.terms).slices[0], "model"


def later_slices(
    snapshot: Snapshot, expiry: date, trading_class: str, least: int, most: int
) -> tuple[list[ChainSlice], str]:
    """Return the expiries of a class that lie `least` to `most` days behind one, and where they come from.

    Without a chain every Friday (or the business day before a holiday) stands for a listed expiry of SPXW, and the
    third one of a month for SPX.
    """
    if snapshot.spx_chain is not None:
        found = [
            part for part in snapshot.spx_chain.slices
            if part.trading_class == trading_class and least <= (part.expiry - expiry).days <= most
        ]  # fmt: skip
        return found, "quotes"
    before = snapshot.terms.business_day_before
    days = [expiry + timedelta(days=days) for days in range(least, most + 1)]
    fridays = {before(day + timedelta(days=1)) for day in days if day.weekday() == _FRIDAY}
    wanted = sorted(
        day for day in fridays
        if least <= (day - expiry).days <= most and (trading_class == "SPXW" or is_spx_monthly(day, before))
    )  # fmt: skip
    chain = model_spx_chain([(day, trading_class) for day in wanted], snapshot.market.spx_smile, snapshot.terms)
    return list(chain.slices), "model"


def spx_quote(snapshot: Snapshot, trading_class: str, expiry: date, right: str, strike: float) -> CallQuote:
    """Return one SPX option, from the quoted chain where it is listed there, else from the smile in force."""
    part = None if snapshot.spx_chain is None else snapshot.spx_chain.slice_of(expiry, trading_class)
    side = None if part is None else part.side(right)
    at = None if side is None else side.index_of(strike)
    if side is not None and at is not None:
        return CallQuote(
            bid=float(side.bid[at]), ask=float(side.ask[at]), mid=float(side.mid[at]), iv=float(side.iv[at]),
            delta=float(side.delta[at]), vega=float(side.vega[at]), listed=True,
        )  # fmt: skip
    market, days = snapshot.market, (expiry - snapshot.session).days
    iv = float(market.smile_of(days).vol(np.log(strike / market.spx)))
    if days <= 0:
        value = intrinsic(right, strike, market.spx)
        return CallQuote(bid=value, ask=value, mid=value, iv=iv, delta=0.0, vega=0.0, listed=False)
    greeks = bsm_greeks(market.spx, strike, days / DAYS_PER_YEAR, iv, market.rate, market.dividend, right == "C")
    mid = float(greeks.price)
    return CallQuote(
        bid=max(mid - HALF_SPREAD, 0.0), ask=mid + HALF_SPREAD, mid=mid, iv=iv, delta=float(greeks.delta),
        vega=float(greeks.vega_point), listed=False,
    )  # fmt: skip
