"""When somebody must be awake: around sessions, not at night, at week-ends or on holidays, also without a log."""

from datetime import datetime
from math import inf

import pytest

from alvh.adapters.calendars import exchange_sessions
from alvh.app.daemon import _bounds
from alvh.app.duty import DutyHours
from alvh.core.sessions import EXCHANGE_ZONE, SessionCalendar, parse_date
from alvh.settings import Settings

LIVE = Settings.model_validate({"feed": {"kind": "ib"}})


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=EXCHANGE_ZONE).timestamp()


@pytest.mark.parametrize("has_log", [True, False], ids=["log", "no log"])
@pytest.mark.parametrize(
    ("now", "in_session", "opens", "closes", "duty"),
    [
        ("2026-11-25T03:00", False, "2026-11-25T09:30", "2026-11-25T16:00", "2026-11-25T08:30"),
        ("2026-11-25T09:30", True, "2026-11-25T09:30", "2026-11-25T16:00", "2026-11-25T08:30"),
        ("2026-11-25T16:00", True, "2026-11-25T09:30", "2026-11-25T16:00", "2026-11-25T08:30"),
        ("2026-11-25T16:30", False, "2026-11-27T09:30", "2026-11-27T13:00", "2026-11-25T08:30"),
        ("2026-11-25T17:01", False, "2026-11-27T09:30", "2026-11-27T13:00", "2026-11-27T08:30"),
        ("2026-11-26T11:00", False, "2026-11-27T09:30", "2026-11-27T13:00", "2026-11-27T08:30"),
        ("2026-11-27T13:59", False, "2026-11-30T09:30", "2026-11-30T16:00", "2026-11-27T08:30"),
        ("2026-11-28T12:00", False, "2026-11-30T09:30", "2026-11-30T16:00", "2026-11-30T08:30"),
        ("2026-03-08T12:00", False, "2026-03-09T09:30", "2026-03-09T16:00", "2026-03-09T08:30"),
    ],
    ids=["night", "open", "close", "behind it", "evening", "Thanksgiving", "half day", "week-end", "clocks change"],
)
def test_hours_follow_the_exchange(
    now: str, in_session: bool, opens: str, closes: str, duty: str, *, has_log: bool
) -> None:
    known = None
    if has_log:
        known = SessionCalendar(exchange_sessions(parse_date("2025-01-02"), parse_date("2027-12-31")).sessions)
    hours = DutyHours(LIVE).at(int(_seconds(now) * 1e9), known, in_session=False)
    assert hours.in_session is in_session
    assert hours.session_open == _seconds(opens)
    assert hours.session_close == _seconds(closes)
    assert hours.duty_start == _seconds(duty)
    assert hours.calendar_end > _seconds("2027-01-01T00:00")


def test_a_calendar_that_has_run_out_shows_and_blinds_nobody() -> None:
    known = SessionCalendar(exchange_sessions(parse_date("2026-01-02"), parse_date("2026-06-30")).sessions)
    hours = DutyHours(LIVE).at(int(_seconds("2026-11-25T10:00") * 1e9), known, in_session=False)
    assert hours.in_session
    assert hours.calendar_end == _seconds("2026-06-30T16:00")


@pytest.mark.parametrize("in_session", [True, False])
def test_a_market_without_our_clock_is_always_on_duty(in_session: bool) -> None:
    hours = DutyHours(Settings()).at(1_800_000_000_000_000_000, None, in_session=in_session)
    assert (hours.in_session, hours.duty_start) == (in_session, 0.0)
    assert (hours.session_open, hours.session_close) == (0.0 if in_session else inf, inf)


@pytest.mark.parametrize(
    ("feed", "portfolio", "awaited"),
    [
        ({"kind": "ib"}, {}, True),
        ({"kind": "ib"}, {"execution": "paper"}, False),
        ({"kind": "ib"}, {"hedge": "none"}, False),
        ({"kind": "simulated"}, {}, False),
        ({"kind": "simulated"}, {"execution": "answers"}, True),
    ],
)
def test_answers_are_waited_for_where_legs_follow_them(
    feed: dict[str, str], portfolio: dict[str, str], *, awaited: bool
) -> None:
    settings = Settings.model_validate({"feed": feed, "portfolios": [{"id": "core", **portfolio}]})
    assert _bounds(settings).portfolios["core"].awaits_answers is awaited
