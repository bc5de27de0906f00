"""What a gateway can be told to do wrong, as data that the server consults."""

from dataclasses import dataclass, field
from enum import StrEnum


class HistoryFault(StrEnum):
    """How a history request fails."""

    PACING = "pacing"
    NO_DATA = "no_data"
    SILENCE = "silence"
    EMPTY = "empty"


@dataclass(slots=True, kw_only=True)
class Faults:
    """The faults in force; all off at first, changed at any time.

    Attributes:
        is_refusing: new connections are closed at once (the port of a gateway that restarts).
        is_logged_off: the socket answers the handshake but names no account (weekly log-off, second factor missed).
        is_half_open: nothing is read or sent any more and no socket is closed.
        silent: contract ids that send no tick, while everything reports OK.
        refusals: contract id to (code, text) sent instead of ticks.
        notices: contract id to (code, text) sent before the ticks.
        kinds: contract id to market data type (1 live, 2 frozen, 3 delayed, 4 both).
        unknown: contract ids that have no security definition (200).
        lines: market-data lines of the account (101 beyond them).
        history: faults of the next history requests, used up one by one.
        chunk: bytes sent at a time (0: as they come), each `chunk_delay_s` after the one before.
        id_release_s: how long a client id stays taken after its socket has closed.
        answers_time: whether reqCurrentTime is answered.
    """

    is_refusing: bool = False
    is_logged_off: bool = False
    is_half_open: bool = False
    silent: set[int] = field(default_factory=set)
    refusals: dict[int, tuple[int, str]] = field(default_factory=dict)
    notices: dict[int, tuple[int, str]] = field(default_factory=dict)
    kinds: dict[int, int] = field(default_factory=dict)
    unknown: set[int] = field(default_factory=set)
    lines: int = 100
    history: list[HistoryFault] = field(default_factory=list)
    chunk: int = 0
    chunk_delay_s: float = 0.0
    id_release_s: float = 0.0
    answers_time: bool = True
