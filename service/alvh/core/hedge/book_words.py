"""The book as a message shows it: condors with their marks and Greeks, small caps with their betas."""

from collections.abc import Sequence

from alvh.core.hedge.book import Condor, SmallCaps
from alvh.core.hedge.delta import book_greeks
from alvh.core.hedge.holdings import Holdings
from alvh.core.hedge.snapshot import Snapshot
from alvh.core.situation import Situation
from alvh.message_parts import BookCondor, SmallCapPart


def book_condors(holdings: Holdings, snapshot: Snapshot) -> list[BookCondor]:
    """Return the condors held."""
    found = []
    for held in sorted(holdings.condors, key=lambda each: each.expiry):
        condor = held.at(snapshot.session)
        long_put, short_put, short_call, long_call = snapshot.condor_marks(condor)
        low, high = condor.break_evens()
        greeks = book_greeks(snapshot.market, (condor,))
        found.append(
            BookCondor(
                legs=_strikes(condor),
                expiry=held.expiry.isoformat(),
                trading_class=condor.trading_class,
                dte=condor.days,
                n=condor.quantity,
                credit=condor.credit,
                mark=short_put - long_put + short_call - long_call,
                width=condor.width,
                be_low=low if condor.has_puts else None,
                be_high=high if condor.has_calls else None,
                max_loss=condor.max_loss_usd,
                greeks={"delta": greeks.delta, "vega": greeks.vega, "theta": greeks.theta},
            )
        )  # fmt: skip
    return found


def _strikes(condor: Condor) -> dict[str, float]:
    puts = {"long_put": condor.long_put, "short_put": condor.short_put} if condor.has_puts else {}
    calls = {"short_call": condor.short_call, "long_call": condor.long_call} if condor.has_calls else {}
    return {**puts, **calls}


def small_cap_part(
    rows: Sequence[tuple[str, float, float]], situation: Situation, used: SmallCaps | None
) -> SmallCapPart:
    """Return the small caps held: of several symbols the sum in dollars under the first one's name.

    Args:
        rows: (symbol, shares, price), at least one.
        situation: for the betas.
        used: what the sizing took for them: of a sizing by itself what its market file says, of a young history the
            prior.
    """
    symbol, shares, price = rows[0]
    parts = {signal.id: dict(signal.parts) for signal in situation.book.signals}.get("S11", {})
    exposure = situation.book.exposure
    return SmallCapPart(
        symbol="+".join(row[0] for row in rows) if len(rows) > 1 else symbol,
        shares=shares if len(rows) == 1 else sum(row[1] for row in rows),
        price=price,
        e=sum(row[1] * row[2] for row in rows),
        beta30=parts.get("b30"),
        beta90=parts.get("b90"),
        se=parts.get("se90"),
        beta_star=exposure.beta_star if used is None else used.beta_star,
        dc60=exposure.capture,
        beta_stress=exposure.beta_stress if used is None else used.beta_stress,
    )
