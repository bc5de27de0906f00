"""Our side of the broker against real brokers: both protocols, will, status, order, refusals and comebacks."""

import asyncio
import contextlib
import json
import logging
import signal
import subprocess
from collections.abc import AsyncIterator
from random import Random

import aiomqtt
import psutil
import pytest

from alvh.adapters.embedded import EmbeddedBroker
from alvh.adapters.mqtt import BrokerAddress, MqttBroker, Node
from alvh.adapters.mqtt.connection import Connection
from alvh.errors import InputError, OutageError
from alvh.shell.backoff import Backoff
from alvh.shell.ports import OutboundMessage, Silent
from certificates import certificates
from servers import Mosquitto, free_port, mosquitto, program, temporary_folder

NODE = Node(instance="test", node="n1", version="0.0", epoch=7, feed="simulated", is_simulated=True)
STATUS = "alvh/test/status"


class Watching(Silent):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.connections: list[bool] = []
        self.refusals: list[tuple[str, str]] = []

    def connected(self, name: str, is_connected: bool) -> None:
        assert name == "mqtt"
        self.connections.append(is_connected)

    def refused(self, subject: str, reason: str) -> None:
        self.refusals.append((subject, reason))


def message(n: int, *, topic: str = "alvh/test/portfolio/core/adjustment", retained: bool = False) -> OutboundMessage:
    return OutboundMessage(message_id=f"{n}-1", topic=topic, body=b'{"n":%d}' % n, retained=retained)


def broker_at(url: str, *, observer: Silent | None = None, **address: str) -> MqttBroker:
    return MqttBroker(
        BrokerAddress(url=url, **address),
        NODE,
        topic_root="alvh",
        delays=Backoff(Random(1), base_s=0.02, cap_s=0.1),
        now=lambda: 1_700_000_000_123_456_789,
        observer=observer,
    )


@contextlib.asynccontextmanager
async def running(broker: MqttBroker) -> AsyncIterator[MqttBroker]:
    task = asyncio.create_task(broker.run())
    try:
        yield broker
    finally:
        broker.stop()
        async with asyncio.timeout(8):
            await task


@contextlib.asynccontextmanager
async def subscriber(url: str, topic: str = "alvh/#", **options: object) -> AsyncIterator[aiomqtt.Client]:
    address = BrokerAddress(url=url)
    async with aiomqtt.Client(address.host, address.port, **options) as client:  # type: ignore[arg-type]  # few are used
        await client.subscribe(topic, qos=1)
        yield client


async def next_message(client: aiomqtt.Client) -> aiomqtt.Message:
    async with asyncio.timeout(5):
        return await anext(aiter(client.messages))


async def next_state(client: aiomqtt.Client) -> tuple[str, str]:
    data = json.loads((await next_message(client)).payload)["data"]
    return data["state"], data["node"]


def test_mqtt_5_messages_carry_their_content_type_and_keep_their_order() -> None:
    async def run(url: str) -> None:
        version = aiomqtt.ProtocolVersion.V5
        portfolios = "alvh/test/portfolio/#"
        async with subscriber(url, portfolios, protocol=version) as client, running(broker_at(url)) as ours:
            await ours.ready()
            assert ours.protocol == "5"
            await asyncio.gather(*[ours.publish(message(n)) for n in range(200)])
            await ours.publish(message(200, topic="alvh/test/portfolio/core/target", retained=True))
            received = [await next_message(client) for _ in range(201)]
            assert [m.payload for m in received] == [b'{"n":%d}' % n for n in range(201)]
            said = {getattr(m.properties, "ContentType", None) for m in received}
            assert said == {"application/cloudevents+json"}
        async with subscriber(url, "alvh/test/portfolio/#") as late:
            kept = await next_message(late)
            assert (kept.retain, kept.payload) == (True, b'{"n":200}')
            assert kept.topic.value == "alvh/test/portfolio/core/target"

    with mosquitto() as server:
        asyncio.run(run(server.url))


