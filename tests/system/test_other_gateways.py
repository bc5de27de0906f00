"""The daemon on two other gateways: one that shares no code with ours, and `alvh gateway-sim`."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from alvh.adapters.ib.gateway.requests import ORDER_MESSAGES
from alvh.core.sessions import et_date
from gateway.command import simulated
from gateway.minimal import MinimalGateway
from servers import mosquitto, redis_server, temporary_folder
from system.instance import Daemon, daemon
from system.live import Page, configured, session_calendar
from system.test_live import fresh, until


@contextmanager
def running(port: int) -> Iterator[tuple[Daemon, Page]]:
    """A daemon on a gateway, with servers of its own."""
    with redis_server() as redis, mosquitto() as broker, temporary_folder() as folder:
        config, page = configured(folder, port, redis.url, broker.url)
        with daemon(config, folder) as made:
            yield made, page


def first_reasons(page: Page) -> list[str]:
    """Why the first adjustment was sent, or nothing while there is none."""
    found = page.json("/api/adjustments?after=0")
    messages = found if isinstance(found, list) else next(iter(found.values()))
    return list(messages[0]["data"]["reason_codes"]) if messages else []


def test_the_daemon_receives_quotes_of_an_independent_gateway_and_survives_its_outages() -> None:
    today = et_date(time.time_ns())
    days = session_calendar().sessions_between(today - timedelta(days=430), today - timedelta(days=1))
    gateway = MinimalGateway(today, [session.date for session in days])
    gateway.open()
    try:
        with running(gateway.port) as (made, page):
            until(fresh(page), made, page)
            until(lambda: first_reasons(page) == ["STATE"], made, page)
            gateway.lose()
            until(lambda: not page.is_ready(), made, page)
            gateway.find(keeps=False)
            until(fresh(page), made, page)
            gateway.close()
            until(lambda: "connecting" in page.reasons(), made, page)
            gateway.open()
            until(fresh(page), made, page)
            assert page.metric('alvh_feed_errors_total{code="1100"}') == 1.0
            assert page.metric('alvh_feed_errors_total{code="1101"}') == 1.0
            assert page.metric('alvh_feed_errors_total{code="undecoded"}') == 0.0
    finally:
        gateway.close()
    assert not {int(fields[0]) for fields in gateway.received} & ORDER_MESSAGES


def test_the_daemon_runs_on_gateway_sim() -> None:
    with simulated("--speed", "600") as (port, lines):
        with running(port) as (made, page):
            until(fresh(page), made, page)
            until(lambda: first_reasons(page) == ["STATE"], made, page)
            assert page.metric("alvh_feed_connected") == 1.0
        time.sleep(1.5)  # it looks once a second who is there
    assert any("client 17" in line for line in lines)
