"""The feed's pure parts: state table, codes, pacing, backoff, ticks, futures by the exchange's rule, chain choices."""

import random
from datetime import date, timedelta
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ib_async import Contract, ContractDetails, OptionComputation

from alvh.adapters.ib.chains import choose_contracts, choose_expiries, greeks_of
from alvh.adapters.ib.codes import CODES, Meaning, code_of
from alvh.adapters.ib.contracts import ContractBook, etp_of, monthlies, query
from alvh.adapters.ib.feed_settings import DEFAULT_CHAINS, IbFeedSettings, Kind
from alvh.adapters.ib.intake import Progress
from alvh.adapters.ib.lines import DECISIVE
from alvh.adapters.ib.pacing import HISTORY_LIMIT, Backoff, HistoryPacing
from alvh.adapters.ib.states import TRANSITIONS, Cause, ConnectionState, State
from alvh.adapters.ib.ticks import Reading, TickReader, known
from alvh.app.live import ib_settings
from alvh.settings import Settings
from alvh.settings_feeds import IbFeed as IbSettings
from gateway.harness import CALENDAR

S = 10**9
NOW = 1_790_000_000 * S
SESSION = date(2026, 9, 21)


class Tick(NamedTuple):
    """A tick as the library keeps it."""

    tickType: int  # noqa: N815 - the library's name
    price: float
    size: float


def reading(now: int = NOW, *, kind: int = 1, stamp: int | None = None) -> Reading:
    """What comes with a packet."""
    return Reading(now=now, kind=kind, stamp_ns=stamp, session=SESSION)


def test_every_connected_state_knows_loss_silence_and_the_end() -> None:
    for state, moves in TRANSITIONS.items():
        assert Cause.CLOSED in moves, state
        if state not in {State.CONNECTING, State.HALF_OPEN}:
            assert moves[Cause.BROKER_LOST] is State.LOST
            assert moves[Cause.SILENT] is State.HALF_OPEN
    assert set(TRANSITIONS) == set(State)
    told: list[tuple[str, str]] = []
    connection = ConnectionState(lambda name, detail: told.append((name, detail)))
    for cause in (Cause.CONNECTED, Cause.SYNCED, Cause.WARM, Cause.FRESH, Cause.FRESH, Cause.STALE):
        connection.on(cause, "x")
    assert [name for name, _ in told] == ["syncing", "warming", "degraded", "live", "degraded"], "each change once"


def test_every_code_of_the_protocol_notes_has_a_meaning() -> None:
    listed = {1100, 1101, 1102, 1300, 2103, 2104, 2105, 2106, 2107, 2108, 2109, 2110, 2157, 2158, 10197, 10167, 10090}
    assert listed | {354, 322, 300, 200, 162, 101, 326} == set(CODES)
    assert code_of(2119, is_request=True).meaning is Meaning.NOTICE
    assert code_of(10186, is_request=True).meaning is Meaning.REFUSED
    assert code_of(10186, is_request=False).meaning is Meaning.NOTICE


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 30)), min_size=1, max_size=300))
def test_history_pacing_never_exceeds_its_window_nor_repeats_at_once(asks: list[tuple[int, int]]) -> None:
    pacing, now = HistoryPacing(), NOW
    sent: list[tuple[str, int]] = []
    for number, gap in asks:
        now = max(pacing.earliest(str(number), now + gap * S), now)
        pacing.note(str(number), now)
        sent.append((str(number), now))
    for name, at in sent:
        assert sum(1 for _, other in sent if at <= other < at + 600 * S) <= HISTORY_LIMIT < 60
        assert sum(1 for same, other in sent if same == name and at <= other < at + 16 * S) <= 1


def test_backoff_doubles_to_its_cap_jitters_and_begins_anew() -> None:
    backoff = Backoff(1.0, 30.0, random.Random(1))
    waits = [backoff.next() for _ in range(50)]
    assert all(0.5 * limit <= wait <= limit for wait, limit in zip(waits, [1, 2, 4, 8, 16, *[30] * 45], strict=True))
    assert len(set(waits)) == 50
    backoff.reset()
    assert backoff.next() <= 1.0


