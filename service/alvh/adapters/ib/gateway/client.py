"""One client's socket at the gateway: reading frames, writing them whole, slowly, in pieces, or not at all."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator

from alvh.adapters.ib.gateway import wire
from alvh.adapters.ib.gateway.faults import Faults

# A client that lets this much pile up does not read any more; the real gateway drops it too.
LARGEST_BACKLOG = 64 << 20


class Link:
    """A connected client: its id, its subscriptions (request id to contract id) and its socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, faults: Faults) -> None:
        """Take over an accepted socket."""
        self.client_id: int | None = None
        self.subscriptions: dict[int, int] = {}
        self.wants_positions = False
        self.faults = faults
        self._reader = reader
        self._writer = writer
        self._slow: asyncio.Queue[bytes] = asyncio.Queue()
        self._slow_task: asyncio.Task[None] | None = None

    async def greeting(self) -> str:
        """Read the one frame that has another form; return its text (`v157..178`)."""
        await self._reader.readexactly(4)
        return (await self._body()).decode()

    async def frames(self) -> AsyncIterator[tuple[str, ...]]:
        """Yield the client's messages until it goes away."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                body = await self._body()
                if not self.faults.is_half_open:
                    yield wire.split(body)

    async def _body(self) -> bytes:
        (length,) = struct.unpack(">I", await self._reader.readexactly(4))
        if length > wire.LARGEST_FRAME:
            raise ConnectionError(f"a frame of {length} bytes")
        return await self._reader.readexactly(length)

    def send(self, data: bytes) -> None:
        """Send frames as the faults in force let them through."""
        if self.faults.is_half_open or self._writer.is_closing():
            return
        if self.faults.chunk or self._slow.qsize():
            if self._slow_task is None:
                self._slow_task = asyncio.create_task(self._trickle(), name="gateway-slow")
            self._slow.put_nowait(data)
            return
        self._writer.write(data)
        if self._writer.transport.get_write_buffer_size() > LARGEST_BACKLOG:
            self.abort()

    async def _trickle(self) -> None:
        while True:
            data = await self._slow.get()
            step = self.faults.chunk or len(data)
            for at in range(0, len(data), step):
                self._writer.write(data[at : at + step])
                await asyncio.sleep(self.faults.chunk_delay_s)

    def abort(self, half_a_frame: bytes = b"") -> None:
        """Reset the connection (RST, no orderly end), after the given bytes."""
        if half_a_frame:
            self._writer.write(half_a_frame)
        raw = self._writer.get_extra_info("socket")
        if raw is not None and raw.fileno() >= 0:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    def close(self) -> None:
        """End the connection orderly."""
        if self._slow_task is not None:
            self._slow_task.cancel()
        self._writer.close()
