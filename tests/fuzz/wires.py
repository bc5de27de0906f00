"""Targets on wires: HTTP requests to the daemon's server, and IB frames through the library's decoder to our intake."""

import asyncio
import contextlib
import logging
import struct
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from ib_async import Contract

from alvh.adapters.http import HttpServer
from alvh.adapters.ib.feed_settings import DEFAULT_WATCHLIST, IbFeedSettings, Observer
from alvh.adapters.ib.gateway import wire
from alvh.adapters.ib.intake import Intake, Progress
from alvh.adapters.ib.link import DecoderWatch, Link, Listener
from alvh.adapters.ib.outlet import Outlet
from alvh.adapters.ib.states import ConnectionState
from fuzz.target import Target, insist_on_log
from gateway.scripted import NEW_YORK, weekday_calendar
from shown import PaperWindow

_HOST: Final = b"Host: localhost\r\n"
_POST: Final = b'{"portfolio":"core","event_id":"core-1","decision":"accept","by":"Ada","reason":"x"}'
_REQUESTS: Final = (
    b"GET /api/adjustments?after=1&limit=2&portfolio=core HTTP/1.1\r\n" + _HOST + b"\r\n",
    b"GET /api/portfolios/core/chart HTTP/1.1\r\n" + _HOST + b"Accept: text/html\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\n" + _HOST + b"Authorization: Bearer abc\r\n\r\n",
    b"POST /api/answers HTTP/1.1\r\n" + _HOST + b"X-Alvh-Intent: answer\r\nOrigin: http://localhost\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(_POST) + _POST,
    b"POST /api/answers HTTP/1.1\r\n" + _HOST + b"X-Alvh-Intent: answer\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n54\r\n" + _POST + b"\r\n0\r\n\r\n",
)  # fmt: skip
_BEHIND: Final = b"GET /healthz HTTP/1.1\r\n" + _HOST + b"Connection: close\r\n\r\n"
_ANSWER_LIMIT_S: Final = 10.0
_PATIENCE_S: Final = 0.1


class Http:
    """The server on loopback, asked one thing at a time."""

    def __init__(self) -> None:
        logging.getLogger("aiohttp").setLevel(logging.CRITICAL)
        self._loop = asyncio.new_event_loop()
        self._server = HttpServer(PaperWindow(), exposition=lambda _: (b"", "text/plain"), port=0)
        self._loop.run_until_complete(self._server.start())

    def parse(self, data: bytes) -> bool:
        """Send bytes, and a good request behind them; whatever is answered is no fault of the server's."""
        answer = self._loop.run_until_complete(self._asked(data + _BEHIND, _PATIENCE_S))
        # The version is the request's own, whatever digits it has.
        assert not answer or answer.startswith(b"HTTP/"), answer[:80]
        assert b" 500 Internal" not in answer, answer[-300:]
        if b" 200 OK" not in answer:
            alive = self._loop.run_until_complete(self._asked(_BEHIND, _ANSWER_LIMIT_S))
            assert b" 200 OK" in alive, alive[:80]
        return answer[9:10] == b"2"

    async def _asked(self, data: bytes, patience_s: float) -> bytes:
        """Return what is answered; a server that waits for the rest of a request is not waited for."""
        answer = b""
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(patience_s):
                reader, writer = await asyncio.open_connection("127.0.0.1", self._server.port)
                try:
                    writer.write(data)
                    while block := await reader.read(1 << 16):
                        answer += block
                finally:
                    writer.transport.abort()
        return answer


_CALENDAR: Final = weekday_calendar(date(2024, 1, 1), date(2027, 12, 31), ())
_NOW_NS: Final = int(datetime(2026, 9, 21, 10, 0, tzinfo=NEW_YORK).timestamp()) * 10**9
_RENEW_AFTER: Final = 500  # inputs to one connection: what the library keeps of them goes with it
_SEPARATOR: Final = b"\xff"  # between frames of an input; no UTF-8 text holds it
_RAW: Final = b"\xfe"  # begins an input that is no frames but the stream itself


