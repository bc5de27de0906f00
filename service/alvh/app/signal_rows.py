"""The columns of `alvh signals`: S01 to S48 and parts, of the market and of the first portfolio's own book."""

from collections.abc import Iterable, Iterator
from typing import Final

from alvh.core.engine import Engine
from alvh.core.signals.model import Signal
from alvh.core.signals.position import TERMS

# Parts of the book's own signals. Those of S48 are named after the cases of the stress library, and stand in messages.
_OWN_PARTS: Final = {
    "S30": ("period", "simple", "compound", "expected", "neutral"),
    "S33": ("acceleration", "efficiency"),
    "S35": ("conversion", "reversal", "strike"),
    "S36": ("bound",),
    "S47": ("share1", "share2", "share3"),
}


def signal_columns(engine: Engine) -> list[str]:
    """Return the columns behind `date`, by signal, each behind it with its parts."""
    own = [column for name in TERMS for column in (name, *(f"{name}_{part}" for part in _OWN_PARTS.get(name, ())))]
    places = {name: place for place, name in enumerate((*own, *engine.book.columns))}
    return sorted(places, key=lambda column: (column.partition("_")[0], places[column]))


def signal_row(engine: Engine) -> dict[str, float | None]:
    """Return the newest close's values by column; what is not ready or missing is None or absent."""
    row: dict[str, float | None] = dict(zip(engine.book.columns, engine.book.row(), strict=True))
    row |= dict(_values(engine.own_signals))
    row["S01"], row["S02"] = engine.portfolio_row()
    return row


def _values(signals: Iterable[Signal]) -> Iterator[tuple[str, float | None]]:
    for signal in signals:
        yield signal.id, signal.value
        for name, value in signal.parts:
            yield f"{signal.id}_{name}", value
