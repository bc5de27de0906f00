"""Which feed a configuration asks for, and what the log must be told before it begins."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Final

from alvh.adapters.calendars import Report
from alvh.adapters.simulator import SimulatorFeed
from alvh.adapters.tape import TapeFeed, tape_span
from alvh.app.sources import calendar, configuration, malformed, releases
from alvh.core.engine import Engine
from alvh.core.events import Calendar, Event, MacroCalendar
from alvh.core.sessions import SessionCalendar
from alvh.errors import InputError
from alvh.settings import Settings
from alvh.settings_feeds import IbFeed, SimulatedFeed
from alvh.settings_feeds import TapeFeed as TapeSettings
from alvh.shell.ports import EventSource

# A live feed asks for two years of history at its first start.
_DAYS_OF_HISTORY: Final = 800


def prelude(
    settings: Settings, engine: Engine, now_ns: int, on_malformed: Report = malformed
) -> tuple[list[Event], SessionCalendar]:
    """Return the events that bring a recovered engine up to date with the configuration, and the sessions.

    Everything that bears on decisions is in the log: the configuration and the engine's version when they differ from
    what the log's tail was folded under, the calendar when it is not long enough or says something else, and the
    releases of a live feed; a tape and the simulator know more of these and tell them themselves.

    Args:
        settings: the configuration.
        engine: recovered.
        now_ns: the time, ns UTC.
        on_malformed: told of each row of a calendar file that is left out.

    Raises:
        InputError: the tape is missing, or the log is of another kind of feed.
    """
    feed = settings.feed
    ts = now_ns if isinstance(feed, IbFeed) else 0
    wanted = configuration(settings, ts)
    known = engine.configuration
    if known is not None and known.document["feed"] != wanted.document["feed"]:
        told, asked = known.document["feed"], wanted.document["feed"]
        raise InputError(
            f"feed.kind: the log of instance {settings.instance} is of feed {told}, expected {told}, got {asked}"
        )
    events: list[Event] = []
    if known is None or (known.config_hash, known.engine_version) != (wanted.config_hash, wanted.engine_version):
        events.append(wanted)
    start, end = _span(settings, engine, now_ns)
    sessions = _calendar_for(settings, engine.calendar, start, end)
    if sessions is not engine.calendar:
        events.append(sessions)
    if isinstance(feed, IbFeed):
        scheduled = releases(settings.calendar, on_malformed)
        if scheduled != tuple(engine.releases):
            events.append(MacroCalendar(ts_event=ts, ts_recv=ts, releases=scheduled))
    return events, SessionCalendar(sessions.sessions)


def _span(settings: Settings, engine: Engine, now_ns: int) -> tuple[date, date]:
    """The dates between which sessions must be known."""
    feed = settings.feed
    if isinstance(feed, TapeSettings):
        return tape_span(feed.path)
    if isinstance(feed, SimulatedFeed):
        reached = engine.session or feed.start
        return feed.start, max(reached, feed.start) + timedelta(days=365)
    today = datetime.fromtimestamp(now_ns // 1_000_000_000, UTC).date()
    return today - timedelta(days=_DAYS_OF_HISTORY), today


def _calendar_for(settings: Settings, known: Calendar | None, start: date, end: date) -> Calendar:
    """The calendar in force if it covers the span and says the same, else a new one."""
    fresh = calendar(settings.calendar, start, end)
    if known is None:
        return fresh
    first, last = fresh.sessions[0][0], fresh.sessions[-1][0]
    same = tuple(row for row in known.sessions if first <= row[0] <= last)
    return known if same == fresh.sessions or (_covers(known, start, end) and _agrees(known, fresh)) else fresh


def _covers(known: Calendar, start: date, end: date) -> bool:
    return known.sessions[0][0] <= start + timedelta(days=7) and known.sessions[-1][0] >= end + timedelta(days=180)


def _agrees(known: Calendar, fresh: Calendar) -> bool:
    first = max(known.sessions[0][0], fresh.sessions[0][0])
    last = min(known.sessions[-1][0], fresh.sessions[-1][0])
    return [row for row in known.sessions if first <= row[0] <= last] == [
        row for row in fresh.sessions if first <= row[0] <= last
    ]


def open_feed(
    settings: Settings,
    sessions: SessionCalendar,
    live: Callable[[IbFeed], EventSource],
    on_malformed: Report = malformed,
) -> EventSource:
    """Return the feed a configuration asks for.

    Args:
        settings: the configuration.
        sessions: the sessions in force.
        live: makes the feed of Interactive Brokers.
        on_malformed: told of rows of a tape or of a calendar file that are left out.

    Raises:
        InputError: the tape is missing.
    """
    feed = settings.feed
    if isinstance(feed, IbFeed):
        return live(feed)
    if isinstance(feed, TapeSettings):
        speed = None if feed.speed == "full" else feed.speed
        scheduled = releases(settings.calendar, on_malformed)
        return TapeFeed(feed.path, sessions, speed=speed, on_malformed=on_malformed, releases=scheduled)

    def extend(day: date) -> Calendar:
        return calendar(settings.calendar, day - timedelta(days=_DAYS_OF_HISTORY), day + timedelta(days=800))

    return SimulatorFeed(
        sessions,
        seed=feed.seed,
        start=feed.start,
        session_s=feed.session_s,
        extend=extend,
        releases=releases(settings.calendar, on_malformed),
    )
