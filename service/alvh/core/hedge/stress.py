"""Stress cases from a data file, the two made-up paths beside them, and nothing typed from memory (S48, 6.1)."""

import csv
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from alvh.errors import InputError

COLUMNS: Final = ("name", "r_spx", "r_rut", "d_vix", "days", "sessions", "from", "to", "source")
"""Columns of a stress file, in order; `from` and `to` may be empty for a made-up case."""

PATH_SESSIONS: Final = 15
"""Length of the paths G1 and C1, sessions (methodology 1.7; C1's length is not said there and taken alike)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StressCase:
    """One move of the market that happened, or that somebody fears.

    Attributes:
        name: what it is called; unique in its library.
        r_spx: return of SPX over the window, ratio.
        r_rut: the same of the small caps.
        d_vix: change of the VIX, points.
        days: calendar days it took.
        sessions: sessions it took.
        start: the close it is measured from; None where made up.
        end: the close it is measured to.
        source: where the numbers come from.
    """

    name: str
    r_spx: float
    r_rut: float
    d_vix: float
    days: int
    sessions: int
    start: date | None
    end: date | None
    source: str

    def as_plain(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "name": self.name, "r_spx": self.r_spx, "r_rut": self.r_rut, "d_vix": self.d_vix, "days": self.days,
            "sessions": self.sessions, "start": None if self.start is None else self.start.isoformat(),
            "end": None if self.end is None else self.end.isoformat(), "source": self.source,
        }  # fmt: skip

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "StressCase":
        """Return what `as_plain` wrote."""
        days = {name: None if plain[name] is None else date.fromisoformat(plain[name]) for name in ("start", "end")}
        return cls(**{**plain, **days})


@dataclass(frozen=True, slots=True, kw_only=True)
class PathPoint:
    """One session of a path, all against its start: session number from 1, calendar day, return, VIX change."""

    session: int
    day: int
    r_spx: float
    d_vix: float


def read_library(text: str, name: str = "stress.csv") -> tuple[StressCase, ...]:
    """Return the cases of a stress file, in its order.

    Args:
        text: the file's content, CSV with a header that has at least `COLUMNS`.
        name: what to call the file in an error.

    Raises:
        InputError: a column is missing or a value is not what its column holds; names line and field.
    """
    reader = csv.DictReader(text.splitlines())
    missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise InputError(f"{name}: line 1: expected the columns {', '.join(COLUMNS)}; missing {', '.join(missing)}")
    cases = tuple(_case(row, f"{name}: line {number}") for number, row in enumerate(reader, start=2))
    names = [case.name for case in cases]
    for case_name in names:
        if names.count(case_name) > 1:
            raise InputError(f"{name}: name: expected unique names, {case_name!r} stands there twice")
    return cases


def _case(row: dict[str, str | None], where: str) -> StressCase:
    cells = {column: (row.get(column) or "").strip() for column in COLUMNS}
    for column in ("name", "source"):
        if not cells[column]:
            raise InputError(f"{where}: {column}: expected a text")
    numbers = {column: _number(cells[column], f"{where}: {column}") for column in COLUMNS[1:6]}
    for column in ("r_spx", "r_rut"):
        if numbers[column] <= -1.0:
            raise InputError(f"{where}: {column}: expected a return above -1")
    for column in ("days", "sessions"):
        if numbers[column] != int(numbers[column]) or numbers[column] < 0:
            raise InputError(f"{where}: {column}: expected a whole number >= 0")
    return StressCase(
        name=cells["name"],
        r_spx=numbers["r_spx"],
        r_rut=numbers["r_rut"],
        d_vix=numbers["d_vix"],
        days=int(numbers["days"]),
        sessions=int(numbers["sessions"]),
        start=_date(cells["from"], f"{where}: from"),
        end=_date(cells["to"], f"{where}: to"),
        source=cells["source"],
    )


def _number(text: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{where}: expected a number, found {text!r}")
    return value


def _date(text: str, where: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{where}: expected an ISO date, found {text!r}") from error


def applicable(cases: Iterable[StressCase], vix: float) -> Iterator[StressCase]:
    """Yield the cases that leave the VIX above 0 when they start at `vix` points: a fall from 70 has no twin at 13."""
    return (case for case in cases if vix + case.d_vix > 0.0)


def grind_path(sessions: int = PATH_SESSIONS) -> tuple[PathPoint, ...]:
    """Return path G1: SPX -0.3 % a day compounding, VIX +0.1 a day, a session each day (methodology 1.7)."""
    return tuple(
        PathPoint(session=n, day=_calendar_day(n), r_spx=0.997**n - 1.0, d_vix=0.1 * n) for n in range(1, sessions + 1)
    )


def chop_path(sessions: int = PATH_SESSIONS) -> tuple[PathPoint, ...]:
    """Return path C1: SPX +1 % and -1 % in turn, VIX flat."""
    points, level = [], 1.0
    for n in range(1, sessions + 1):
        level *= 1.01 if n % 2 else 0.99
        points.append(PathPoint(session=n, day=_calendar_day(n), r_spx=level - 1.0, d_vix=0.0))
    return tuple(points)


def _calendar_day(session: int) -> int:
    """Calendar days behind so many sessions of a path that starts at a Friday's close: five sessions in seven days."""
    weeks, rest = divmod(session, 5)
    return 7 * weeks + (rest + 2 if rest else 0)
