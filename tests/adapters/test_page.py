"""The page in real Chromium, served by the real server: what it shows, how honest it is, how it lives."""

import time
from collections.abc import Iterator

import pytest

from browser import Tab, browser, chromium
from shown import PaperWindow, adjustment, signal
from sites import WIDTHS, Site, site_of

pytestmark = pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def tab() -> Iterator[Tab]:
    with browser() as opened:
        yield opened


@pytest.fixture
def site(tab: Tab) -> Iterator[Site]:
    with site_of(tab) as served:
        yield served


def _card(tab: Tab, name: str) -> str:
    return str(tab.run(f"document.querySelector('.card.{name}').innerText"))


# What it shows


def test_a_portfolio_is_shown_whole(site: Site) -> None:
    site.open()
    tab = site.tab
    assert "INITIAL" in tab.run("document.querySelector('.phases .here').innerText")
    phase = _card(tab, "phase")
    assert "INITIAL since 18 Nov 2026" in phase
    assert "STANDBY since 2 Oct 2026" in phase
    assert "STAGED when v_r and v_m" in phase
    moves = _card(tab, "moves")
    assert "5,874.21" in moves
    assert "\u22122.56" in moves
    assert "4 of 10 closes" in " ".join(_card(tab, "timer").split())
    assert "buy 4" in _card(tab, "hedge")
    cost = _card(tab, "cost")
    assert "$1,388" in cost
    assert "$1,616" in cost
    offsets = _card(tab, "offsets")
    for text in ("+5", "+6", "+7", "+10", "+20", "$6,480", "$3,420", "53"):
        assert text in offsets
    signals = _card(tab, "signals")
    assert "6 confirm" in signals
    assert "2 missing" in signals
    assert "async" in signals
    assert "Buy 4 VIX calls" in _card(tab, "adjustments")
    assert "accepted by Ada" in _card(tab, "adjustments")
    assert "never sends an order" in tab.text()
    assert tab.complaints() == []


def test_nothing_is_asked_of_anybody_else(site: Site) -> None:
    site.open()
    site.says("Signals")
    requested = [url for url in site.tab.requested() if not url.startswith("about:")]
    assert len(requested) > 5
    assert [url for url in requested if not url.startswith(f"{site.server.url}/")] == []


def test_both_charts_say_their_numbers_to_those_who_do_not_see_them(site: Site) -> None:
    site.open()
    labels = site.tab.run("[...document.querySelectorAll('svg.chart')].map(e => e.getAttribute('aria-label'))")
    assert "SPX \u22121.29" in labels[0]
    assert "RUT \u22122.56" in labels[0]
    assert "VIX +6: loss $6,480, gain $3,420, offset 53" in labels[1]
    drawn = site.tab.run(
        "[...document.querySelectorAll('.moves polyline')].map(e => e.getAttribute('points').split(' ').length)"
    )
    assert drawn == [121, 121]


def test_a_line_beyond_the_band_is_drawn_inside_the_picture(site: Site) -> None:
    def crash(window: PaperWindow) -> None:
        for move, ratio in zip(window.views["core"]["moves"], (-0.11, -0.14), strict=True):
            move["price"], move["move_ratio"] = (move["anchor"] or 0.0) * (1 + ratio), ratio

    site.change(crash)
    site.open()
    heights = site.tab.run(
        "[...document.querySelectorAll('.moves polyline')]"
        ".flatMap(e => e.getAttribute('points').split(' ').map(p => +p.split(',')[1]))"
    )
    assert min(heights) >= 0
    assert max(heights) <= 230
    assert "467" in _card(site.tab, "moves")


def test_a_start_with_nothing_known_yet_is_shown_as_such(site: Site) -> None:
    def nothing(window: PaperWindow) -> None:
        window.messages = []
        window.newest_signals = {"session": None, "as_of": None, "signals": [], "flags": {}}
        window.quotes = {}
        window.not_ready = ["no quote of SPX yet"]
        window.move("core", price=None, anchor=None, move_ratio=None)
        window.show("core", phase="OFF", newest=None, open=[], answers={}, legs=[], phase_history=[], advances=[])

    site.change(nothing)
    site.open()
    assert "No price since the last rebalance yet" in site.tab.run("document.body.textContent")
    for text in ("No session close has been evaluated", "None yet", "No cost yet"):
        assert text in site.tab.text()
    site.says("no quote of SPX yet")
    assert "NaN" not in site.tab.text()
    assert "undefined" not in site.tab.text()
    assert site.tab.complaints() == []


def test_a_portfolio_of_triggers_alone_shows_no_empty_hedge(site: Site) -> None:
    def alone(window: PaperWindow) -> None:
        window.views["core"]["hedge"] = "none"

    site.change(alone)
    site.open()
    assert site.tab.run("document.querySelectorAll('.card.cost, .card.offsets, .card.hedge').length") == 0
    assert "Session timer" in site.tab.text()


