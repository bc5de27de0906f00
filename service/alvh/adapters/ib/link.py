"""One connection to the gateway, from dialling to its end: requests with time limits, and what ended it.

The client library is used for reading alone: it connects read-only, fetches nothing at start-up but positions, and no
name of an order appears in this package.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self, TypeVar

from ib_async import IB, Contract, RequestError, StartupFetchNONE, Ticker

from alvh.adapters.ib.codes import Meaning, code_of
from alvh.adapters.ib.feed_settings import IbFeedSettings
from alvh.adapters.ib.frames import FramedConnection
from alvh.errors import OutageError
from alvh.shell.ports import Clock

ID_IN_USE: Final = 326
# A gateway that says more about its connection than this before we listen has gone mad.
HAPPENINGS_LIMIT: Final = 1000
# An answer that is longer in coming than this many probes is none: a history arrives within a second or two.
_UNFINISHED_PROBES: Final = 3
# The broker's limit is 50 messages a second; the library's own default, named here because it is relied upon.
MESSAGES_PER_SECOND: Final = 45

T = TypeVar("T")


class RefusedError(OutageError):
    """The gateway refused one request; `code` and its text say why."""

    def __init__(self, code: int, text: str) -> None:
        """Keep the code."""
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text


class What(StrEnum):
    """What can happen to a connection as a whole."""

    CLOSED = "closed"
    SILENT = "silent"
    PORT_RESET = "port_reset"
    BROKER_LOST = "broker_lost"
    BROKER_BACK = "broker_back"
    BROKER_BACK_EMPTY = "broker_back_empty"
    FARM_BROKEN = "farm_broken"
    FARM_OK = "farm_ok"


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One of them, with the line that says so."""

    what: What
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """Who hears what the socket brings; called in the loop, must return at once.

    Attributes:
        on_code: (request id or -1, code, text) of every error, warning and notice.
        on_tickers: the tickers that have new ticks.
        on_position: a position has changed.
        on_bug: an exception of ours in one of these; the feed must end with it.
    """

    on_code: Callable[[int, int, str], None]
    on_tickers: Callable[[Iterable[Ticker]], None]
    on_position: Callable[[], None]
    on_bug: Callable[[Exception], None]


_MEANINGS: Final = {
    Meaning.BROKER_LOST: What.BROKER_LOST, Meaning.BROKER_BACK: What.BROKER_BACK,
    Meaning.BROKER_BACK_EMPTY: What.BROKER_BACK_EMPTY, Meaning.PORT_RESET: What.PORT_RESET,
    Meaning.FARM_BROKEN: What.FARM_BROKEN, Meaning.FARM_OK: What.FARM_OK,
}  # fmt: skip


