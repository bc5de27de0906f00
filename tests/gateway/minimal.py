"""A second gateway, written from the protocol notes alone: threads, blocking sockets, nothing of the package's.

It exists so that nothing the adapter does depends on a habit of our own gateway. It knows eleven instruments, their
daily history, the monthly and two weekly VIX futures, a few options and one position; outages are called by name.
"""

import socket
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

LEVELS = {
    "SPX": 5800.25, "RUT": 2250.5, "VIX": 18.4, "RVX": 25.0, "VIX3M": 20.1, "VIX9D": 17.0, "VIX1D": 13.3, "VVIX": 92.0,
    "IWM": 223.4, "SPY": 578.1, "RSP": 176.2,
}  # fmt: skip
FUNDS = {"IWM", "SPY", "RSP"}
MONTHS = 10


def pack(*fields: object) -> bytes:
    """One message on the wire."""
    body = b"".join(str(field).encode() + b"\0" for field in fields)
    return len(body).to_bytes(4, "big") + body


def settlements(first: date) -> list[date]:
    """The Wednesdays 30 days before the third Fridays of the months behind (no holiday is known here)."""
    days = []
    for n in range(-13, MONTHS):
        year, month = divmod(first.year * 12 + first.month - 1 + n + 1, 12)
        start = date(year, month + 1, 1)
        friday = start + timedelta(days=(4 - start.weekday()) % 7 + 14)
        days.append(friday - timedelta(days=30))
    return days


class Client(threading.Thread):
    """One connection: a thread that reads and answers; whoever wants sends."""

    def __init__(self, house: "MinimalGateway", wire: socket.socket) -> None:
        super().__init__(daemon=True)
        self.house, self.wire = house, wire
        self.lines: dict[str, str] = {}
        self._one_at_a_time = threading.Lock()

    def tell(self, *messages: bytes) -> None:
        """Send, each message by itself; a client that has gone is told nothing."""
        with self._one_at_a_time, suppress(OSError):
            for message in messages:
                self.wire.sendall(message)

    def run(self) -> None:
        """Greet and serve until the other side is gone."""
        with suppress(OSError, EOFError, ValueError):
            assert self._exactly(4) == b"API\0"
            self._exactly(int.from_bytes(self._exactly(4), "big"))
            self.tell(pack(178, "20261125 10:00:00 EST"))
            while True:
                body = self._exactly(int.from_bytes(self._exactly(4), "big"))
                fields = body.decode().split("\0")[:-1]
                self.house.received.append(fields)
                self.house.answer(self, fields)
        self.house.clients.discard(self)
        self.wire.close()

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = self.wire.recv(size - len(data))
            if not part:
                raise EOFError
            data += part
        return data


