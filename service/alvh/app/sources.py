"""Where events come from when no daemon runs: a tape folder, an exported journal, or a live one in Redis."""

import gzip
import sys
import zlib
from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from alvh import __version__
from alvh.adapters.calendars import CalendarOverrides, Report, exchange_sessions, macro_calendar
from alvh.adapters.tape import TapeFeed, tape_span
from alvh.core.codec import decode
from alvh.core.events import Calendar, Configuration, Event
from alvh.core.sessions import SessionCalendar
from alvh.errors import InputError, JournalError
from alvh.settings import CalendarSettings, Settings, decision_document, document_hash

# A VX future settles, and a long-dated VIX call expires, at most about 250 days ahead; business days are counted to it.
_DAYS_AHEAD: Final = 400
_JOURNAL_SUFFIXES: Final = (".jsonl", ".jsonl.gz")
_ARCHIVE_FILES: Final = "journal-*-*.jsonl.gz"
# A chain of a whole exchange has some MB; what is longer is no event, and must not fill memory.
_LONGEST_LINE: Final = 64 * 1024 * 1024
_LOG_SCHEMES: Final = (
    "redis://", "rediss://", "unix://",
    "redis+sentinel://", "rediss+sentinel://", "redis+cluster://", "rediss+cluster://",
)  # fmt: skip


def configuration(settings: Settings, ts: int, *, feed_kind: str | None = None) -> Configuration:
    """Return the Configuration event of a configuration."""
    document = decision_document(settings, feed_kind=feed_kind)
    return Configuration(
        ts_event=ts, ts_recv=ts, document=document, config_hash=document_hash(document), engine_version=__version__
    )


def calendar(settings: CalendarSettings, start: date, end: date) -> Calendar:
    """Return the Calendar event from `start` to some way behind `end`."""
    overrides = CalendarOverrides(
        closed=tuple(settings.closed),
        early_closes=settings.early_closes,
        open=tuple(settings.extra_sessions),
        hours=settings.hours,
    )
    return exchange_sessions(start, end + timedelta(days=_DAYS_AHEAD), overrides)


def malformed(path: Path, line: int, reason: str) -> None:
    """Name a row that was left out on standard error."""
    where = f"{path}:{line}" if line else str(path)
    sys.stderr.write(f"{where}: {reason}; left out\n")


def releases(settings: CalendarSettings, on_malformed: Report = malformed) -> tuple[tuple[date, str, str], ...]:
    """Return the releases of the configured calendar files: (date, event, time ET), rising.

    Args:
        settings: names the files.
        on_malformed: told of each row that is left out.

    Raises:
        InputError: a file cannot be read.
    """
    found = {row for path in settings.releases for row in macro_calendar(path, 0, on_malformed).releases}
    return tuple(sorted(found))


def is_log(source: str) -> bool:
    """Whether SOURCE names a log in Redis."""
    return source.startswith(_LOG_SCHEMES)


def source_events(source: str, settings: Settings) -> Iterator[Event]:
    """Return the events of a tape, of a recorded journal or of an archive.

    Raises:
        InputError: there is none of them at `source`.
    """
    path = Path(source)
    if source.endswith(_JOURNAL_SUFFIXES) and not path.is_dir():
        return journal_events(source)
    if any(path.glob(_ARCHIVE_FILES)):
        from alvh.adapters.redis.archive import archived_events  # noqa: PLC0415 - loads the client of Redis

        return _believed(archived_events(path), path)
    return tape_events(source, settings)


def tape_events(source: str, settings: Settings) -> Iterator[Event]:
    """Yield the events of a tape, with the configuration and the calendar in front.

    Raises:
        InputError: there is no tape at `source`.
    """
    folder = Path(source)
    sessions = calendar(settings.calendar, *tape_span(folder))
    yield configuration(settings, 0, feed_kind="tape")
    yield sessions
    tape = TapeFeed(
        folder, SessionCalendar(sessions.sessions), on_malformed=malformed, releases=releases(settings.calendar)
    )
    yield from tape.replay()


def _believed(events: Iterator[Event], where: Path) -> Iterator[Event]:
    for event in events:
        _believe(event, str(where))
        yield event


def _believe(event: Event, where: str) -> None:
    """Refuse a configuration that was changed behind its hash: decisions would be made under another than it says."""
    if isinstance(event, Configuration) and document_hash(dict(event.document)) != event.config_hash:
        raise InputError(f"{where}: expected the configuration whose hash is {event.config_hash[:16]}, found another")


def journal_events(source: str) -> Iterator[Event]:
    """Yield the events of an exported journal; its own configuration is among them.

    Raises:
        InputError: the file cannot be read or is no journal.
    """
    path = Path(source)
    is_begun = False
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            for number, line in enumerate(iter(partial(file.readline, _LONGEST_LINE), b""), start=1):
                if not line.strip():
                    continue
                try:
                    event = decode(line)
                except JournalError as error:
                    raise InputError(f"{path}:{number}: expected an event of a journal: {error}") from error
                if not is_begun and not isinstance(event, Configuration):
                    found = type(event).__name__
                    raise InputError(f"{path}:{number}: expected the log's first event, a Configuration, found {found}")
                is_begun = True
                _believe(event, f"{path}:{number}")
                yield event
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    if not is_begun:
        raise InputError(f"{path}: expected the events of a journal, found none")
