"""The daemon's HTTP server: binds, limits connections, serves, closes."""

import asyncio
import errno
import logging
from typing import Final

from aiohttp import web

from alvh.adapters.http.guard import Guard
from alvh.adapters.http.routes import Exposition, Routes
from alvh.adapters.http.stream import Changes
from alvh.adapters.http.window import Window
from alvh.errors import OutageError

_LOGGER: Final = logging.getLogger(__name__)

PREFERRED_PORT: Final = 8080
# A browser opens six at once, a scraper and a probe one each; beyond this it is a leak or an attack.
MAX_CONNECTIONS: Final = 96
IDLE_LIMIT_S: Final = 30.0  # also for the headers of a first request
CLOSING_LIMIT_S: Final = 2.0
_BUSY: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 5\r\n"
    b'Connection: close\r\nContent-Length: 33\r\n\r\n{"error": "too many connections"}'
)


class HttpServer:
    """Serves a window.

    Args:
        window: the daemon as it may be seen.
        exposition: makes the metrics: from an Accept header, the body and its content type.
        host: where to bind; anything but loopback needs a token.
        port: None prefers 8080 and takes a free one where that is taken; 0 takes a free one.
        token: bearer token that is asked for, or None.
    """

    def __init__(
        self,
        window: Window,
        *,
        exposition: Exposition,
        host: str = "127.0.0.1",
        port: int | None = None,
        token: str | None = None,
    ) -> None:
        self._host = host
        self._wanted = port
        self._changes = Changes()
        routes = Routes(window, exposition, Guard(host, token), self._changes)
        self._runner = web.AppRunner(
            routes.application(),
            access_log=None,
            handle_signals=False,
            handler_cancellation=True,
            keepalive_timeout=IDLE_LIMIT_S,
            shutdown_timeout=CLOSING_LIMIT_S,
        )
        self._server: asyncio.Server | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """Where the page is, without a slash at the end."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.port}"

    async def start(self) -> str:
        """Bind and serve; return the URL.

        Raises:
            OutageError: the port is taken, or the address is none of this machine.
        """
        await self._runner.setup()
        try:
            self._server = await self._bind()
        except OutageError:
            await self._runner.cleanup()
            raise
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self.url

    def changed(self) -> None:
        """Tell open pages that something has changed; cheap, and may be called for each commit."""
        self._changes.changed()

    async def close(self) -> None:
        """Stop listening, end what is open, and return."""
        self._changes.close()
        if self._server is not None:
            self._server.close()
        await self._runner.cleanup()

    async def _bind(self) -> asyncio.Server:
        if self._wanted is not None:
            return await self._listen(self._wanted)
        try:
            return await self._listen(PREFERRED_PORT)
        except OutageError as taken:
            _LOGGER.info("%s; taking a free one", taken)
            return await self._listen(0)

    async def _listen(self, port: int) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        try:
            return await loop.create_server(self._connection, self._host, port)
        except OSError as error:
            raise OutageError(f"http: {self._host}:{port} {_fault(error)}") from error

    def _connection(self) -> asyncio.Protocol:
        server = self._runner.server
        assert server is not None, "bound behind the setup"
        return _Busy() if len(server.connections) >= MAX_CONNECTIONS else server()


class _Busy(asyncio.Protocol):
    """Turns a connection away that would be one too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(_BUSY)
        transport.close()


def _fault(error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return "is taken by another program: choose another http.port, or leave it out"
        case errno.EACCES:
            return "may not be bound by this user: choose an http.port from 1024 on"
        case errno.EADDRNOTAVAIL | None:  # asyncio of Python 3.13 says it without a number
            return "is not an address of this machine: choose another http.host"
        case _:
            return f"cannot be bound: {error.strerror or error}"
