"""Markets no vendor should send: any number may be any other, rows are missing, strange or in another order."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from random import Random
from typing import Any, Final

from alvh.core.events import Event, FuturesCurve, Observation, OptionChain, Quote
from alvh.core.signals.observations import SERIES
from core.hedge.quoted_desk import PROGRAM, SESSIONS, market

_SECOND: Final = 1_000_000_000
_ODD: Final = (
    0.0, -0.0, 5e-324, 1e-300, 1e-9, 0.01, 1.0, 9.0, 1e3, 1e5, 1e9, 1e15, 1e300, 1.7e308, -1.0, -1e300,
)  # fmt: skip


def portfolio(random: Random) -> dict[str, Any]:
    """Draw a portfolio: condors named or by program, with or without small caps, puts, answers."""
    made = {**PROGRAM}
    kind = random.random()
    if kind < 0.3:
        del made["condor_program"]
        width = random.choice([5, 50, 200])
        expiry = SESSIONS[0][0] + timedelta(days=random.choice([1, 3, 10, 35, 90]))
        made["condors"] = [
            {
                "quantity": random.choice([1, 4, 100]), "credit": random.choice([0.05, 0.4, 0.8]) * width,
                "short_put": 4800, "long_put": 4800 - width, "short_call": 5200, "long_call": 5200 + width,
                "expiry": expiry.isoformat(),
            }
        ]  # fmt: skip
    elif kind < 0.5:
        made["condor_program"] = {**made["condor_program"], "dte": random.choice([1, 5, 14, 60])}
    if random.random() < 0.2:
        made["small_caps"] = []
    elif random.random() < 0.3:
        made["hedge_instrument"] = random.choice(["iwm_put", "mix"])
    if random.random() < 0.4:
        made["execution"] = "answers"
    return made


def sessions(random: Random, count: int, share: float) -> Iterator[Event]:
    """Draw the events of so many sessions; `share` of them are spoilt."""
    spx, vix = 5000.0, 15.0
    for number in range(count):
        spx *= 2.718 ** random.gauss(0.0, 0.02)
        vix = min(max(vix * 2.718 ** random.gauss(0.0, 0.15), 8.0), 95.0)
        for event in _session(random, number, spx, vix):
            spoilt = _spoilt(random, event) if random.random() < share else event
            if spoilt is not None:
                yield spoilt


def _session(random: Random, number: int, spx: float, vix: float) -> list[Event]:
    day, opened, closed = SESSIONS[number]
    chains, curve = random.random() < 0.5, random.random() < 0.9
    events = list(market(number, spx, vix, chains=chains, curve=curve, width=random.choice([1.0, 1.0, 6.0, 20.0])))
    for step in range(random.choice([0, 0, 3])):
        at = opened + (step + 1) * _SECOND
        price = spx if random.random() < 0.5 else spx * 0.96
        events.insert(0, Quote(ts_event=at, ts_recv=at, instrument_id=random.choice(["SPX", "RUT"]), last_price=price))
    for _ in range(random.choice([0, 2, 12])):
        events.insert(random.randrange(len(events)), _observation(random, day, closed))
    return events


def _observation(random: Random, day: date, at: int) -> Observation:
    observed = day - timedelta(days=random.choice([0, 1, 30]))
    value, consensus = _number(random, 100.0), random.choice([None, _number(random, 100.0)])
    series = random.choice(list(SERIES))
    return Observation(ts_event=at, ts_recv=at, series=series, observed=observed, value=value, consensus=consensus)


def _number(random: Random, usual: float) -> float:
    kind = random.random()
    if kind < 0.4:
        return usual
    if kind < 0.65:
        return random.choice(_ODD)
    return usual * (random.uniform(0.0, 3.0) if kind < 0.85 else 10.0 ** random.uniform(-6.0, 6.0))


def _spoilt(random: Random, event: Event) -> Event | None:
    if isinstance(event, Quote) and event.last_price is not None:
        return _spoilt_quote(random, event, event.last_price)
    if isinstance(event, FuturesCurve):
        nodes = [_spoilt_node(random, node) for node in event.nodes if random.random() < 0.8]
        if random.random() < 0.2:
            random.shuffle(nodes)
        return replace(event, nodes=tuple(nodes))
    if isinstance(event, OptionChain):
        share = random.choice([0.003, 0.06, 0.3])
        rows = [_spoilt_row(random, row, share) for row in event.rows if random.random() > share]
        return replace(event, rows=tuple(rows))
    return event


def _spoilt_quote(random: Random, quote: Quote, price: float) -> Quote | None:
    kind = random.random()
    if kind < 0.5:
        return replace(quote, last_price=_number(random, price))
    if kind < 0.7:
        return replace(quote, bid_price=_number(random, price), ask_price=_number(random, price))
    if kind < 0.8:
        return None
    return replace(quote, ts_event=quote.ts_event + random.choice([-1, 1, -_SECOND, _SECOND, -10_000 * _SECOND]))


def _spoilt_node(random: Random, node: tuple[Any, ...]) -> Any:  # noqa: ANN401 - a row of the event
    expiry, settle, bid, ask = node
    if random.random() < 0.2:
        expiry += timedelta(days=random.randint(-60, 400))
    if random.random() < 0.3:
        settle = _number(random, settle)
    if random.random() < 0.4:
        bid, ask = _number(random, settle), _number(random, settle)
    return expiry, settle, bid, ask


def _spoilt_row(random: Random, row: tuple[Any, ...], share: float) -> Any:  # noqa: ANN401 - a row of the event
    expiry, right, *numbers, name = row
    numbers = [each if each is None or random.random() > share else _number(random, each) for each in numbers]
    if random.random() < share / 3:
        expiry += timedelta(days=random.randint(-40, 40))
    return expiry, random.choice("CPX") if random.random() < share / 3 else right, *numbers, name
