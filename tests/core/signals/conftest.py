"""Session closes to feed signals with: real history where it is there, and a made-up market everywhere."""

import csv
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from alvh.core.events import FuturesCurve
from alvh.core.signals import Bar

TAPES = Path(__file__).resolve().parents[4] / "shared" / "data" / "tapes"


class Day(NamedTuple):
    """What one session's close brings, in the order `SignalBook.close` takes it."""

    session: date
    ts_event: int
    bars: dict[str, Bar]
    curve: FuturesCurve | None = None


def day(session: date, prices: dict[str, float], curve: Sequence[tuple[date, float]] = ()) -> Day:
    """Return a close at 21:00 UTC with these prices and futures."""
    stamp = int(datetime(session.year, session.month, session.day, 21, tzinfo=UTC).timestamp()) * 1_000_000_000
    nodes = tuple((expiry, price, None, None) for expiry, price in curve)
    return Day(
        session=session,
        ts_event=stamp,
        bars={name: Bar(price=price, ts_event=stamp) for name, price in prices.items()},
        curve=FuturesCurve(ts_event=stamp, ts_recv=stamp, symbol="VX", nodes=nodes) if nodes else None,
    )


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="session")
def history() -> list[Day]:
    """Closes of 2004 to 2012, as the tape has them."""
    folder = TAPES / "daily-2004-2012"
    if not folder.is_dir():
        pytest.skip("needs the history beside the project (../shared/data/tapes)")
    prices: dict[str, dict[str, float]] = defaultdict(dict)
    for path in sorted(folder.glob("*.csv")):
        if path.stem not in ("VX", "calendar", "observations"):
            for row in _rows(path):
                prices[row["date"]][path.stem] = float(row["close"])
    curves: dict[str, list[tuple[date, float]]] = defaultdict(list)
    for row in _rows(folder / "VX.csv"):
        curves[row["date"]].append((date.fromisoformat(row["expiry"]), float(row["settle"])))
    return [day(date.fromisoformat(text), prices[text], curves.get(text, ())) for text in sorted(prices)]


@pytest.fixture(scope="session")
def made_up() -> list[Day]:
    """320 weekdays of a market with gaps: every instrument is missing now and then, and so is the curve."""
    rng = np.random.default_rng(20)
    sessions = [date(2023, 1, 2) + timedelta(days=7 * (n // 5) + n % 5) for n in range(320)]
    market = rng.normal(3e-4, 0.011, 320)
    levels = {
        "SPX": 4000 * np.exp(np.cumsum(market)),
        "RUT": 1800 * np.exp(np.cumsum(1.2 * market + rng.normal(0, 0.006, 320))),
        "IWM": 180 * np.exp(np.cumsum(1.2 * market + rng.normal(0, 0.006, 320))),
        "VIX": 18 * np.exp(np.cumsum(-6 * market + rng.normal(0, 0.03, 320)) * 0.4),
        "VIX9D": 17 * np.exp(rng.normal(0, 0.1, 320)),
        "VIX3M": 20 * np.exp(rng.normal(0, 0.05, 320)),
        "SPY": 400 * np.exp(np.cumsum(market)),
        "RSP": 140 * np.exp(np.cumsum(0.9 * market + rng.normal(0, 0.003, 320))),
    }
    levels["RVX"] = levels["VIX"] + 3 + np.cumsum(rng.normal(0, 0.7, 320)) * 0.5
    expiries = [date(2023, 1, 18) + timedelta(days=28 * n) for n in range(24)]
    days = []
    for number, session in enumerate(sessions):
        here = {name: float(series[number]) for name, series in levels.items() if rng.random() > 0.03}
        vix = float(levels["VIX"][number])
        curve = [
            (expiry, vix + 0.01 * (expiry - session).days * float(rng.normal(1, 0.3)))
            for expiry in expiries
            if 0 <= (expiry - session).days < 240
        ]
        days.append(day(session, here, curve if rng.random() > 0.03 else ()))
    return days
