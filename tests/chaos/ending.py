"""How a run is told to end early: by a signal, which its main thread raises and its rounds look for at every step."""

import signal
import threading
from typing import Final

_ASKING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class EndingError(Exception):
    """The run is to end; raised in the main thread by the first signal, and in a round by what it waits for."""


class Ending:
    """Whether a run is to end, and because of which signal.

    Attributes:
        number: the signal's, 0 while there was none.
    """

    def __init__(self) -> None:
        self.number = 0
        self._asked = threading.Event()

    def listen(self) -> None:
        """Take the signals that ask a program to end; to be called from the main thread."""
        for number in _ASKING:
            signal.signal(number, self._take)

    def _take(self, number: int, _frame: object) -> None:
        for each in _ASKING:  # who asks twice gets what he has asked for: cleaning up goes on
            signal.signal(each, signal.SIG_IGN)
        self.number = number
        self._asked.set()
        raise EndingError

    def look(self) -> None:
        """Go on.

        Raises:
            EndingError: the run is to end.
        """
        if self._asked.is_set():
            raise EndingError

    def __str__(self) -> str:
        """Name the signal."""
        return signal.Signals(self.number).name
