"""Section 4 of the interfaces once more, written without a look at the product: what must fire, and when.

Deliberately slow and literal: every portfolio judges every quote by itself, in plain loops over plain values.
"""

from dataclasses import dataclass, field

from alvh.core.events import Event, Quote, SessionClose
from core.conditions import close_of, open_of, session_dates

MAX_JUMP = 0.20


@dataclass
class Portfolio:
    """One portfolio of triggers alone."""

    threshold: float = 0.03
    confirm: int = 2
    hard: int = 10
    anchors: dict[str, float] = field(default_factory=dict)
    closes: int = 0
    runs: dict[str, list[int]] = field(default_factory=dict)
    fired: list[tuple[int, tuple[str, ...], int]] = field(default_factory=list)


first = session_dates(1)[0]
open_of_first, close_of_first = open_of(first), close_of(first)


def run(  # noqa: C901, PLR0912 - one literal loop: the specification's sentences in their order
    events: list[Event], portfolio: Portfolio, sessions: int
) -> list[tuple[int, tuple[str, ...], int]]:
    """Return (time, reasons, closes since the last rebalance) of every message."""
    opens = sorted(open_of(day) for day in session_dates(sessions))
    good: dict[str, float] = {}
    suspect: dict[str, float] = {}

    def rebalance(ts: int, *reasons: str) -> None:
        portfolio.fired.append((ts, reasons, portfolio.closes))
        portfolio.closes = 0
        portfolio.anchors = dict(good)
        portfolio.runs = {}

    def is_beyond(name: str) -> bool:
        return abs(good[name] / portfolio.anchors[name] - 1) >= portfolio.threshold

    for event in events:
        if isinstance(event, Quote):
            name, price = event.instrument_id, event.last_price
            assert price is not None
            if name in good and abs(price / good[name] - 1) > MAX_JUMP:
                held = suspect.get(name)
                if held is None or abs(price / held - 1) > MAX_JUMP:
                    suspect[name] = price
                    continue
            suspect.pop(name, None)
            good[name] = price
            last_open = max((o for o in opens if o <= event.ts_event), default=None)
            if last_open is None or event.ts_event > last_open + (close_of_first - open_of_first):
                continue
            if not portfolio.anchors:
                continue
            if not is_beyond(name):
                portfolio.runs.pop(name, None)
                continue
            side = 1 if price > portfolio.anchors[name] else -1
            old = portfolio.runs.get(name)
            if old is None or old[0] != side:
                portfolio.runs[name] = [side, 1, event.ts_event]
            elif event.ts_event > old[2]:
                portfolio.runs[name] = [side, old[1] + 1, event.ts_event]
            if portfolio.runs[name][1] >= portfolio.confirm:
                rebalance(event.ts_event, "MOVE_3")
        elif isinstance(event, SessionClose):
            if not portfolio.anchors:
                if {"SPX", "RUT"} <= set(good):
                    rebalance(event.ts_event, "STATE")
                continue
            portfolio.closes += 1
            reasons = []
            if any(is_beyond(name) for name in portfolio.anchors):
                reasons.append("MOVE_3")
            if portfolio.closes >= portfolio.hard:
                reasons.append("TIMER_10")
            if reasons:
                rebalance(event.ts_event, *reasons)
    return portfolio.fired
