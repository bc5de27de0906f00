"""The gateway's server: answers each request as TWS does, streams prices, records what it received."""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from alvh.adapters.ib.gateway import wire
from alvh.adapters.ib.gateway.client import Link
from alvh.adapters.ib.gateway.faults import Faults, HistoryFault
from alvh.adapters.ib.gateway.market import Bar, Holding, Listing, Price, PriceSource
from alvh.adapters.ib.gateway.requests import ORDER_MESSAGES, HistoryRequest, Received, history_request, matches

# What is kept of the requests received: a day of a busy client; the oldest go first.
RECORDED_LIMIT: Final = 200_000
NEW_YORK: Final = ZoneInfo("America/New_York")
_DELAYED: Final = frozenset({3, 4})
_READ_ONLY: Final = "Error validating request: this gateway is read-only and takes no order"


class Gateway:
    """An IB Gateway as seen through its socket.

    Args:
        prices: where contracts, prices and history come from.
        accounts: the accounts of the log-in.
        holdings: the positions of the first account.
        now: time of day in ns UTC.
    """

    def __init__(
        self,
        prices: PriceSource,
        *,
        accounts: Sequence[str] = ("DU1000001",),
        holdings: Sequence[Holding] = (),
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        """Take the price source; nothing is opened before `start`."""
        self.faults = Faults()
        self.received: deque[Received] = deque(maxlen=RECORDED_LIMIT)
        self._orders: deque[Received] = deque(maxlen=RECORDED_LIMIT)
        self.connections = 0
        self.port = 0
        self.accounts = tuple(accounts)
        self.holdings = list(holdings)
        self._prices = prices
        self._now = now
        self._clients: set[Link] = set()
        self._subscribers: dict[int, dict[tuple[Link, int], None]] = defaultdict(dict)
        self._taken: dict[int, int] = {}
        self._server: asyncio.Server | None = None
        self._price_task: asyncio.Task[None] | None = None
        self._is_linked = True

    @property
    def orders(self) -> tuple[Received, ...]:
        """Every message received that places, changes, cancels, exercises or asks for an order; each was refused."""
        return tuple(self._orders)

    @property
    def clients(self) -> frozenset[Link]:
        """The connected clients."""
        return frozenset(self._clients)

    @property
    def lines_in_use(self) -> int:
        """Subscriptions of all clients, dead ones not yet noticed included."""
        return sum(len(client.subscriptions) for client in self._clients)

    def con_id(self, name: str) -> int:
        """Return the contract id of a listing by the project's name."""
        return next(listing.con_id for listing in self._prices.listings() if listing.name == name)

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen, and let the prices move; `port` then says where."""
        self._server = await asyncio.start_server(self._serve, host, port or self.port or 0)
        self.port = self._server.sockets[0].getsockname()[1]
        if self._price_task is None:
            self._price_task = asyncio.create_task(self._prices.run(self.publish), name="gateway-prices")

    async def stop(self, *, keep_prices: bool = False) -> None:
        """Close the port and every connection (a restart of the gateway keeps the market running)."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for client in tuple(self._clients):
            client.abort()
        if self._price_task is not None and not keep_prices:
            self._price_task.cancel()
            await asyncio.gather(self._price_task, return_exceptions=True)
            self._price_task = None
        while self._clients:  # noqa: ASYNC110 - each leaves within a turn or two of the loop
            await asyncio.sleep(0)

    # --- what a script can do -------------------------------------------------------------------------------------

    def say(self, code: int, text: str = "", request_id: int = -1) -> None:
        """Send an error, warning or notice to every client."""
        self.send_raw(wire.error(request_id, code, text))

    def say_of(self, name: str, code: int, text: str = "") -> None:
        """Send an error to every subscription of one instrument, under its request id."""
        for client, request_id in tuple(self._subscribers[self.con_id(name)]):
            client.send(wire.error(request_id, code, text))

    def drop(self, name: str, code: int, text: str = "") -> None:
        """End every subscription of one instrument with an error under its request id."""
        con_id = self.con_id(name)
        for client, request_id in tuple(self._subscribers[con_id]):
            self._unsubscribe(client, request_id)
            client.send(wire.error(request_id, code, text))

    def send_raw(self, data: bytes) -> None:
        """Send bytes as they are to every client (a malformed message, half a frame)."""
        for client in self._clients:
            client.send(data)

    def lose_broker(self, code: int = 1100) -> None:
        """Say that the link to IB is gone: the socket stays, no tick flows."""
        self._is_linked = False
        self.say(code, "Connectivity between IBKR and Trader Workstation has been lost.")

    def find_broker(self, *, keeps_data: bool, resumes: bool = True) -> None:
        """Say 1102 (`keeps_data`) or 1101; where `resumes` is False the kept subscriptions stay dumb."""
        self._is_linked = True
        if not keeps_data or not resumes:
            for client in self._clients:
                if not keeps_data:
                    client.subscriptions.clear()
            self._subscribers.clear()
        code = 1102 if keeps_data else 1101
        self.say(code, "Connectivity between IBKR and Trader Workstation has been restored.")

    def set_kind(self, name: str, kind: int) -> None:
        """Switch an instrument between live (1), frozen (2), delayed (3) and delayed-frozen (4)."""
        con_id = self.con_id(name)
        self.faults.kinds[con_id] = kind
        for client, request_id in self._subscribers[con_id]:
            client.send(wire.market_data_type(request_id, kind))

    def reset(self, *, mid_frame: bool = False) -> None:
        """Reset every connection, where wanted in the middle of a frame."""
        half = wire.tick_price(1, 4, 5000.0)[:9] if mid_frame else b""
        for client in tuple(self._clients):
            client.abort(half)

    def publish(self, con_id: int, price: Price) -> None:
        """Tell every subscriber of a contract its new price."""
        if not self._is_linked or con_id in self.faults.silent:
            return
        for client, request_id in self._subscribers.get(con_id, ()):
            client.send(self._ticks(request_id, con_id, price))

    # --- one connection -------------------------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = Link(reader, writer, self.faults)
        self.connections += 1
        if self.faults.is_refusing:
            client.abort()
            return
        self._clients.add(client)
        try:
            await client.greeting()
            client.send(wire.hello(datetime.fromtimestamp(self._now() / 1e9, UTC).strftime("%Y%m%d %H:%M:%S UTC")))
            async for fields in client.frames():
                try:
                    self._record(client, fields)
                    if not self._answer(client, fields):
                        break
                except (ValueError, IndexError) as malformed:
                    client.send(wire.error(-1, 320, f"Error reading request: {malformed}"))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._forget(client)

    def _forget(self, client: Link) -> None:
        self._clients.discard(client)
        for request_id in tuple(client.subscriptions):
            self._unsubscribe(client, request_id)
        if client.client_id is not None:
            self._taken[client.client_id] = self._now() + int(self.faults.id_release_s * 1e9)
        client.close()

    def _record(self, client: Link, fields: tuple[str, ...]) -> None:
        received = Received(at=self._now(), client_id=client.client_id, message=int(fields[0]), fields=fields)
        self.received.append(received)
        if received.message in ORDER_MESSAGES:
            self._orders.append(received)

    def _answer(self, client: Link, fields: tuple[str, ...]) -> bool:
        """Answer one message; False ends the connection."""
        match int(fields[0]):
            case 71:
                return self._start_api(client, int(fields[2]))
            case 49 if self.faults.answers_time:
                client.send(wire.current_time(self._now() // 10**9))
            case 61:
                self._send_positions(client)
            case 9:
                self._send_details(client, fields)
            case 1:
                self._subscribe(client, fields)
            case 2:
                self._unsubscribe(client, int(fields[2]))
            case 20:
                self._send_history(client, fields)
            case 78:
                self._send_option_parameters(client, fields)
            case 62:
                client.send(wire.account_summary_end(int(fields[2])))
            case 3 | 4 | 21 as message:
                client.send(wire.error(int(fields[1 if message == 3 else 2]), 321, _READ_ONLY))
            case message if message in ORDER_MESSAGES:
                client.send(wire.error(-1, 321, _READ_ONLY))
            case _:
                pass
        return True

    def _start_api(self, client: Link, client_id: int) -> bool:
        is_taken = any(other.client_id == client_id for other in self._clients)
        if is_taken or self._taken.get(client_id, 0) > self._now():
            client.send(wire.error(-1, 326, "Unable to connect as the client id is already in use."))
            return False
        client.client_id = client_id
        if self.faults.is_logged_off:
            return True
        client.send(wire.managed_accounts(self.accounts) + wire.next_valid_id(1))
        for code, farm in ((2104, "Market data farm"), (2106, "HMDS data farm"), (2158, "Sec-def data farm")):
            client.send(wire.error(-1, code, f"{farm} connection is OK:usfarm"))
        return True

    def _send_positions(self, client: Link) -> None:
        client.wants_positions = True
        for holding in self.holdings:
            client.send(wire.position(self.accounts[0], holding))
        client.send(wire.position_end())

    def change_holding(self, holding: Holding) -> None:
        """Report a changed position to whoever follows positions (quantity 0: closed)."""
        self.holdings = [other for other in self.holdings if other.listing.con_id != holding.listing.con_id]
        if holding.quantity:
            self.holdings.append(holding)
        for client in self._clients:
            if client.wants_positions:
                client.send(wire.position(self.accounts[0], holding))

    # --- contracts and history ------------------------------------------------------------------------------------

    def _find(self, contract: Sequence[str], *, with_expired: bool) -> tuple[Listing, ...]:
        today = datetime.fromtimestamp(self._now() / 1e9, NEW_YORK).strftime("%Y%m%d")
        return tuple(
            listing
            for listing in self._prices.listings()
            if listing.con_id not in self.faults.unknown
            and matches(listing, contract)
            and (with_expired or not listing.expiry or listing.expiry >= today)
        )

    def _send_details(self, client: Link, fields: tuple[str, ...]) -> None:
        request_id = int(fields[2])
        found = self._find(fields[3:15], with_expired=fields[15] == "1")
        if not found:
            client.send(wire.error(request_id, 200, "No security definition has been found for the request"))
            return
        data = b"".join(wire.contract_data(request_id, listing) for listing in found)
        client.send(data + wire.contract_data_end(request_id))

    def _send_option_parameters(self, client: Link, fields: tuple[str, ...]) -> None:
        request_id, under_con_id = int(fields[1]), int(fields[5])
        groups: dict[tuple[str, str], list[Listing]] = defaultdict(list)
        for listing in self._prices.listings():
            if listing.sec_type == "OPT" and listing.under_con_id == under_con_id:
                groups[listing.exchange, listing.trading_class].append(listing)
        for group in groups.values():
            client.send(wire.option_parameters(request_id, tuple(group)))
        client.send(wire.option_parameters_end(request_id))

    def _send_history(self, client: Link, fields: tuple[str, ...]) -> None:
        request_id = int(fields[1])
        fault = self.faults.history.pop(0) if self.faults.history else None
        if fault is HistoryFault.SILENCE:
            return
        if fault is HistoryFault.EMPTY:
            client.send(wire.historical_data(request_id, ()))
            return
        found = self._find(fields[2:14], with_expired=fields[14] == "1")
        if fault is not None or not found:
            what = "API historical data query pacing violation" if fault is HistoryFault.PACING else "no data"
            client.send(wire.error(request_id, 162, f"Historical Market Data Service error message:{what}"))
            return
        try:
            asked = history_request(fields, datetime.fromtimestamp(self._now() / 1e9, UTC))
        except (ValueError, KeyError) as malformed:
            client.send(wire.error(request_id, 321, f"Error validating request: {malformed}"))
            return
        bars = self._prices.bars(found[0].con_id, asked.bar_s, asked.start, asked.end)
        client.send(wire.historical_data(request_id, [(_bar_date(asked, bar), bar) for bar in bars]))

    # --- market data ----------------------------------------------------------------------------------------------

    def _subscribe(self, client: Link, fields: tuple[str, ...]) -> None:
        request_id = int(fields[2])
        found = self._find(fields[3:15], with_expired=False)
        refusal = self._refusal(client, request_id, found)
        if refusal is not None:
            client.send(wire.error(request_id, *refusal))
            return
        listing = found[0]
        client.subscriptions[request_id] = listing.con_id
        self._subscribers[listing.con_id][client, request_id] = None
        notice = self.faults.notices.get(listing.con_id)
        kind = self.faults.kinds.get(listing.con_id, 1)
        data = wire.error(request_id, *notice) if notice else b""
        data += wire.market_data_type(request_id, kind) + wire.tick_parameters(request_id, listing.min_tick)
        price = self._prices.price(listing.con_id)
        if price is not None and self._is_linked and listing.con_id not in self.faults.silent:
            data += self._opening_ticks(request_id, listing, price)
        client.send(data)
        if fields[17] == "1":
            client.send(wire.frame(57, 1, request_id))
            self._unsubscribe(client, request_id)

    def _refusal(self, client: Link, request_id: int, found: Sequence[Listing]) -> tuple[int, str] | None:
        if request_id in client.subscriptions:
            return 322, "Error processing request: duplicate ticker id"
        if not found:
            return 200, "No security definition has been found for the request"
        if self.lines_in_use >= self.faults.lines:
            return 101, "Max number of tickers has been reached"
        return self.faults.refusals.get(found[0].con_id)

    def _unsubscribe(self, client: Link, request_id: int) -> None:
        con_id = client.subscriptions.pop(request_id, None)
        if con_id is None:
            client.send(wire.error(request_id, 300, f"Can't find EId with tickerId:{request_id}"))
        else:
            self._subscribers[con_id].pop((client, request_id), None)

    def _opening_ticks(self, request_id: int, listing: Listing, price: Price) -> bytes:
        shift = 66 if self.faults.kinds.get(listing.con_id, 1) in _DELAYED else 0
        data = self._ticks(request_id, listing.con_id, price)
        if price.previous_close is not None:
            data += wire.tick_price(request_id, 9 + shift, price.previous_close)
        if price.bid is None:  # no book, or an empty one: coded as -1 with size 0
            data += wire.tick_price(request_id, 1 if not shift else 66, -1, 0)
        if price.ask is None:
            data += wire.tick_price(request_id, 2 if not shift else 67, -1, 0)
        return data + wire.tick_generic(request_id, 49, int(price.is_halted))

    def _ticks(self, request_id: int, con_id: int, price: Price) -> bytes:
        is_delayed = self.faults.kinds.get(con_id, 1) in _DELAYED
        bid, ask, last, stamp = (66, 67, 68, 88) if is_delayed else (1, 2, 4, 45)
        data = b""
        if price.stamp_s is not None:
            data += wire.tick_string(request_id, stamp, str(price.stamp_s))
        if price.last is not None:
            data += wire.tick_price(request_id, last, price.last, price.last_size)
        if price.bid is not None:
            data += wire.tick_price(request_id, bid, price.bid, price.bid_size)
        if price.ask is not None:
            data += wire.tick_price(request_id, ask, price.ask, price.ask_size)
        if price.iv is not None:
            data += wire.model_greeks(request_id, price.iv, price.delta, None)
        if price.is_halted:
            data += wire.tick_generic(request_id, 49, 1)
        return data


def _bar_date(asked: HistoryRequest, bar: Bar) -> str:
    """Write a bar's date: a plain date for daily bars, else epoch seconds or New York time with its zone."""
    if asked.bar_s >= 86400:
        return bar.start.astimezone(NEW_YORK).strftime("%Y%m%d")
    if asked.writes_epoch:
        return str(int(bar.start.timestamp()))
    return bar.start.astimezone(NEW_YORK).strftime("%Y%m%d %H:%M:%S") + " America/New_York"
