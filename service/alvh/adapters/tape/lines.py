"""The lines and cells of a CSV file, whatever its bytes are: what cannot be read is named and left out.

A line is a row: no cell of a tape holds a line break, so that a stray quotation mark spoils its own line alone.
"""

import csv
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from math import inf, isfinite
from operator import itemgetter
from pathlib import Path
from typing import Final, NamedTuple

from alvh.core.instruments import BELIEVABLE

Report = Callable[[Path, int, str], None]
"""Told of what was left out: the file, the line (the header is line 1; 0 is the file as a whole) and the reason."""

_BLOCK_BYTES: Final = 1 << 18  # read at once: large enough to hide the calls, small enough to keep memory flat
_LONGEST_LINE_BYTES: Final = 1 << 16  # a row is under 200 bytes; what is longer is no row, and must not fill memory
_SHOWN: Final = 40  # characters of a faulty cell that a report repeats
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_BEYOND_MICROSECONDS: Final = re.compile(r"[.,][0-9]{6}([0-9]{1,3})")
_NS_PER_SECOND: Final = 1_000_000_000
_SECONDS_PER_DAY: Final = 86_400


Cells = tuple[str | None, ...]


class Row(NamedTuple):
    """One row: its line and its cells, stripped, in the order in which the columns were asked for (None: absent)."""

    line: int
    cells: Cells


def read_lines(path: Path, report: Report) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, text without its end) of each readable line that is not blank.

    Undecodable bytes, NUL and over-long lines are reported and left out; a byte order mark is taken off. A file that
    cannot be opened or read on is reported as a whole (line 0).
    """
    try:
        with path.open("rb") as file:
            number, rest, is_skipping = 0, b"", False
            while block := file.read(_BLOCK_BYTES):
                rest += block
                cut = rest.rfind(b"\n") + 1
                if cut:
                    whole, rest = rest[:cut], rest[cut:]
                    yield from _decode(path, whole, number, report, is_skipping=is_skipping)
                    number += whole.count(b"\n")
                    is_skipping = False
                if len(rest) > _LONGEST_LINE_BYTES:
                    if not is_skipping:
                        report(path, number + 1, f"a line of more than {_LONGEST_LINE_BYTES} bytes")
                    rest, is_skipping = b"", True
            if rest and not is_skipping:
                yield from _decode(path, rest, number, report)
    except OSError as error:
        report(path, 0, f"cannot be read: {error.strerror or error}")


def _decode(
    path: Path, block: bytes, before: int, report: Report, *, is_skipping: bool = False
) -> Iterator[tuple[int, str]]:
    lines = block.split(b"\n")
    try:
        texts: list[str | None] = list(block.decode("utf-8").split("\n"))
    except UnicodeDecodeError:
        texts = [_text_of(line) for line in lines]
    has_nul = b"\0" in block
    for offset, text in enumerate(texts):
        number = before + offset + 1
        if offset == 0 and is_skipping:
            continue
        if text is None:
            report(path, number, "not UTF-8 text")
        elif has_nul and "\0" in text:
            report(path, number, "a NUL character")
        elif len(text) > _LONGEST_LINE_BYTES:
            report(path, number, f"a line of more than {_LONGEST_LINE_BYTES} bytes")
        else:
            stripped = (text.removeprefix("\ufeff") if number == 1 else text).strip()
            if stripped:
                yield number, stripped


def _text_of(line: bytes) -> str | None:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return None


def split_cells(text: str) -> list[str]:
    """The cells of one line, quoted or not.

    Raises:
        ValueError: a quotation mark is not closed.
    """
    if '"' not in text:
        return text.split(",")
    try:
        return next(csv.reader([text], strict=True))
    except csv.Error as error:
        raise ValueError(f"quotation marks that do not match: {text[:_SHOWN]!r}") from error


def read_header(lines: Iterator[tuple[int, str]]) -> list[str]:
    """Take the header line: its column names, stripped; an empty list where there is no line."""
    for _, text in lines:
        try:
            return [name.strip() for name in split_cells(text)]
        except ValueError:
            return []
    return []


def read_rows(
    path: Path, lines: Iterator[tuple[int, str]], header: list[str], wanted: tuple[str, ...], report: Report
) -> Iterator[Row]:
    """Yield the cells of the wanted columns of each line; a column the file has not is None in every row.

    A line with fewer cells than the header has None in those behind its end; one with more is reported, unless the
    surplus is empty.
    """
    places = [header.index(name) if name in header else -1 for name in wanted]
    width = len(header)
    # Most rows are whole and hold no blank: then one call takes the cells, which matters on a tape of millions.
    take = itemgetter(*places) if -1 not in places and len(places) > 1 else None
    for number, text in lines:
        try:
            cells = split_cells(text)
        except ValueError as error:
            report(path, number, str(error))
            continue
        count = len(cells)
        if take is not None and count == width and " " not in text and "\t" not in text:
            yield Row(number, take(cells))
        elif count > width and any(cell.strip() for cell in cells[width:]):
            report(path, number, f"{count} cells, the header has {width}")
        else:
            yield Row(number, tuple(cells[place].strip() if 0 <= place < count else None for place in places))


def parse_number(text: str | None) -> float:
    """Read a finite number.

    Raises:
        ValueError: what is wrong with it.
    """
    if not text:
        raise ValueError("an empty cell where a number was expected")
    try:
        value = float(text)
    except ValueError as error:
        raise ValueError(f"not a number: {text[:_SHOWN]!r}") from error
    # Python also reads "1_000" and digits of other scripts, which no writer of a price means.
    if not isfinite(value) or "_" in text or not text.isascii():
        raise ValueError(f"not a finite number: {text[:_SHOWN]!r}")
    return value


def parse_price(text: str | None, among: tuple[float, float] = BELIEVABLE) -> float:
    """Read a price: a number above zero, and among those that can be one.

    Raises:
        ValueError: what is wrong with it.
    """
    value = parse_number(text)
    if not 0.0 < value < inf:
        raise ValueError(f"a price must be above 0: {value!r}")
    if not among[0] <= value <= among[1]:
        raise ValueError(f"a price must lie between {among[0]:g} and {among[1]:g}: {value!r}")
    return value


def parse_optional_price(text: str | None) -> float | None:
    """Read a price that may be absent or empty (None)."""
    return parse_price(text) if text else None


def parse_optional_number(text: str | None) -> float | None:
    """Read a number that may be absent or empty (None)."""
    return parse_number(text) if text else None


def parse_instant(text: str | None) -> int:
    """Read an ISO 8601 time with its offset: nanoseconds UTC.

    Raises:
        ValueError: it is not one, or it says no offset.
    """
    if not text:
        raise ValueError("an empty cell where a time was expected")
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"not an ISO 8601 time: {text[:_SHOWN]!r}") from error
    if at.tzinfo is None:
        raise ValueError(f"a time without an offset: {text[:_SHOWN]!r}")
    since = at - _EPOCH
    ns = (since.days * _SECONDS_PER_DAY + since.seconds) * _NS_PER_SECOND + since.microseconds * 1_000
    if "." in text and (finer := _BEYOND_MICROSECONDS.search(text)):
        ns += int(finer[1].ljust(3, "0"))
    return ns
