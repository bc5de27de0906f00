"""What all families of signals share: they take closes, show signals, and can be written down and restored."""

from typing import ClassVar

from alvh.core.signals.model import Close, Signal
from alvh.core.statistics import State
from alvh.core.statistics.state import Statistic


class Family:
    """A group of signals over the same inputs.

    A subclass names its statistics and its plain fields (JSON values that are replaced, never changed in place);
    `state` and `restore` follow from that, so that no field can be forgotten in one of them.
    """

    _STATISTICS: ClassVar[tuple[str, ...]] = ()
    _PLAIN: ClassVar[tuple[str, ...]] = ()

    def update(self, close: Close) -> None:
        """Take one session's close."""
        raise NotImplementedError

    def signals(self, close: Close) -> tuple[Signal, ...]:
        """Return the family's signals at `close`, which must be the newest one taken."""
        raise NotImplementedError

    def state(self) -> State:
        """Return all that future signals depend on."""
        return [[self._statistic(name).state() for name in self._STATISTICS], [getattr(self, n) for n in self._PLAIN]]

    def restore(self, state: State) -> None:
        """Take over what `state` returned."""
        statistics, plain = state
        for name, value in zip(self._STATISTICS, statistics, strict=True):
            self._statistic(name).restore(value)
        for name, value in zip(self._PLAIN, plain, strict=True):
            setattr(self, name, value)

    def _statistic(self, name: str) -> Statistic:
        statistic: Statistic = getattr(self, name)
        return statistic
