"""`alvh replay` and `alvh signals`: the engine folded over a tape or a journal, at full speed."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from alvh.app.signal_rows import signal_columns, signal_row
from alvh.app.sources import is_log, source_events
from alvh.core.effects import Effect, Publish, Refused
from alvh.core.engine import Engine
from alvh.core.events import Event, Quote, SessionClose
from alvh.core.sessions import et_date
from alvh.errors import InputError, OutageError
from alvh.settings import Settings

if TYPE_CHECKING:
    from alvh.app.logged import LoggedRun

_LONGEST_NAME: Final = 200  # bytes of a file's name that are kept in its draft's; 255 is what file systems take
_REPLAY_EPOCH: Final = b',"epoch":0}'


def replay(source: str, settings: Settings, out: Path, *, everything: bool) -> int:
    """Write each message of a replay to `out`, one JSON object a line; return how many there were.

    A replay of a log in Redis is held against what that log says was sent.

    Raises:
        InputError: SOURCE is missing or empty, or `out` cannot be written.
        OutageError: Redis is away.
        JournalError: the log says something else; names the first message that differs.
    """
    count = 0
    engine = Engine()
    with _written(out) as file, _opened(source, settings) as (events, log):
        for seq, event in enumerate(_shown(events), start=1):
            effects = engine.handle(event)
            if effects:
                _say(event, effects)
            if log is not None:
                log.compare(seq, effects)
            for effect in effects:
                if isinstance(effect, Publish) and (everything or effect.kind == "adjustment"):
                    file.write(effect.body[:-1] + _REPLAY_EPOCH + b"\n")
                    count += 1
        if log is not None:
            sys.stderr.write(f"{log.compared} messages of the log are what the replay says\n")
    return count


def signals(source: str, settings: Settings, out: Path) -> int:
    """Write one row per session close to `out`; return how many there were.

    Raises:
        InputError: SOURCE is missing or empty, or `out` cannot be written.
        OutageError: Redis is away.
    """
    engine = Engine()
    session = engine.session
    count = 0
    columns: list[str] = []
    with _written(out) as file, _opened(source, settings) as (events, _):
        for event in _shown(events):
            _say(event, engine.handle(event))
            if engine.session is None or engine.session == session:
                continue
            if count == 0:
                columns = signal_columns(engine)
                file.write(",".join(["date", *columns]).encode() + b"\n")
            session = engine.session
            found = signal_row(engine)
            row = ["" if (value := found.get(name)) is None else repr(value) for name in columns]
            file.write(",".join([session.isoformat(), *row]).encode() + b"\n")
            count += 1
    return count


@contextmanager
def _opened(source: str, settings: Settings) -> Iterator[tuple[Iterable[Event], "LoggedRun | None"]]:
    """Open SOURCE: its events and, where it is a log in Redis, that log."""
    if not is_log(source):
        yield source_events(source, settings), None
        return
    from alvh.app.logged import opened_log  # noqa: PLC0415 - loads the client of Redis

    with opened_log(source, settings) as log:
        yield log.events(), log


def _say(event: Event, effects: Iterable[Effect]) -> None:
    """Name what the engine left out on standard error."""
    for effect in effects:
        if isinstance(effect, Refused):
            when = f" {et_date(event.ts_event)}" if isinstance(event, Quote) else ""
            sys.stderr.write(f"{effect.subject}{when}: {effect.detail}; left out\n")


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
    """Open a file that appears under its name only when it is whole; what is no plain file is written to as it is."""
    try:
        if str(out) == "-":
            yield sys.stdout.buffer
            sys.stdout.flush()
        elif out.is_dir():
            raise InputError(f"{out}: expected a file to write, found a folder")
        elif out.exists() and not out.is_file():
            with _opened_for_writing(out, out) as file:
                yield file
        else:
            yield from _whole(out)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutageError(f"{out}: cannot be written: {error.strerror or error}") from error


def _whole(out: Path) -> Iterator[IO[bytes]]:
    target = out.resolve()
    partial = target.with_name(f".{target.name[:_LONGEST_NAME]}.{os.getpid()}.part")
    with _opened_for_writing(partial, out) as file:
        try:
            yield file
            file.close()
            partial.replace(target)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


def _opened_for_writing(path: Path, told: Path) -> IO[bytes]:
    try:
        return path.open("wb")
    except OSError as error:
        raise InputError(f"{told}: cannot be written: {error.strerror}") from error
