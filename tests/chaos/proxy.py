"""A TCP proxy between a daemon and its Redis or broker that resets, stalls, goes half-open, and cuts within a write."""

import asyncio
import contextlib
import socket
import struct
import threading
from typing import Final, Self

_BLOCK_BYTES: Final = 65_536
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)  # SO_LINGER of no time: the peer sees a reset, not an end


class Loop:
    """An event loop in a thread of its own, which all proxies of a round share."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxies", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        async def end() -> None:
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def proxy(self, port: int) -> "FaultProxy":
        """Return a running proxy to a port of loopback."""
        made = FaultProxy(self._loop, port)
        asyncio.run_coroutine_threadsafe(made.start(), self._loop).result(10)
        return made


class _Pair:
    """One connection through the proxy: both its ends."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.ends = (client, server)
        self.is_hole = False  # what comes is swallowed, and neither end is told of the other's

    def reset(self) -> None:
        """End both sides as a cut cable with a router behind it does."""
        for end in self.ends:
            made: socket.socket | None = end.get_extra_info("socket")
            if made is not None:
                with contextlib.suppress(OSError):
                    made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            end.transport.abort()


class FaultProxy:
    """Forwards to one port; `port` is its own. Its faults may be asked for from any thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, upstream: int) -> None:
        self.port = 0
        self._loop = loop
        self._upstream = upstream
        self._pairs: set[_Pair] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self._refuses = False
        self._swallows = False
        self._budget: int | None = None  # bytes towards the server until everything is reset

    async def start(self) -> None:
        """Listen on a free port."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]

    def reset(self) -> None:
        """Reset all connections, and each new one until `heal`."""
        self._call(self._reset)

    def stall(self) -> None:
        """Let nothing through until `heal`; then all of it."""
        self._call(self._flows.clear)

    def half_open(self) -> None:
        """Swallow everything until `heal`; the connections of that time stay dead and never end by themselves."""
        self._call(self._swallow)

    def cut(self, after_bytes: int) -> None:
        """Reset all connections once so many bytes more have gone to the server, most likely within a write."""
        self._call(lambda: setattr(self, "_budget", after_bytes))

    def heal(self) -> None:
        """Forward again."""
        self._call(self._heal)

    def _call(self, what: object) -> None:
        assert callable(what)
        self._loop.call_soon_threadsafe(what)

    def _reset(self) -> None:
        self._refuses = True
        for pair in self._pairs:
            pair.reset()

    def _swallow(self) -> None:
        self._swallows = True
        for pair in self._pairs:
            pair.is_hole = True

    def _heal(self) -> None:
        self._refuses = self._swallows = False
        self._budget = None
        self._flows.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._flows.wait()
        try:
            if self._refuses:
                raise ConnectionRefusedError
            upstream_reader, upstream = await asyncio.open_connection("127.0.0.1", self._upstream)
        except OSError:
            writer.transport.abort()
            return
        pair = _Pair(writer, upstream)
        pair.is_hole = self._swallows
        self._pairs.add(pair)
        try:
            await asyncio.gather(
                self._pump(pair, reader, upstream, is_upward=True),
                self._pump(pair, upstream_reader, writer, is_upward=False),
            )
        except OSError:
            pair.reset()
        except asyncio.CancelledError:
            return  # the round is over; asyncio's callback of a connection wants no cancellation
        finally:
            self._pairs.discard(pair)
            for end in pair.ends:
                end.close()

    async def _pump(
        self, pair: _Pair, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_upward: bool
    ) -> None:
        while block := await reader.read(_BLOCK_BYTES):
            await self._flows.wait()
            if pair.is_hole:
                continue
            if is_upward and self._budget is not None:
                block, is_over = block[: self._budget], len(block) >= self._budget
                self._budget -= len(block)
                writer.write(block)
                if is_over:
                    await asyncio.sleep(0)  # what was let through is on its way
                    self._budget = None
                    for each in self._pairs:
                        each.reset()
                    return
            else:
                writer.write(block)
            await writer.drain()
        if not pair.is_hole:
            writer.close()