@pytest.mark.parametrize("price", [-1.0, -2.0, 0.0, float("nan"), float("inf"), -100.0])
def test_what_is_no_price_makes_no_quote_and_leaves_the_age_alone(price: float) -> None:
    reader = TickReader("SPX", Kind.INDEX, 30 * S)
    reader.read([Tick(4, 6000.0, 0)], reading())
    reader.read([Tick(4, 6001.0, 0)], reading(NOW + S))
    assert reader.read([Tick(4, price, 0), Tick(1, -1, 0), Tick(2, -1, 0)], reading(NOW + 2 * S)) == []
    assert reader.last_live_ns == reader.last_price_ns == NOW + S
    assert (reader.book.last, reader.book.bid, reader.book.ask) == (6001.0, None, None)


def test_delayed_ticks_and_a_changing_data_type_are_not_live() -> None:
    reader = TickReader("SPX", Kind.INDEX, 30 * S)
    reader.read([Tick(4, 6000.0, 0)], reading())
    (delayed,) = reader.read([Tick(68, 6000.0, 0)], reading(NOW + S))
    (turning,) = reader.read([Tick(4, 6000.0, 0)], reading(NOW + 2 * S, kind=2))
    (back,) = reader.read([Tick(4, 6000.0, 0)], reading(NOW + 3 * S, kind=1))
    (live,) = reader.read([Tick(4, 6000.0, 0)], reading(NOW + 4 * S, kind=1))
    assert [q.is_live for q in (delayed, turning, back, live)] == [False, False, False, True]


def test_stamps_pair_with_prices_in_either_order_and_never_run_backwards() -> None:
    reader = TickReader("RSP", Kind.FUND, 30 * S)
    (first,) = reader.read([Tick(4, 180.0, 100)], reading(stamp=NOW))
    assert first.is_live, "a fresh stamp proves a first price"
    late = NOW + 60 * S
    (doubted,) = reader.read([Tick(4, 180.5, 100)], reading(late, stamp=NOW))  # its stamp comes in the next packet
    assert not doubted.is_live
    (proven,) = reader.read([], reading(late + 1000, stamp=late))
    assert (proven.is_live, proven.last_price) == (True, 180.5)
    (delayed_line,) = reader.read([Tick(4, 181.0, 100)], reading(late + 5 * S, stamp=late + 2 * S))
    assert delayed_line.ts_event == late + 2 * S, "older than its resolution: the source's time"
    times = [q.ts_event for q in (first, proven, delayed_line)]
    assert times == sorted(times)


def test_a_stamp_from_the_future_proves_nothing() -> None:
    reader = TickReader("RSP", Kind.FUND, 30 * S)
    (first,) = reader.read([Tick(4, 180.0, 100)], reading(stamp=NOW + 3600 * S))
    assert (first.is_live, first.ts_event) == (False, NOW)
    (second,) = reader.read([Tick(4, 180.1, 100)], reading(NOW + S, stamp=NOW + 3600 * S))
    assert (second.is_live, second.ts_event) == (True, NOW + S), "a tick of the running stream, stamp or not"


def test_an_etp_that_may_be_traded_speaks_by_its_book_and_is_watched_behind_what_decides() -> None:
    reader = TickReader("VIXY", Kind.ETP, 30 * S)
    assert reader.is_book
    reader.read([Tick(1, 40.0, 5), Tick(4, 39.0, 5)], reading())
    (quote,) = reader.read([Tick(2, 40.1, 7)], reading(NOW + S))
    assert (quote.last_price, quote.bid_price, quote.ask_price, quote.ask_size) == (None, 40.0, 40.1, 7)
    assert quote.is_live
    book = ContractBook(IbFeedSettings(etps=("VIXY", "VXX")))
    names = [watched.instrument_id for watched in book.in_order(date(2026, 9, 21))]
    assert names.index("VIXY") > names.index("RSP")
    assert names.index("VXX") < names.index("AD-NYSE")
    asked = query(etp_of("VIXY"))
    assert (asked.secType, asked.symbol, asked.exchange, asked.currency) == ("STK", "VIXY", "SMART", "USD")
    assert Kind.ETP not in DECISIVE
    feed = IbSettings(kind="ib", etps=["VXX", "VIXY"])
    assert ib_settings(Settings(feed=feed), feed).etps == ("VXX", "VIXY")


