"""A tape as a feed: its files merged into one order, from the start or from behind a position, at full speed or paced.

The order of equal times is the specification's: instruments by name, observations in file order, the futures curve,
chains, the session's close. It is also the position: `[ts, rank, name, line]` of the last event, so that a restart
goes on behind it, also when rows were appended since.
"""

import asyncio
import hashlib
import heapq
import json
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import closing
from datetime import date
from itertools import chain as chained
from pathlib import Path
from typing import Final, NamedTuple

from alvh.adapters.tape.files import (
    CURVE_FILE,
    OBSERVATIONS_FILE,
    RELEASES_FILE,
    ChainFile,
    QuoteRow,
    SessionCloses,
    chain_files,
    instrument_files,
    read_chain,
    read_curve,
    read_observations,
    read_quotes,
    read_releases,
)
from alvh.adapters.tape.lines import Report, parse_instant
from alvh.core.events import Event, FuturesCurve, MacroCalendar, Quote, SessionClose, WatchedIndex
from alvh.core.sessions import SessionCalendar, et_date, parse_date
from alvh.errors import InputError
from alvh.shell.ports import Sourced

LARGE_CAP: Final = "SPX"
SMALL_CAPS: Final = ("RUT", "IWM")
_END_OF_TIME: Final = 1 << 63  # ns UTC, as everywhere
"""The small-cap index: the first of these that has a valid row."""

CURVE_SYMBOL: Final = "VX"
_EXPECTED: Final = "expected a folder with a valid row of SPX.csv, RUT.csv or IWM.csv (date,close or ts,last[,bid,ask])"

_PRELUDE, _QUOTE, _OBSERVATION, _CURVE, _CHAIN, _CLOSE = range(-1, 5)
_EARLIEST, _LATEST = date(1928, 1, 1), date(2100, 12, 31)  # SPX begins in 1928; what lies outside is a slip of the pen
_SCANNED_BYTES: Final = 1 << 16  # of a file's head and tail: over a thousand rows
_YIELD_EVERY: Final = 64  # events between two turns of the loop for others, about 0.2 ms

_Key = tuple[int, int, str, int]
# One event to come: its key, and what it is made of. No two keys are equal, so what it is made of is never compared.
_Entry = tuple[int, int, str, int, QuoteRow | ChainFile | Event]


class _Prelude(NamedTuple):
    """What was told before the rows: the watched small-cap index, and a digest of the releases."""

    watched: str
    releases: str


class TapeFeed:
    """A folder of CSV files as an `EventSource`.

    The first event is `WatchedIndex`, the second, where releases are known, `MacroCalendar`; the sessions themselves
    are the caller's to tell. The last is what stands at the time of the last valid row of SPX or the
    small-cap index, the close at that very time included.

    Args:
        folder: the tape.
        calendar: the exchange's sessions; they must cover `tape_span(folder)`.
        speed: None for full speed, else market seconds per second (1.0 = as it was).
        on_malformed: told of each row or file left out (file, line, reason); line 0 is the file as a whole.
        releases: scheduled releases (date, event, HH:MM exchange time) besides those of the tape's `calendar.csv`.

    Raises:
        InputError: the folder is missing or is none, or the speed is not above 0.
    """

    def __init__(
        self,
        folder: Path,
        calendar: SessionCalendar,
        *,
        speed: float | None = None,
        on_malformed: Report | None = None,
        releases: tuple[tuple[date, str, str], ...] = (),
    ) -> None:
        if speed is not None and not speed > 0.0:
            raise InputError(f"feed.speed: expected a number above 0 (1.0 = as it was), got {speed!r}")
        self._folder = _existing(folder)
        self._calendar = calendar
        self._speed = speed
        self._on_malformed = on_malformed
        self._releases = releases
        self.malformed_count = 0

    def replay(self, position: str | None = None) -> Iterator[Event]:
        """Yield the events behind `position` in order, as fast as they are taken.

        Raises:
            InputError: no row of an index that could be watched, or `position` is not this feed's.
        """
        for _, _, event in self._run(position):
            yield event

    async def events(self, position: str | None) -> AsyncIterator[Sourced]:
        """Yield the events behind `position` with theirs, held back to the feed's speed.

        Raises:
            InputError: as `replay`.
        """
        loop = asyncio.get_running_loop()
        started: tuple[float, int] | None = None
        count = 0
        run = self._run(position)
        # Reading up to the position may take long on a long tape; the lease must be renewed meanwhile.
        first = await asyncio.to_thread(next, run, None)
        with closing(run):
            for key, prelude, event in chained(() if first is None else (first,), run):
                count += 1
                if self._speed is not None:
                    started = started or (loop.time(), event.ts_event)
                    due = started[0] + (event.ts_event - started[1]) / 1e9 / self._speed
                    await asyncio.sleep(max(0.0, due - loop.time()))
                elif count % _YIELD_EVERY == 0:
                    await asyncio.sleep(0)
                text = json.dumps([*key[:4], prelude.watched, prelude.releases], separators=(",", ":"))
                yield Sourced(event=event, position=text)

    def _report(self, path: Path, line: int, reason: str) -> None:
        self.malformed_count += 1
        if self._on_malformed is not None:
            self._on_malformed(path, line, reason)

    def _run(self, position: str | None) -> Generator[tuple[_Entry | _Key, _Prelude, Event], None, None]:
        behind = None if position is None else _parse_position(position)
        sources = _Sources(self._folder, self._calendar, self._report, None if behind is None else behind[1].watched)
        told = _Prelude(sources.watched, "" if behind is None else behind[1].releases)
        after = sources.start if behind is None else behind[0]
        for now_told, event in sources.prelude(after[0], None if behind is None else told, self._releases):
            told = now_told
            yield after, told, event
        end = -1
        for entry in sources.merged(after):
            ts, _, name, _, content = entry
            # All heads are read before an entry comes out, so `end` has seen every watched row that comes later.
            # Behind it the tape is read on, so that what is malformed there is named too.
            if ts > end:
                end = sources.end
                if ts > end:
                    continue
            made = sources.make(ts, name, content)
            if made is not None:
                yield entry, told, made


