"""The connection's states and the table of its transitions."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class State(StrEnum):
    """Where the connection stands."""

    CONNECTING = "connecting"
    SYNCING = "syncing"
    WARMING = "warming"
    LIVE = "live"
    DEGRADED = "degraded"
    LOST = "lost"
    HALF_OPEN = "half_open"


class Cause(StrEnum):
    """What moves it."""

    CONNECTED = "connected"
    SYNCED = "synced"
    WARM = "warm"
    FRESH = "fresh"
    STALE = "stale"
    BROKER_LOST = "broker_lost"
    BROKER_BACK = "broker_back"
    GAP = "gap"
    SILENT = "silent"
    CLOSED = "closed"


_ANYWHERE: Final = {Cause.BROKER_LOST: State.LOST, Cause.SILENT: State.HALF_OPEN, Cause.CLOSED: State.CONNECTING}
# A broker that comes back is synced with anew wherever it left us; what is still good makes that quick. A close that
# was not seen (GAP) is fetched from history before anything of the next session is told.
_UP: Final = {**_ANYWHERE, Cause.BROKER_BACK: State.SYNCING}

TRANSITIONS: Final[Mapping[State, Mapping[Cause, State]]] = MappingProxyType(
    {
        State.CONNECTING: {Cause.CONNECTED: State.SYNCING, Cause.CLOSED: State.CONNECTING},
        State.SYNCING: {**_UP, Cause.SYNCED: State.WARMING},
        State.WARMING: {**_UP, Cause.WARM: State.DEGRADED},
        State.DEGRADED: {**_UP, Cause.GAP: State.WARMING, Cause.FRESH: State.LIVE, Cause.STALE: State.DEGRADED},
        State.LIVE: {**_UP, Cause.GAP: State.WARMING, Cause.FRESH: State.LIVE, Cause.STALE: State.DEGRADED},
        State.LOST: _UP,
        State.HALF_OPEN: {Cause.CLOSED: State.CONNECTING},
    }
)


class ConnectionState:
    """The one door through which the state changes.

    Args:
        on_change: told (state, detail) when either differs from before.
    """

    def __init__(self, on_change: Callable[[str, str], None]) -> None:
        """Start unconnected."""
        self.state = State.CONNECTING
        self.detail = "not connected yet"
        self._on_change = on_change

    def on(self, cause: Cause, detail: str) -> State:
        """Move along the table; a cause the table does not know in this state is a bug of ours."""
        moves = TRANSITIONS[self.state]
        assert cause in moves, f"{cause} in state {self.state}"
        before = (self.state, self.detail)
        self.state, self.detail = moves[cause], detail
        if (self.state, self.detail) != before:
            self._on_change(self.state, detail)
        return self.state

    def say(self, detail: str) -> None:
        """Change what a person reads of the state, not the state."""
        if detail != self.detail:
            self.detail = detail
            self._on_change(self.state, detail)

    @property
    def takes_quotes(self) -> bool:
        """Whether what is received now may be told as live."""
        return self.state in {State.LIVE, State.DEGRADED}
