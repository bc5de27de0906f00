"""An account's positions read as a book, and a portfolio that follows them."""

import json
from collections.abc import Sequence
from datetime import date
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from alvh.core.effects import Effect, Refused, Wake
from alvh.core.engine import Engine
from alvh.core.events import AccountPositions, Event, FuturesCurve, TimerFired
from alvh.core.hedge.account_book import read_account
from alvh.core.hedge.account_follow import account_words
from alvh.core.hedge.bookings import FOR_EVER
from alvh.core.hedge.holdings import Holdings, Lot, LotPart
from alvh.core.hedge.symbols import cfe_symbol
from alvh.settings_book import Condor
from core.conditions import close, close_of, engine, published, quote, session_dates

DAYS = session_dates(400)
TODAY = date(2004, 2, 2)
AT = close_of(TODAY)


def row(sec_type: str, symbol: str, quantity: float, cost: float = 0.0, **fields: Any) -> tuple[Any, float, float]:  # noqa: ANN401
    """One position as the feed tells it."""
    multiplier = 100.0 if sec_type != "STK" else None
    contract = {"sec_type": sec_type, "symbol": symbol, "multiplier": multiplier, "trading_class": "", **fields}
    return (contract, quantity, cost)


def option(
    name: str, day: str, strike: float, right: str, quantity: float, cost: float = 0.0
) -> tuple[Any, float, float]:
    """One option position; cost in points."""
    symbol = "VIX" if name.startswith("VIX") else "SPX"
    return row("OPT", symbol, quantity, 100 * cost, trading_class=name, expiry=day, strike=strike, right=right)


def positions(*rows: tuple[Any, float, float], account: str = "U1", at: int = AT) -> AccountPositions:
    """All positions of an account."""
    return AccountPositions(ts_event=at, ts_recv=at, account=account, positions=tuple(rows))


def condor(name: str, day: str, quantity: int = 4) -> list[tuple[Any, float, float]]:
    """A condor sold for 10.1 points."""
    return [
        option(name, day, 950, "P", quantity, 2.0),
        option(name, day, 1000, "P", -quantity, 8.0),
        option(name, day, 1200, "C", -quantity, 6.0),
        option(name, day, 1250, "C", quantity, 1.9),
    ]


ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=6),
    st.sampled_from(["SPX", "VIX", "C", "2004-02-30"]), st.lists(st.integers(), max_size=1),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=1),
)  # fmt: skip
COST = st.floats(-1e12, 1e12) | st.floats(0.0, 100.0)


@settings(max_examples=300)
@given(data=st.data())
def test_whatever_a_broker_says_is_read_or_named(data: st.DataObject) -> None:
    """And what is read as a condor is one that a configuration could name."""
    rows = [
        *condor("SPXW", "2004-03-31"), row("STK", "IWM", 448), option("VIX", "2004-02-17", 22, "C", 6, 1.5),
        row("FUT", "VXM", 2, trading_class="VXM", expiry="2004-02-18"),
    ]  # fmt: skip
    at = data.draw(st.integers(0, len(rows) - 1))
    contract, quantity, _ = rows[at]
    changed = data.draw(st.dictionaries(st.sampled_from([*contract, "expiry", "local_symbol"]), ODD, max_size=2))
    rows[at] = ({**contract, **changed}, data.draw(st.just(quantity) | st.floats(-1e12, 1e12)), data.draw(COST))
    book = read_account(positions(*rows))
    for each in book.condors:
        Condor.model_validate(each)
    assert len(book.unexplained) <= len(rows)


