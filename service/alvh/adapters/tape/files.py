"""What each file of a tape says: quotes, the futures curve, observations, releases, chains; row by row, good rows only.

Every reader yields or returns what is well formed and reports the rest. Within a file time must rise: a row that is
not later than the last good one of its kind is left out.
"""

import re
from collections.abc import Callable, Container, Iterator
from datetime import date
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from alvh.adapters.tape.lines import (
    Cells,
    Report,
    Row,
    parse_instant,
    parse_number,
    parse_optional_number,
    parse_optional_price,
    parse_price,
    read_header,
    read_lines,
    read_rows,
)
from alvh.core.events import Observation, OptionChain
from alvh.core.instruments import BELIEVABLE_VOLATILITY
from alvh.core.sessions import SessionCalendar, parse_date, parse_release

CURVE_FILE: Final = "VX.csv"
OBSERVATIONS_FILE: Final = "observations.csv"
RELEASES_FILE: Final = "calendar.csv"
_INSTRUMENT_FILE: Final = re.compile(r"([A-Z0-9][A-Z0-9.^_-]*)\.csv")
_CHAIN_FILE: Final = re.compile(r"chain-([A-Z0-9][A-Z0-9.^_-]*?)-(\d{4}-\d{2}-\d{2})\.csv")
_RIGHTS: Final = ("C", "P")
_BOOK_COLUMNS: Final = ("ts", "last", "bid", "ask")
_NOT_LIVE: Final = ("0", "false")
# Quotes outside the hours are kept (the engine weighs them), those of another age than the tape's sessions are not.
_MARGIN_NS: Final = 7 * 86_400 * 1_000_000_000


class QuoteRow(NamedTuple):
    """One good row of an instrument's file: its time (ns UTC) and its prices in points."""

    ts: int
    last_price: float | None
    bid_price: float | None = None
    ask_price: float | None = None
    bid_size: float | None = None
    ask_size: float | None = None
    is_live: bool = True


CurveNode = tuple[date, float, float | None, float | None]
ChainRow = tuple[date, str, float, float, float, float | None, str | None]


class ChainFile(NamedTuple):
    """A chain's file: whose chain, and the session at whose close it stands."""

    path: Path
    underlying: str
    session: date


def instrument_files(folder: Path) -> dict[str, Path]:
    """The instruments' files of a tape, by instrument id, sorted; other names, folders and cases are not a tape's."""
    found = {}
    for path in sorted(folder.iterdir()):
        match = _INSTRUMENT_FILE.fullmatch(path.name)
        if match and path.name != CURVE_FILE and path.is_file():
            found[match[1]] = path
    return found


def chain_files(folder: Path) -> list[ChainFile]:
    """The chains' files of a tape whose name says an underlying and a date, by date and underlying."""
    found = []
    for path in folder.iterdir():
        match = _CHAIN_FILE.fullmatch(path.name)
        if match and path.is_file():
            try:
                found.append(ChainFile(path, match[1], parse_date(match[2])))
            except ValueError:
                continue
    return sorted(found, key=lambda chain: (chain.session, chain.underlying))


class SessionCloses:
    """From a date as a tape writes it to that session's close, remembered, since every file repeats the dates."""

    __slots__ = ("_calendar", "_closes", "_earliest", "_latest")

    def __init__(self, calendar: SessionCalendar) -> None:
        self._calendar = calendar
        self._earliest = calendar.close_of(calendar.first) - _MARGIN_NS
        self._latest = calendar.close_of(calendar.horizon) + _MARGIN_NS
        self._closes: dict[str, int] = {}

    def of(self, text: str | None) -> int:
        """The close (ns UTC) of the session dated `text`.

        Raises:
            ValueError: it is no date, or no session of the calendar.
        """
        close = self._closes.get(text or "")
        if close is None:
            session = self._calendar.session(parse_date(text or ""))
            if session is None:
                raise ValueError(f"{text} is no session of the exchange")
            close = self._closes[text or ""] = session.close_ns
        return close

    def check(self, ts: int) -> None:
        """Hold `ts` (ns UTC) against the age of the calendar's sessions.

        Raises:
            ValueError: it lies far outside.
        """
        if not self._earliest <= ts <= self._latest:
            raise ValueError(f"a time outside the known sessions ({self._calendar.first} to {self._calendar.horizon})")


