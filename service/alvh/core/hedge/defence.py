"""S41: how near SPX stands to the condors' break-evens, and whether a defence line is crossed: once, until it re-arms.

A line fires when SPX crosses it, at a close or inside a session, and is armed again at the next session once SPX has
been on this side of it. Inside a session the expected move is that of the newest close.
"""

from collections.abc import Mapping
from math import inf
from typing import Any, Final

from alvh.core.hedge.book import Condor
from alvh.core.hedge.condor_actions import DefenceLine, defence_line
from alvh.core.hedge.holdings import Holdings
from alvh.core.hedge.snapshot import Snapshot
from alvh.core.signals.book import SignalBook

Band = tuple[float, float]
EVERYWHERE: Final[Band] = (-inf, inf)
# Levels only prefilter; whether a line is crossed is judged literally, as at a close.
_MARGIN: Final = 1e-9
_OUT_OF_REACH: Final = 1e9


def expected_move(book: SignalBook) -> float | None:
    """Return the expected one-day move at the newest close, per cent (S40); None where no volatility is known."""
    move = None if book.newest is None else book.realised.expected_move(book.newest)
    return None if move is None else move[1]


def lines_of(
    holdings: Holdings, snapshot: Snapshot, per_cent: float | None, edr: Mapping[str, Any], *, tight: bool
) -> dict[str, DefenceLine]:
    """Return the defence line of each condor held, by its key; none where no expected move is known.

    Args:
        holdings: what is held.
        snapshot: for SPX.
        per_cent: the expected move.
        edr: thresholds, in expected moves (methodology 11).
        tight: whether TIGHTEN is in force.
    """
    if per_cent is None:
        return {}
    spx = snapshot.market.spx
    return {
        held.key: defence_line(
            held.at(snapshot.session), spx, spx * per_cent / 100.0, tight=tight, plain=edr["defence"],
            tightened=edr["defence_tight"],
        )
        for held in holdings.condors
    }  # fmt: skip


def is_newly_crossed(hedge: dict[str, Any], lines: Mapping[str, DefenceLine]) -> bool:
    """Note which lines are crossed now; return whether one is that was not, and has not fired in this session."""
    known = hedge.get("defence", {})
    crossed = {key: line.side for key, line in lines.items() if line.crossed}
    fired = known.get("fired", [])
    news = [key for key in crossed if key not in known.get("crossed", {}) and key not in fired]
    hedge["defence"] = {**known, "crossed": crossed, "fired": [*fired, *news]}
    return bool(news)


def keep_watch(
    hedge: dict[str, Any], holdings: Holdings, per_cent: float | None, edr: Mapping[str, Any], *, is_close: bool
) -> None:
    """Note where the lines lie from here on; a close arms what has fired."""
    threshold = edr["defence_tight"] if hedge.get("tight", False) else edr["defence"]
    known = hedge["defence"]
    hedge["defence"] = {
        "crossed": known["crossed"],
        "fired": [] if is_close else known["fired"],
        "per_cent": per_cent,
        "lines": {}
        if per_cent is None
        else {held.key: [*_levels(held.condor), threshold] for held in holdings.condors},
    }


def _levels(condor: Condor) -> Band:
    """Return its break-evens as numbers a checkpoint can hold: 0 and a level without reach for a side that is gone."""
    low, high = condor.break_evens()
    return max(low, 0.0), min(high, _OUT_OF_REACH)


def quiet_band(hedge: Mapping[str, Any]) -> Band:
    """Return SPX levels between which no line can be crossed or left: outside them `is_crossed_at` has to be asked."""
    known = hedge.get("defence", {})
    low, high = EVERYWHERE
    for key, (put, call, threshold) in known.get("lines", {}).items():
        if key in known["fired"]:
            continue
        reach = threshold * known["per_cent"] / 100.0
        below = put / (1.0 - reach) if reach < 1.0 else inf
        above = call / (1.0 + reach)
        side = known["crossed"].get(key)
        if side is None:
            low, high = max(low, below * (1.0 + _MARGIN)), min(high, above * (1.0 - _MARGIN))
        elif side == "put":
            high = min(high, below * (1.0 - _MARGIN))
        else:
            low = max(low, above * (1.0 + _MARGIN))
    return low, high


def is_crossed_at(hedge: dict[str, Any], spx: float) -> bool:
    """Judge the lines at a price inside a session; return whether one fires. What SPX has come back from is armed."""
    known = hedge.get("defence", {})
    is_hit = False
    for key, (put, call, threshold) in known.get("lines", {}).items():
        if key in known["fired"]:
            continue
        is_beyond = min(spx - put, call - spx) / (spx * known["per_cent"] / 100.0) < threshold
        if key not in known["crossed"]:
            is_hit |= is_beyond
        elif not is_beyond:
            known["crossed"] = {other: side for other, side in known["crossed"].items() if other != key}
    return is_hit
