"""S35, S36, S39, S48: what the options market allows, when to trade, what the worst case of the library costs."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

import numpy as np

from alvh.core.hedge.book import Condor, SmallCaps
from alvh.core.hedge.chain import Chain
from alvh.core.hedge.execution_windows import releases_on, settles_vix
from alvh.core.hedge.outcome import Sizing
from alvh.core.hedge.parity import ForwardBound, ParityEdge, TwoSided, forward_bound, parity_edge, parity_fees
from alvh.core.hedge.scenario import HedgeMarket, ScenarioParameters, condor_losses, small_cap_return
from alvh.core.hedge.stress import StressCase, applicable
from alvh.core.hedge.units import UnitBoard
from alvh.core.sessions import SessionCalendar
from alvh.core.signals.model import Signal
from alvh.core.signals.position import position_signal
from alvh.core.signals.timing import closed_window

_MONTH: Final = 30.0  # days of variance a VIX future stands for


def timing_signal(calendar: SessionCalendar, ts: int, releases: Sequence[tuple[date, str, str]] = ()) -> Signal:
    """Return S39: 1 where the clock allows a trade, 0 where it does not, and the reason as its state."""
    session = calendar.session_of(ts)
    reason = "closed" if session is None else closed_window(
        ts, session.open_ns, session.close_ns, releases=releases_on(releases, session.date),
        is_vix_settlement=settles_vix(session.date, calendar),
    )  # fmt: skip
    return position_signal("S39", 0.0 if reason else 1.0, asof=ts, state=reason or "open")


def parity_signal(chain: Chain | None, futures: Mapping[date, tuple[float, float]], ts: int, fee_usd: float) -> Signal:
    """Return S35: the best conversion or reversal after fees among the VIX options that have both rights quoted.

    Args:
        chain: quoted VIX options; None without.
        futures: (bid, ask) of the VIX future by expiry, points, where it is quoted.
        ts: of the decision, ns UTC.
        fee_usd: per option contract.
    """
    best: tuple[float, ParityEdge, float] | None = None
    fees = parity_fees(fee_usd)
    for part in () if chain is None else chain.slices:
        quoted = futures.get(part.expiry)
        if quoted is None:
            continue
        for at, strike in enumerate(part.calls.strike.tolist()):
            put = part.puts.index_of(strike)
            if put is None:
                continue
            edge = parity_edge(
                call=TwoSided(bid=float(part.calls.bid[at]), ask=float(part.calls.ask[at])),
                put=TwoSided(bid=float(part.puts.bid[put]), ask=float(part.puts.ask[put])),
                future=TwoSided(bid=quoted[0], ask=quoted[1]),
                strike=strike,
                discount=part.discount,
                fees=fees,
            )
            net = max(edge.conversion_net, edge.reversal_net)
            best = (net, edge, strike) if best is None or net > best[0] else best
    if best is None:
        return position_signal("S35", None, asof=None, state="missing")
    net, edge, strike = best
    parts = (("conversion", edge.conversion_net), ("reversal", edge.reversal_net), ("strike", strike))
    return position_signal("S35", net, asof=ts, state=edge.flag, parts=parts)


def bound_signal(chain: Chain | None, market: HedgeMarket, ts: int) -> Signal:
    """Return S36: VX1 against the forward volatility between its settlement and a month later, from quoted options.

    The volatility at the forward of each quoted SPX expiry stands for its variance swap's, linear in total variance
    between expiries; missing where these do not reach that far.
    """
    found = _forward_of(chain, market)
    if found is None or found.bound is None:
        return position_signal("S36", None, asof=None, state="missing")
    return position_signal("S36", found.edge, asof=ts, state=found.flag, parts=(("bound", found.bound),))


def _forward_of(chain: Chain | None, market: HedgeMarket) -> ForwardBound | None:
    if chain is None or not market.curve.days:
        return None
    variances = {
        float(part.dte): float(market.smile_of(part.dte).vol(np.log(part.forward / market.spx))) ** 2 * part.dte
        for part in chain.slices
    }
    days = sorted(variances)
    near, far = market.curve.days[0], market.curve.days[0] + _MONTH
    if not days or days[0] > near or days[-1] < far:
        return None
    totals = np.interp([near, far], days, [variances[day] for day in days])
    vols = [100.0 * float(np.sqrt(total / at)) for total, at in zip(totals, (near, far), strict=True)]
    return forward_bound(future=market.curve.prices[0], vol_near=vols[0], days_near=near, vol_far=vols[1], days_far=far)


def stress_signal(
    cases: Sequence[StressCase],
    market: HedgeMarket,
    condors: Sequence[Condor],
    small_caps: SmallCaps | None,
    sizing: Sizing | None,
    parameters: ScenarioParameters,
    ts: int,
) -> Signal:
    """Return S48: condors, small caps and hedge together in the worst case of the library, dollars."""
    usable = list(applicable(cases, market.vix))
    if not usable:
        return position_signal("S48", None, asof=None, state="missing")
    r, rut, d, days = (
        np.array([float(getattr(case, name)) for case in usable]) for name in ("r_spx", "r_rut", "d_vix", "days")
    )
    total = -condor_losses(market, condors, r, d, days, shift_cap=parameters.shift_cap)
    if small_caps is not None:
        # The library knows what small caps did; the beta is for moves it does not know.
        known = np.where(np.isfinite(rut), rut, small_cap_return(small_caps, r))
        total = total + known * small_caps.exposure
    held = [] if sizing is None else [row for row in sizing.legs if row.target]
    if held:
        board = UnitBoard(market, [row.unit for row in held], parameters.vvix_beta)
        total = total + np.array([float(row.target) for row in held]) @ board.gains(d, days)
    worst = int(np.argmin(total))
    parts = tuple((case.name, float(total[at])) for at, case in enumerate(usable))
    return position_signal("S48", float(total[worst]), asof=ts, state=usable[worst].name, parts=parts)