def test_embedded_broker_is_spoken_to_in_its_own_protocol_without_delay() -> None:
    async def run() -> None:
        embedded = EmbeddedBroker(port=free_port())
        await embedded.start()
        began = asyncio.get_running_loop().time()
        async with subscriber(embedded.url) as client:
            async with running(broker_at(embedded.url)) as ours:
                await ours.ready()
                assert asyncio.get_running_loop().time() - began < 1.0
                assert ours.protocol == "3.1.1"
                assert await next_state(client) == ("online", "n1")
                await asyncio.gather(*[ours.publish(message(n)) for n in range(300)])
                received = [(await next_message(client)).payload for _ in range(300)]
                assert received == [b'{"n":%d}' % n for n in range(300)]
            assert await next_state(client) == ("offline", "n1")
        await embedded.stop()

    asyncio.run(run())


def test_status_is_a_retained_cloud_event_and_the_will_says_offline() -> None:
    async def run(server: Mosquitto) -> None:
        ours = broker_at(server.url)
        task = asyncio.create_task(ours.run())
        await ours.ready()
        async with subscriber(server.url, STATUS) as client:
            kept = await next_message(client)
            assert kept.retain
            event = json.loads(kept.payload)
            assert event["type"] == "alvh.service.status.v1"
            assert (event["specversion"], event["source"], event["epoch"]) == ("1.0", "alvh/test", 7)
            assert event["time"] == "2023-11-14T22:13:20.123456789Z"
            assert event["data"] == {
                "state": "online", "node": "n1", "version": "0.0", "feed": "simulated", "simulated": True,
            }  # fmt: skip
            connection = ours._connection
            assert connection is not None
            connection._client.socket().shutdown(2)  # type: ignore[union-attr]  # torn, not closed
            assert await next_state(client) == ("offline", "n1")
            assert await next_state(client) == ("online", "n1")  # a new connection
            ours.stop()
            assert await next_state(client) == ("offline", "n1")
        await task

    with mosquitto() as server:
        asyncio.run(run(server))


def test_another_nodes_will_is_contradicted_but_not_a_newer_leader() -> None:
    async def run(url: str) -> None:
        async with running(broker_at(url)) as ours, subscriber(url, STATUS) as client:
            await ours.ready()
            assert await next_state(client) == ("online", "n1")
            for node, epoch in (("n0", 6), ("n1", 7)):
                other = Node(instance="test", node=node, version="0", epoch=epoch, feed="tape", is_simulated=False)
                await client.publish(STATUS, other.status("offline", 1), qos=1, retain=True)
                assert await next_state(client) == ("offline", node)
                assert await next_state(client) == ("online", "n1")
            await client.publish(STATUS, b"", qos=1, retain=True)  # somebody clears it
            assert (await next_message(client)).payload == b""
            assert await next_state(client) == ("online", "n1")
            newer = Node(instance="test", node="n2", version="0", epoch=8, feed="tape", is_simulated=False)
            await client.publish(STATUS, newer.status("online", 1), qos=1, retain=True)
            assert await next_state(client) == ("online", "n2")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1.5):
                    await anext(aiter(client.messages))

    with mosquitto() as server:
        asyncio.run(run(server.url))


def test_broker_that_comes_late_and_goes_again(caplog: pytest.LogCaptureFixture) -> None:
    watching = Watching()

    async def run(server: Mosquitto) -> None:
        server.kill()
        async with running(broker_at(server.url, observer=watching)) as ours:
            await asyncio.sleep(0.3)
            with pytest.raises(OutageError):
                await ours.publish(message(1))
            server.start()
            first = await ours.ready()
            await ours.publish(message(1))
            server.signal(signal.SIGSTOP)
            lost = [ours.publish(message(n)) for n in (2, 3)]
            server.kill()
            for future in lost:
                with pytest.raises(OutageError):
                    await future
            await asyncio.sleep(0.3)
            server.start()
            assert await ours.ready() == first + 1
            await ours.publish(message(2))

    caplog.set_level(logging.INFO, logger="alvh")
    with mosquitto() as server:
        asyncio.run(run(server))
    assert watching.connections == [False, True, False, True]
    assert [r.levelname for r in caplog.records] == ["WARNING", "INFO", "WARNING", "INFO"]


def test_hung_broker_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alvh.adapters.mqtt.broker.REPLY_LIMIT_S", 0.5)
    monkeypatch.setattr("alvh.adapters.mqtt.broker.WATCH_EVERY_S", 0.1)

    async def run(server: Mosquitto) -> None:
        async with running(broker_at(server.url)) as ours:
            first = await ours.ready()
            server.signal(signal.SIGSTOP)
            with pytest.raises(OutageError):
                async with asyncio.timeout(3):
                    await ours.publish(message(1))
            await asyncio.sleep(1.5)
            server.signal(signal.SIGCONT)
            async with asyncio.timeout(3):
                assert await ours.ready() > first
                await ours.publish(message(1))

    with mosquitto() as server:
        asyncio.run(run(server))


