"""All targets by name, and how many of a million inputs each gets: by what a thousand of them cost."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from fuzz import logs, tapes_and_calendars, what_people_write, wires
from fuzz.target import Target

SHARES: Final = {
    "codec": 230_000,
    "inbound": 180_000,
    "status": 150_000,
    "symbols": 150_000,
    "ib_frames": 120_000,
    "checkpoint": 40_000,
    "journal": 12_000,
    "journal_gz": 8_000,
    "archive": 8_000,
    "tape_quotes": 14_000,
    "tape_curve": 10_000,
    "tape_observations": 10_000,
    "tape_releases": 10_000,
    "tape_chain": 10_000,
    "tape_position": 10_000,
    "calendar_csv": 12_000,
    "calendar_ics": 6_000,
    "configuration": 7_000,
    "market_file": 7_000,
    "size": 500,
    "http": 5_500,
}
TOTAL: Final = sum(SHARES.values())

_GROUPS: Final[dict[str, Callable[[Path], list[Target]]]] = {
    **dict.fromkeys(("codec", "journal", "journal_gz", "archive", "checkpoint"), logs.targets),
    **dict.fromkeys(
        ("configuration", "market_file", "size", "inbound", "status", "symbols"), what_people_write.targets
    ),
    "http": lambda folder: [wires.http(folder)],
    "ib_frames": lambda folder: [wires.frames(folder)],
}


def target(name: str, folder: Path) -> Target:
    """Return a target; what it writes it writes into `folder`, which is its own."""
    made = _GROUPS.get(name, tapes_and_calendars.targets)(folder)
    return next(each for each in made if each.name == name)


def one(name: str, folder: Path, data: bytes) -> bool:
    """Run one input."""
    return target(name, folder).accepts(data)