def test_condors_by_class_small_caps_and_hedge_legs_are_read() -> None:
    """PM and AM classes, the latter named by its last trade date; legs by their tenor; IWM as shares."""
    book = read_account(
        positions(
            *condor("SPXW", "2004-03-31"),
            *condor("SPX", "2004-03-18", 2),
            row("STK", "IWM", 448),
            option("VIX", "2004-02-17", 22, "C", 6, 1.5),
            option("VIX", "2004-02-17", 29, "C", -6, 0.4),
            option("VIX", "2004-03-16", 30, "C", 3, 0.8),
            option("VIX", "2004-05-18", 22, "C", 6, 2.2),
            option("VIX", "2004-08-17", 23, "C", 3, 3.0),
            row("FUT", "VXM", 2, trading_class="VXM", expiry="2004-02-18"),
            row("FUT", "VXM", -2, trading_class="VXM", expiry="2004-03-17"),
            row("STK", "AAPL", 10),
        )
    )
    assert book.unexplained == []
    assert [(c["trading_class"], c["expiry"], c["quantity"], c["credit"]) for c in book.condors] == [
        ("SPX", "2004-03-19", 2, 10.1),
        ("SPXW", "2004-03-31", 4, 10.1),
    ]
    assert book.small_caps == [{"symbol": "IWM", "shares": 448.0}]
    legs = [(leg["leg"], leg["quantity"], leg["expiry"], leg["strike"], leg["short_strike"]) for leg in book.legs]
    assert legs == [
        ("L1", 6, "2004-02-18", 22.0, 29.0),
        ("L1b", 3, "2004-03-17", 30.0, None),
        ("L3a", 6, "2004-05-19", 22.0, None),
        ("L3b", 3, "2004-08-18", 23.0, None),
        ("L2", 2, "2004-02-18", None, None),
    ]
    assert [leg["entry_price"] for leg in book.legs] == [1.1, 0.8, 2.2, 3.0, None]


def test_what_is_ambiguous_is_named_and_not_guessed() -> None:
    """Two condors of one size, a class nobody names, a bare short, VX futures: none of them becomes a leg."""
    two = [*condor("SPXW", "2004-03-31"), *(option("SPXW", "2004-03-31", k, "P", q) for k, q in ((850, 4), (900, -4)))]
    book = read_account(
        positions(
            *two,
            row("OPT", "SPX", -1, expiry="2004-03-19", strike=1000, right="P"),
            option("VIX", "2004-03-16", 40, "C", -2),
            row("FUT", "VIX", 1, trading_class="VX", expiry="2004-03-17"),
            row("STK", "IWM", -5),
        )
    )
    assert (book.condors, book.legs, book.small_caps) == ([], [], [])
    assert len(book.unexplained) == 6 + 4
    assert "-1 SPX OPT 2004-03-19 1000 P" in book.unexplained


PORTFOLIO = {"id": "core", "from_account": "U1"}


def day(session: date) -> list[Event]:
    """A session's quotes, its curve and its close, on a live feed."""
    at = close_of(session)
    events: list[Event] = []
    for step in (2, 1):
        events += [quote(name, at - step, p) for name, p in (("RUT", 560.0), ("SPX", 1100.0), ("VIX", 17.0))]
    nodes = tuple((later, 18.0 + n, 17.9 + n, 18.1 + n) for n, later in enumerate(DAYS[60:300:30]) if later > session)
    return [*events, FuturesCurve(ts_event=at, ts_recv=at, symbol="VX", nodes=nodes), close(session)]


def handled(made: Engine, events: Sequence[Event]) -> list[Effect]:
    """All effects, those behind a wait for chains that nobody brings too."""
    effects = [effect for event in events for effect in made.handle(event)]
    for wake in [effect for effect in effects if isinstance(effect, Wake) and effect.timer_id.startswith("chains")]:
        effects += made.handle(TimerFired(ts_event=wake.due, ts_recv=wake.due, timer_id=wake.timer_id))
    return effects


def held_of(made: Engine) -> list[int]:
    """Contracts of the hedge that are held."""
    return [leg["current_quantity"] for leg in made.legs(0) if leg["current_quantity"]]


def notes(effects: Sequence[Effect]) -> list[str]:
    """Notes of the adjustments among effects."""
    return [note for message in published(effects) for note in json.loads(message.body)["data"]["notes"]]


def test_a_portfolio_waits_for_its_account_follows_it_and_shows_differences() -> None:
    """No first message before the account is seen; then its condors, shares and legs; a sale nobody answered shows."""
    made = engine([PORTFOLIO], feed="ib")
    assert published(handled(made, day(DAYS[20]))) == []
    (refused,) = made.handle(positions(account="U2"))
    assert isinstance(refused, Refused)
    held = [*condor("SPXW", DAYS[45].isoformat()), row("STK", "IWM", 448)]
    call = option("VIX", DAYS[60].isoformat(), 22, "C", 6, 2.2)
    odd = option("SPXW", DAYS[50].isoformat(), 900, "P", 7)
    made.handle(positions(*held, call, odd, at=close_of(DAYS[20])))
    said = handled(made, day(DAYS[21]))
    (first,) = published(said)
    data = json.loads(first.body)["data"]
    assert data["reason_codes"] == ["STATE"]
    assert made.portfolios.states[0].hedge["account"]["small_caps"] == [{"symbol": "IWM", "shares": 448.0}]
    assert len(data["condors"]) == 1
    assert any(note.startswith("account_unexplained:+7 SPXW") for note in notes(said))
    assert not any("account_differs" in note for note in notes(said))
    assert held_of(made) == [6]

    again = Engine()
    again.restore(made.checkpoint())
    fewer = option("VIX", DAYS[60].isoformat(), 22, "C", 4, 2.2)
    again.handle(positions(*held, fewer, odd, at=close_of(DAYS[21])))
    handled(again, day(DAYS[22]))
    assert held_of(again) == [4]
    (difference,) = again.portfolios.states[0].hedge["account_differences"]
    assert "6 held by the answers, 4 there" in difference
    handled(again, day(DAYS[23]))
    assert again.portfolios.states[0].hedge["account_differences"] == []


