"""Tells open pages that something has changed, and nothing else: they then ask for what they show."""

import asyncio
from typing import Final

from aiohttp import web

from alvh.adapters.http.guard import HEADERS
from alvh.errors import OutageError

# One per open page; a team has a few screens and phones. Each costs a connection of the server's limit.
MAX_STREAMS: Final = 24
# A page redraws in some ms, and a person reads no faster; quotes may come thousands a second.
MIN_GAP_S: Final = 0.5
HEARTBEAT_S: Final = 10.0  # a page that hears nothing for three of them takes the connection for dead
WRITE_LIMIT_S: Final = 10.0  # a reader that takes nothing for so long is gone


class Changes:
    """A number that grows with each change, and those who wait for it."""

    def __init__(self) -> None:
        self._number = 0
        self._streams = 0
        self._waiting: set[asyncio.Event] = set()
        self._is_closed = False

    def changed(self) -> None:
        """Note a change; cheap, and may be called for each commit."""
        self._number += 1
        for event in self._waiting:
            event.set()

    def close(self) -> None:
        """End all streams."""
        self._is_closed = True
        for event in self._waiting:
            event.set()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer with server-sent events until the reader goes.

        Raises:
            OutageError: too many read already.
        """
        if self._streams >= MAX_STREAMS:
            raise OutageError(f"more than {MAX_STREAMS} pages are open; this one asks from time to time instead")
        response = web.StreamResponse(headers={**HEADERS, "Content-Type": "text/event-stream; charset=utf-8"})
        self._streams += 1
        wake = asyncio.Event()
        self._waiting.add(wake)
        try:
            await response.prepare(request)
            await self._write(response, wake)
        except (ConnectionError, TimeoutError):
            if request.transport is not None:
                request.transport.abort()
        finally:
            self._waiting.discard(wake)
            self._streams -= 1
        return response

    async def _write(self, response: web.StreamResponse, wake: asyncio.Event) -> None:
        told = -1
        while not self._is_closed:
            text = ":\n\n"
            if told != self._number:
                told = self._number
                text = f"event: changed\ndata: {told}\n\n"
            wake.clear()
            async with asyncio.timeout(WRITE_LIMIT_S):
                await response.write(text.encode())
            await asyncio.sleep(MIN_GAP_S)
            try:
                async with asyncio.timeout(HEARTBEAT_S):
                    await wake.wait()
            except TimeoutError:
                continue
