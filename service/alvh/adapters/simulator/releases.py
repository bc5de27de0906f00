"""The made-up market's scheduled releases, by rules of thumb: when the real ones usually come."""

from datetime import date, timedelta
from typing import Final

from alvh.core.sessions import SessionCalendar

_WEDNESDAY: Final = 2
_FOMC_MONTHS: Final = (1, 3, 5, 6, 7, 9, 11, 12)
_MINUTES_AFTER: Final = timedelta(days=21)


def scheduled_releases(calendar: SessionCalendar, year: int) -> tuple[tuple[date, str, str], ...]:
    """The releases of a year and the next, sorted: (date, event, HH:MM exchange time)."""
    found = []
    for each in (year, year + 1):
        for month in range(1, 13):
            found.append((_business_day(calendar, each, month, 9), "cpi", "08:30"))
            found.append((_business_day(calendar, each, month, 10), "ppi", "08:30"))
        for month in _FOMC_MONTHS:
            decision = _third_wednesday(each, month)
            found.append((decision, "fomc_decision", "14:00"))
            found.append((decision + _MINUTES_AFTER, "fomc_minutes", "14:00"))
    return tuple(sorted(found))


def released_on(calendar: SessionCalendar, day: date) -> str | None:
    """Which price index is published on `day`: `CPI`, `PPI` or neither."""
    for number, series in ((9, "CPI"), (10, "PPI")):
        if day == _business_day(calendar, day.year, day.month, number):
            return series
    return None


def _business_day(calendar: SessionCalendar, year: int, month: int, number: int) -> date:
    day = date(year, month, 1) - timedelta(days=1)
    while number:
        day += timedelta(days=1)
        number -= calendar.is_business_day(day)
    return day


def _third_wednesday(year: int, month: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(_WEDNESDAY - first.weekday()) % 7 + 14)
