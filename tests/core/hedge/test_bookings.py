"""Bookings: condors and legs as contracts, settlement by class, and nine years of a condor program to the cent."""

import csv
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from alvh.core.hedge.book import Condor
from alvh.core.hedge.bookings import (
    book_units,
    choice_lines,
    condor_lines,
    settle_expired,
    trading_class_of,
    worth_at,
)
from alvh.core.hedge.chain import ChainTerms
from alvh.core.hedge.contracts import SelectionMarket, SelectionRules
from alvh.core.hedge.ledger import Contract, Ledger
from alvh.core.hedge.model_chain import CurveNode, model_vix_chain
from alvh.core.hedge.program import ChosenCondor, CondorProgram, is_due, model_condor
from alvh.core.hedge.selection import choose_legs
from alvh.core.hedge.settlement import SettlementPrices, condor_payoff
from alvh.core.hedge.surface import VixSurface, spx_model_smile
from alvh.core.hedge.symbols import parse_occ
from alvh.errors import InputError

TAPE = Path(__file__).parents[3].parent / "shared" / "data" / "tapes" / "daily-2004-2012"
EXPIRY = date(2026, 6, 19)
CONDOR = Condor(
    long_put=5600.0, short_put=5650.0, short_call=6275.0, long_call=6325.0, quantity=4, credit=10.10, days=35,
    expiry=EXPIRY,
)  # fmt: skip
PRICES = (25.3148, 29.2176, 14.0354, 7.6851)


def test_a_condor_is_sold_held_and_settled_at_its_payoff() -> None:
    ledger = Ledger()
    book_units(ledger, condor_lines(CONDOR), 4, PRICES, fee_usd=1.0, session=date(2026, 5, 15))
    credit = 29.2176 - 25.3148 + 14.0354 - 7.6851
    assert ledger.cash == pytest.approx(400 * credit - 16.0)
    settled = settle_expired(ledger, EXPIRY, lambda _: SettlementPrices(closing=5640.0, previous_close=5700.0))
    assert len(settled) == 4
    assert ledger.lots == ()
    assert ledger.cash == pytest.approx(400 * (credit - 10.0) - 16.0)


def test_am_settles_at_the_morning_even_where_only_closes_exist() -> None:
    ledger = Ledger()
    lines = condor_lines(
        Condor(
            long_put=5600.0, short_put=5650.0, short_call=6275.0, long_call=6325.0, quantity=1, credit=10.0, days=35,
            trading_class="SPX", expiry=EXPIRY,
        )
    )  # fmt: skip
    book_units(ledger, lines, 1, PRICES, fee_usd=0.0, session=date(2026, 5, 15))
    settled = settle_expired(ledger, EXPIRY, lambda _: SettlementPrices(closing=5600.0, previous_close=5700.0))
    assert {item.at.source for item in settled if item.at} == {"previous_close"}
    assert ledger.cash == pytest.approx(100 * (29.2176 - 25.3148 + 14.0354 - 7.6851))


def test_nothing_settles_before_its_day_nor_without_a_price() -> None:
    ledger = Ledger()
    book_units(ledger, condor_lines(CONDOR), 1, PRICES, fee_usd=0.0, session=date(2026, 5, 15))
    assert settle_expired(ledger, EXPIRY - timedelta(days=1), lambda _: SettlementPrices(closing=1.0)) == ()
    waiting = settle_expired(ledger, EXPIRY, lambda _: SettlementPrices())
    assert [(item.entry, item.at) for item in waiting] == [(None, None)] * 4
    assert len(ledger.lots) == 4


def test_legs_of_the_hedge_settle_at_vro() -> None:
    session = date(2026, 5, 18)
    nodes = [CurveNode(expiry=date(2026, 6, 17), settle=18.6), CurveNode(expiry=date(2026, 7, 22), settle=19.4)]
    chain = model_vix_chain(nodes, VixSurface(), ChainTerms.of(session, 17.2))
    market = SelectionMarket(session=session, vix=chain, pricing="model", futures=nodes)
    legs = choose_legs(market, SelectionRules())
    ledger = Ledger(10_000.0)
    spread, calendar = choice_lines(legs["L1"]), choice_lines(legs["L2"])
    assert [line.ratio for line in spread + calendar] == [1, -1, 1, -1]
    book_units(ledger, spread, 2, (1.75, 0.25), fee_usd=0.0, session=session)
    book_units(ledger, calendar, 3, (18.6, 19.4), fee_usd=0.0, session=session)
    settled = settle_expired(ledger, date(2026, 6, 17), lambda _: SettlementPrices(official=25.0, closing=22.0))
    assert len(settled) == 3
    strike = legs["L1"].contracts[0].strike
    assert strike is not None
    assert ledger.realised == pytest.approx(200 * (25.0 - strike - 1.75 + 0.25) + 300 * (25.0 - 18.6))
    assert [lot.contract.symbol for lot in ledger.lots] == ["VXMN26"]


