"""What the socket brings, cut into whole frames and short turns before the client library sees it.

The library copies what is left of a read once per message, reads as much as a socket has, and waits for ever for the
end of a frame whose length was garbled. Here a turn of the loop takes a bounded bite, and a length that cannot be true
ends the connection.
"""

import asyncio
import struct
from collections.abc import Callable
from typing import Final, cast

from ib_async.connection import Connection

# The longest answer is that of a contract or history request, some hundred kilobytes.
LARGEST_FRAME: Final = 8 << 20
# Some 250 ticks: a few milliseconds, between which others have their turn.
BITE: Final = 8 * 1024
# More than this waiting unread and the socket is left alone until it is worked off.
_HIGH_WATER: Final = 256 * 1024
_LENGTH: Final = struct.Struct(">I")


class FramedConnection(Connection):
    """The library's connection, fed with whole frames.

    Args:
        plain: the connection that the library made, whose listeners this one takes over.
        on_garbled: told in one line when no frame can be made out any more.

    Attributes:
        bytes_received: of all reads, unfinished frames included.
    """

    def __init__(self, plain: Connection, on_garbled: Callable[[str], None]) -> None:
        """Take over the listeners; nothing is read before the library connects."""
        super().__init__()  # type: ignore[no-untyped-call]  # the library has no types here
        self.hasData, self.disconnected = plain.hasData, plain.disconnected
        self.bytes_received = 0
        self._on_garbled = on_garbled
        self._buffer = bytearray()
        self._next_turn: asyncio.Handle | None = None
        self._socket: asyncio.ReadTransport | None = None
        self._is_paused = False
        self._is_garbled = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the socket's reading side."""
        self._socket = cast("asyncio.ReadTransport", transport)  # uvloop's is one by its methods alone
        self._buffer.clear()
        self._is_garbled = False

    def data_received(self, data: bytes) -> None:
        """Take a read; pass on a bite of whole frames now and the rest turn by turn."""
        self.bytes_received += len(data)
        if self._is_garbled:
            return
        self._buffer += data
        if self._next_turn is None:
            self._turn()

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass on what is whole, then the end."""
        if self._next_turn is not None:
            self._next_turn.cancel()
            self._next_turn = None
        while self._pass_on():
            pass
        self._buffer.clear()
        self._socket, self._is_paused = None, False
        super().connection_lost(exc)  # type: ignore[no-untyped-call]  # the library has no types here

    def _turn(self) -> None:
        self._next_turn = None
        if self._pass_on():
            self._next_turn = asyncio.get_running_loop().call_soon(self._turn)
        self._hold(len(self._buffer) > _HIGH_WATER and self._next_turn is not None)

    def _hold(self, is_full: bool) -> None:
        """Leave the socket alone while there is more than enough to do."""
        if self._socket is None or self._socket.is_closing() or is_full == self._is_paused:
            return
        self._is_paused = is_full
        if is_full:
            self._socket.pause_reading()
        else:
            self._socket.resume_reading()

    def _pass_on(self) -> bool:
        """Pass on whole frames, a bite of them at most or one that is longer; tell whether another is there."""
        buffer, end, there = self._buffer, 0, len(self._buffer)
        is_more = False
        while there - end >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(buffer, end)
            if length > LARGEST_FRAME:
                self._give_up(length)
                break
            behind = end + _LENGTH.size + length
            if behind > there:
                break
            if end and behind > BITE:
                is_more = True
                break
            end = behind
        if end:
            bite = bytes(memoryview(buffer)[:end])
            del buffer[:end]
            super().data_received(bite)  # type: ignore[no-untyped-call]  # the library has no types here
        if self._is_garbled:
            buffer.clear()
        return is_more and not self._is_garbled

    def _give_up(self, length: int) -> None:
        self._is_garbled = True
        self._on_garbled(f"garbled: a message of {length} bytes is announced")
