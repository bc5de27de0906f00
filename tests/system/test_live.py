"""The daemon itself on a gateway over TCP, with real Redis and a real broker: quotes, one move, outages, SIGKILL."""

import json
import time
from collections.abc import Callable
from pathlib import Path

from servers import mosquitto, redis_server, temporary_folder
from system.instance import Daemon, Subscriber, alvh, daemon, without_epoch
from system.live import LiveGateway, Page, configured, live_gateway

PATIENCE_S = 120.0
WATCHED = ("SPX", "RUT", "VIX", "IWM")


def until(condition: Callable[[], bool], made: Daemon, page: Page) -> None:
    """Wait for something to come true while the daemon lives."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert made.is_running, made.log.read_text()
        assert time.monotonic() < deadline, (page.reasons(), made.log.read_text())
        time.sleep(0.05)


def adjustments(subscriber: Subscriber) -> list[tuple[str, list[str]]]:
    """Sequence and reasons of each adjustment that a remembering consumer keeps."""
    kept = subscriber.unique().get("alvh/main/portfolio/core/adjustment", [])
    found = [json.loads(body + b"}") for body in kept]
    return [(message["sequence"], message["data"]["reason_codes"]) for message in found]


def fresh(page: Page, names: tuple[str, ...] = WATCHED) -> Callable[[], bool]:
    """Whether each instrument has a live quote that was received later than now."""
    since = time.time()

    def is_fresh() -> bool:
        if not page.is_ready():
            return False
        seen = {each["instrument"]: each["received"] for each in page.json("/api/status")["feed"]["instruments"]}
        return all((seen[name] or 0.0) > since for name in names)

    return is_fresh


def move_up(gateway: LiveGateway, ratio: float) -> None:
    """Let SPX jump; the gateway's own ticks around the new level confirm it."""
    gateway.set("SPX", last=round(gateway.level("SPX") * ratio, 2))


def test_a_live_day() -> None:
    """Ready, quotes, one move, every kind of outage, delayed data, SIGKILL; recorded, it replays byte for byte."""
    with redis_server() as redis, mosquitto() as broker, temporary_folder() as folder, live_gateway() as gateway:
        config, page = configured(folder, gateway.port, redis.url, broker.url)
        with Subscriber(broker.url) as subscriber, daemon(config, folder) as made:
            until(page.is_ready, made, page)
            until(lambda: len(adjustments(subscriber)) == 1, made, page)
            assert adjustments(subscriber)[0][1] == ["STATE"]
            until(fresh(page), made, page)
            assert page.metric('alvh_quotes_total{instrument="SPX",source="ib"}') > 2
            assert page.metric("alvh_feed_connected") == 1.0

            anchor = page.json("/api/portfolios/core")["moves"][0]["anchor"]
            move_up(gateway, 1.031)
            until(lambda: len(adjustments(subscriber)) == 2, made, page)
            moved = json.loads(subscriber.unique()["alvh/main/portfolio/core/adjustment"][1] + b"}")["data"]
            assert moved["reason_codes"] == ["MOVE_3"]
            spx = moved["moves"][0]
            assert (spx["index"], spx["anchor"]) == ("SPX", anchor)
            assert abs(spx["price"] / (anchor * 1.031) - 1) < 1e-4
            assert page.json("/api/portfolios/core")["moves"][0]["anchor"] == spx["price"]

            survive(gateway, made, page)
            said = [reasons for _, reasons in adjustments(subscriber)]
            assert said == [["STATE"], ["MOVE_3"]], "outages decide nothing"

            made.kill()
            made.start()
            until(fresh(page), made, page)
            move_up(gateway, 0.968)
            until(lambda: len(adjustments(subscriber)) == 3, made, page)
            assert [reasons for _, reasons in adjustments(subscriber)] == [["STATE"], ["MOVE_3"], ["MOVE_3"]]
            assert {len(contents) for contents in subscriber.contents_by_id().values()} == {1}
            made.stop()
            delivered = subscriber.unique()["alvh/main/portfolio/core/adjustment"]
        replayed_from_the_record(folder, config, redis.url, delivered)


def survive(gateway: LiveGateway, made: Daemon, page: Page) -> None:
    """Go through outages of every kind; behind each one every instrument is live again, and meanwhile none is."""
    for keeps_data in (True, False):
        gateway.do(gateway.gateway.lose_broker)
        until(lambda: "lost" in page.reasons(), made, page)
        assert page.metric("alvh_feed_connected") == 0.0
        quotes = {quote["instrument"]: quote for quote in page.json("/api/status")["quotes"]}
        assert not any(quotes[name]["is_live"] for name in WATCHED), "nothing stale is shown as live"
        gateway.do(lambda keeps=keeps_data: gateway.gateway.find_broker(keeps_data=keeps))  # type: ignore[misc]
        until(fresh(page), made, page)
    gateway.do(lambda: gateway.gateway.reset(mid_frame=True))
    until(fresh(page), made, page)
    gateway.away()
    until(lambda: "connecting" in page.reasons(), made, page)
    gateway.back()
    until(fresh(page), made, page)
    gateway.gateway.faults.is_half_open = True
    until(lambda: not page.is_ready(), made, page)
    gateway.gateway.faults.is_half_open = False
    until(fresh(page), made, page)
    for code in ("1100", "1101", "1102"):
        assert page.metric(f'alvh_feed_errors_total{{code="{code}"}}') >= 1, code

    gateway.do(lambda: gateway.gateway.set_kind("SPX", 3))
    move_up(gateway, 1.04)
    until(lambda: page.metric('alvh_quotes_rejected_total{instrument="SPX",reason="not_live"}') >= 4, made, page)
    assert "SPX" in page.reasons()
    gateway.set("SPX", last=round(gateway.level("SPX") / 1.04, 2))
    gateway.do(lambda: gateway.gateway.set_kind("SPX", 1))
    until(fresh(page), made, page)


def replayed_from_the_record(folder: Path, config: Path, redis: str, delivered: list[bytes]) -> None:
    """The journal, in Redis and as recorded, folds to the same bytes; the tape beside it holds the quotes."""
    recorded = folder / "recorded"
    alvh("record", "--config", config, "--out", recorded, "--once")
    for number, source in enumerate((redis, str(recorded / "journal.jsonl"))):
        out = folder / f"replay-{number}.jsonl"
        alvh("replay", source, "--config", config, "--out", out)
        assert [without_epoch(line) for line in out.read_bytes().splitlines()] == delivered
    assert (recorded / "SPX.csv").read_text().count("\n") > 10