def test_a_message_that_contains_html_is_shown_as_text(site: Site) -> None:
    evil = "<img src=x onerror='window.hit=1'><script>window.hit=2</script><b>bold</b>"

    def attack(window: PaperWindow) -> None:
        message = adjustment("core", 4, text=evil, reason_codes=[evil], notes=[evil])
        window.messages.append(message)
        given = {"decision": evil, "by": evil, "reason": evil}
        window.show("core", newest=message, open=[], answers={message["id"]: [given]}, phase=evil)
        window.show("core", legs=[{"leg": evil, "instrument": evil, "target_quantity": 1, "current_quantity": 0}])
        window.show("core", phase_history=[{"phase": evil, "since": evil, "reason": evil}])
        window.newest_signals["signals"] = [{**window.newest_signals["signals"][0], "state": evil, "threshold": evil}]
        window.state["feed"]["note"] = evil
        window.not_ready = [evil]

    site.change(attack)
    site.open()
    site.says("<b>bold</b>")
    site.says("<script>window.hit=2</script>")
    assert site.tab.run("window.hit ?? null") is None
    assert site.tab.run("document.querySelectorAll('img, b, main script').length") == 0
    assert site.tab.complaints() == []


# Honest about the data


@pytest.mark.parametrize("width", WIDTHS)
def test_a_simulated_market_cannot_be_overlooked(site: Site, width: int) -> None:
    def simulate(window: PaperWindow) -> None:
        window.state["feed"] = {"kind": "simulated", "simulated": True, "is_connected": True, "note": None}

    site.change(simulate)
    site.open(width=width)
    assert "SIMULATED" in site.tab.run("document.title")
    site.tab.run("scrollTo(0, document.documentElement.scrollHeight)")
    place = site.tab.run("(r => [r.top, r.bottom])(document.querySelector('.banner.made-up').getBoundingClientRect())")
    assert 0 <= place[0] < place[1] <= 900


def test_delayed_data_is_named(site: Site) -> None:
    def delay(window: PaperWindow) -> None:
        window.quotes["RUT"]["is_live"] = False

    site.open()
    assert "DELAYED" not in site.tab.text().upper()
    site.change(delay)
    site.says("RUT. Nothing triggers on it.")
    site.tab.until("[...document.querySelectorAll('#quotes .bad')].some(e => e.innerText.includes('delayed'))")


def test_a_dead_feed_is_shown_with_the_age_of_its_last_prices(site: Site) -> None:
    def die(window: PaperWindow) -> None:
        window.state["feed"]["is_connected"] = False
        window.quote_age_s = 4000.0
        window.not_ready = ["SPX: no quote for 4000 s"]

    site.open()
    assert "Feed down" not in site.tab.text()
    site.change(die)
    site.says("Feed down")
    site.says("Stale in session No new price of SPX")
    site.says("SPX: no quote for 4000 s")
    assert "66\u202fmin" in site.tab.run("document.getElementById('quotes').innerText")
    assert (
        site.tab.run("[...document.querySelectorAll('#connections .down')].map(e => e.innerText).join()").find("feed")
        >= 0
    )


def test_off_hours_old_quotes_are_no_alarm(site: Site) -> None:
    def weekend(window: PaperWindow) -> None:
        window.state["in_session"] = False
        window.quote_age_s = 200_000.0

    site.change(weekend)
    site.open()
    assert "Stale" not in site.tab.text()
    assert "Out of session" in site.tab.text()
    assert "2\u202fdays" in site.tab.run("document.getElementById('quotes').innerText")


def test_a_daemon_that_is_gone_is_said_and_its_return_too(tab: Tab) -> None:
    with site_of(tab) as site:
        site.open()
        port = site.server.port
        site.close()
        site.says("Daemon lost")
        assert tab.run("document.body.classList.contains('lost')")
        assert "5,874.21" in tab.text()

        site.serve(port)
        tab.until("!document.body.innerText.includes('Daemon lost')", 12)


# Live


def test_what_changes_is_shown_without_loading_again(site: Site) -> None:
    site.open()
    tab = site.tab
    tab.run("window.same = 1")

    def move_on(window: PaperWindow) -> None:
        message = adjustment("core", 4, reason_codes=["TIMER_10"])
        window.messages.append(message)
        window.show("core", phase="STAGED", sessions_since_rebalance=0, newest=message, open=[message["id"]])
        window.quotes["SPX"]["price"] = 5801.5

    site.change(move_on)
    site.says("5,801.50")
    tab.until("document.querySelector('.phases .here').innerText === 'STAGED'")
    tab.until("document.querySelector('.adjustments summary').innerText.includes('#4 TIMER_10')")
    assert "adjustment 4, TIMER_10. Phase STAGED" in tab.run("document.getElementById('said').textContent")
    assert tab.run("document.getElementById('said').getAttribute('aria-live')") == "polite"
    assert tab.run("window.same") == 1


