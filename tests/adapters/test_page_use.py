"""The page in use: answering an adjustment; by keyboard, by screen reader, on every width, in both schemes."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from browser import Tab, browser, chromium
from sites import DRAWN, WIDTHS, Site, site_of

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


# Answers


def _press(site: Site, decision: str) -> None:
    site.tab.click(f"button.{decision}")
    site.tab.until("document.getElementById('answer').open")


def _put(tab: Tab, selector: str, text: str) -> None:
    tab.run(f"(() => {{ const e = document.querySelector({selector!r}); e.focus(); e.select(); }})()")
    tab.type(text)


def _last(site: Site) -> dict[str, Any]:
    (_, answer) = site.window.said[-1]
    return answer


def test_an_answer_takes_a_confirmation(site: Site) -> None:
    site.open()
    _press(site, "accept")
    assert "Accept adjustment 3 of core?" in site.tab.text()
    site.tab.press("Escape")
    site.tab.until("!document.getElementById('answer').open")
    assert site.window.said == []
    _press(site, "accept")
    _put(site.tab, "dialog input[autocomplete=name]", "Ada L.")
    site.tab.click("dialog button.primary")
    site.says("accepted by Ada L.")
    assert (_last(site)["decision"], _last(site)["by"]) == ("accept", "Ada L.")
    assert site.tab.run("document.getElementById('said').textContent") == "Adjustment 3 of core: accepted."
    assert "unanswered" not in _card(site.tab, "adjustments")


def test_a_rejection_needs_a_reason(site: Site) -> None:
    site.open()
    _press(site, "reject")
    _put(site.tab, "dialog input[autocomplete=name]", "Ada")
    site.tab.click("dialog button.primary")
    assert site.tab.run("document.getElementById('answer').open")
    assert site.window.said == []
    _put(site.tab, "dialog textarea", "spread too wide")
    site.tab.click("dialog button.primary")
    site.says("rejected by Ada")
    assert _last(site)["reason"] == "spread too wide"
    assert site.tab.run("document.querySelectorAll('.adjustments details:first-child .buttons button').length") == 0


def test_an_amendment_sends_what_was_changed(site: Site) -> None:
    site.open()
    _press(site, "amend")
    _put(site.tab, "dialog fieldset label:first-of-type input", "2")
    _put(site.tab, "dialog textarea", "half now")
    _put(site.tab, "dialog input[autocomplete=name]", "Ada")
    site.tab.click("dialog button.primary")
    site.says("amended by Ada")
    assert _last(site)["amendments"] == [{"leg": "L1", "quantity": 2}]


def test_fills_are_typed_not_assumed(site: Site) -> None:
    site.open()
    _press(site, "executed")
    _put(site.tab, "dialog input[autocomplete=name]", "Ada")
    site.tab.click("dialog button.primary")
    assert site.tab.run("document.getElementById('answer').open"), "a fill without a price went out"
    _put(site.tab, ".fill label:nth-of-type(2) input", "2.12")
    site.tab.click("dialog button.primary")
    site.says("executed by Ada")
    assert _last(site)["fills"] == [{"symbol": "VIX 261222C00022000", "quantity": 4, "price": 2.12, "fee": 0}]


def test_an_answer_that_is_not_taken_says_why_and_stays(site: Site) -> None:
    site.open()
    site.change(lambda window: setattr(window, "log_is_away", True))
    _press(site, "accept")
    _put(site.tab, "dialog input[autocomplete=name]", "Ada")
    site.tab.click("dialog button.primary")
    site.says("redis is away: connection refused")
    assert site.tab.run("document.getElementById('answer').open")
    site.change(lambda window: setattr(window, "log_is_away", False))
    site.tab.click("dialog button.primary")
    site.says("accepted by Ada")


def test_the_token_is_asked_for_once(tab: Tab) -> None:
    with site_of(tab, token="open sesame") as site:
        site.open(wait="!document.getElementById('token').hidden")
        assert tab.run("document.activeElement.id") == "token-value"
        tab.type("wrong")
        tab.press("Enter", "\r")
        site.says("expected the configured token")
        _put(tab, "#token-value", "open sesame")
        tab.press("Enter", "\r")
        tab.until(DRAWN)
        site.says("INITIAL")
        tab.run("sessionStorage.clear()")


# For everybody


@pytest.mark.parametrize("width", WIDTHS)
def test_no_width_needs_scrolling_sideways(site: Site, width: int) -> None:
    site.window.quotes |= {f"INDEX{i}": {"price": 1234.5} for i in range(12)}
    site.open(width=width)
    assert site.tab.run("document.documentElement.scrollWidth") <= width
    cut = site.tab.run("[...document.querySelectorAll('.card')].filter(e => e.scrollWidth > e.clientWidth + 1).length")
    assert cut == 0


# Every text against what lies behind it: WCAG's contrast ratio, 4.5 for text of ordinary size.
_CONTRASTS = """(() => {
  const parse = (c) => c.match(/[\\d.]+/g).map(Number);
  const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const light = (c) => [0.2126, 0.7152, 0.0722].reduce((sum, part, i) => sum + part * linear(c[i] / 255), 0);
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const style = getComputedStyle(e);
      if (style.backgroundImage !== 'none') return null;
      const c = parse(style.backgroundColor);
      if (c.length < 4 || c[3] === 1) return c.slice(0, 3);
    }
  };
  const low = new Set();
  for (const e of document.querySelectorAll('header *, main *, nav *, footer *, #banners *')) {
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) || e.closest('svg, .sr')) continue;
    const back = ground(e);
    if (!back) continue;
    const [a, b] = [light(parse(getComputedStyle(e).color)), light(back)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) low.add(`${e.tagName}.${e.className}: ${ratio.toFixed(2)} ${e.textContent.slice(0, 20)}`);
  }
  return [...low];
})()"""


@pytest.mark.parametrize("is_dark", [False, True])
def test_every_text_stands_out_from_its_ground(tab: Tab, *, is_dark: bool) -> None:
    with site_of(tab, ("core", "second")) as site:
        site.window.not_ready = ["mqtt is not connected"]
        site.window.state["feed"]["is_connected"] = False
        site.open(is_dark=is_dark)
        site.says("Feed down")
        ground = tab.run("getComputedStyle(document.body).backgroundColor")
        assert (ground == "rgb(15, 21, 28)") == is_dark
        assert tab.run(_CONTRASTS) == []


def test_a_screen_reader_finds_names_and_places(tab: Tab) -> None:
    with site_of(tab, ("core", "second")) as site:
        site.open()
        nodes = [node for node in tab.call("Accessibility.getFullAXTree")["nodes"] if not node["ignored"]]
        roles: dict[str, list[str]] = {}
        for node in nodes:
            roles.setdefault(node["role"]["value"], []).append(node.get("name", {}).get("value", ""))
        for role in ("button", "link", "textbox", "searchbox", "combobox", "image", "table", "list", "region"):
            # A list of a card is named by its heading; what is acted upon or looked at has a name of its own.
            if role != "list":
                assert all(roles.get(role, ["-"])), (role, roles.get(role))
        for role, count in (("banner", 1), ("main", 1), ("navigation", 1), ("contentinfo", 1), ("status", 1)):
            assert len(roles.get(role, [])) == count, role
        assert "Accept adjustment 3 of core" in roles["button"]
        levels = [
            next(p["value"]["value"] for p in node["properties"] if p["name"] == "level")
            for node in nodes
            if node["role"]["value"] == "heading"
        ]
        assert levels[0] == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))
        assert tab.run("document.documentElement.lang") == "en"


def test_everything_is_reached_by_keyboard(tab: Tab) -> None:
    with site_of(tab, ("core", "second")) as site:
        site.open()
        reached = []
        for _ in range(60):
            tab.press("Tab")
            name = tab.run("(e => e.className || e.id || e.tagName)(document.activeElement)")
            ring = tab.run("getComputedStyle(document.activeElement).outlineStyle")
            if name in {"BODY", ""}:
                break
            reached.append(name)
            assert ring != "none", name
        assert reached[0] == "skip"
        assert {"filter", "order", "accept", "amend", "reject", "executed"} <= set(reached)
        tab.run("document.querySelector('button.accept').focus()")
        tab.press("Enter", "\r")
        tab.until("document.getElementById('answer').open")
        assert tab.run("document.getElementById('answer').contains(document.activeElement)")
        tab.press("Escape")
        tab.until("!document.getElementById('answer').open")
        assert tab.run("document.activeElement.className") == "accept"
