"""The daemon on a gateway that shares no code with ours, and knows little: it comes up, and names what it lacks."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from alvh.core.sessions import et_date
from gateway.minimal import Client, MinimalGateway, pack
from servers import mosquitto, redis_server, temporary_folder
from system.instance import Subscriber, daemon
from system.live import ACCOUNT, configured, live_gateway, session_calendar
from system.test_live import adjustments, fresh, until

KNOWN = ("SPX", "RUT", "VIX", "IWM")
HEDGED = """  - id: core
    small_caps: [{symbol: IWM, shares: 448}]
    condors:
      - {expiry: 2027-12-17, quantity: 4, credit: 10.1, short_put: 5650, long_put: 5600, short_call: 6275,
         long_call: 6325}
"""


class LittleGateway(MinimalGateway):
    """Four instruments, one of them without history; slow in its answers, silent to what the notes need not name."""

    without_history = "IWM"

    def _list(self, today: object) -> dict[str, dict[str, str]]:
        rows = super()._list(today)  # type: ignore[arg-type]  # a date
        self.option_days = []
        return {number: row for number, row in rows.items() if row["name"] in KNOWN}

    def answer(self, client: Client, fields: list[str]) -> None:
        """Answer a moment later; options' parameters not at all."""
        if fields[0] == "9":
            time.sleep(0.05)
        if fields[0] not in {"59", "78"}:
            super().answer(client, fields)

    def _bars(self, client: Client, request: str, asked: list[str]) -> None:
        if [row["name"] for _, row in self._matching(asked)] == [self.without_history]:
            client.tell(pack(4, 2, request, 162, "Historical Market Data Service error message:nothing", ""))
        else:
            super()._bars(client, request, asked)


@contextmanager
def little_gateway(without_history: str) -> Iterator[LittleGateway]:
    """A gateway whose history ends with the session before today's."""
    today = et_date(time.time_ns())
    sessions = session_calendar().sessions_between(today - timedelta(days=430), today - timedelta(days=1))
    made = LittleGateway(today, [session.date for session in sessions])
    made.without_history = without_history
    made.open()
    try:
        yield made
    finally:
        made.close()


@pytest.mark.parametrize(("portfolio", "without_history"), [("  - {id: core, hedge: none}\n", "VIX"), (HEDGED, "IWM")])
def test_it_is_ready_with_little_and_names_what_is_missing(portfolio: str, without_history: str) -> None:
    """SPX, RUT, IWM and VIX alone, no futures, no options: ready, degraded; an outage is survived."""
    with (
        redis_server() as redis,
        mosquitto() as broker,
        temporary_folder() as folder,
        little_gateway(without_history) as gateway,
    ):
        config, page = configured(folder, gateway.port, redis.url, broker.url, portfolio)
        with Subscriber(broker.url) as subscriber, daemon(config, folder) as made:
            until(page.is_ready, made, page)
            until(fresh(page, KNOWN), made, page)
            until(lambda: len(adjustments(subscriber)) == 1, made, page)
            assert adjustments(subscriber)[0][1] == ["STATE"]
            feed = page.json("/api/status")["feed"]
            assert feed["state"] == "degraded"
            assert all(name in feed["note"] for name in ("RVX", "VVIX", "VX", "VXM"))
            trouble = {each["instrument"]: each["trouble"] for each in feed["instruments"]}
            assert trouble[without_history] == "its history could not be had"
            assert trouble["RVX"].startswith("no contract: 200")
            gateway.lose()
            until(lambda: "lost" in page.reasons(), made, page)
            gateway.find(keeps=False)
            until(fresh(page, KNOWN), made, page)
            gateway.close()
            until(lambda: "connecting" in page.reasons(), made, page)
            gateway.open()
            until(fresh(page, KNOWN), made, page)
            status = json.dumps(page.json("/api/status"))
            assert "Traceback" not in made.log.read_text() + status
            made.stop()


def test_a_portfolio_is_read_from_the_account() -> None:
    """Condor legs and shares held at the broker become the portfolio; what fits no leg is shown, and kept out."""
    portfolio = f"  - {{id: core, from_account: {ACCOUNT}}}\n"
    with redis_server() as redis, mosquitto() as broker, temporary_folder() as folder, live_gateway() as gateway:
        puts = sorted({one.strike for one in gateway.prices.listings() if one.trading_class == "SPXW"})
        day = max(one.expiry for one in gateway.prices.listings() if one.trading_class == "SPXW")
        name = {
            (one.strike, one.right): one.name
            for one in gateway.prices.listings()
            if one.trading_class == "SPXW" and one.expiry == day
        }
        assert {5600.0, 5700.0, 6300.0, 6400.0, 5000.0} <= set(puts)
        gateway.hold(
            (name[5600.0, "P"], 4, 210.0),
            (name[5700.0, "P"], -4, 650.0),
            (name[6300.0, "C"], -4, 700.0),
            (name[6400.0, "C"], 4, 240.0),
            (name[5000.0, "P"], 9, 50.0),
            ("IWM", 448, 201.5),
        )
        config, page = configured(folder, gateway.port, redis.url, broker.url, portfolio)
        with Subscriber(broker.url) as subscriber, daemon(config, folder) as made:
            until(page.is_ready, made, page)
            until(lambda: len(adjustments(subscriber)) == 1, made, page)
            data = json.loads(subscriber.unique()["alvh/main/portfolio/core/adjustment"][0] + b"}")["data"]
            assert data["reason_codes"] == ["STATE"]
            assert len(data["condors"]) == 1
            assert data["condors"][0]["n"] == 4
            assert any(note.startswith("account_unexplained:+9 SPXW") for note in data["notes"])
            account = page.json("/api/portfolios/core")["account"]
            assert (account["account"], account["is_seen"], len(account["words"])) == (ACCOUNT, True, 1)
            until(lambda: page.metric('alvh_account_differences{portfolio="core"}') == 1.0, made, page)
            made.stop()
