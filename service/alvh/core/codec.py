"""How events stand in the journal: one JSON array each, `[kind, ts_event, ts_recv, field, ...]` in declared order.

Floats are written by their shortest exact representation and read back to the same bits; dates as ISO 8601.
A field that is added later goes to the end of its event with a default, so that old journals stay readable.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import date
from typing import Any, Final

from alvh.core.event_types import misfit
from alvh.core.events import KINDS, Event
from alvh.errors import JournalError


def encode(event: Event) -> bytes:
    """Return the event as one line of compact JSON."""
    kind = type(event).__name__
    values = [getattr(event, name) for name in _FIELDS[kind]]
    return json.dumps([kind, *values], default=_plain, separators=(",", ":"), allow_nan=False).encode()


def decode(line: bytes) -> Event:
    """Return the event that `encode` wrote.

    Raises:
        JournalError: the line is not an event this version knows.
    """
    try:
        kind, *values = json.loads(line)
        names = _FIELDS[kind]
        if len(values) > len(names):
            raise JournalError(f"{kind} has {len(values)} fields, this version knows {len(names)}")
        arguments = dict(zip(names, values, strict=False))
        for name, convert in _CONVERSIONS.get(kind, _NONE).items():
            if name in arguments:
                arguments[name] = convert(arguments[name])
        wrong = misfit(kind, arguments)
        if wrong is None:
            return KINDS[kind](**arguments)
    except (ValueError, LookupError, TypeError, RecursionError, OverflowError) as error:
        raise JournalError(f"not an event of this version: {line[:80]!r} ({error})") from error
    raise JournalError(f"not an event of this version: {line[:80]!r} ({kind}.{wrong} is of another kind)")


def as_text(event: Event | None) -> str | None:
    """Return the event as `encode` writes it, for a checkpoint; None for none."""
    return None if event is None else encode(event).decode()


def from_text(line: str | None) -> Event | None:
    """Return what `as_text` was given."""
    return None if line is None else decode(line.encode())


def _plain(value: object) -> str | dict[str, object]:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no place in an event")


def _dated_rows(rows: Sequence[Sequence[Any]]) -> tuple[tuple[Any, ...], ...]:
    return tuple((date.fromisoformat(row[0]), *row[1:]) for row in rows)


def _rows(rows: Sequence[Sequence[Any]]) -> tuple[tuple[Any, ...], ...]:
    return tuple(tuple(row) for row in rows)


_FIELDS: Final = {kind: tuple(field.name for field in fields(event)) for kind, event in KINDS.items()}
_NONE: Final[Mapping[str, Callable[[Any], object]]] = {}
_CONVERSIONS: Final[Mapping[str, Mapping[str, Callable[[Any], object]]]] = {
    "Calendar": {"sessions": _dated_rows},
    "MacroCalendar": {"releases": _dated_rows},
    "FuturesCurve": {"nodes": _dated_rows},
    "OptionChain": {"rows": _dated_rows},
    "Observation": {"observed": date.fromisoformat},
    "SessionClose": {"session": date.fromisoformat},
    "DailyBar": {"session": date.fromisoformat},
    "AccountPositions": {"positions": _rows},
    "Answer": {"amendments": tuple, "fills": tuple},
}