def test_nothing_is_booked_for_no_units() -> None:
    assert book_units(Ledger(), condor_lines(CONDOR), 0, PRICES, fee_usd=1.0, session=EXPIRY) == ()


def test_classes_of_symbols() -> None:
    def named(symbol: str, *, premium: bool) -> str | None:
        return trading_class_of(Contract(symbol=symbol, leg="L1", multiplier=1.0, premium=premium, expiry=EXPIRY))

    assert named("SPXW  260619P05650000", premium=True) == "SPXW"
    assert named("VXM26", premium=False) == "VX"
    assert named("VXMM26", premium=False) == "VXM"
    assert named("VX05F26", premium=False) == "VX"
    assert named("VIXY", premium=True) is None
    call = Contract(symbol="VIX   260617C00017500", leg="L1", multiplier=100.0, premium=True, expiry=EXPIRY)
    assert worth_at(call, 20.0) == 2.5
    assert parse_occ("VXMM26") is None


def test_a_condor_without_an_expiry_is_no_position() -> None:
    with pytest.raises(InputError, match="expiry"):
        condor_lines(Condor(long_put=1, short_put=2, short_call=3, long_call=4, quantity=1, credit=0.5, days=3))


def closes(name: str) -> dict[date, float]:
    with (TAPE / f"{name}.csv").open(encoding="utf-8") as file:
        return {date.fromisoformat(row["date"]): float(row["close"]) for row in csv.DictReader(file)}


@pytest.mark.skipif(not TAPE.exists(), reason="the shared tapes are not beside the repository")
def test_nine_years_of_the_program_reconcile_to_the_cent_with_plain_arithmetic() -> None:
    spx, vix = closes("SPX"), closes("VIX")
    sessions = sorted(day for day in spx if day in vix)
    days = set(sessions)

    def before(day: date) -> date:
        day -= timedelta(days=1)
        while day.weekday() > 4 or (sessions[0] <= day <= sessions[-1] and day not in days):
            day -= timedelta(days=1)
        return day

    ledger, program = Ledger(100_000.0), CondorProgram()
    money = Fraction(100_000)
    held: ChosenCondor | None = None
    sold = refused = 0
    for session in sessions:
        price = spx[session]
        settled = settle_expired(ledger, session, lambda _, price=price: SettlementPrices(closing=price))  # type: ignore[misc]  # binds this session's price
        if held is not None and session >= held.expiry:
            assert len(settled) == 4
            strikes = [leg.strike for leg in held.legs]
            money -= 400 * Fraction(
                condor_payoff(
                    long_put=strikes[0], short_put=strikes[1], short_call=strikes[2], long_call=strikes[3], price=price
                )
            )
            held = None
        if is_due(held.expiry if held else None, session):
            terms = ChainTerms(session=session, spot=price, business_day_before=before)
            found = model_condor(program, spx_model_smile(vix[session]), terms)
            if isinstance(found, ChosenCondor):
                held, sold = found, sold + 1
                condor = Condor(
                    long_put=found.long_put.strike, short_put=found.short_put.strike,
                    short_call=found.short_call.strike, long_call=found.long_call.strike, quantity=found.quantity,
                    credit=found.credit, days=found.dte, trading_class=found.trading_class, expiry=found.expiry,
                )  # fmt: skip
                prices = [leg.bid if leg.side < 0 else leg.ask for leg in found.legs]
                book_units(ledger, condor_lines(condor), found.quantity, prices, fee_usd=1.0, session=session)
                money += 400 * Fraction(found.credit) - 16
            else:
                refused += 1
        marks = {} if held is None else {leg.symbol: leg.mid for leg in held.legs}
        books = ledger.reconcile(marks)
        assert books.difference == 0
        expected = money - (0 if held is None else 400 * Fraction(held.mid))
        assert abs(Fraction(books.equity) - expected) < Fraction(1, 200)
    assert sold > 85
    assert refused < 150
