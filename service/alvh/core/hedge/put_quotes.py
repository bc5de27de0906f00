"""IWM puts held as one decision sees them: there are no quotes of them, so the model prices them (6.1)."""

from dataclasses import replace
from datetime import date, timedelta

from alvh.core.hedge.holdings import Lot
from alvh.core.hedge.iwm_put import PUT_DAYS, IwmPut, PutPricer, model_put
from alvh.core.hedge.model_chain import HALF_SPREAD
from alvh.core.hedge.snapshot import CallQuote, Snapshot

_FRIDAY = 4


def new_put(snapshot: Snapshot, fee_usd: float) -> IwmPut | None:
    """Return the put that would be bought: 5 % out of the money, on the Friday nearest 35 days; None without IWM, RVX.

    A Friday without a session stands for the business day before it.
    """
    market = snapshot.market
    if market.iwm is None or market.iwm_smile is None or market.rvx is None:
        return None
    wanted = snapshot.session + timedelta(days=PUT_DAYS)
    nearest = min((wanted + timedelta(days=days) for days in range(-3, 4)), key=lambda day: day.weekday() != _FRIDAY)
    expiry = snapshot.terms.business_day_before(nearest + timedelta(days=1))
    put = model_put(market, (expiry - snapshot.session).days)
    return replace(put, fee_usd=fee_usd, expiry=expiry)


def held_put(snapshot: Snapshot, strike: float, expiry: date, fee_usd: float = 0.0) -> IwmPut:
    """Return a put held, at today's mid: what it gains counts from there."""
    put = IwmPut(strike=strike, days=(expiry - snapshot.session).days, bid=0.0, ask=0.0, fee_usd=fee_usd, expiry=expiry)
    mid = _mid(snapshot, put)
    return put if mid is None else replace(put, bid=mid, ask=mid)


def put_quote(snapshot: Snapshot, lot: Lot) -> CallQuote:
    """Return a put held; where RVX or IWM is not known it is worth its payoff, or what was paid for it."""
    strike, expiry = lot.parts[0].strike or 0.0, lot.parts[0].expiry
    put = held_put(snapshot, strike, expiry)
    spot = snapshot.market.iwm
    if put.ask == 0.0 and _mid(snapshot, put) is None:
        mid = lot.entry_price if spot is None else max(strike - spot, 0.0)
        return CallQuote(bid=mid, ask=mid, mid=mid, iv=0.0, delta=0.0, vega=0.0, listed=False)
    marks = PutPricer(snapshot.market, put, 0.0).marks()
    return CallQuote(
        bid=max(put.ask - HALF_SPREAD, 0.0), ask=put.ask + HALF_SPREAD, mid=put.ask, iv=marks.vol, delta=marks.delta,
        vega=marks.vega, listed=False,
    )  # fmt: skip


def _mid(snapshot: Snapshot, put: IwmPut) -> float | None:
    market = snapshot.market
    if market.iwm is None or market.iwm_smile is None or market.rvx is None or put.days <= 0:
        return None
    return PutPricer(market, put, 0.0).marks().mid
