"""Which expiries lie ahead: monthly VIX settlements and third Fridays, from the exchange's sessions."""

from collections.abc import Iterator
from datetime import date

from alvh.core.sessions import SessionCalendar, third_friday, vix_settlement


def vix_settlements(calendar: SessionCalendar, today: date, count: int) -> tuple[date, ...]:
    """Return the next monthly VIX settlement dates, nearest first.

    A contract that settles today is no longer VX1 and is left out (methodology 0.5).

    Args:
        calendar: the exchange's sessions; outside its range every weekday counts as one.
        today: the session that asks.
        count: how many dates.
    """
    found: list[date] = []
    for year, month in _months(today):
        settles = vix_settlement(calendar, year, month)
        if settles > today:
            found.append(settles)
        if len(found) == count:
            break
    return tuple(found)


def monthly_expiries(calendar: SessionCalendar, today: date, count: int) -> tuple[date, ...]:
    """Return the next monthly index option expiries after today: the third Friday, or the business day before it."""
    found: list[date] = []
    for year, month in _months(today):
        expires = calendar.business_day_on_or_before(third_friday(year, month))
        if expires > today:
            found.append(expires)
        if len(found) == count:
            break
    return tuple(found)


def _months(today: date) -> Iterator[tuple[int, int]]:
    year, month = today.year, today.month
    while year < date.max.year:
        yield year, month
        year, month = year + month // 12, month % 12 + 1
