"""A gateway beside the test, in a thread of its own, and a daemon's configuration for it: in session whatever the time.

The exchange's hours of today and tomorrow are given whole (`calendar.hours`), so that the real daemon, on the real
clock, finds itself in a session whose predecessor has closed.
"""

import asyncio
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

from alvh.adapters.ib.gateway.market import Holding
from alvh.adapters.ib.gateway.requests import ORDER_MESSAGES
from alvh.adapters.ib.gateway.server import Gateway
from alvh.app.sources import calendar
from alvh.core.sessions import SessionCalendar
from alvh.settings import CalendarSettings
from gateway.scripted import NEW_YORK, ScriptedPrices
from servers import free_port

T = TypeVar("T")
ACCOUNT: Final = "DU1000001"
QUIET_PORTFOLIO: Final = "  - {id: core, hedge: none}\n"


class LiveGateway:
    """Our gateway in its own thread and loop; `do` runs something in that loop."""

    def __init__(self, calendar: SessionCalendar, *, period_s: float = 0.2) -> None:
        today = datetime.now(NEW_YORK).date()
        self.prices = ScriptedPrices(calendar, today, period_s=period_s)
        self.gateway = Gateway(self.prices, accounts=(ACCOUNT,))
        self.calendar = calendar
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="gateway", daemon=True)
        self._thread.start()
        self._await(self.gateway.start())

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.gateway.port

    def _await(self, work: Any) -> Any:  # noqa: ANN401 - any coroutine
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def do(self, what: Callable[[], T]) -> T:
        """Do something in the gateway's loop."""

        async def done() -> T:
            return what()

        result: T = self._await(done())
        return result

    def set(self, name: str, **changes: Any) -> None:  # noqa: ANN401 - fields of several types
        """Change a price and tell it, as a tick of a moving market: two in a row."""
        self.do(lambda: self.prices.set(name, **changes))

    def level(self, name: str) -> float:
        """The newest price."""
        return float(self.prices.prices[self.prices.con_id(name)].last or 0.0)

    def hold(self, *names_and_quantities: tuple[str, float, float]) -> None:
        """Let the account hold (listing's name, quantity, average cost), and say so."""
        by_name = {listing.name: listing for listing in self.prices.listings()}
        for name, quantity, cost in names_and_quantities:
            holding = Holding(listing=by_name[name], quantity=quantity, average_cost=cost)
            self.do(lambda holding=holding: self.gateway.change_holding(holding))  # type: ignore[misc]

    def away(self) -> None:
        """Close the port and every connection."""
        self._await(self.gateway.stop(keep_prices=True))

    def back(self) -> None:
        """Open the port again."""
        self._await(self.gateway.start(port=self.gateway.port))

    def close(self) -> None:
        """End, and check that no order was ever received."""
        self._await(self.gateway.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        assert not [one for one in self.gateway.received if one.message in ORDER_MESSAGES]


def whole_days() -> dict[str, str]:
    """Today and tomorrow as whole sessions, exchange time."""
    today = datetime.now(NEW_YORK).date()
    return {(today + timedelta(days=n)).isoformat(): "00:00-23:59" for n in (0, 1)}


def session_calendar() -> SessionCalendar:
    """The sessions a daemon configured by `configured` knows."""
    today = datetime.now(NEW_YORK).date()
    settings = CalendarSettings(hours=whole_days())  # type: ignore[arg-type]  # dates as they stand in a file
    return SessionCalendar(calendar(settings, today - timedelta(days=800), today).sessions)


@contextmanager
def live_gateway(*, period_s: float = 0.2) -> Iterator[LiveGateway]:
    """A gateway that is gone at the end of the block."""
    made = LiveGateway(session_calendar(), period_s=period_s)
    try:
        yield made
    finally:
        made.close()


class Page:
    """What the daemon says over HTTP."""

    def __init__(self, port: int) -> None:
        self.base = f"http://127.0.0.1:{port}"

    def get(self, path: str) -> tuple[int, str]:
        """Status and body; 0 while nobody answers."""
        try:
            with urllib.request.urlopen(self.base + path, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def is_ready(self) -> bool:
        """Whether it says that it is ready."""
        return self.get("/readyz")[0] == 200

    def reasons(self) -> str:
        """Why it is not ready."""
        return self.get("/readyz")[1]

    def json(self, path: str) -> Any:  # noqa: ANN401 - a JSON document
        """What a path of the API says."""
        return json.loads(self.get(path)[1])

    def metric(self, series: str) -> float:
        """The value of a series, NaN where there is none."""
        for line in self.get("/metrics")[1].splitlines():
            if line.startswith(series + " "):
                return float(line.rsplit(" ", 1)[1])
        return float("nan")


def configured(
    folder: Path, gateway_port: int, redis: str, broker: str, portfolios: str = QUIET_PORTFOLIO, **feed: float | str
) -> tuple[Path, Page]:
    """A configuration file for a gateway, and the page the daemon will serve."""
    page = Page(free_port())
    knobs = {"probe_interval_s": 1.0, "probe_timeout_s": 1.0, "backoff_first_s": 0.2, "backoff_cap_s": 1.0, **feed}
    path = folder / "alvh.yaml"
    path.write_text(
        f"feed: {{kind: ib, host: 127.0.0.1, port: {gateway_port}, client_id: 17"
        + "".join(f", {name}: {value}" for name, value in knobs.items())
        + f"}}\nredis: {{url: '{redis}'}}\nmqtt: {{url: '{broker}'}}\nhttp: {{port: {page.base.rsplit(':', 1)[1]}}}\n"
        + f"calendar: {{hours: {json.dumps(whole_days())}}}\nportfolios:\n{portfolios}",
        encoding="utf-8",
    )
    return path, page
