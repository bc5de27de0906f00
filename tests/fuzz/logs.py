"""Targets that read what was written earlier: journal lines and files, archives, checkpoints."""

import gzip
import json
import zlib
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

from alvh.app.sources import configuration, source_events
from alvh.core.codec import decode, encode
from alvh.core.engine import Engine
from alvh.core.events import (
    AccountPositions,
    Answer,
    Calendar,
    DailyBar,
    Event,
    FeedState,
    FuturesCurve,
    MacroCalendar,
    Observation,
    OptionChain,
    Quote,
    SessionClose,
    TimerFired,
    WatchedIndex,
)
from alvh.settings import Settings
from fuzz.target import Target, insist_on_log
from tapes import weekday_sessions

_SESSIONS: Final = weekday_sessions(date(2023, 1, 3), date(2023, 1, 31))
_CLOSE: Final = _SESSIONS[0][2]


def events(settings: Settings) -> list[Event]:
    """One of each kind, in an order that makes sense."""
    at: dict[str, Any] = {"ts_event": _CLOSE - 10**9, "ts_recv": _CLOSE - 10**9}
    close: dict[str, Any] = {"ts_event": _CLOSE, "ts_recv": _CLOSE}
    expiry = date(2023, 2, 17)
    return [
        configuration(settings, 0, feed_kind="tape"),
        Calendar(ts_event=0, ts_recv=0, exchange="XNYS", sessions=_SESSIONS),
        WatchedIndex(ts_event=0, ts_recv=0, instrument_id="RUT"),
        MacroCalendar(ts_event=0, ts_recv=0, releases=((date(2023, 1, 12), "cpi", "08:30"),)),
        DailyBar(**at, instrument_id="SPX", session=date(2023, 1, 3), close=3824.14),
        Quote(**at, instrument_id="SPX", last_price=3824.14, bid_price=3824.0, ask_price=3824.3, bid_size=1.0),
        Quote(**at, instrument_id="RUT", last_price=1750.73),
        Quote(**at, instrument_id="VIX", last_price=22.9),
        Quote(**at, instrument_id="IWM", last_price=173.7),
        Observation(**at, series="CPI", observed=date(2023, 1, 3), value=6.5, consensus=6.6),
        FuturesCurve(**close, symbol="VX", nodes=((date(2023, 1, 18), 23.1, None, None), (expiry, 24.0, 23.9, 24.1))),
        OptionChain(**close, underlying="VIX", rows=((expiry, "C", 25.0, 1.05, 1.15, 0.91, "VIX"),)),
        SessionClose(**close, session=date(2023, 1, 3)),
        TimerFired(**close, timer_id="close-2023-01-03"),
        FeedState(**close, instrument_id="SPX", is_live=False, reason="1100"),
        AccountPositions(**close, account="DU1", positions=(({"symbol": "SPX   230217P03600000"}, -4.0, 1.0),)),
        Answer(**close, portfolio="core", event_id="core-1-1", decision="amend", by="a", reason="b",
               amendments=({"leg": "L1", "quantity": 3},), fills=({"leg": "L1", "quantity": 1, "price": 2.0},)),
        Quote(ts_event=_CLOSE + 1, ts_recv=_CLOSE + 1, instrument_id="SPX", last_price=3950.0),
    ]  # fmt: skip


def targets(folder: Path) -> list[Target]:
    """Return them; they write into `folder`."""
    settings = Settings(portfolios=[{"id": "core", "hedge": "none"}, {"id": "hedged", "condor_program": {}}])  # type: ignore[list-item]  # as a file has them
    story = events(settings)
    lines = [encode(event) for event in story]
    journal = b"\n".join(lines) + b"\n"
    return [
        Target("codec", tuple(lines), _decoded),
        Target("journal", (journal,), _folded_from(folder / "journal.jsonl", settings, bytes)),
        Target("journal_gz", (journal, gzip.compress(journal)), _folded_from(folder / "j.jsonl.gz", settings, _packed)),
        Target("archive", (journal, gzip.compress(journal)), _archived(folder / "archive", settings, len(lines))),
        Target("checkpoint", _checkpoints(story), _restored),
    ]


def _decoded(data: bytes) -> bool:
    event = decode(data)
    insist_on_log(event)
    return True


def _fold(source: Iterable[Event]) -> None:
    engine = Engine()
    for event in source:
        engine.handle(event)
    restored = Engine()
    restored.restore(engine.checkpoint())


def _folded_from(path: Path, settings: Settings, pack: Callable[[bytes], bytes]) -> Callable[[bytes], bool]:
    def run(data: bytes) -> bool:
        path.write_bytes(pack(data))
        _fold(source_events(str(path), settings))
        return True

    return run


def _packed(data: bytes) -> bytes:
    return data if data[:2] == b"\x1f\x8b" else gzip.compress(data, 1)


def _archived(folder: Path, settings: Settings, count: int) -> Callable[[bytes], bool]:
    folder.mkdir()

    def run(data: bytes) -> bool:
        (folder / f"journal-{1:020d}-{count:020d}.jsonl.gz").write_bytes(_packed(data))
        _fold(source_events(str(folder), settings))
        return True

    return run


def _checkpoints(story: Sequence[Event]) -> tuple[bytes, ...]:
    engine, found = Engine(), []
    for event in story:
        engine.handle(event)
        found.append(engine.checkpoint())
    return (zlib.decompress(found[1]), zlib.decompress(found[-1]), found[-1])


def _restored(data: bytes) -> bool:
    """The text of a checkpoint is packed first, so that what lies behind the checksum is reached."""
    engine = Engine()
    engine.restore(zlib.compress(data, 1) if data[:1] == b"{" else data)
    assert json.loads(zlib.decompress(engine.checkpoint()))
    return True