def read_quotes(path: Path, closes: SessionCloses, report: Report) -> Iterator[QuoteRow]:
    """Yield the good rows of an instrument's file, rising in time; a file with other columns is reported as missing.

    Beside the columns of the specification the recorder's own are read where they are there (`bid_size`, `ask_size`,
    `is_live`); in such a file a row may be a book alone, without a `last`.
    """
    lines = read_lines(path, report)
    header = read_header(lines)
    columns: tuple[str, ...]
    parse: Callable[[Cells], QuoteRow]
    if {"ts", "last", "is_live"} <= set(header):
        columns, parse = (*_BOOK_COLUMNS, "bid_size", "ask_size", "is_live"), _recorded_quote
    elif set(_BOOK_COLUMNS) <= set(header):
        columns, parse = _BOOK_COLUMNS, _book_quote
    elif {"ts", "last"} <= set(header):
        columns, parse = ("ts", "last"), _last_quote
    elif {"date", "close"} <= set(header):
        columns, parse = ("date", "close"), partial(_daily_quote, closes)
    else:
        report(path, 1 if header else 0, "expected the columns date,close or ts,last[,bid,ask]; taken as missing")
        return
    yield from _rising(path, read_rows(path, lines, header, columns, report), parse, closes, report)


def _rising(
    path: Path, rows: Iterator[Row], parse: Callable[[Cells], QuoteRow], closes: SessionCloses, report: Report
) -> Iterator[QuoteRow]:
    newest: int | None = None
    for line, cells in rows:
        try:
            quote = parse(cells)
            ts = quote.ts
            if newest is None or ts <= newest:
                _check_order(newest, ts)
            closes.check(ts)
        except ValueError as error:
            report(path, line, str(error))
            continue
        newest = ts
        yield quote


def _daily_quote(closes: SessionCloses, cells: Cells) -> QuoteRow:
    return QuoteRow(closes.of(cells[0]), parse_price(cells[1]))


def _last_quote(cells: Cells) -> QuoteRow:
    return QuoteRow(parse_instant(cells[0]), parse_price(cells[1]))


def _book_quote(cells: Cells) -> QuoteRow:
    ts, last, bid, ask = cells
    return QuoteRow(parse_instant(ts), parse_price(last), parse_optional_price(bid), parse_optional_price(ask))


def _recorded_quote(cells: Cells) -> QuoteRow:
    ts, last, bid, ask, bid_size, ask_size, is_live = cells
    return QuoteRow(
        parse_instant(ts),
        parse_optional_price(last) if bid and ask else parse_price(last),
        parse_optional_price(bid),
        parse_optional_price(ask),
        parse_optional_number(bid_size),
        parse_optional_number(ask_size),
        (is_live or "").lower() not in _NOT_LIVE,
    )


_Time = TypeVar("_Time", int, date)


def _check_order(newest: _Time | None, this: _Time, what: str = "") -> None:
    if newest is None or newest < this:
        return
    raise ValueError(f"{'a duplicate: the same time twice' if newest == this else 'time running backwards'}{what}")


def read_curve(path: Path, closes: SessionCloses, report: Report) -> list[tuple[int, tuple[CurveNode, ...]]]:
    """The futures curve at each session's close: (ns UTC, nodes by expiry), rising; bad rows are left out singly.

    `bid` and `ask` are read where the recorder wrote them. Rows may stand in any order, as long as no contract is
    there twice on one date.
    """
    curves: dict[int, dict[date, CurveNode]] = {}
    for row in _table(path, ("date", "expiry", "settle"), ("bid", "ask"), report):
        try:
            close, node = closes.of(row.cells[0]), _curve_node(row)
            nodes = curves.setdefault(close, {})
            _check_absent(node[0], nodes)
        except ValueError as error:
            report(path, row.line, str(error))
        else:
            nodes[node[0]] = node
    known = (close for close in sorted(curves) if curves[close])
    return [(close, tuple(curves[close][expiry] for expiry in sorted(curves[close]))) for close in known]


def _curve_node(row: Row) -> CurveNode:
    day, expiry_text, settle, bid, ask = row.cells
    expiry = parse_date(expiry_text or "")
    if expiry < parse_date(day or ""):
        raise ValueError(f"the expiry {expiry} lies before the date {day}")
    return expiry, parse_price(settle, BELIEVABLE_VOLATILITY), parse_optional_price(bid), parse_optional_price(ask)