class Link:
    """A connection; `dial` makes one, `close` ends it for good."""

    def __init__(self, settings: IbFeedSettings, clock: Clock, listener: Listener) -> None:
        """Prepare a client of the library with our handlers alone.

        The library's own error handler is left out: at each 1102 it would subscribe to an account summary that nobody
        reads, and the broker allows two of those.
        """
        self.happenings: asyncio.Queue[Happening] = asyncio.Queue(HAPPENINGS_LIMIT)
        self.clock_skew_s = 0.0
        self.next_request_id = 0
        self._settings = settings
        self._clock = clock
        self._listener = listener
        self._refused: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.ib = IB()
        self.ib.RaiseRequestErrors = True
        self.ib.client.MaxRequests = MESSAGES_PER_SECOND
        self._connection = FramedConnection(self.ib.client.conn, self._on_garbled)
        self.ib.client.conn = self._connection
        self.ib.errorEvent.clear()
        self.ib.errorEvent += self._on_error
        self.ib.client.apiError += self._on_api_error
        self.ib.disconnectedEvent += self._on_closed
        self.ib.pendingTickersEvent += self._on_tickers
        self.ib.positionEvent += self._on_position

    @classmethod
    async def dial(
        cls, settings: IbFeedSettings, clock: Clock, listener: Listener, *, port: int, first_request_id: int
    ) -> Self:
        """Connect.

        Args:
            settings: where to and as whom.
            clock: time of day.
            listener: who hears what comes.
            port: the port to try now.
            first_request_id: no request gets a smaller id, so that none of an earlier connection's comes again.

        Raises:
            OutageError: nobody listens there, the id is in use, or the log-in does not answer.
        """
        link = cls(settings, clock, listener)
        dialling = asyncio.ensure_future(
            link.ib.connectAsync(
                settings.host, port, settings.client_id, timeout=settings.connect_timeout_s, readonly=True,
                fetchFields=StartupFetchNONE,
            )
        )  # fmt: skip
        is_up = False
        try:
            await asyncio.wait({dialling, link._refused}, return_when=asyncio.FIRST_COMPLETED)
            if link._refused.done():
                raise OutageError(link._refused.result())
            dialling.result()
            is_up = True
        except (OSError, TimeoutError) as error:
            reason = str(error) or "no answer to the log-in"
            raise OutageError(f"{settings.host}:{port}: {reason}") from error
        finally:
            if not is_up:
                await stop(dialling)
                link.close()
        link.ib.client.updateReqId(first_request_id)  # type: ignore[no-untyped-call]  # the library has no types here
        link.next_request_id = first_request_id
        link.ib.reqMarketDataType(1)
        return link

    def close(self) -> None:
        """End the connection at once, whatever its other end does, and let go of everything."""
        transport = self.ib.client.conn.transport
        ib = self.ib
        for event in (ib.errorEvent, ib.disconnectedEvent, ib.pendingTickersEvent, ib.positionEvent):
            event.clear()
        self.ib.client.apiError.clear()
        if self.ib.client.isReady():
            self.ib.disconnect()
        if transport is not None:
            transport.abort()
        if not self._refused.done():
            self._refused.cancel()

    async def ask(self, start: Callable[[], Awaitable[T]], timeout_s: float) -> T:
        """Start a request and wait for its answer.

        Raises:
            RefusedError: the gateway refused it.
            OutageError: no answer in time, or the connection ended.
        """
        try:
            async with asyncio.timeout(timeout_s):
                request = asyncio.ensure_future(start())
                try:
                    await asyncio.sleep(0)  # some of the library's requests take their id at their first step only
                    self.next_request_id = self.ib.client.getReqId()
                    return await request
                finally:
                    request.cancel()
        except RequestError as error:
            raise RefusedError(error.code, error.message) from error
        except TimeoutError as error:
            raise OutageError(f"no answer within {timeout_s:g} s") from error
        except ConnectionError as error:
            raise OutageError("the connection ended") from error

    def subscribe(self, contract: Contract) -> tuple[Ticker, int]:
        """Ask for a contract's ticks; return its ticker and the request's id.

        Raises:
            OutageError: the connection ended.
        """
        try:
            ticker = self.ib.reqMktData(contract)
        except ConnectionError as error:
            raise OutageError("the connection ended") from error
        # The library hands out the ticker of an earlier request of this contract, with what it knew then.
        ticker.marketDataType, ticker.modelGreeks = 1, None
        ticker.lastTimestamp = ticker.delayedLastTimestamp = None
        request_id = self.ib.wrapper.ticker2ReqId["mktData"][ticker]
        self.next_request_id = request_id + 1
        return ticker, request_id

    def unsubscribe(self, contract: Contract) -> None:
        """End a contract's ticks, if the connection still stands."""
        if self.ib.client.isReady() and self.ib.ticker(contract) is not None:
            self.ib.cancelMktData(contract)

    async def probe(self) -> None:
        """Ask for the time now and then until nothing comes back: neither the answer nor any other whole message."""
        unfinished = 0
        while True:
            await self._clock.sleep(self._settings.probe_interval_s)
            if not self.ib.client.isReady():
                return
            bytes_before, messages_before = self._heard()
            try:
                async with asyncio.timeout(self._settings.probe_timeout_s):
                    theirs = await self.ib.reqCurrentTimeAsync()
                self.clock_skew_s = theirs.timestamp() - self._clock.now() / 1e9
                unfinished = 0
            except TimeoutError:
                if not self.ib.client.isReady():
                    return
                bytes_now, messages_now = self._heard()
                unfinished = unfinished + 1 if messages_now == messages_before else 0
                if unfinished and bytes_now == bytes_before:
                    self.happen(What.SILENT, "the connection is half-open: no byte came back")
                    return
                if unfinished >= _UNFINISHED_PROBES:
                    self.happen(What.SILENT, "the connection brings bytes and no whole message")
                    return
            except ConnectionError:
                return

    def _heard(self) -> tuple[int, int]:
        """Return how many bytes and how many whole messages have come."""
        return self._connection.bytes_received, self.ib.client.connectionStats().numMsgRecv

    def happen(self, what: What, line: str) -> None:
        """Queue what has happened to the connection as a whole."""
        if self.happenings.full():
            self.happenings.get_nowait()
            what, line = What.CLOSED, "the gateway says more than can be listened to"
        self.happenings.put_nowait(Happening(what=what, line=line))

    def _on_error(self, request_id: int, number: int, text: str, _contract: Contract | None) -> None:
        try:
            self._listener.on_code(request_id, number, text)
            code = code_of(number, is_request=request_id != -1)
            if number == ID_IN_USE and not self._refused.done():
                self._refused.set_result(f"326: {code.line}")
            if code.meaning in _MEANINGS:
                self.happen(_MEANINGS[code.meaning], f"{number}: {code.line} ({text})" if text else code.line)
        except Exception as bug:  # the library's events swallow; ours must end the feed
            self._listener.on_bug(bug)

    def _on_api_error(self, text: str) -> None:
        # The library says here too what `connectAsync` raises; what it does not raise is news.
        if not self._refused.done() and not text.startswith("API connection failed"):
            self._refused.set_result(text)

    def _on_garbled(self, line: str) -> None:
        if not self._refused.done():
            self._refused.set_result(line)
        self.happen(What.CLOSED, line)

    def _on_closed(self) -> None:
        self.happen(What.CLOSED, "the gateway closed the connection")

    def _on_tickers(self, tickers: Iterable[Ticker]) -> None:
        try:
            self._listener.on_tickers(tickers)
        except Exception as bug:  # the library's events swallow; ours must end the feed
            self._listener.on_bug(bug)

    def _on_position(self, _position: object) -> None:
        try:
            self._listener.on_position()
        except Exception as bug:  # the library's events swallow; ours must end the feed
            self._listener.on_bug(bug)


