"""Calendar files named in the configuration: the same releases for every feed, as an event of the log."""

from collections.abc import Iterable
from datetime import date
from pathlib import Path

import pytest

from alvh.adapters.simulator import SimulatorFeed
from alvh.adapters.tape import TapeFeed
from alvh.app.feeds import open_feed, prelude
from alvh.app.sources import calendar, configuration, releases, tape_events
from alvh.core.engine import Engine
from alvh.core.events import Event, MacroCalendar
from alvh.core.sessions import SessionCalendar
from alvh.settings import CalendarSettings, Settings
from tapes import write_tape

DAYS = (date(2026, 5, 8), date(2026, 5, 11), date(2026, 5, 12), date(2026, 5, 13))
CSV = ("date,event,time_et", "2026-05-12,cpi,08:30", "2026-13-01,cpi,08:30", "2026-05-14,ppi", "2026-05-14,ppi,08:30")
ICS = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//made up//EN
BEGIN:VEVENT
UID:1
DTSTAMP:20260101T000000Z
DTSTART:20260617T180000Z
SUMMARY:FOMC Meeting - statement
END:VEVENT
BEGIN:VEVENT
UID:2
DTSTAMP:20260101T000000Z
DTSTART:nonsense
SUMMARY:Consumer Price Index
END:VEVENT
BEGIN:VEVENT
UID:3
DTSTAMP:20260101T000000Z
DTSTART;VALUE=DATE:20260520
SUMMARY:Minutes of the FOMC
END:VEVENT
BEGIN:VEVENT
UID:4
DTSTAMP:20260101T000000Z
DTSTART;VALUE=DATE:20260521
SUMMARY:Company picnic
END:VEVENT
END:VCALENDAR
"""
EXPECTED = (
    (date(2026, 5, 12), "cpi", "08:30"),
    (date(2026, 5, 14), "ppi", "08:30"),
    (date(2026, 5, 20), "fomc_minutes", "14:00"),
    (date(2026, 6, 17), "fomc_decision", "14:00"),
)


@pytest.fixture
def configured(tmp_path: Path) -> Settings:
    """A tape without a calendar of its own, and both kinds of file."""
    closes = ["date,close", *(f"{day},{5000 + number}" for number, day in enumerate(DAYS))]
    tape = write_tape(tmp_path / "tape", {"SPX.csv": closes, "RUT.csv": closes, "VIX.csv": closes})
    files = write_tape(tmp_path / "files", {"prints.csv": CSV, "fed.ics": ICS.replace("\n", "\r\n").encode()})
    return Settings.model_validate(
        {
            "feed": {"kind": "tape", "path": tape},
            "calendar": {"releases": [files / "prints.csv", files / "fed.ics"]},
            "portfolios": [{"id": "core", "hedge": "none"}],
        }
    )


def told(events: Iterable[Event]) -> list[MacroCalendar]:
    return [event for event in events if isinstance(event, MacroCalendar)]


def folded(events: Iterable[Event]) -> Engine:
    engine = Engine()
    for event in events:
        engine.handle(event)
    return engine


def test_good_rows_of_both_kinds_count_and_bad_ones_are_named(configured: Settings) -> None:
    named: list[tuple[str, int]] = []
    found = releases(configured.calendar, lambda path, line, _: named.append((path.name, line)))
    assert found == EXPECTED
    assert named == [("prints.csv", 3), ("prints.csv", 4), ("fed.ics", 2)]


def test_a_replay_tells_them_and_says_how_far_the_next_one_is(
    configured: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert configured.feed.kind == "tape"
    events = list(tape_events(str(configured.feed.path), configured))
    assert [event.releases for event in told(events)] == [EXPECTED]
    assert "prints.csv:3: " in capsys.readouterr().err
    engine = folded(events)
    assert tuple(engine.releases) == EXPECTED
    (near,) = (signal for signal in engine.book.signals if signal.id == "S20")
    parts = dict(near.parts)
    assert (parts["to_next"], parts["since_last"]) == (1.0, 1.0), "ppi tomorrow, cpi yesterday, seen from 13 May"
    assert engine.flags["macro"] is True
    restored = Engine()
    restored.restore(engine.checkpoint())
    assert tuple(restored.releases) == EXPECTED


def test_a_daemon_on_a_tape_tells_the_same_and_counts_bad_rows(configured: Settings) -> None:
    named: list[int] = []
    before, sessions = prelude(configured, Engine(), 0)
    feed = open_feed(
        configured, sessions, live=lambda _: pytest.fail("no live feed"), on_malformed=lambda *row: named.append(row[1])
    )
    assert told(before) == []
    assert named == [3, 4, 2]
    assert isinstance(feed, TapeFeed)
    assert [event.releases for event in told(feed.replay())] == [EXPECTED]


def test_the_simulator_tells_them_among_its_own(configured: Settings) -> None:
    settings = configured.model_copy(update={"feed": Settings().feed})
    _, sessions = prelude(settings, Engine(), 0)
    feed = open_feed(settings, sessions, live=lambda _: pytest.fail("no live feed"), on_malformed=lambda *_: None)
    assert isinstance(feed, SimulatorFeed)
    first = next(event for event in feed.replay() if isinstance(event, MacroCalendar))
    assert set(EXPECTED) <= set(first.releases)
    assert len(first.releases) > len(EXPECTED)


def test_a_live_feed_is_told_once_and_again_when_they_change(configured: Settings) -> None:
    live = Settings.model_validate({**configured.model_dump(), "feed": {"kind": "ib"}})
    now = 1_778_500_000_000_000_000
    engine = Engine()
    events, _ = prelude(live, engine, now, lambda *_: None)
    assert [(event.releases, event.ts_event) for event in told(events)] == [(EXPECTED, now)]
    for event in events:
        engine.handle(event)
    again, _ = prelude(live, engine, now, lambda *_: None)
    assert told(again) == []
    none = live.model_copy(update={"calendar": CalendarSettings()})
    changed, _ = prelude(none, engine, now)
    assert [event.releases for event in told(changed)] == [()]


def test_the_configured_calendar_stands_beside_the_tapes_own(configured: Settings) -> None:
    assert configured.feed.kind == "tape"
    own = ["date,event,time_et", "2026-05-12,cpi,08:30", "2026-07-14,cpi,08:30"]
    write_tape(configured.feed.path, {"calendar.csv": own})
    (event,) = told(tape_events(str(configured.feed.path), configured))
    assert event.releases == (*EXPECTED, (date(2026, 7, 14), "cpi", "08:30"))


def test_the_calendar_of_sessions_is_told_with_it(configured: Settings) -> None:
    known = calendar(configured.calendar, DAYS[0], DAYS[-1])
    assert SessionCalendar(known.sessions).is_session(DAYS[0])
    assert configuration(configured, 0).document["feed"] == "tape"