class MinimalGateway:
    """The server; everything a test may look at is public."""

    def __init__(self, today: date, closes: Iterable[date]) -> None:
        self.received: list[list[str]] = []
        self.clients: set[Client] = set()
        self.is_linked = True
        self.moves = 0
        self._history = sorted(closes)
        self._door: socket.socket | None = None
        self.port = 0
        self._contracts = self._list(today)
        threading.Thread(target=self._tick, daemon=True).start()

    def _list(self, today: date) -> dict[str, dict[str, str]]:
        """Contract id to its fields, as message 10 names them."""
        rows: list[dict[str, str]] = []
        for name in LEVELS:
            if name in FUNDS:
                rows.append({"type": "STK", "exchange": "SMART", "primary": "ARCA", "class": name})
            else:
                rows.append({"type": "IND", "exchange": "RUSSELL" if name == "RUT" else "CBOE", "class": ""})
            rows[-1].update(name=name, symbol=name)
        for day in settlements(today):
            rows.append({"name": "VX", "symbol": "VIX", "type": "FUT", "exchange": "CFE", "class": "VX",
                         "expiry": f"{day:%Y%m%d}", "multiplier": "1000"})  # fmt: skip
            if day > today:
                weekly = day - timedelta(days=7)
                rows.append({"name": "VX", "symbol": "VIX", "type": "FUT", "exchange": "CFE", "class": f"VX{weekly:%V}",
                             "expiry": f"{weekly:%Y%m%d}", "multiplier": "1000"})  # fmt: skip
        self.option_days = [day for day in settlements(today) if day > today + timedelta(days=3)][:5]
        for day in self.option_days:
            rows += [
                {"name": "VIX option", "symbol": "VIX", "type": "OPT", "exchange": "SMART", "class": "VIX",
                 "expiry": f"{day:%Y%m%d}", "multiplier": "100", "strike": str(strike), "right": right}
                for strike in (15, 18, 20, 25, 30, 40) for right in "CP"
            ]  # fmt: skip
        return {str(7_000_000 + 13 * n): row for n, row in enumerate(rows)}

    # --- what a test does -----------------------------------------------------------------------------------------

    def open(self) -> None:
        """Listen, on the same port as before if there was one."""
        self._door = socket.create_server(("127.0.0.1", self.port))
        self.port = self._door.getsockname()[1]
        threading.Thread(target=self._welcome, args=(self._door,), daemon=True).start()

    def close(self) -> None:
        """Shut the port and hang up on everybody."""
        if self._door is not None:
            with suppress(OSError):
                self._door.shutdown(socket.SHUT_RDWR)
            self._door.close()
            self._door = None
        for client in tuple(self.clients):
            with suppress(OSError):
                client.wire.shutdown(socket.SHUT_RDWR)

    def say(self, code: int, words: str) -> None:
        """A word about the connection to everybody."""
        for client in tuple(self.clients):
            client.tell(pack(4, 2, -1, code, words, ""))

    def lose(self) -> None:
        """1100, and no tick any more."""
        self.is_linked = False
        self.say(1100, "Connectivity between IB and the TWS has been lost.")

    def find(self, *, keeps: bool) -> None:
        """1102, or 1101 with every subscription gone."""
        for client in tuple(self.clients):
            if not keeps:
                client.lines.clear()
        self.is_linked = True
        self.say(1102 if keeps else 1101, "Connectivity between IB and the TWS has been restored.")

    # --- the inside -----------------------------------------------------------------------------------------------

    def _welcome(self, door: socket.socket) -> None:
        with suppress(OSError):
            while True:
                wire, _ = door.accept()
                client = Client(self, wire)
                self.clients.add(client)
                client.start()

    def _tick(self) -> None:
        while True:
            time.sleep(0.25)
            self.moves += 1
            for client in tuple(self.clients):
                if self.is_linked:
                    for request, con_id in tuple(client.lines.items()):
                        client.tell(*self._prices(request, self._contracts[con_id]))

    def _level(self, row: dict[str, str]) -> float:
        if row["type"] == "FUT":
            return 18.5 + int(row["expiry"][4:6]) / 10
        return LEVELS.get(row["name"], 1.0)

    def _prices(self, request: str, row: dict[str, str]) -> list[bytes]:
        price = self._level(row) + 0.01 * (self.moves % 3)
        last = pack(1, 9, request, 4, f"{price:.4f}", 0, "0")
        if row["type"] == "IND":
            return [last]
        book = [
            pack(1, 9, request, 1, f"{price - 0.05:.4f}", 12, 1),
            pack(1, 9, request, 2, f"{price + 0.05:.4f}", 9, 1),
        ]
        if row["type"] == "OPT":
            return [*book, pack(21, request, 13, 0, 0.95, 0.4, 1.0, -1, 0.05, -2, -2, 18.4)]
        return [pack(46, 9, request, 45, int(time.time())), last, pack(2, 9, request, 5, 3), *book]

    def answer(self, client: Client, fields: list[str]) -> None:
        """Do what a message asks for."""
        match fields[0]:
            case "71":
                client.tell(pack(9, 1, 1), pack(15, 1, "DU77,"), pack(4, 2, -1, 2106, "HMDS data farm OK", ""))
            case "61":
                row = ["DU77", "7000104", "IWM", "STK", "", 0.0, "", "", "NYSE", "USD", "IWM", "IWM", 100, 220.5]
                client.tell(pack(61, 3, *row), pack(62, 1))
            case "49":
                client.tell(pack(49, 1, int(time.time())))
            case "9":
                self._details(client, fields[2], fields[3:15], with_expired=fields[15] == "1")
            case "1":
                self._subscribe(client, fields[2], fields[3:15])
            case "2":
                client.lines.pop(fields[2], None)
            case "20":
                self._bars(client, fields[1], fields[2:14])
            case "78":
                days = [f"{day:%Y%m%d}" for day in self.option_days]
                strikes = [15, 18, 20, 25, 30, 40]
                client.tell(*(
                    pack(75, fields[1], where, fields[5], "VIX", 100, len(days), *days, len(strikes), *strikes)
                    for where in ("CBOE", "SMART", "IBUSOPT")
                ), pack(76, fields[1]))  # fmt: skip

    def _matching(self, asked: list[str]) -> list[tuple[str, dict[str, str]]]:
        con_id, symbol, kind, expiry, strike, right, _, exchange, _, _, _, trading_class = asked
        if con_id not in {"", "0"}:
            return [(con_id, self._contracts[con_id])] if con_id in self._contracts else []
        return [
            (number, row)
            for number, row in self._contracts.items()
            if (row["symbol"], row["type"]) == (symbol, kind)
            and exchange in {"", "SMART", row["exchange"]}
            and row.get("expiry", "").startswith(expiry)
            and trading_class in {"", row["class"]}
            and (float(strike or 0) in {0.0, float(row.get("strike", 0))})
            and right[:1] in {"", row.get("right", "")}
        ]

    def _details(self, client: Client, request: str, asked: list[str], *, with_expired: bool) -> None:
        today = f"{datetime.now(UTC):%Y%m%d}"
        found = [each for each in self._matching(asked) if with_expired or each[1].get("expiry", "9") >= today]
        if not found:
            client.tell(pack(4, 2, request, 200, "No security definition has been found for the request", ""))
            return
        for number, row in found:
            expiry = row.get("expiry", "")
            until = f"{expiry}-08:00:00-US/Central" if row["type"] == "FUT" else expiry
            client.tell(
                pack(
                    10, request, row["symbol"], row["type"], until, row.get("strike", 0), row.get("right", ""),
                    row["exchange"], "USD", row["name"], row["class"], row["class"], number, 0.01,
                    row.get("multiplier", ""), "LMT,MKT", row["exchange"], 1, 0, "A Name", row.get("primary", ""),
                    expiry[:6], "", "", "",
                    "US/Central", "20261125:0930-20261125:1600", "", "", 0, 1, "ISIN", "US0000000000", 1, "", "", "26",
                    expiry, "", 1, 1, 100,
                )
            )  # fmt: skip
        client.tell(pack(52, 1, request))

    def _subscribe(self, client: Client, request: str, asked: list[str]) -> None:
        found = self._matching(asked)
        if not found:
            client.tell(pack(4, 2, request, 200, "No security definition has been found for the request", ""))
            return
        number, row = found[0]
        client.lines[request] = number
        client.tell(
            pack(81, request, 0.01, "9c0001", 3), pack(58, 1, request, 1),
            pack(1, 9, request, 9, self._level(row), 0, 0),
            pack(1, 9, request, 1, -1, 0, 1), pack(1, 9, request, 2, -1, 0, 1), pack(45, 9, request, 49, 0),
        )  # fmt: skip

    def _bars(self, client: Client, request: str, asked: list[str]) -> None:
        found = self._matching(asked)
        if not found:
            client.tell(pack(4, 2, request, 162, "HMDS query returned no data", ""))
            return
        _, row = found[0]
        level = self._level(row)
        days = [f"{day:%Y%m%d}" for day in self._history]
        days = [day for day in days if day <= row.get("expiry", "9")]
        rows = [field for day in days for field in (day, level, level, level, level, 0, level, 1)]
        client.tell(pack(17, request, "", "", len(days), *rows))