async def stop(*tasks: asyncio.Future[Any]) -> None:
    """Cancel tasks and wait until they are gone.

    The library waits with `asyncio.wait_for`, which until Python 3.11 may swallow a cancellation that meets an answer:
    so it is said again until it is heard.
    """
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=1.0)


class DecoderWatch(logging.Handler):
    """Counts what the client library could not decode: it logs such messages and drops them.

    While it is in force the records of the library, and of the one its events come from, go to it alone, so that no
    traceback of theirs reaches a user.

    Args:
        on_failure: called once per message lost.
    """

    LIBRARIES: Final = ("ib_async", "eventkit")
    _DECODERS: Final = ("ib_async.Decoder", "eventkit.event")
    _STORE: Final = "ib_async.wrapper"

    def __init__(self, on_failure: Callable[[], None]) -> None:
        """Prepare; nothing is counted before `__enter__`."""
        super().__init__(logging.ERROR)
        self._on_failure = on_failure
        self._libraries = [logging.getLogger(name) for name in self.LIBRARIES]
        self._propagated = [library.propagate for library in self._libraries]

    def emit(self, record: logging.LogRecord) -> None:
        """Count a record of the decoder, or of a malformed value found behind it."""
        text = record.getMessage()
        is_said = text.startswith(("Error ", "Warning "))  # what the gateway says of a request, whatever its words
        if record.name in self._DECODERS or (record.name == self._STORE and "malformed" in text and not is_said):
            self._on_failure()

    def __enter__(self) -> Self:
        """Listen."""
        self._propagated = [library.propagate for library in self._libraries]
        for library in self._libraries:
            library.addHandler(self)
            library.propagate = False
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening."""
        for library, propagated in zip(self._libraries, self._propagated, strict=True):
            library.removeHandler(self)
            library.propagate = propagated