def test_a_funds_book_moves_no_quote_but_its_age() -> None:
    reader = TickReader("IWM", Kind.FUND, 30 * S)
    assert reader.read([Tick(1, 223.1, 5), Tick(2, 223.2, 5)], reading()) == []
    assert reader.last_live_ns == NOW
    reader.read([Tick(4, 223.15, 100)], reading(NOW + 1))
    (quote,) = reader.read([Tick(4, 223.16, 100)], reading(NOW + 2))
    assert (quote.bid_price, quote.ask_price, quote.bid_size) == (223.1, 223.2, 5)
    reader.read([Tick(0, -1, 0)], reading(NOW + 3))
    assert reader.book.bid is None


def test_numbers_that_mean_nothing_are_none() -> None:
    assert [known(x) for x in (None, float("nan"), -1.0, -2.0, 0.0, -0.5)] == [None, None, None, None, 0.0, -0.5]
    computation = OptionComputation(0, 0.85, None, 1.2, None, None, -2.0, -2.0, None)
    greeks = greeks_of(computation)
    assert greeks is not None
    assert (greeks.iv, greeks.delta, greeks.vega, greeks.theta) == (0.85, None, None, None)


def test_monthly_futures_are_those_that_settle_by_the_rule() -> None:
    def listed(expiry: str, trading_class: str) -> ContractDetails:
        return ContractDetails(contract=Contract(lastTradeDateOrContractMonth=expiry, tradingClass=trading_class))

    found = [
        listed("20261021", "VX"), listed("20261028", "VX44"), listed("20261117", "VX"), listed("20261216", ""),
        listed("20261209", ""), listed("nonsense", "VX"),
    ]  # fmt: skip
    assert [expiry for expiry, _ in monthlies(found, "VX", CALENDAR)] == [
        date(2026, 10, 21), date(2026, 11, 18), date(2026, 12, 16),
    ]  # fmt: skip


def test_one_expiry_per_window_monthly_first() -> None:
    today = date(2026, 9, 21)
    weekly = [today + timedelta(days=days) for days in range(2, 140, 7)]
    monthly = [date(2026, 10, 21), date(2027, 1, 20)]
    chosen = choose_expiries(sorted(weekly + monthly), DEFAULT_CHAINS[0], today)
    assert chosen[0] == date(2026, 10, 21)
    assert chosen[1] == date(2027, 1, 20) or 100 <= (chosen[1] - today).days <= 130
    assert len(chosen) == len(set(chosen)) == 3


def test_strikes_are_thinned_evenly_over_the_plan() -> None:
    plan = DEFAULT_CHAINS[1]
    listed = [Contract(strike=float(k), right=right) for k in range(4000, 8000, 5) for right in "CP"]
    chosen = choose_contracts(listed, plan, 6000.0, 40)
    strikes = sorted(contract.strike for contract in chosen)
    assert len(chosen) == len({(c.strike, c.right) for c in chosen}) == 40
    assert strikes[0] == pytest.approx(5100, abs=30)
    assert strikes[-1] == pytest.approx(6600, abs=100)
    assert all((c.right == "C") == (c.strike >= 6000) or c.strike == 6000 for c in chosen)


def test_a_position_that_cannot_be_read_means_starting_over() -> None:
    for broken in (None, "", "{", "[]", '{"known_until": "yesterday"}', '{"known_until": 7}'):
        progress = Progress()
        progress.resume(broken)
        assert progress.known_until is None
    done = Progress(known_until=date(2026, 9, 18), watched="RUT")
    again = Progress()
    again.resume(done.position())
    assert again == done


def test_client_id_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="client_id"):
        IbFeedSettings(client_id=0)