def test_a_redraw_keeps_the_focus_and_what_was_opened(site: Site) -> None:
    site.open()
    tab = site.tab
    tab.click(".adjustments details:nth-of-type(2) summary")
    tab.until("document.querySelectorAll('.adjustments details[open]').length === 2")
    tab.run("document.querySelector('.adjustments details:nth-of-type(2) summary').focus()")
    focused = tab.run("document.activeElement.innerText")
    site.change(lambda window: window.messages.append(adjustment("core", 4, reason_codes=["CAP"])))
    site.change(lambda window: window.show("core", newest=window.messages[-1], answers={window.messages[1]["id"]: []}))
    tab.until("document.querySelectorAll('.adjustments details').length === 4")
    # What was opened stays open, the newest is open of itself, and what was that before closes.
    opened = "[...document.querySelectorAll('.adjustments details[open] .number')].map(e => e.innerText).join()"
    assert tab.run(opened) == "#4,#2"
    assert tab.run("document.activeElement.innerText") == focused


def test_ages_go_on_between_two_answers(site: Site) -> None:
    site.window.quote_age_s = 10.0
    site.open()
    first = site.tab.run("document.querySelector('#quotes li').innerText")
    site.tab.until(f"document.querySelector('#quotes li').innerText !== {first!r}", 4)


# Fifty portfolios


def test_fifty_portfolios_are_found_by_name_and_by_urgency(tab: Tab) -> None:
    names = [f"book-{i:02d}" for i in range(50)]
    with site_of(tab, names) as site:

        def quiet(window: PaperWindow) -> None:
            for name in names:
                window.views[name]["open"] = []
                window.move(name, move_ratio=0.001)
            window.views["book-37"]["moves"][0]["move_ratio"] = -0.0299

        site.change(quiet)
        began = time.monotonic()
        site.open()
        assert time.monotonic() - began < 5
        assert tab.run("document.querySelectorAll('#rows a').length") == 50
        assert tab.run("document.querySelector('main h2').innerText") == "book-00"
        tab.run(
            "{ const o = document.getElementById('order'); o.value = 'near'; o.dispatchEvent(new Event('change')); }"
        )
        assert tab.run("document.querySelector('#rows strong').innerText") == "book-37"
        tab.run("document.getElementById('filter').focus()")
        tab.type("book-4")
        tab.until("document.querySelectorAll('#rows a').length === 10")
        assert "10 of 50 shown" in tab.text()
        tab.click("#rows li:nth-child(3) a")
        tab.until("document.querySelector('main h2').innerText === 'book-42'")
        assert tab.run("location.hash") == "#/book-42"
        assert tab.run("document.querySelector('#rows a[aria-current]').innerText").startswith("book-42")
        assert len([url for url in tab.requested() if "/api/portfolios/" in url]) < 20


def test_the_address_names_the_portfolio(tab: Tab) -> None:
    with site_of(tab, ("first", "a.second-one")) as site:
        site.open(fragment="#/a.second-one")
        assert tab.run("document.querySelector('main h2').innerText") == "a.second-one"


def test_signals_of_the_book_stand_among_those_of_the_market(site: Site) -> None:
    """What only an adjustment knows (here S41) is shown as its newest one saw it; what both know, once."""
    newest = site.window.views["core"]["newest"]
    assert newest is not None
    newest["data"]["signals"].append(signal("S41", 0.62, "crossed", unit="EDR", threshold="< 1.0"))
    site.open()
    ids = site.tab.run("[...document.querySelectorAll('.signals tr.signal th .code')].map(e => e.innerText)")
    assert ids == sorted({*ids})
    assert "S41" in ids
    assert "Break-even proximity" in _card(site.tab, "signals")


def test_an_account_that_differs_cannot_be_overlooked(site: Site) -> None:
    """What nobody can explain stands above the hedge; an account that was never seen is no empty one."""
    site.open()
    assert "ccount" not in _card(site.tab, "hedge")
    told = ["account_unexplained:3 XYZ", "L1: held 2, answers say 4"]
    site.change(lambda window: window.show("core", account={"account": "U1", "is_seen": True, "words": told}))
    site.says("Account U1 differs")
    assert "L1: held 2, answers say 4" in _card(site.tab, "hedge")
    site.change(lambda window: window.show("core", account={"account": "U1", "is_seen": False, "words": []}))
    site.says("has not been seen yet")
    site.change(lambda window: window.show("core", account={"account": "U1", "is_seen": True, "words": []}))
    site.says("As account U1 holds it.")