class _Sources:
    """The opened files of one run over a tape, each a rising stream of entries."""

    def __init__(self, folder: Path, calendar: SessionCalendar, report: Report, watched: str | None) -> None:
        self._folder = folder
        self._calendar = calendar
        self._report = report
        self._closes = SessionCloses(calendar)
        paths = instrument_files(folder)
        self._rows = {name: read_quotes(path, self._closes, report) for name, path in paths.items()}
        self._firsts = {name: self._first_row(name) for name in self._rows}
        if not any(self._firsts.get(name) for name in (LARGE_CAP, *SMALL_CAPS)):
            raise InputError(f"{folder}: {_EXPECTED}, found none")
        self.watched = watched or next((name for name in SMALL_CAPS if self._firsts.get(name)), SMALL_CAPS[-1])
        self._leads = [self._lead(name) for name in (LARGE_CAP, self.watched)]
        path = folder / CURVE_FILE
        self._curves = read_curve(path, self._closes, report) if path.is_file() else []
        path = folder / OBSERVATIONS_FILE
        self._observations = read_observations(path, calendar, report) if path.is_file() else []

    @property
    def end(self) -> int:
        """Time of the newest row read of a watched index: final when both files are at their end."""
        return max(lead.newest for lead in self._leads)

    @property
    def start(self) -> _Key:
        """The key before all others: the time of the tape's first event."""
        return (min([self._begin(), *(known for known, _, _ in self._observations[:1])]), _PRELUDE, "", 0)

    def prelude(
        self, ts: int, told: _Prelude | None, more: tuple[tuple[date, str, str], ...]
    ) -> Iterator[tuple[_Prelude, Event]]:
        """What is told before the first row: the watched index once, the releases whenever they have changed."""
        if told is None:
            told = _Prelude(self.watched, "")
            yield told, WatchedIndex(ts_event=ts, ts_recv=ts, instrument_id=self.watched)
        path = self._folder / RELEASES_FILE
        releases = tuple(sorted({*more, *(read_releases(path, self._report) if path.is_file() else ())}))
        digest = hashlib.sha256(repr(releases).encode()).hexdigest()[:16] if releases else ""
        if digest != told.releases:
            yield _Prelude(self.watched, digest), MacroCalendar(ts_event=ts, ts_recv=ts, releases=releases)

    def merged(self, after: _Key) -> Iterator[_Entry]:
        """All entries behind `after`, in the order of the specification."""
        streams = [self._quotes(name, rows, after) for name, rows in self._rows.items()]
        others = (self._observed(), self._settled(), self._quoted_chains(), self._session_closes())
        return heapq.merge(*streams, *(_behind(entries, after) for entries in others))

    def make(self, ts: int, name: str, content: QuoteRow | ChainFile | Event) -> Event | None:
        """The event of an entry; None where a chain has no good row."""
        if isinstance(content, QuoteRow):
            return Quote(
                ts_event=ts,
                ts_recv=ts,
                instrument_id=name,
                last_price=content.last_price,
                bid_price=content.bid_price,
                ask_price=content.ask_price,
                bid_size=content.bid_size,
                ask_size=content.ask_size,
                is_live=content.is_live,
            )
        return read_chain(content, ts, self._report) if isinstance(content, ChainFile) else content

    def _first_row(self, name: str) -> QuoteRow | None:
        rows = self._rows[name]
        first = next(rows, None)
        self._rows[name] = rows if first is None else chained((first,), rows)
        return first

    def _lead(self, name: str) -> "_Lead":
        if self._firsts.get(name) is None:
            self._report(self._folder / f"{name}.csv", 0, f"no valid row: {name} is missing, and nothing will trigger")
        lead = _Lead(self._rows.get(name, iter(())))
        if name in self._rows:
            self._rows[name] = iter(lead)
        return lead

    def _begin(self) -> int:
        """Time of the first price: from there on there are session closes."""
        firsts = [row.ts for row in self._firsts.values() if row is not None]
        return min([*firsts, *(close for close, _ in self._curves[:1])])

    @staticmethod
    def _quotes(name: str, rows: Iterator[QuoteRow], after: _Key) -> Iterator[_Entry]:
        after_ts, here, there = after[0], (_QUOTE, name, 0), after[1:]
        for row in rows:
            ts = row.ts
            if ts > after_ts or (ts == after_ts and here > there):
                yield ts, _QUOTE, name, 0, row

    def _observed(self) -> Iterator[_Entry]:
        for known, line, event in self._observations:
            yield known, _OBSERVATION, "", line, event

    def _settled(self) -> Iterator[_Entry]:
        for close, nodes in self._curves:
            event = FuturesCurve(ts_event=close, ts_recv=close, symbol=CURVE_SYMBOL, nodes=nodes)
            yield close, _CURVE, CURVE_SYMBOL, 0, event

    def _quoted_chains(self) -> Iterator[_Entry]:
        for file in chain_files(self._folder):
            session = self._calendar.session(file.session)
            if session is None:
                self._report(file.path, 0, f"{file.session} is no session of the exchange")
            else:
                yield session.close_ns, _CHAIN, file.underlying, 0, file

    def _session_closes(self) -> Iterator[_Entry]:
        begin = self._begin()
        for session in self._calendar.sessions_between(et_date(begin), self._calendar.horizon):
            ts = session.close_ns
            if ts >= begin:
                yield ts, _CLOSE, "", 0, SessionClose(ts_event=ts, ts_recv=ts, session=session.date)


