"""What may stand in each field of an event: every kind as it is, and nothing of another kind in any field."""

import json
from dataclasses import fields
from typing import Any

import pytest

from alvh.core.codec import decode, encode
from alvh.core.events import KINDS, Event
from alvh.errors import JournalError
from core.test_codec import SOME


def example(kind: str) -> Event:
    """An event of a kind with every field said."""
    said: dict[str, Any] = {f.name: SOME[f.name] for f in fields(KINDS[kind]) if f.name in SOME}
    return KINDS[kind](ts_event=1_700_000_000_000_000_000, ts_recv=2, **said)


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("wrong", [{"a": float("inf")}, [[1]], [["x", 1, 2, 3, 4, 5, 6]], True, 1 << 63, -1.5e308, "x"])
def test_what_is_of_another_kind_is_refused(kind: str, wrong: object) -> None:
    """In any field: what the event then says is what its annotation allows, or the line is refused."""
    line = json.loads(encode(example(kind)))
    for place in range(1, len(line)):
        spoilt = json.dumps([*line[:place], wrong, *line[place + 1 :]]).replace("Infinity", "1e999").encode()
        try:
            event = decode(spoilt)
        except JournalError:
            continue
        assert type(event) is KINDS[kind]
        assert decode(encode(event)) == event


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "100000000000000000000", "true", '"1"'])
def test_prices_and_times_are_numbers_the_log_can_hold(number: str) -> None:
    """Neither what JSON has no word for, nor what 64 bits do not hold, nor a truth value."""
    with pytest.raises(JournalError, match="last_price"):
        decode(f'["Quote",1,1,"SPX",{number}]'.encode())
    with pytest.raises(JournalError):
        decode(f'["Quote",{number},1,"SPX",1.0]'.encode())


@pytest.mark.parametrize("line", [b"[" * 100_000, b'["Configuration",0,0,{"a":[1e999]},"h","v"]'])
def test_deep_nesting_and_numbers_without_end_are_refused(line: bytes) -> None:
    with pytest.raises(JournalError):
        decode(line)
