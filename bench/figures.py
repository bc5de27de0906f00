"""What a measurement says: a figure beside what it was held against, for a terminal and for the documentation."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_COLUMNS: Final = ("what", "measured", "beside it", "", "ratio", "aim")
_WIDTHS: Final = (66, 14, 52, 14, 8, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """What was hoped for.

    Attributes:
        text: as a person says it.
        is_met: whether it was reached in this run.
    """

    text: str
    is_met: bool

    def __str__(self) -> str:
        """Say it in a few words."""
        return f"{self.text}: {'met' if self.is_met else 'MISSED'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured number.

    Attributes:
        what: was measured.
        value: of it.
        unit: of `value` and `floor`.
        against: the floor or the peer measured in the same run; empty where there is none.
        floor: its value; None where there is none.
        aim: None where none was set.
    """

    what: str
    value: float
    unit: str
    against: str = ""
    floor: float | None = None
    aim: Aim | None = None

    @property
    def ratio(self) -> float | None:
        """The figure over what stands beside it."""
        return self.value / self.floor if self.floor else None

    def cells(self) -> tuple[str, ...]:
        """Return the row of a table."""
        floor = "" if self.floor is None else amount(self.floor, self.unit)
        ratio = "" if self.ratio is None else f"{self.ratio:.{2 if self.ratio >= 0.1 else 4}f} x"
        return (self.what, amount(self.value, self.unit), self.against, floor, ratio, str(self.aim or ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The figures of one measurement.

    Attributes:
        name: its word on the command line.
        title: what it is about.
        figures: measured.
        notes: sentences a reader needs beside them.
    """

    name: str
    title: str
    figures: tuple[Figure, ...]
    notes: tuple[str, ...] = ()

    def text(self) -> str:
        """Return it for a terminal."""
        rows = [_COLUMNS, *(figure.cells() for figure in self.figures)]
        lines = ["  " + " ".join(cell.ljust(width) for cell, width in zip(row, _WIDTHS, strict=True)) for row in rows]
        return "\n".join([f"{self.name}: {self.title}", *(line.rstrip() for line in lines), *_indented(self.notes)])

    def markdown(self) -> str:
        """Return it as a section of the documentation, under the command that gives it."""
        rows = [_COLUMNS, ("---", "--:", "---", "--:", "--:", "---"), *(figure.cells() for figure in self.figures)]
        table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
        notes = "".join(f"\n{note}\n" for note in self.notes)
        return f"## {self.title}\n\n`make bench ARGS={self.name}`\n\n{table}\n{notes}"


def amount(value: float, unit: str) -> str:
    """Return a number in at most four significant digits, thousands set apart."""
    digits = max(0, 3 - len(f"{abs(value):.0f}")) if abs(value) >= 1 else 3
    return f"{value:,.{digits}f} {unit}"


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that `share` of all stay at or below."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def median(values: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(values)


def _indented(notes: Sequence[str]) -> list[str]:
    return [f"    {note}" for note in notes]