class _Lead:
    """The rows of a watched index on their way into the merge, remembering the newest that was read."""

    __slots__ = ("_rows", "newest")

    def __init__(self, rows: Iterator[QuoteRow]) -> None:
        self._rows = rows
        self.newest = -1

    def __iter__(self) -> Iterator[QuoteRow]:
        for row in self._rows:
            self.newest = row.ts
            yield row


def _behind(entries: Iterator[_Entry], after: _Key) -> Iterator[_Entry]:
    return (entry for entry in entries if entry[:4] > after)


def _parse_position(text: str) -> tuple[_Key, _Prelude]:
    fault = InputError(f"expected a position on a tape, got {text[:80]!r}: the log is of another feed")
    try:
        ts, rank, name, line, watched, releases = json.loads(text)
        key = int(ts), int(rank), str(name), int(line)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise fault from error
    if watched not in SMALL_CAPS or not 0 <= key[0] < _END_OF_TIME:
        raise fault
    return key, _Prelude(watched, str(releases))


def _existing(folder: Path) -> Path:
    try:
        if folder.is_dir():
            next(folder.iterdir(), None)
            return folder
    except OSError as error:
        raise InputError(f"{folder}: cannot be read: {error.strerror}") from error
    found = "a file" if folder.exists() else "nothing"
    raise InputError(f"{folder}: {_EXPECTED}, found {found}")


def tape_span(folder: Path) -> tuple[date, date]:
    """The earliest and the latest date at the head and the tail of a tape's files: what its calendar must cover.

    Read quickly and without reporting anything; a row in the middle that lies outside is malformed.

    Raises:
        InputError: the folder is missing, is none, or has no date at all.
    """
    _existing(folder)
    paths = [*instrument_files(folder).values(), folder / CURVE_FILE, folder / OBSERVATIONS_FILE]
    days = [day for path in paths if path.is_file() for day in _dates_at_the_ends(path)]
    if not days:
        raise InputError(f"{folder}: {_EXPECTED}, found none")
    return min(days), max(days)


def _dates_at_the_ends(path: Path) -> Iterator[date]:
    try:
        with path.open("rb") as file:
            head = file.read(_SCANNED_BYTES)
            size = file.seek(0, 2)
            file.seek(max(len(head), size - _SCANNED_BYTES))
            tail = file.read()
    except OSError:
        return
    lines = head.decode("utf-8", "replace").splitlines()
    header = [name.strip().removeprefix("\ufeff") for name in lines[0].split(",")] if lines else []
    place = next((header.index(name) for name in ("ts", "date") if name in header), None)
    if place is None:
        return
    for line in [*lines[1:], *tail.decode("utf-8", "replace").splitlines()]:
        cells = line.split(",")
        try:
            text = cells[place].strip()
            day = et_date(parse_instant(text)) if header[place] == "ts" else parse_date(text)
        except (IndexError, ValueError, OverflowError):  # a day beyond the first or the last there is
            continue
        if _EARLIEST <= day <= _LATEST:
            yield day
