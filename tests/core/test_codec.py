"""How events stand in the journal: every kind comes back as it was."""

import json
import math
from dataclasses import fields
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alvh.core.codec import decode, encode
from alvh.core.events import KINDS, Quote
from alvh.errors import JournalError

PRICES = st.floats(allow_nan=False, allow_infinity=False)
SOME: dict[str, Any] = {
    "document": {"a": [1, 2.5, None], "b": {"c": "d"}},
    "config_hash": "ab",
    "engine_version": "0",
    "exchange": "XNYS",
    "sessions": ((date(2024, 1, 2), 1, 2), (date(2024, 1, 3), 3, 4)),
    "releases": ((date(2024, 1, 2), "cpi", "08:30"),),
    "instrument_id": "SPX",
    "last_price": 0.1 + 0.2,
    "symbol": "VX",
    "nodes": ((date(2024, 1, 17), 13.05, None, 13.1),),
    "series": "CPI",
    "observed": date(2024, 1, 2),
    "value": 3.1,
    "underlying": "SPX",
    "rows": ((date(2024, 1, 19), "P", 4700.0, 1.0, 1.2, None, "SPXW"),),
    "session": date(2024, 1, 2),
    "timer_id": "close:2024-01-02",
    "is_live": False,
    "reason": "1100",
    "close": 4700.5,
    "account": "DU1",
    "positions": (({"symbol": "SPX"}, -4.0, 10.1),),
    "portfolio": "core",
    "event_id": "core-1-1",
    "decision": "accept",
    "by": "me",
    "amendments": ({"leg": "L1", "quantity": 2},),
}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_comes_back(kind: str) -> None:
    """What is written is read back, field for field."""
    given_fields = {f.name: SOME[f.name] for f in fields(KINDS[kind]) if f.name in SOME}
    event = KINDS[kind](ts_event=1_700_000_000_123_456_789, ts_recv=2, **given_fields)
    line = encode(event)
    assert b"\n" not in line
    assert decode(line) == event
    assert encode(decode(line)) == line


@given(PRICES, st.none() | PRICES, st.integers(0, 2**63 - 1))
def test_floats_and_times_keep_every_bit(price: float, bid: float | None, ts: int) -> None:
    """Doubles and nanoseconds survive exactly."""
    event = Quote(ts_event=ts, ts_recv=ts, instrument_id="VIX", last_price=price, bid_price=bid)
    back = decode(encode(event))
    assert isinstance(back, Quote)
    assert back == event
    assert math.copysign(1, back.last_price or 0.0) == math.copysign(1, price) or price == 0.0


@pytest.mark.parametrize(
    "line",
    [b"", b"{}", b"[]", b'["Nothing",1,2]', b'["Quote",1]', b"\xff", b'["SessionClose",1,2,"2024-13-01"]', b"[1]"],
)
def test_what_is_no_event_is_said_so(line: bytes) -> None:
    """Another version's events, or none at all."""
    with pytest.raises(JournalError, match="not an event"):
        decode(line)


def test_more_fields_than_this_version_knows_are_refused() -> None:
    """A newer version's event is not half understood."""
    line = json.loads(encode(Quote(ts_event=1, ts_recv=1, instrument_id="SPX", last_price=1.0)))
    with pytest.raises(JournalError, match="this version knows"):
        decode(json.dumps([*line, "more"]).encode())


def test_nan_has_no_place_in_the_journal() -> None:
    """What is not a number is refused where it is written, not where it is read years later."""
    with pytest.raises(ValueError, match="JSON compliant"):
        encode(Quote(ts_event=1, ts_recv=1, instrument_id="SPX", last_price=math.nan))
