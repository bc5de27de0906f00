"""Markets and portfolios drawn by a seed, as `alvh size` reads them: calm to crisis, contango to inverted curves."""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from oracles.option_formulas import black76
from oracles.spread_financing import Financing
from oracles.vix_market import HOLIDAYS, Market

Document = dict[str, Any]


def settlement(year: int, month: int) -> date:
    """Return the VIX settlement of a month (0.5)."""
    year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    first = date(year, month, 1)
    friday = first + timedelta(days=(4 - first.weekday()) % 7 + 14)
    day = friday - timedelta(days=30)
    return day - timedelta(days=1) if day in HOLIDAYS or friday in HOLIDAYS else day


MONTHS = [settlement(2025 + at // 12, at % 12 + 1) for at in range(4, 24)]
SESSIONS = [
    day
    for day in (date(2025, 5, 1) + timedelta(days=at) for at in range(250))
    if day.weekday() < 5 and day not in HOLIDAYS
]
SLOPES = {"contango": 0.05, "steep": 0.12, "inverted": -0.08, "flat": 0.0}


def curve(rng: random.Random, vix: float, count: int) -> list[float]:
    """Return prices of VIX futures, nearest first."""
    slope = SLOPES[rng.choice(["contango", "contango", *SLOPES])]
    price, prices = vix * (1 + rng.uniform(-0.02, 0.08) * (1 if slope >= 0 else -1)), []
    for at in range(count):
        prices.append(round(max(5.0, price), 2))
        price *= 1 + slope * 0.6**at * rng.uniform(0.5, 1.3)
    return prices


def quotes(rng: random.Random, market: Market, days: int) -> list[Document]:
    """Return quotes of one expiry: the strikes a desk would ask for, or the whole listed grid."""
    forward, base = market.level(days), rng.uniform(0.66, 0.97) * (30 / days) ** 0.23
    atm, far = round(forward), round(forward * math.exp(1.75 * base * math.sqrt(days / 365)))
    grid = set(range(max(4, int(forward * 0.6)), int(forward * 2.2)))
    strikes = {atm - 1, atm, atm + 1, far - 1, far, far + 1} if rng.random() < 0.75 else grid
    rows = []
    for strike in sorted(strike for strike in strikes if strike > 3):
        vol = round(base * (1 + 0.156 * max(math.log(strike / forward) / (base * math.sqrt(days / 365)), 0.0)), 4)
        mid, half = black76(forward, strike, days / 365, vol, market.r), rng.choice([0.05, 0.05, 0.025, 0.03])
        row: Document = {"dte": days, "strike": strike, "bid": round(mid - half, 2), "ask": round(mid + half, 2)}
        if row["bid"] >= 0.05:
            rows.append(row | ({"iv": vol} if rng.random() < 0.8 else {}))
    return rows


def market_of(rng: random.Random, *, phase: str | None = None) -> Document:
    """Return a market; up to a third of its futures may be missing, so that options expire between them."""
    vix = round(math.exp(rng.uniform(math.log(9.0), math.log(80.0))), 2)
    session = rng.choice(SESSIONS)
    days = [(day - session).days for day in MONTHS if day > session][:8]
    prices = curve(rng, vix, len(days))
    raw: Document = {
        "session": session,
        "spx": round(rng.uniform(2500, 8000), 2),
        "iwm": round(rng.uniform(120, 300), 2),
        "vix": vix,
        "rvx": round(vix * rng.uniform(1.0, 1.4), 2),
        "rates": {"r": round(rng.uniform(0, 0.06), 4), "q": round(rng.uniform(0, 0.02), 4), "q_iwm": 0.012},
        "fees": {"option": rng.choice([0.5, 1.0, 1.25]), "future_spread": rng.choice([2.0, 4.0, 6.0])},
        "phase": phase or rng.choice(["STANDBY", "INITIAL", "INITIAL", "STAGED", "CONFIRMED"]),
        "a": rng.choice([0, 0, 0.1, 0.125, 0.15, 0.2]),
        "beta_star": round(rng.uniform(0.9, 1.3), 4),
        "beta_stress": round(rng.uniform(1.3, 2.0), 4),
        "vix_rising": rng.random() < 0.5,
        "by_bigtop": rng.random() < 0.2,
        "vx": [
            {"dte": day, "price": price}
            for at, (day, price) in enumerate(zip(days, prices, strict=True))
            if at < 2 or rng.random() < 0.85
        ],
    }
    if rng.random() < 0.5:
        scale = vix / 17.2 * rng.uniform(0.9, 1.1)
        raw["spx_smile"] = {"level": 0.148 * scale, "slope": -0.75 * scale, "curvature": 2 * scale, "floor": 0.08}
    read = Market(raw)
    windows = ((20, 45), (100, 130), (190, 250))
    raw["vix_options"] = [
        row for low, high in windows for day in days if low <= day <= high for row in quotes(rng, read, day)
    ]
    return raw


def portfolio_of(rng: random.Random, market: Document) -> Document:
    """Return a portfolio with one condor, 4 to 50 days long, about one deviation to each side, and perhaps shares."""
    spx, days, width = market["spx"], rng.choice([35, 35, 28, 45, 21, 14, 9, 4, 50]), rng.choice([25, 50, 100])
    deviation = market["vix"] / 100 * math.sqrt(days / 365)
    put = round(spx * math.exp(-rng.uniform(0.7, 1.3) * deviation) / 5) * 5
    call = max(round(spx * math.exp(rng.uniform(0.6, 1.2) * deviation) / 5) * 5, put + 10)
    condor = {
        "expiry": market["session"] + timedelta(days=days), "quantity": rng.choice([1, 2, 4, 4, 10, 40, 100]),
        "credit": round(width * rng.uniform(0.1, 0.4), 2), "short_put": put, "long_put": put - width,
        "short_call": call, "long_call": call + width,
    }  # fmt: skip
    portfolio: Document = {"id": "random", "condors": [condor]}
    if rng.random() < 0.8:
        portfolio["small_caps"] = [{"symbol": "IWM", "shares": rng.choice([50, 448, 3000])}]
    return portfolio


def held_of(rng: random.Random, market: Document) -> Iterator[Document]:
    """Return legs that are held already, in quoted contracts, bought for something like what they are worth."""
    rows, session = market["vix_options"], market["session"]
    for leg, low, high in (("L1", 20, 45), ("L1b", 20, 45), ("L3a", 100, 130), ("L3b", 190, 250)):
        days = sorted({row["dte"] for row in rows if low <= row["dte"] <= high})
        if not days or rng.random() < 0.5:
            continue
        day = rng.choice(days)
        chain = sorted((row for row in rows if row["dte"] == day), key=lambda row: float(row["strike"]))
        at = rng.randrange(len(chain) - 1) if len(chain) > 1 else 0
        mid = (chain[at]["bid"] + chain[at]["ask"]) / 2
        held: Document = {
            "leg": leg, "quantity": rng.choice([1, 2, 5, 20]), "expiry": session + timedelta(days=day),
            "strike": chain[at]["strike"], "entry_price": round(mid * rng.uniform(0.6, 1.8), 2),
        }  # fmt: skip
        if leg == "L1":
            if at + 1 >= len(chain):
                continue
            short = rng.choice(chain[at + 1 :])
            held["short_strike"] = short["strike"]
            held["entry_price"] = round(max(0.01, mid - (short["bid"] + short["ask"]) / 2) * rng.uniform(0.6, 1.8), 2)
        yield held
    first, second = market["vx"][:2]
    if rng.random() < 0.3 and first["dte"] > 7:
        yield {
            "leg": "L2", "quantity": rng.choice([1, 6]), "expiry": session + timedelta(days=first["dte"]),
            "short_expiry": session + timedelta(days=second["dte"]),
            "entry_price": round(first["price"] - second["price"] + rng.uniform(-0.4, 0.4), 2),
        }  # fmt: skip


def financing_of(rng: random.Random, portfolio: Document, market: Document) -> Iterator[Document]:
    """Return FIN spreads that are kept: out of the money, worth more than half of what they were sold for."""
    (condor,), m = portfolio["condors"], Market(market)
    days, width = (condor["expiry"] - market["session"]).days, condor["long_call"] - condor["short_call"]
    short = round(m.spx * math.exp(rng.uniform(1.0, 1.6) * m.smile(0.1) * math.sqrt(days / 365)) / 5) * 5
    one = Financing(days, rng.choice([1, 3, 20]), 0.0, short, short + width)
    if one.call_delta(m, short) > 0.30 or one.mark(m) < 0.5 or short == condor["short_call"]:
        return
    yield {
        "leg": "FIN", "quantity": -one.quantity, "expiry": condor["expiry"], "strike": short + width,
        "short_strike": short, "entry_price": round(one.mark(m) * rng.uniform(0.7, 1.7), 2),
    }  # fmt: skip


def varied(rng: random.Random, portfolio: Document, market: Document) -> None:
    """Change what the other draws leave alone: scopes, sizes, several condors, chains left out, quoted futures."""
    session, (condor,) = market["session"], portfolio["condors"]
    condor["quantity"] = rng.choice([1, 3, 40, 500, 2000])
    condor["expiry"] = session + timedelta(days=rng.randint(7, 60))
    condor["trading_class"] = rng.choice(["SPXW", "SPX"])
    if rng.random() < 0.4:
        other = condor | {"expiry": session + timedelta(days=rng.randint(7, 60)), "quantity": rng.choice([1, 7, 90])}
        if other["expiry"] != condor["expiry"]:
            portfolio["condors"].append(other)
    methodology: Document = {}
    if rng.random() < 0.4:
        methodology["cap"] = {"scope": "split"}
    elif rng.random() < 0.4:
        portfolio["hedge_small_caps"] = True
    if rng.random() < 0.3:
        methodology["scenario"] = {"vvix_beta": rng.choice([1.0, 1.5])}
    portfolio["methodology"] = methodology
    if rng.random() < 0.4 and not portfolio.get("legs"):  # what is held stays quoted
        market["vix_options"] = []
        market |= {"vvix": round(rng.uniform(70, 150), 1)} if rng.random() < 0.6 else {}
    if rng.random() < 0.3:
        market["rut"] = round(market["iwm"] * rng.uniform(9.8, 10.2), 2)
        portfolio["small_caps"] = [{"symbol": "RUT", "shares": rng.choice([5, 60, 400])}]
    if rng.random() < 0.5:
        for row in market["vx"]:
            half = rng.choice([0.01, 0.025, 0.05])
            row |= {"bid": round(row["price"] - half, 3), "ask": round(row["price"] + half, 3)}


@dataclass(frozen=True)
class Drawn:
    portfolio: Document
    market: Document


def drawn(seed: int, *, is_held: bool = False, is_varied: bool = False) -> Drawn:
    """Return what a seed draws; on a choice with a hedge held already, or with more of what may differ."""
    rng = random.Random(seed)
    market = market_of(rng)
    portfolio = portfolio_of(rng, market)
    if rng.random() < 0.5:
        market["rv20"] = round(market["vix"] * rng.uniform(0.4, 1.3), 2)
    if is_held:
        portfolio["legs"] = list(held_of(rng, market))
        if market["phase"] == "CONFIRMED":
            portfolio["legs"] += financing_of(rng, portfolio, market)
    if is_varied:
        varied(rng, portfolio, market)
    return Drawn(portfolio, market)
