"""What may stand in each field of an event: read off the events' own annotations, and held against what a log says.

A log is written by us alone; a file that was recorded from it may have been cut, edited or swapped since, and what the
engine folds must be what its annotations say.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from functools import lru_cache
from math import isfinite
from operator import itemgetter
from types import UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from alvh.core.events import KINDS, Event

_LARGEST: Final = 1 << 63  # nanoseconds and counts are 64-bit integers everywhere else
# Where the numbers of an event add up to less, none of them is infinite or no number, and only then each is looked at:
# two times of 64 bits stay below it, and a log of millions is folded the faster.
_ORDINARY: Final = 4e19
_NUMBERS: Final = frozenset({int, float})
_Check = Callable[[Any], bool]


def misfit(kind: str, arguments: Mapping[str, Any]) -> str | None:
    """Name the first field that holds what its annotation does not allow; None where all fit.

    Args:
        kind: of the event that is to be, by name.
        arguments: its fields by name, in declared order; what is left out has its default.
    """
    values = tuple(arguments.values())
    wrong, numbers = _judged(kind, tuple(map(type, values)))
    if wrong is not None:
        return wrong
    if not -_ORDINARY < sum(numbers(values)) < _ORDINARY or dict in map(type, values):
        odd = next((name for name, value in arguments.items() if not is_plain(value)), None)
        if odd is not None:
            return odd
    return next((name for name, fits in _TABLES[kind] if name in arguments and not fits(arguments[name])), None)


@lru_cache(maxsize=1024)  # a handful for each kind; a file of rubbish makes no more of them than this
def _judged(kind: str, types: tuple[type, ...]) -> tuple[str | None, Callable[[Any], Iterable[float]]]:
    """The first field whose type is wrong, and what takes the numbers out of the values."""
    rules = zip(_FIELDS[kind], types, strict=False)
    wrong = next((name for (name, allowed), found in rules if found not in allowed), None)
    return wrong, itemgetter(*(place for place, found in enumerate(types) if found in _NUMBERS))


def is_plain(value: object, *, largest: int = _LARGEST) -> bool:
    """Return whether no number in a JSON value is infinite or no number, and no integer larger than 64 bits hold."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            waiting += each.values()
        elif isinstance(each, list | tuple):
            waiting += each
        elif isinstance(each, float):
            if not isfinite(each):
                return False
        elif isinstance(each, int) and not -largest <= each < largest:
            return False
    return True


def _types_of(hint: object) -> frozenset[type]:
    """The exact types of plain values: an int may stand for a float, a bool for neither."""
    origin = get_origin(hint)
    if origin in {Union, UnionType}:
        return frozenset[type]().union(*(_types_of(each) for each in get_args(hint)))
    if hint is float:
        return frozenset({int, float})
    if origin is tuple:
        return frozenset({tuple})
    if origin is Mapping:
        return frozenset({dict})
    assert isinstance(hint, type), hint
    return frozenset({hint})


def _table_check(hint: object) -> _Check:
    """Check `tuple[row, ...]`, where a row is a tuple of plain values, or a mapping."""
    row, _ = get_args(hint)
    if get_origin(row) is not tuple:
        allowed = _types_of(row)
        return lambda rows: set(map(type, rows)) <= allowed and all(map(is_plain, rows))
    columns = [(types := _types_of(each), bool(types & _NUMBERS)) for each in get_args(row)]

    def check(rows: tuple[Any, ...]) -> bool:
        if not rows:
            return True
        if set(map(type, rows)) != {tuple} or set(map(len, rows)) != {len(columns)}:
            return False
        for (allowed, is_numeric), column in zip(columns, zip(*rows, strict=True), strict=True):
            if not set(map(type, column)) <= allowed:
                return False
            if dict in allowed or (is_numeric and not -_ORDINARY < sum(filter(None, column)) < _ORDINARY):
                return all(map(is_plain, rows))
        return True

    return check


def _fields(kind: type[Event]) -> tuple[tuple[str, frozenset[type]], ...]:
    hints = get_type_hints(kind)
    return tuple((field.name, _types_of(hints[field.name])) for field in fields(kind))


def _tables(kind: type[Event]) -> tuple[tuple[str, _Check], ...]:
    hints = get_type_hints(kind)
    tables = [field.name for field in fields(kind) if get_origin(hints[field.name]) is tuple]
    return tuple((name, _table_check(hints[name])) for name in tables)


_FIELDS: Final = {name: _fields(kind) for name, kind in KINDS.items()}
_TABLES: Final = {name: _tables(kind) for name, kind in KINDS.items()}
