"""When a proposal may be worked: around open, close, settlement mornings and releases, on half days and holidays."""

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from alvh.core.hedge.execution_windows import time_window
from alvh.core.sessions import SessionCalendar, et_ns

DAYS = {
    date(2026, 3, 16): "16:00", date(2026, 3, 17): "16:00", date(2026, 3, 18): "16:00", date(2026, 3, 19): "13:00",
}  # fmt: skip
CALENDAR = SessionCalendar(tuple((day, et_ns(day, "09:30"), et_ns(day, close)) for day, close in DAYS.items()))
FOMC = ((date(2026, 3, 17), "fomc_decision", "14:00"),)


def window(day: date, clock: str, leg: str = "L3a", releases: Any = (), *, is_close: bool = False) -> str:  # noqa: ANN401 - rows
    situation = SimpleNamespace(ts_event=et_ns(day, clock), is_close=is_close, calendar=CALENDAR, releases=releases)
    return time_window(SimpleNamespace(situation=situation), leg)  # type: ignore[arg-type]  # all a window looks at


@pytest.mark.parametrize(
    ("day", "clock", "leg", "releases", "is_close", "expected"),
    [
        (date(2026, 3, 16), "16:00", "L3a", (), True, "09:40-15:50 ET"),
        (date(2026, 3, 16), "11:12", "L3a", (), False, "11:12-15:50 ET"),
        (date(2026, 3, 17), "16:00", "L3a", (), True, "10:00-15:50 ET"),  # the VIX settles on the 18th
        (date(2026, 3, 18), "16:00", "L3a", (), True, "09:40-12:50 ET"),
        (date(2026, 3, 16), "16:00", "L3a", FOMC, True, "09:40-13:55, 14:00-15:50 ET"),
        (date(2026, 3, 16), "16:00", "FIN", FOMC, True, "14:00-15:50 ET"),
        (date(2026, 3, 16), "16:00", "L1", FOMC, True, "14:00-15:50 ET"),
        (date(2026, 3, 17), "14:30", "L1", FOMC, False, "14:30-15:50 ET"),
        (date(2026, 3, 19), "12:55", "L1", (), False, "none"),
        (date(2026, 3, 16), "16:00", "L1", ((date(2026, 3, 17), "cpi", "08:30"),), True, "09:40-15:50 ET"),
        (date(2026, 3, 16), "16:00", "L1", ((date(2026, 3, 17), "gdp", "14:00"),), True, "09:40-15:50 ET"),
    ],
)
def test_windows(day: date, clock: str, leg: str, releases: Any, expected: str, *, is_close: bool) -> None:  # noqa: ANN401 - rows
    assert window(day, clock, leg, releases, is_close=is_close) == expected
