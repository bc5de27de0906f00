"""Runner, relay and lease over a real Redis and a real broker that are killed in mid-stream: a subscriber's view."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from random import Random

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from alvh.adapters.embedded import EmbeddedBroker
from alvh.adapters.mqtt import BrokerAddress, MqttBroker, Node
from alvh.adapters.redis import Keys, RedisAddress, RedisJournal, RedisLease, RedisLink, RedisOutbox
from alvh.shell.backoff import Backoff
from alvh.shell.relay import Relay
from alvh.shell.runner import Runner
from alvh.shell.topics import Topics
from servers import Mosquitto, RedisServer, mosquitto, redis_server
from toy_engine import Done, RealClock, ToyEngine, bodies, quotes

COUNT = 3000
KEYS = Keys("test")


class Subscriber:
    """A plain client with a lasting session that notes every message it is given."""

    def __init__(self, port: int) -> None:
        self.received: list[tuple[str, bytes]] = []
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id="subscriber", clean_session=False)
        self.client.on_connect = lambda client, *_: client.subscribe("alvh/#", qos=1)
        self.client.on_message = lambda _client, _data, m: self.received.append((m.topic, bytes(m.payload)))
        self.client.reconnect_delay_set(1, 1)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def story(self, kind: str) -> list[bytes]:
        """Return what a consumer that remembers the last (epoch, sequence) makes of it, without the epoch."""
        newest = (0, 0)
        story = []
        for topic, payload in self.received:
            if topic.endswith(f"/{kind}"):
                event = json.loads(payload)
                if event["sequence"] > newest[1]:
                    newest = (event["epoch"], event["sequence"])
                    story.append(payload.rpartition(b',"epoch":')[0] + b"}")
        return story

    def contents(self) -> dict[tuple[str, str, int], set[bytes]]:
        """Return the bytes seen for each id."""
        seen: dict[tuple[str, str, int], set[bytes]] = {}
        for topic, payload in self.received:
            if not topic.endswith("/status"):
                event = json.loads(payload)
                seen.setdefault((topic, event["id"], event["data"]["count"]), set()).add(payload)
        return seen

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


async def daemon(redis_url: str, mqtt_url: str, *, pause_s: float = 0.0005) -> None:
    """Run one node, as the composition root does, until the tape is at its end and everything is acknowledged."""
    random = Random(os.getpid())
    clock = RealClock()
    link = RedisLink(RedisAddress(url=redis_url))
    journal, outbox = RedisJournal(link, KEYS), RedisOutbox(link, KEYS)
    lease = RedisLease(link, KEYS, delays=Backoff(random, cap_s=0.2), ttl_s=1.0)
    epoch = await lease.acquire()
    journal.lead(epoch)
    outbox.lead(epoch)
    node = Node(instance="test", node="n", version="0", epoch=epoch, feed="tape", is_simulated=False)
    broker = MqttBroker(
        BrokerAddress(url=mqtt_url), node, topic_root="alvh", delays=Backoff(random, cap_s=0.2), now=clock.now
    )
    relay = Relay(outbox, broker, clock=clock, delays=Backoff(random, cap_s=0.2), may_speak=lambda: lease.is_valid)
    runner = Runner(
        new_engine=ToyEngine,
        journal=journal,
        topics=Topics(root="alvh", instance="test"),
        hand_over=relay.hand_over,
        requests=Done(),
        clock=clock,
        delays=Backoff(random, cap_s=0.2),
    )
    await runner.recover()
    start = int(await runner.take_over(epoch) or 0)
    tasks = [asyncio.create_task(duty) for duty in (broker.run(), relay.run(), lease.keep(), runner.run())]
    try:
        for one in quotes(start + 1, COUNT):
            await runner.submit(one)
            await asyncio.sleep(pause_s)
        while runner.seq < COUNT or not relay.is_idle:
            await asyncio.sleep(0.02)
            for task in tasks:
                if task.done():
                    task.result()
        broker.stop()
        await tasks[0]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await link.close()


def check(subscriber: Subscriber) -> None:
    give_up = time.monotonic() + 5
    expected = bodies(COUNT)
    while time.monotonic() < give_up and len(subscriber.story("adjustment")) < len(expected["adjustment"]):
        time.sleep(0.05)
    assert subscriber.story("adjustment") == expected["adjustment"]
    assert subscriber.story("target")[-1] == expected["target"][-1]
    assert all(len(contents) == 1 for contents in subscriber.contents().values())


@pytest.mark.parametrize("victim", ["redis", "broker", "both"])
def test_servers_killed_in_mid_stream(victim: str) -> None:
    async def run(redis: RedisServer, broker: Mosquitto) -> None:
        working = asyncio.create_task(daemon(redis.unix_url, broker.url))
        for _ in range(3):
            await asyncio.sleep(0.25)
            if victim in {"redis", "both"}:
                await asyncio.to_thread(redis.kill)
                await asyncio.to_thread(redis.start)
            if victim in {"broker", "both"}:
                broker.signal(signal.SIGTERM)  # it writes its database: what it has acknowledged to us is its duty
                await asyncio.to_thread(broker.stop)
                await asyncio.sleep(0.2)
                await asyncio.to_thread(broker.start)
        async with asyncio.timeout(20):
            await working

    # mosquitto keeps the lasting session over its restart; its queue must hold all that the subscriber misses
    lines = ("persistence true", "persistence_location ./", "max_queued_messages 0", "max_inflight_messages 0")
    with redis_server() as redis, mosquitto(*lines) as broker:
        broker.folder.chmod(0o777)
        subscriber = Subscriber(broker.port)
        asyncio.run(run(redis, broker))
        check(subscriber)
        subscriber.close()


CHILD = "import asyncio, sys; from test_end_to_end import daemon; asyncio.run(daemon(sys.argv[1], sys.argv[2]))"


def test_daemon_killed_ten_times() -> None:
    random = Random(7)
    path = os.pathsep.join([os.path.dirname(__file__), *sys.path])  # noqa: PTH120 - a word for the environment
    with redis_server() as redis, mosquitto("max_queued_messages 0", "max_inflight_messages 0") as broker:
        subscriber = Subscriber(broker.port)
        for round_ in range(11):
            command = [sys.executable, "-c", CHILD, redis.unix_url, broker.url]
            process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}, stderr=subprocess.PIPE)
            if round_ == 10:
                _, errors = process.communicate(timeout=30)
                assert process.returncode == 0, errors
            else:
                time.sleep(random.uniform(0.4, 1.0))
                process.kill()
                process.communicate()
        check(subscriber)
        subscriber.close()


def test_embedded_broker_serves_as_well() -> None:
    async def run(redis: RedisServer) -> Subscriber:
        broker = EmbeddedBroker()
        await broker.start()
        subscriber = await asyncio.to_thread(Subscriber, int(broker.url.rpartition(":")[2]))
        await asyncio.sleep(0.2)
        async with asyncio.timeout(20):
            await daemon(redis.unix_url, broker.url, pause_s=0)
        await asyncio.sleep(0.5)
        await asyncio.to_thread(subscriber.close)
        await broker.stop()
        return subscriber

    with redis_server() as redis:
        check(asyncio.run(run(redis)))
