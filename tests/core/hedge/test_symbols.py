"""Symbols of listed contracts, monthly expiries with their holidays, and the class of a row that names none."""

from datetime import date, timedelta

import pytest

from alvh.core.hedge.symbols import (
    cfe_symbol,
    inferred_class,
    is_spx_monthly,
    is_vix_monthly,
    listed_day,
    occ_symbol,
    spx_monthly,
)


def test_occ_and_cfe_symbols() -> None:
    assert occ_symbol("SPXW", date(2026, 12, 18), "P", 5650.0) == "SPXW  261218P05650000"
    assert occ_symbol("VIX", date(2026, 6, 17), "C", 17.5) == "VIX   260617C00017500"
    assert cfe_symbol("VX", date(2026, 1, 21)) == "VXF26"
    assert cfe_symbol("VXM", date(2025, 12, 17)) == "VXMZ25"
    assert cfe_symbol("VX", date(2026, 1, 28)) == "VX05F26"


@pytest.mark.parametrize(
    "settles",
    [
        date(2024, 11, 20), date(2024, 12, 18), date(2025, 12, 17), date(2026, 1, 21), date(2026, 3, 18),
        date(2024, 6, 18), date(2025, 3, 18), date(2026, 5, 19),
    ],
)  # fmt: skip
def test_published_vix_settlements_are_monthly(settles: date) -> None:
    assert is_vix_monthly(settles)
    assert not is_vix_monthly(settles + timedelta(days=7))


def test_spx_monthly_moves_before_a_holiday() -> None:
    good_friday = date(2008, 3, 21)

    def before(day: date) -> date:
        day -= timedelta(days=1)
        while day.weekday() > 4 or day == good_friday:
            day -= timedelta(days=1)
        return day

    assert spx_monthly(2008, 3, before) == date(2008, 3, 20)
    assert is_spx_monthly(date(2008, 3, 20), before)
    assert not is_spx_monthly(date(2008, 3, 20))
    assert spx_monthly(2022, 7) == date(2022, 7, 15)


def test_rows_without_a_class() -> None:
    assert inferred_class("SPX", date(2022, 7, 15)) == "SPX"
    assert inferred_class("SPX", date(2022, 7, 18)) == "SPXW"
    assert inferred_class("VIX", date(2013, 8, 21)) == "VIX"
    assert inferred_class("VIX", date(2024, 8, 28)) == "VIXW"


def test_saturday_expiries_of_old_feeds_stand_for_the_friday() -> None:
    assert listed_day(date(2010, 5, 22)) == date(2010, 5, 21)
    assert listed_day(date(2010, 5, 21)) == date(2010, 5, 21)