def test_attempts_that_fail_leave_no_socket_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alvh.adapters.mqtt.broker.REPLY_LIMIT_S", 0.05)

    async def run(server: Mosquitto) -> None:
        server.signal(signal.SIGSTOP)  # it accepts, and says nothing
        mine = psutil.Process()
        before = mine.num_fds()
        ours = broker_at(server.url)
        task = asyncio.create_task(ours.run())
        await asyncio.sleep(2)
        assert mine.num_fds() <= before + 6  # attempts on their way, and no others
        ours.stop()
        await task

    with mosquitto() as server:
        asyncio.run(run(server))


def test_a_refused_message_is_not_taken_for_published() -> None:
    async def run(url: str) -> None:
        async with running(broker_at(url)) as ours:
            await ours.ready()
            with pytest.raises(OutageError, match="refuses"):
                await ours.publish(message(1, topic="alvh/test/portfolio/forbidden/adjustment"))
            await ours.publish(message(2))

    with temporary_folder() as folder:
        rules = folder / "acl"
        rules.write_text("topic readwrite alvh/test/portfolio/core/#\ntopic readwrite alvh/test/status\n")
        rules.chmod(0o644)
        folder.chmod(0o755)
        with mosquitto(f"acl_file {rules}") as server:
            asyncio.run(run(server.url))


def test_inbound_messages_are_bounded() -> None:
    watching = Watching()

    async def run(url: str) -> None:
        async with running(broker_at(url, observer=watching, protocol="3.1.1")) as ours, subscriber(url, "x") as client:
            await ours.ready()
            await client.publish("alvh/test/portfolio/core/answer", b"x" * 65537, qos=1)
            await client.publish("alvh/test/observation/cpi_yoy", b'{"value":1}', qos=1, retain=True)
            async with asyncio.timeout(3):
                taken = await ours.inbox.get()
            assert (taken.topic, taken.body, taken.retained) == ("alvh/test/observation/cpi_yoy", b'{"value":1}', False)
            for n in range(1005):  # who waits for no acknowledgement is not held back by ours
                await client.publish("alvh/test/portfolio/core/answer", b"%d" % n, qos=0)
            async with asyncio.timeout(10):
                while len(watching.refusals) < 6:  # noqa: ASYNC110 - another program sends
                    await asyncio.sleep(0.05)
            assert ours.inbox.qsize() == 1000
            assert (await ours.inbox.get()).body == b"0"

    with mosquitto() as server:
        asyncio.run(run(server.url))
    assert watching.refusals == [("inbound", "too_large")] + [("inbound", "flood")] * 5


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_what_was_not_acknowledged_comes_again(protocol: str) -> None:
    """An answer that was read and not yet written, when we die, is read again; one that was written is not."""

    async def run(url: str) -> None:
        topic = "alvh/test/portfolio/core/answer"
        async with subscriber(url, "x") as client:
            async with running(broker_at(url, protocol=protocol, session="alvh-test")) as ours:
                await ours.ready()
                for n in range(100):
                    await client.publish(topic, b"%d" % n, qos=1)
                await asyncio.sleep(0.3)
                assert ours.inbox.qsize() <= 64  # the rest waits at the broker
                async with asyncio.timeout(10):
                    taken = [await ours.inbox.get() for _ in range(3)]
                    taken[0].acknowledge()
                    taken[2].acknowledge()
                    assert [message.body for message in taken] == [b"0", b"1", b"2"]
                await asyncio.sleep(0.3)  # what is acknowledged is on its way
                connection = ours._connection
                assert connection is not None
                connection._client.socket().shutdown(2)  # type: ignore[union-attr]  # torn, as when we die
            await client.publish(topic, b"100", qos=1)  # nobody is there
            async with running(broker_at(url, protocol=protocol, session="alvh-test")) as again, asyncio.timeout(10):
                await again.ready()
                rest = []
                for _ in range(99):
                    message = await again.inbox.get()
                    message.acknowledge()
                    rest.append(message.body)
                assert rest == [b"1", *(b"%d" % n for n in range(3, 101))]
                taken[1].acknowledge()  # late, on a connection that is gone: nothing happens

    with mosquitto() as server:
        asyncio.run(run(server.url))