def _check_absent(key: object, known: Container[object]) -> None:
    if key in known:
        raise ValueError("a duplicate: the same thing twice")


def read_observations(path: Path, calendar: SessionCalendar, report: Report) -> list[tuple[int, int, Observation]]:
    """The observations as (known from, ns UTC; line; event), by time and then by line.

    Time must rise within a series; the rows of several series may be mixed or stand one series behind the other.
    """
    found = []
    newest: dict[str, date] = {}
    for row in _table(path, ("date", "series", "value"), ("consensus",), report):
        try:
            event = _observation(row, calendar)
            _check_order(newest.get(event.series), event.observed, f" in {event.series}")
        except ValueError as error:
            report(path, row.line, str(error))
            continue
        newest[event.series] = event.observed
        found.append((event.ts_event, row.line, event))
    return sorted(found, key=lambda entry: entry[:2])


def _observation(row: Row, calendar: SessionCalendar) -> Observation:
    day, series, value, consensus = row.cells
    observed = parse_date(day or "")
    if not series:
        raise ValueError("no series named")
    known = _known_from(observed, calendar)
    return Observation(
        ts_event=known,
        ts_recv=known,
        series=series,
        observed=observed,
        value=parse_number(value),
        consensus=parse_optional_number(consensus),
    )


def _known_from(observed: date, calendar: SessionCalendar) -> int:
    if observed > calendar.horizon:
        raise ValueError(f"{observed} lies behind the last known session, {calendar.horizon}")
    return calendar.session_on_or_after(observed).close_ns


def read_releases(path: Path, report: Report) -> tuple[tuple[date, str, str], ...]:
    """The scheduled releases (date, event, HH:MM exchange time), sorted."""
    found: set[tuple[date, str, str]] = set()
    for row in _table(path, ("date", "event", "time_et"), (), report):
        day, event, clock = (cell or "" for cell in row.cells)
        try:
            release = parse_release(day, event, clock)
            _check_absent(release, found)
        except ValueError as error:
            report(path, row.line, str(error))
        else:
            found.add(release)
    return tuple(sorted(found))


def read_chain(chain: ChainFile, ts: int, report: Report) -> OptionChain | None:
    """The chain as quoted at `ts`, rows in file order; None where the file has no good row.

    A bid of 0 is what a chain shows where nobody bids; an IV of 0 is what it shows where none could be computed, and
    becomes None.
    """
    rows: list[ChainRow] = []
    seen: set[tuple[date, str, float, str | None]] = set()
    for row in _table(chain.path, ("expiry", "right", "strike", "bid", "ask"), ("iv", "root"), report):
        try:
            entry = _chain_row(row, chain.session)
            key = (entry[0], entry[1], entry[2], entry[6])
            _check_absent(key, seen)
        except ValueError as error:
            report(chain.path, row.line, str(error))
        else:
            seen.add(key)
            rows.append(entry)
    if not rows:
        return None
    return OptionChain(ts_event=ts, ts_recv=ts, underlying=chain.underlying, rows=tuple(rows))


def _chain_row(row: Row, session: date) -> ChainRow:
    expiry_text, right, strike, bid_text, ask, iv_text, root = row.cells
    expiry, bid, iv = parse_date(expiry_text or ""), parse_number(bid_text), parse_optional_number(iv_text)
    if expiry < session:
        raise ValueError(f"the expiry {expiry} lies before the chain's date {session}")
    if right not in _RIGHTS:
        raise ValueError(f"expected the right C or P: {(right or '')[:10]!r}")
    if bid < 0.0:
        raise ValueError(f"a bid below 0: {bid!r}")
    is_known = iv is not None and iv > 0.0
    return expiry, right, parse_price(strike), bid, parse_price(ask), iv if is_known else None, root or None


def _table(path: Path, needed: tuple[str, ...], optional: tuple[str, ...], report: Report) -> Iterator[Row]:
    lines = read_lines(path, report)
    header = read_header(lines)
    if not set(needed) <= set(header):
        report(path, 1 if header else 0, f"expected the columns {','.join(needed)}; taken as missing")
        return
    yield from read_rows(path, lines, header, needed + optional, report)