class _Clock:
    def __init__(self) -> None:
        self.ns = _NOW_NS

    def now(self) -> int:
        return self.ns

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class _Wire:
    """A transport that takes everything."""

    def write(self, data: bytes) -> None:
        """Take."""

    def write_eof(self) -> None:
        """End."""

    def close(self) -> None:
        """End."""

    def abort(self) -> None:
        """End."""

    def is_closing(self) -> bool:
        """Stand."""
        return False


class Frames:
    """The client library and our intake, without the socket between them and a gateway."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._watch = DecoderWatch(self._lost)
        self._watch.__enter__()
        self._count = 0
        self.undecoded = 0
        self._loop.run_until_complete(self._renew())

    def _lost(self) -> None:
        self.undecoded += 1

    def _bug(self, bug: Exception) -> None:
        self._bugs.append(bug)

    async def _renew(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._bugs: list[Exception] = []
        self._clock = _Clock()
        names = {"SPX", "RUT", "VIX", "IWM"}
        watchlist = tuple(watched for watched in DEFAULT_WATCHLIST if watched.instrument_id in names)
        settings = IbFeedSettings(watchlist=watchlist, breadth=(), vx_months=0, vxm_months=0, history_years=1)
        self._outlet = Outlet(self._clock, 0, settings.queue_limit)
        self._intake = intake = Intake(
            settings, clock=self._clock, calendar=lambda: _CALENDAR, observer=Observer(), outlet=self._outlet,
            progress=Progress(), state=ConnectionState(lambda *_: None),
        )  # fmt: skip
        listener = Listener(
            on_code=intake.on_code, on_tickers=intake.on_tickers, on_position=intake.on_position, on_bug=self._bug
        )
        link = Link(settings, self._clock, listener)
        self._client: Any = link.ib.client
        self._client.conn.transport = _Wire()
        self._client._serverVersion = self._client.decoder.serverVersion = wire.SERVER_VERSION
        self._client.connState = self._client.CONNECTED
        self._client._apiReady = True
        intake.link = link
        contracts = [
            (watched, Contract(conId=n, symbol=watched.instrument_id)) for n, watched in enumerate(watchlist, 1)
        ]
        intake.lines.arrange(link, contracts, self._clock.now())
        intake.arm()
        self._link = link

    def parse(self, data: bytes) -> bool:
        """Receive an input: frames, or the stream itself."""
        return self._loop.run_until_complete(self._received(data))

    async def _received(self, data: bytes) -> bool:
        self._count += 1
        if self._count % _RENEW_AFTER == 0:
            await self._renew()
        before = self.undecoded
        if data[:1] == _RAW:
            stream = data[1:]
        else:
            stream = b"".join(struct.pack(">I", len(body)) + body for body in data.split(_SEPARATOR))
        try:
            self._client._onSocketHasData(stream)
        except (ValueError, IndexError, struct.error):  # asyncio ends the connection; the adapter dials again
            self.undecoded += 1
        self._clock.ns += 10**9
        self._intake.check()
        if self._bugs:
            raise self._bugs[0]
        while self._outlet._queue:
            event = (await self._outlet.get()).event
            insist_on_log(event)
        if self._client._data:
            await self._renew()
        return self.undecoded == before


def _frames() -> tuple[bytes, ...]:
    one = [
        wire.tick_price(0, 4, 6000.25, 1), wire.tick_price(1, 1, 2300.5, 2), wire.tick_size(0, 0, 10),
        wire.tick_string(0, 45, str(_NOW_NS // 10**9)), wire.tick_generic(0, 49, 0), wire.market_data_type(0, 1),
        wire.error(-1, 1100, "lost"), wire.error(0, 354, "no subscription"), wire.error(-1, 2104, "ok"),
        wire.current_time(_NOW_NS // 10**9), wire.model_greeks(0, 0.2, 0.5, 6000.0), wire.tick_parameters(0, 0.01),
    ]  # fmt: skip
    bodies = [frame[4:] for frame in one]
    return (*bodies, _SEPARATOR.join(bodies), _RAW + b"".join(one))


def http(_: Path) -> Target:
    """Requests to the server."""
    return Target("http", _REQUESTS, Http().parse)


def frames(_: Path) -> Target:
    """Frames of a gateway."""
    return Target("ib_frames", _frames(), Frames().parse)
