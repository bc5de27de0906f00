"""What settles AM, PM and VRO contracts, which proxy stands in, when they stop trading, and the condor's payoff."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alvh.core.hedge.settlement import (
    Settlement,
    SettlementPrices,
    class_rule,
    condor_payoff,
    intrinsic,
    last_trade_date,
    settlement_price,
)
from alvh.errors import InputError

CLOSES = SettlementPrices(closing=101.0, previous_close=99.0)


def test_pm_settles_at_the_close_of_its_day() -> None:
    found = settlement_price(Settlement.PM, CLOSES)
    assert found is not None
    assert (found.price, found.source, found.is_proxy) == (101.0, "official", False)
    assert settlement_price(Settlement.PM, SettlementPrices(previous_close=99.0)) is None


@pytest.mark.parametrize("kind", [Settlement.AM, Settlement.VRO])
def test_morning_classes_never_wait_for_the_close(kind: Settlement) -> None:
    def source(known: SettlementPrices) -> tuple[float, str] | None:
        found = settlement_price(kind, known)
        return None if found is None else (found.price, found.source)

    assert source(CLOSES) == (99.0, "previous_close")
    assert source(SettlementPrices(opening=100.0, closing=101.0, previous_close=99.0)) == (100.0, "opening")
    assert source(SettlementPrices(official=98.0, opening=100.0)) == (98.0, "official")
    assert source(SettlementPrices(closing=101.0)) == (101.0, "closing")
    assert source(SettlementPrices()) is None


def test_last_trade_dates_by_class() -> None:
    friday, wednesday = date(2022, 7, 15), date(2026, 1, 21)
    assert last_trade_date("SPX", friday) == date(2022, 7, 14)
    assert last_trade_date("SPXW", friday) == friday
    assert last_trade_date("VIX", wednesday) == date(2026, 1, 20)
    assert last_trade_date("VX", wednesday) == wednesday
    assert last_trade_date("SPX", date(2022, 7, 18)) == date(2022, 7, 15)


def test_unknown_classes_are_refused() -> None:
    with pytest.raises(InputError, match="XSP"):
        class_rule("XSP")


def test_payoffs() -> None:
    assert intrinsic("C", 100.0, 104.0) == 4.0
    assert intrinsic("P", 100.0, 104.0) == 0.0
    strikes = {"long_put": 5600.0, "short_put": 5650.0, "short_call": 6275.0, "long_call": 6325.0}
    assert condor_payoff(**strikes, price=6000.0) == 0.0
    assert condor_payoff(**strikes, price=5640.0) == 10.0
    assert condor_payoff(**strikes, price=9000.0) == 50.0


@given(st.floats(0.0, 20_000.0))
def test_a_condor_never_costs_more_than_its_width(price: float) -> None:
    cost = condor_payoff(long_put=5600.0, short_put=5650.0, short_call=6275.0, long_call=6350.0, price=price)
    assert 0.0 <= cost <= 75.0
