"""S20, S21: how near a release is, and how far the last one was from what was expected."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from math import fsum, sqrt
from typing import Final

from alvh.core.signals.family import Family
from alvh.core.signals.model import Close, Signal
from alvh.core.signals.parameters import MacroParameters

EVENTS: Final = ("cpi", "fomc_decision", "fomc_minutes", "ppi")
_PRINTS: Final = (("CPI", "CPI_SURPRISE_Z"), ("PPI", "PPI_SURPRISE_Z"))
_WINDOW: Final = 36
_LEAST: Final = 12
# Closes for which the last weak print is remembered: 3.7 looks back two sessions from a break that may itself be old.
_MEMORY: Final = 20
_DAYS_KEPT: Final = 40  # past releases further back than this are in no window


class MacroFamily(Family):
    """The release calendar and the surprises of CPI and PPI.

    A surprise is told by a print with its consensus, in the print's own unit, over the sample deviation of the 36
    surprises before it (12 at least); or it is entered by hand, in deviations.
    """

    _PLAIN = ("_releases", "_to_next", "_since_last", "_surprises", "_valid", "_since_weak")

    def __init__(self, macro: MacroParameters) -> None:
        self._numbers = macro
        self._releases: list[str] = []  # ISO dates, rising: the future ones, and those just past
        self._to_next: int | None = None
        self._since_last: int | None = None
        self._surprises: dict[str, list[float]] = {name: [] for name, _ in _PRINTS}
        self._valid: list[list[float]] = []  # [z, closes since it was told], newest first
        self._since_weak: int | None = None

    def schedule(self, releases: Sequence[tuple[date, str, str]]) -> None:
        """Replace what is known of scheduled releases; of these, CPI, PPI and the two of the FOMC count."""
        self._releases = sorted({day.isoformat() for day, name, _ in releases if name in EVENTS})

    def update(self, close: Close) -> None:
        """Take one session's close."""
        self._update_distances(close, close.sessions_to)
        self._valid = [[z, age + 1] for z, age in self._valid if age + 1 < self._numbers.valid]
        self._since_weak = None if self._since_weak is None else min(self._since_weak + 1, _MEMORY)
        for name, by_hand in _PRINTS:
            z = self._surprise(close, name, by_hand)
            if z is not None and abs(z) >= self._numbers.z:
                self._valid = [[z, 0], *self._valid]
                if z < 0.0:
                    self._since_weak = 0

    def _update_distances(self, close: Close, sessions_to: Callable[[date], int]) -> None:
        self._to_next = self._since_last = None
        today = close.session.isoformat()
        dates = self._releases
        rank = bisect_left(dates, today)
        if rank < len(dates):
            self._to_next = sessions_to(date.fromisoformat(dates[rank]))
        if self._to_next is not None and dates[rank] == today:
            self._since_last = 0
        elif rank:
            self._since_last = -sessions_to(date.fromisoformat(dates[rank - 1]))
        oldest = (close.session - timedelta(days=_DAYS_KEPT)).isoformat()
        if dates and dates[0] < oldest:
            # At least the newest past release stays, so that "since the last" is still known.
            self._releases = dates[min(bisect_left(dates, oldest), max(rank - 1, 0)) :]

    def _surprise(self, close: Close, name: str, by_hand: str) -> float | None:
        z = None
        print_ = close.news(name)
        if print_ is not None and print_.consensus is not None:
            before = self._surprises[name]
            surprise = print_.value - print_.consensus
            deviation = _deviation(before) if len(before) >= _LEAST else None
            z = surprise / deviation if deviation else None
            self._surprises = {**self._surprises, name: [*before[1 - _WINDOW :], surprise]}
        entered = close.news(by_hand)
        return entered.value if entered is not None else z

    @property
    def is_near(self) -> bool | None:
        """S20: within the window around a release; None where there is no calendar."""
        if self._to_next is None and self._since_last is None:
            return None
        is_before = self._to_next is not None and self._to_next <= self._numbers.before
        return is_before or (self._since_last is not None and self._since_last <= self._numbers.after)

    @property
    def is_hot(self) -> bool:
        """Whether a print at or above +z is still valid."""
        return any(z > 0.0 for z, _ in self._valid)

    @property
    def is_weak(self) -> bool:
        """Whether a print at or below -z is still valid."""
        return any(z < 0.0 for z, _ in self._valid)

    @property
    def is_on(self) -> bool | None:
        """`macro` of 3.2: near a release, or a surprise is valid; None where neither can be told."""
        return True if self._valid else self.is_near

    @property
    def is_release_day(self) -> bool:
        """Whether a release falls on the newest session (no FIN leg and no L1 roll before it)."""
        return self._to_next == 0

    @property
    def sessions_since_weak(self) -> int | None:
        """Closes since the last weak print, 0 for today; None where none is remembered."""
        return self._since_weak if self._since_weak is None or self._since_weak < _MEMORY else None

    @property
    def sessions_to_next(self) -> int | None:
        """Sessions to the next release, 0 on its day; None where unknown."""
        return self._to_next

    @property
    def sessions_since_last(self) -> int | None:
        """Sessions since the last release, 0 on its day; None where unknown."""
        return self._since_last

    def signals(self, close: Close) -> tuple[Signal, ...]:
        """Return S20 and S21."""
        return (self._proximity(close), self._surprise_signal(close))

    def _proximity(self, close: Close) -> Signal:
        near = self.is_near
        to_next, since_last = _number(self._to_next), _number(self._since_last)
        return Signal(
            id="S20", value=to_next, unit="sessions", asof=None if near is None else close.ts_event,
            state="missing" if near is None else ("on" if near else "off"),
            threshold=f"-{self._numbers.before} to +{self._numbers.after}", inputs=("calendar",),
            quality="missing" if near is None else "ok",
            parts=(("to_next", to_next), ("since_last", since_last)),
        )  # fmt: skip

    def _surprise_signal(self, close: Close) -> Signal:
        inputs = tuple(name for pair in _PRINTS for name in pair if name in close.seen)
        is_told = bool(self._valid) or any(len(history) > _LEAST for history in self._surprises.values())
        z = self._valid[0][0] if self._valid else None
        words = {(True, False): "hot", (False, True): "weak", (True, True): "mixed", (False, False): "none"}
        return Signal(
            id="S21", value=z, unit="deviations", asof=close.standing(inputs)[1],
            state=words[self.is_hot, self.is_weak] if is_told else "missing",
            threshold=f"|z| >= {self._numbers.z:g}, valid for {self._numbers.valid} sessions",
            inputs=inputs or ("CPI", "PPI"), quality="ok" if is_told else "missing", parts=(("z", z),),
        )  # fmt: skip


def _deviation(values: Sequence[float]) -> float:
    mean = fsum(values) / len(values)
    return sqrt(fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def _number(count: int | None) -> float | None:
    return None if count is None else float(count)
