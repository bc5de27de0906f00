"""`alvh replay` and `alvh signals`: the engine folded over a tape or a journal, at full speed."""

import csv
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import IO

from alvh.app.sources import is_journal, journal_events, tape_events
from alvh.core.effects import Effect, Publish, Refused
from alvh.core.engine import Engine
from alvh.core.events import Event, Quote, SessionClose
from alvh.core.sessions import et_date
from alvh.errors import InputError
from alvh.settings import Settings

_REPLAY_EPOCH = b',"epoch":0}'


def replay(source: str, settings: Settings, out: Path, *, everything: bool) -> int:
    """Write each message of a replay to `out`, one JSON object a line; return how many there were.

    Raises:
        InputError: SOURCE is missing or empty, or `out` cannot be written.
    """
    count = 0
    with _written(out) as file:
        for effect in _fold(source, settings):
            if isinstance(effect, Publish) and (everything or effect.kind == "adjustment"):
                file.write(effect.body[:-1] + _REPLAY_EPOCH + b"\n")
                count += 1
    return count


def signals(source: str, settings: Settings, out: Path) -> int:
    """Write one row per session close to `out`; return how many there were.

    Raises:
        InputError: as `replay`.
    """
    engine = Engine()
    count = 0
    with _written(out) as file, tempfile.SpooledTemporaryFile(mode="w+", newline="", encoding="utf-8") as text:
        writer = csv.writer(text, lineterminator="\n")
        for event in _events(source, settings):
            effects = engine.handle(event)
            _say(event, effects)
            if isinstance(event, SessionClose) and engine.session == event.session:
                if count == 0:
                    writer.writerow(["date", "S01", "S02", *engine.book.columns])
                row = ["" if value is None else repr(value) for value in (*engine.portfolio_row(), *engine.book.row())]
                writer.writerow([event.session.isoformat(), *row])
                count += 1
        text.seek(0)
        for chunk in iter(lambda: text.read(1 << 20), ""):
            file.write(chunk.encode())
    return count


def _fold(source: str, settings: Settings) -> Iterator[Effect]:
    engine = Engine()
    for event in _events(source, settings):
        effects = engine.handle(event)
        if effects:
            _say(event, effects)
            yield from effects


def _events(source: str, settings: Settings) -> Iterable[Event]:
    if is_journal(source):
        return _shown(journal_events(source))
    return _shown(tape_events(source, settings))


def _say(event: Event, effects: Iterable[Effect]) -> None:
    """Name what the engine left out on standard error."""
    for effect in effects:
        if isinstance(effect, Refused):
            when = et_date(event.ts_event).isoformat() if isinstance(event, Quote) else ""
            sys.stderr.write(f"{effect.subject} {when}: {effect.detail}; left out\n")


def _shown(events: Iterable[Event]) -> Iterator[Event]:
    """Pass events on, showing on a terminal how far they have come."""
    if not sys.stderr.isatty():
        yield from events
        return
    year: int | None = None
    shown = date.min
    for event in events:
        if isinstance(event, SessionClose) and (event.session.year, event.session.month) != (shown.year, shown.month):
            shown, year = event.session, event.session.year
            sys.stderr.write(f"\rreplaying {shown:%Y-%m} ")
            sys.stderr.flush()
        yield event
    if year is not None:
        sys.stderr.write("\r" + " " * 24 + "\r")


@contextmanager
def _written(out: Path) -> Iterator[IO[bytes]]:
    """Open a file that appears under its name only when it is whole."""
    if str(out) == "-":
        yield sys.stdout.buffer
        return
    if out.is_dir():
        raise InputError(f"{out}: expected a file to write, found a folder")
    partial = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        file = partial.open("wb")
    except OSError as error:
        raise InputError(f"{out}: cannot be written: {error.strerror}") from error
    try:
        with file:
            yield file
        partial.replace(out)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
