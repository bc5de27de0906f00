"""The ledger against an independent one, to the cent: trades, partial closes, settlement, lives, checkpoints."""

import json
from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alvh.core.hedge.ledger import Contract, Ledger
from alvh.errors import JournalError

DAY = date(2026, 6, 1)
CALL = Contract(symbol="VIX   260617C00019000", leg="L1", multiplier=100.0, premium=True, expiry=date(2026, 6, 17))
FUTURE = Contract(symbol="VXMN26", leg="L2", multiplier=100.0, premium=False, expiry=date(2026, 7, 22))
OLD = Contract(symbol="VIX   261021C00022000", leg="L3b", multiplier=100.0, premium=True, expiry=date(2026, 10, 21))


def test_a_call_bought_and_half_sold() -> None:
    ledger = Ledger(10_000.0)
    ledger.trade(CALL, 4, 1.75, fee=4.0, session=DAY)
    assert ledger.cash == pytest.approx(10_000.0 - 700.0 - 4.0)
    entry = ledger.trade(CALL, -2, 4.40, fee=2.0, session=DAY)
    assert entry.realised == pytest.approx(2 * (4.40 - 1.75) * 100)
    books = ledger.reconcile({CALL.symbol: 4.40})
    assert books.difference == 0
    assert books.equity == pytest.approx(10_000.0 + 4 * 2.65 * 100 - 6.0)
    assert books.unrealised == pytest.approx(530.0)


def test_a_future_moves_cash_only_when_closed() -> None:
    ledger = Ledger()
    ledger.trade(FUTURE, -3, 18.60, fee=3.0, session=DAY)
    assert ledger.cash == -3.0
    assert ledger.reconcile({FUTURE.symbol: 19.60}).equity == pytest.approx(-303.0)
    ledger.settle(FUTURE, 20.0, session=DAY)
    assert ledger.cash == pytest.approx(-3.0 - 420.0)
    assert ledger.lots == ()


def test_selling_through_zero_closes_and_opens() -> None:
    ledger = Ledger()
    ledger.trade(CALL, 2, 1.00, fee=0.0, session=DAY)
    ledger.trade(CALL, -5, 1.50, fee=0.0, session=DAY)
    assert ledger.quantity(CALL.symbol) == -3
    assert ledger.realised == pytest.approx(100.0)
    assert ledger.reconcile({CALL.symbol: 1.50}).unrealised == pytest.approx(0.0)


def test_oldest_lots_close_first() -> None:
    ledger = Ledger()
    ledger.trade(CALL, 1, 1.00, fee=0.0, session=DAY)
    ledger.trade(CALL, 1, 2.00, fee=0.0, session=DAY)
    assert ledger.trade(CALL, -1, 3.00, fee=0.0, session=DAY).realised == pytest.approx(200.0)
    assert [lot.price for lot in ledger.lots] == [2.00]


def test_settling_what_is_not_held_books_nothing() -> None:
    assert Ledger().settle(CALL, 1.0, session=DAY) is None


def test_an_ageing_leg_changes_its_name_without_a_trade() -> None:
    ledger = Ledger(1_000.0)
    ledger.trade(OLD, 2, 2.35, fee=2.0, session=DAY)
    cash = ledger.cash
    assert ledger.relabel(OLD.symbol, "L3b", "L3a") == 2
    assert (ledger.cash, ledger.quantity(OLD.symbol, "L3a"), ledger.quantity(OLD.symbol, "L3b")) == (cash, 2, 0)


def test_hedge_cost_of_a_condors_life() -> None:
    ledger = Ledger()
    ledger.trade(CALL, 4, 1.75, fee=4.0, session=DAY)
    ledger.begin_life("july", {CALL.symbol: 1.70})
    assert ledger.cost_to_date("july", {CALL.symbol: 1.70}) == 0.0
    assert ledger.cost_to_date("july", {CALL.symbol: 1.20}) == pytest.approx(200.0)
    assert ledger.cost_to_date("july", {CALL.symbol: 3.00}) == 0.0
    ledger.trade(CALL, -4, 1.10, fee=4.0, session=DAY)
    assert ledger.cost_of_book({}) == pytest.approx(244.0)
    ledger.begin_life("july", {})
    assert ledger.cost_to_date("july", {}) == pytest.approx(244.0), "a life begins once"
    ledger.end_life("july")
    assert ledger.cost_of_book({}) == 0.0


def test_a_missing_mark_is_no_zero() -> None:
    ledger = Ledger()
    ledger.trade(CALL, 1, 1.0, fee=0.0, session=DAY)
    with pytest.raises(KeyError):
        ledger.reconcile({})


trades = st.lists(
    st.tuples(
        st.sampled_from([CALL, FUTURE, OLD]),
        st.integers(-6, 6).filter(bool),
        st.decimals("0.01", "60", places=2).map(float),
        st.decimals("0", "12", places=2).map(float),
    ),
    max_size=40,
)
marks = st.fixed_dictionaries({contract.symbol: st.floats(0.01, 80.0) for contract in (CALL, FUTURE, OLD)})


@given(trades, marks)
def test_equals_an_independent_ledger_to_the_cent(
    booked: list[tuple[Contract, int, float, float]], prices: dict[str, float]
) -> None:
    ledger = Ledger(50_000.0)
    money = Fraction(50_000)  # everything as if paid at once and sold back at the marks
    held: dict[str, int] = {}
    for contract, quantity, price, fee in booked:
        ledger.trade(contract, quantity, price, fee=fee, session=DAY)
        money -= quantity * Fraction(price) * 100 + Fraction(fee)
        held[contract.symbol] = held.get(contract.symbol, 0) + quantity
    for symbol, quantity in held.items():
        money += quantity * Fraction(prices[symbol]) * 100
        assert ledger.quantity(symbol) == quantity
    books = ledger.reconcile(prices)
    assert books.difference == 0
    assert abs(Fraction(books.equity) - money) < Fraction(1, 200)


@given(trades, marks)
def test_restores_at_any_point(booked: list[tuple[Contract, int, float, float]], prices: dict[str, float]) -> None:
    ledger = Ledger(1_000.0)
    for contract, quantity, price, fee in booked:
        ledger.trade(contract, quantity, price, fee=fee, session=DAY)
        ledger.begin_life(str(quantity), prices)
    plain = json.loads(json.dumps(ledger.as_plain()))
    restored = Ledger.from_plain(plain)
    assert restored.as_plain() == plain
    assert restored.reconcile(prices) == ledger.reconcile(prices)


def test_a_checkpoint_that_does_not_balance_is_refused() -> None:
    ledger = Ledger(1_000.0)
    ledger.trade(CALL, 1, 1.0, fee=1.0, session=DAY)
    broken = ledger.as_plain()
    broken["balances"]["cash"] += 1
    with pytest.raises(JournalError, match="balance"):
        Ledger.from_plain(broken)
    with pytest.raises(JournalError, match="ledger"):
        Ledger.from_plain({"balances": {}})
