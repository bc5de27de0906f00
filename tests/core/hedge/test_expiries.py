"""Monthly settlements and expiries ahead of a date, with the holidays of methodology 0.5 and 9.3."""

from datetime import UTC, date, datetime, timedelta

import pytest

from alvh.core.hedge.expiries import monthly_expiries, vix_settlements
from alvh.core.sessions import SessionCalendar

HOLIDAYS = {date(2024, 6, 19), date(2025, 4, 18), date(2026, 6, 19), date(2024, 11, 28), date(2024, 12, 25)}


def calendar() -> SessionCalendar:
    day, rows = date(2024, 1, 2), []
    while day < date(2026, 12, 31):
        if day.weekday() < 5 and day not in HOLIDAYS:
            opened = int(datetime(day.year, day.month, day.day, 15, tzinfo=UTC).timestamp()) * 10**9
            rows.append((day, opened, opened + 6 * 3600 * 10**9))
        day += timedelta(days=1)
    return SessionCalendar(rows)


@pytest.mark.parametrize(
    ("today", "settles"),
    [
        (date(2024, 6, 3), date(2024, 6, 18)),  # the Wednesday is a holiday
        (date(2025, 3, 3), date(2025, 3, 18)),  # the Friday 30 days later is Good Friday
        (date(2026, 5, 1), date(2026, 5, 19)),  # the Friday 30 days later is Juneteenth
        (date(2024, 11, 1), date(2024, 11, 20)),
        (date(2024, 12, 2), date(2024, 12, 18)),
        (date(2025, 12, 1), date(2025, 12, 17)),
        (date(2026, 1, 2), date(2026, 1, 21)),
        (date(2026, 3, 2), date(2026, 3, 18)),
    ],
)
def test_next_vix_settlement(today: date, settles: date) -> None:
    assert vix_settlements(calendar(), today, 1) == (settles,)


def test_on_its_settlement_day_a_contract_is_no_longer_the_front_one() -> None:
    days = vix_settlements(calendar(), date(2024, 11, 20), 2)
    assert days == (date(2024, 12, 18), date(2025, 1, 22))
    assert vix_settlements(calendar(), date(2024, 11, 19), 1) == (date(2024, 11, 20),)


def test_monthly_expiries_are_third_fridays_or_the_day_before() -> None:
    assert monthly_expiries(calendar(), date(2025, 3, 21), 3) == (
        date(2025, 4, 17),
        date(2025, 5, 16),
        date(2025, 6, 20),
    )