def future(name: str, day: str, quantity: int) -> tuple[Any, float, float]:
    """One VIX futures position."""
    return row("FUT", "VIX" if name == "VX" else "VXM", quantity, trading_class=name, expiry=day)


def stood_in(leg: str, symbol: str, expiry: date, quantity: int, multiplier: float = 100.0) -> Lot:
    """A lot of futures, or of shares, in place of calls."""
    name = symbol if expiry == FOR_EVER else "VXM"
    part = LotPart(symbol=symbol, trading_class=name, strike=None, expiry=expiry, ratio=1)
    return Lot(
        leg=leg, parts=(part,), multiplier=multiplier, quantity=quantity, entry_price=18.0, extrinsic=None, armed=True,
        opened=TODAY, per_unit=0.4,
    )  # fmt: skip


def test_stand_ins_known_from_answers_are_followed_and_never_guessed() -> None:
    """Futures in two legs and shares: as many there as held is no difference; fewer are given up, from the last lot."""
    made = engine([PORTFOLIO], feed="ib")
    month, held = DAYS[90], [*condor("SPXW", DAYS[45].isoformat()), row("STK", "IWM", 448)]
    made.handle(positions(*held, at=close_of(DAYS[20])))
    handled(made, day(DAYS[21]))
    symbol = cfe_symbol("VXM", month)
    kept = Holdings.from_plain(made.portfolios.states[0].hedge["holdings"])
    kept.lots += [
        stood_in("L1", symbol, month, 3), stood_in("L3a", symbol, month, 2), stood_in("L3b", "VIXY", FOR_EVER, 20, 1.0),
    ]  # fmt: skip
    for lot in kept.lots:
        for line in lot.lines:
            kept.sleeve.trade(line.contract, lot.quantity, 18.0, fee=0.0, session=DAYS[21])
    made.portfolios.states[0].hedge["holdings"] = kept.as_plain()
    at = close_of(DAYS[21])
    for name, price in (("VIXY", 40.0), ("VIXY", 40.0)):
        made.handle(quote(name, at, price))
    made.handle(positions(*held, future("VXM", month.isoformat(), 5), row("STK", "VIXY", 20), at=at))
    said = handled(made, day(DAYS[22]))
    assert made.portfolios.states[0].hedge["account_differences"] == []
    assert not any("unexplained" in note for note in notes(said))
    assert account_words(made.portfolios.states[0].hedge) == []
    made.handle(positions(*held, future("VXM", month.isoformat(), 4), row("STK", "VIXY", 20), at=close_of(DAYS[22])))
    assert account_words(made.portfolios.states[0].hedge) == [f"unexplained: +4 VXM {month}"]
    handled(made, day(DAYS[23]))
    lots = {lot.leg: lot.quantity for lot in Holdings.from_plain(made.portfolios.states[0].hedge["holdings"]).lots}
    assert {leg: lots[leg] for leg in ("L1", "L3a", "L3b")} == {"L1": 3, "L3a": 1, "L3b": 20}
    (difference,) = made.portfolios.states[0].hedge["account_differences"]
    assert difference == f"account_differs:L3a {symbol}: 2 held by the answers, 1 there"
    made.handle(positions(*held, row("STK", "VIXY", 25), at=close_of(DAYS[23])))
    handled(made, day(DAYS[24]))
    after = Holdings.from_plain(made.portfolios.states[0].hedge["holdings"])
    assert {lot.leg: lot.quantity for lot in after.lots if lot.is_stand_in} == {"L3b": 20}
    assert "unexplained: +25 VIXY STK" in account_words(made.portfolios.states[0].hedge)
