"""Writes what a feed says as a tape, so that the tape says the same again (interfaces, section 3).

Beside the specification's columns a recorded tape carries `bid_size`, `ask_size` and `is_live` of quotes and `bid` and
`ask` of the futures, which our reader takes and others ignore. A row is one write to a file opened for appending, so
that whatever stops the recorder leaves at most one broken line, which a replay names and leaves out.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from math import inf
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TextIO

from alvh.core.events import (
    Event,
    FuturesCurve,
    MacroCalendar,
    Observation,
    OptionChain,
    Quote,
    SessionClose,
)
from alvh.core.sessions import SessionCalendar, et_date
from alvh.errors import InputError, OutageError

_QUOTE_COLUMNS: Final = "ts,last,bid,ask,bid_size,ask_size,is_live"
_CURVE_SYMBOL: Final = "VX"
_CURVE_COLUMNS: Final = "date,expiry,settle,bid,ask"
_OBSERVATION_COLUMNS: Final = "date,series,value,consensus"
_CHAIN_COLUMNS: Final = "expiry,right,strike,bid,ask,iv,root"
_RELEASE_COLUMNS: Final = "date,event,time_et"
_NAME: Final = re.compile(r"(?!VX$)[A-Z0-9][A-Z0-9.^_-]*")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TAIL_BYTES: Final = 4096  # holds the last row of a file, which is under 200 bytes
_NS_PER_SECOND: Final = 1_000_000_000


class TapeRecorder:
    """Writes events into a tape's folder; a context manager.

    A futures curve and a chain stand on a tape at a session's close: of those told in a session the newest is
    written, once its `SessionClose` or a later session's curve or chain is there. What a tape cannot say (positions,
    answers, a price that is none, a second price at the same instant) is not written; `skipped_count` counts it.

    Args:
        folder: the tape; made where it is missing, gone on with where it was recorded before.
        calendar: the exchange's sessions.

    Raises:
        InputError: the folder cannot be made, or holds a tape with other columns.
    """

    def __init__(self, folder: Path, calendar: SessionCalendar) -> None:
        self._folder = folder
        self._calendar = calendar
        self._files: dict[str, TextIO] = {}
        self._newest: dict[str, int] = {}
        self._curve: FuturesCurve | None = None
        self._chains: dict[str, OptionChain] = {}
        self.skipped_count = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{folder}: expected a folder to write a tape to: {error.strerror or error}") from error

    def record(self, event: Event) -> None:
        """Write what a tape can say of `event`.

        Raises:
            InputError: a file of the folder has other columns.
            OutageError: the disk refuses.
        """
        try:
            self._record(event)
        except OSError as error:
            raise self._outage(error) from error

    def close(self) -> None:
        """Close the files; a curve or chain is dropped if nothing was told at its session's close or behind it.

        Raises:
            OutageError: the disk refuses.
        """
        told = [event.ts_event for event in (self._curve, *self._chains.values()) if event is not None]
        closed = self._calendar.last_close_until(max(told, default=0))
        try:
            if closed is not None:
                self._settle(until=closed.date)
        except OSError as error:
            raise self._outage(error) from error
        finally:
            for file in self._files.values():
                with suppress(OSError):
                    file.close()
            self._files.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _outage(self, error: OSError) -> OutageError:
        return OutageError(f"{self._folder}: cannot be written: {error.strerror or error}")

    def _record(self, event: Event) -> None:
        if isinstance(event, SessionClose):
            self._settle(until=event.session)
        elif isinstance(event, Quote):
            self._quote(event)
        elif isinstance(event, Observation) and event.series.isprintable():
            cells = (event.observed, event.series, event.value, event.consensus)
            self._append("observations.csv", _OBSERVATION_COLUMNS, [_line(cells)])
        elif isinstance(event, FuturesCurve | OptionChain):
            self._keep(event)
        elif isinstance(event, MacroCalendar):
            self._replace("calendar.csv", _RELEASE_COLUMNS, (_line(release) for release in event.releases))
        else:
            self.skipped_count += 1

    def _quote(self, quote: Quote) -> None:
        name, last = quote.instrument_id, _price(quote.last_price)
        bid, ask = _price(quote.bid_price), _price(quote.ask_price)
        is_priced = last is not None or (bid is not None and ask is not None)
        if not is_priced or not _NAME.fullmatch(name) or quote.ts_event <= self._newest_of(name):
            self.skipped_count += 1
            return
        cells = (_iso(quote.ts_event), last, bid, ask, quote.bid_size, quote.ask_size, int(quote.is_live))
        self._append(f"{name}.csv", _QUOTE_COLUMNS, [_line(cells)])
        self._newest[name] = quote.ts_event

    def _newest_of(self, name: str) -> int:
        if name not in self._newest:
            self._newest[name] = _last_instant(self._folder / f"{name}.csv")
        return self._newest[name]

    def _keep(self, event: FuturesCurve | OptionChain) -> None:
        """Remember the newest of its session, writing what is left of earlier ones."""
        self._settle(until=et_date(event.ts_event) - timedelta(days=1))
        if isinstance(event, FuturesCurve):
            # A tape has one curve: that of VX. Mini VIX futures have fewer months, and must not take its place.
            self._curve = event if event.symbol == _CURVE_SYMBOL else self._curve
        else:
            self._chains[event.underlying] = event

    def _settle(self, until: date) -> None:
        """Write the curve and the chains told on sessions up to `until`."""
        curve = self._curve
        if curve is not None and et_date(curve.ts_event) <= until:
            self._curve = None
            day = et_date(curve.ts_event)
            if self._calendar.is_session(day):
                lines = [_line((day, *node)) for node in curve.nodes]
                self._append("VX.csv", _CURVE_COLUMNS, lines)
        for underlying, chain in sorted(self._chains.items()):
            day = et_date(chain.ts_event)
            if day <= until:
                del self._chains[underlying]
                if self._calendar.is_session(day) and _NAME.fullmatch(underlying):
                    name = f"chain-{underlying}-{day.isoformat()}.csv"
                    self._replace(name, _CHAIN_COLUMNS, (_line(row) for row in chain.rows))

    def _append(self, name: str, columns: str, lines: Iterable[str]) -> None:
        file = self._files.get(name)
        if file is None:
            file = self._files[name] = _open_for_rows(self._folder / name, columns)
        file.write("".join(lines))
        file.flush()  # rows come a few hundred a second at most, and each should outlive us

    def _replace(self, name: str, columns: str, lines: Iterator[str]) -> None:
        path = self._folder / name
        draft = path.with_name(f".{name}.new")
        draft.write_text(f"{columns}\n{''.join(lines)}", encoding="utf-8", newline="\n")
        draft.replace(path)


def _open_for_rows(path: Path, columns: str) -> TextIO:
    is_new, is_cut = True, False
    if path.exists():
        with path.open("rb") as old:
            header = old.readline().decode("utf-8", "replace").strip()
            is_new = not header
            if header and header != columns:
                raise InputError(f"{path}: expected the columns {columns}, as recorded; choose an empty folder")
            is_cut = old.seek(0, 2) > 0 and old.seek(-1, 2) >= 0 and old.read(1) != b"\n"
    file = path.open("a", encoding="utf-8", newline="\n")
    # A row that was cut off by a crash is ended, so that it spoils no other.
    file.write(f"{columns}\n" if is_new else "\n" if is_cut else "")
    return file


def _last_instant(path: Path) -> int:
    """Time (ns UTC) of the last readable row of a recorded file; -1 where there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - _TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return -1
    for line in reversed(lines):
        seconds, _, finer = line.split(",")[0].removesuffix("Z").partition(".")
        with suppress(ValueError):
            whole = datetime.fromisoformat(seconds).replace(tzinfo=UTC) - _EPOCH
            return whole // timedelta(seconds=1) * _NS_PER_SECOND + int(finer.ljust(9, "0"))
    return -1


def _price(value: float | None) -> float | None:
    """What a tape takes for a price; brokers say 0 or -1 where there is none."""
    return value if value is not None and 0.0 < value < inf else None


def _iso(ts: int) -> str:
    seconds, ns = divmod(ts, _NS_PER_SECOND)
    text = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{ns:09d}Z" if ns else f"{text}Z"


def _line(cells: Iterable[object]) -> str:
    return ",".join(_cell(cell) for cell in cells) + "\n"


def _cell(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        return repr(float(cell))
    text = cell.isoformat() if isinstance(cell, date) else str(cell)
    return f'"{text.replace(chr(34), chr(34) * 2)}"' if "," in text or '"' in text else text