def test_who_has_no_lease_does_not_take_the_leaders_session() -> None:
    """The broker lets one at a time have it: a leader that was paused must not throw its successor out."""

    async def run(url: str) -> None:
        stale = MqttBroker(
            BrokerAddress(url=url, session="alvh-test"),
            NODE,
            topic_root="alvh",
            delays=Backoff(Random(1), base_s=0.01),
            now=lambda: 1,
            may_speak=lambda: False,
        )
        async with running(broker_at(url, session="alvh-test")) as ours:
            first = await ours.ready()
            async with running(stale):
                await asyncio.sleep(1.0)
                with pytest.raises(OutageError):
                    await stale.publish(message(1))
            assert await ours.ready() == first

    with mosquitto() as server:
        asyncio.run(run(server.url))


def test_oversized_inbound_over_mqtt_5_never_reaches_us() -> None:
    async def run(url: str) -> None:
        version = aiomqtt.ProtocolVersion.V5
        async with running(broker_at(url)) as ours, subscriber(url, "x", protocol=version) as client:
            first = await ours.ready()
            await client.publish("alvh/test/portfolio/core/answer", b"x" * 200_000, qos=1)
            await client.publish("alvh/test/portfolio/core/answer", b"{}", qos=1)
            async with asyncio.timeout(3):
                assert (await ours.inbox.get()).body == b"{}"
            assert await ours.ready() == first

    with mosquitto() as server:
        asyncio.run(run(server.url))


def test_tls_with_client_certificate_and_password() -> None:
    async def run(url: str, **secrets: str) -> None:
        async with running(broker_at(url, observer=None, **secrets)) as ours:
            async with asyncio.timeout(1.5):
                await ours.ready()
            await ours.publish(message(1))

    with temporary_folder() as folder:
        certificates(folder)
        program("mosquitto_passwd")
        subprocess.run(["mosquitto_passwd", "-c", "-b", str(folder / "users"), "me", "s3cret"], check=True)
        for file in folder.iterdir():
            file.chmod(0o644)
        tls = [f"cafile {folder}/ca.pem", f"certfile {folder}/server.pem", f"keyfile {folder}/server.key"]
        with mosquitto(*tls, "require_certificate true", f"password_file {folder}/users", anonymous=False) as server:
            url = server.url.replace("mqtt://127.0.0.1", "mqtts://localhost")
            files = {"ca_file": f"{folder}/ca.pem", "cert_file": f"{folder}/me.pem", "key_file": f"{folder}/me.key"}
            asyncio.run(run(url, username="me", password="s3cret", **files))
            with pytest.raises(TimeoutError):
                asyncio.run(run(url, username="me", password="s3cret", ca_file=files["ca_file"]))
            with pytest.raises(TimeoutError):
                asyncio.run(run(url, username="me", password="wrong", **files))


@pytest.mark.parametrize("url", ["http://x", "mqtt://", "mqtt://host:99999", "host:1883"])
def test_bad_urls_are_the_callers_fault(url: str) -> None:
    with pytest.raises(InputError, match=r"mqtt\.url"):
        BrokerAddress(url=url)


def test_secrets_are_not_shown() -> None:
    address = BrokerAddress(url="mqtt://me:s3cret@host:1", password="s3cret")
    assert address.credentials == ("me", "s3cret")
    assert "s3cret" not in address.place
    with pytest.raises(InputError) as missing:
        BrokerAddress(url="mqtts://me:s3cret@host:1", ca_file="/nowhere").tls()
    assert "s3cret" not in str(missing.value)


def test_a_cancellation_that_meets_the_answer_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Found by the chaos suite: a leader that was fenced in the very moment it connected stayed connected for ever."""

    async def run(url: str) -> None:
        task = asyncio.create_task(broker_at(url).run())
        connect = Connection._on_connect

        def on_connect(connection: Connection, *arguments: object) -> None:
            connect(connection, *arguments)  # type: ignore[arg-type]  # passed on
            task.cancel()

        with monkeypatch.context() as patch:
            patch.setattr(Connection, "_on_connect", on_connect)
            done, _ = await asyncio.wait({task}, timeout=5.0)
        task.cancel()
        assert done, "the first cancellation was dropped"
        assert task.cancelled()

    with mosquitto() as server:
        asyncio.run(run(server.url))
