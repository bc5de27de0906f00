"""A sample of the fuzzing: each parser takes or refuses whatever bytes come; `make fuzz` sends a million."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz import logs, tapes_and_calendars, what_people_write, wires
from fuzz.mutations import mutated
from fuzz.registry import SHARES
from fuzz.target import Target
from servers import temporary_folder

EXAMPLES = 20


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Where targets write."""
    with temporary_folder() as made:
        yield made


@pytest.fixture(scope="module")
def targets(folder: Path) -> dict[str, Target]:
    """All of them, by name."""
    made = [*logs.targets(folder), *what_people_write.targets(folder), *tapes_and_calendars.targets(folder)]
    made += [wires.http(folder), wires.frames(folder)]
    return {target.name: target for target in made}


def test_every_target_has_its_share(targets: dict[str, Target]) -> None:
    assert sorted(targets) == sorted(SHARES)
    assert sum(SHARES.values()) == 1_000_000


@pytest.mark.parametrize("name", [name for name in SHARES if name not in {"size", "status"}])
def test_seeds_are_taken(name: str, targets: dict[str, Target]) -> None:
    """Well-formed input of every target is taken whole, or nothing would be learnt from what is made of it."""
    taken = [targets[name].accepts(seed) for seed in targets[name].seeds]
    assert any(taken)


@pytest.mark.parametrize("name", SHARES)
def test_any_input_is_taken_or_refused(name: str, targets: dict[str, Target]) -> None:
    """No crash, no hang, and what is left out is named."""
    target = targets[name]
    examples = 3 if name == "size" else EXAMPLES

    @settings(max_examples=examples, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.one_of(st.integers(0, 2**32), st.integers(0, 2**32), st.binary(max_size=200)))
    def holds(chance: int | bytes) -> None:
        if isinstance(chance, int):
            random = Random(chance)
            chance = mutated(random.choice(target.seeds), target.seeds, random)
        target.accepts(chance)

    holds()


FOUND = {
    "codec": [
        b"[" * 100_000,
        b'["Calendar",0,0,"XNYS",[[]]]',
        b'["Quote",1,1,"SPX",1e999]',
        b'["Calendar",0,0,"XNYS",[["2023-01-03",1,"x"]]]',
    ],
    "inbound": [
        b'observation/CPI\n{"value":"-inf"}',
        b'portfolio/core/answer\n{"event_id":"core-1-1","decision":"executed","by":"a","fills":[{"quantity":1%s}]}'
        % (b"0" * 30),
    ],
    "tape_position": [b"[" * 100_000, b'[1e999,0,"SPX",1,"RUT",""]', b'[1,0,"SPX",1,"/x",""]'],
    "status": [b"[" * 60_000, b'{"data":{"state":"offline","node":"b"},"epoch":1e999}'],
    "symbols": [b"SPX   231399P03600000"],
    "checkpoint": [b"{}", b'{"version":1}', b"\x78\x01\xff", b"[]"],
    "journal": [b'["Configuration",0,0,{},"0","1"]\n'],
    "archive": [b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff\xff\xff\xff\xff\xff\xff"],
    "tape_quotes": [b"ts,last\n0001-01-01T00:00:00+14:00,1\n", b"ts,last\n9999-12-31T23:59:59-14:00,1\n"],
    "calendar_ics": [b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;TZID=" + b"A" * 300 + b":20230112T083000\nEND:VEVENT\n"],
    "market_file": [b"session: 2026-11-20\nspx: 1\nvix: 1\nvx: [{dte: 99999999999999999999, price: 20}]\n"],
    "http": [b"POST /api/answers HTTP/1.1\r\nHost: localhost\r\nX-Alvh-Intent: answer\r\nOrigin: http://[\r\n\r\n"],
}


@pytest.mark.parametrize("name", FOUND)
def test_what_once_broke_is_refused(name: str, targets: dict[str, Target]) -> None:
    """Inputs that fuzzing has found."""
    for data in FOUND[name]:
        assert not targets[name].accepts(data), data[:80]
