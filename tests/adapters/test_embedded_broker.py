"""The broker inside this process, seen by other programs: order, retained messages, wills, strangers."""

import asyncio
import json
import logging
import socket

import aiomqtt
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from alvh.adapters.embedded import EmbeddedBroker
from alvh.errors import InputError
from servers import free_port, program


def test_mosquitto_sub_gets_qos_1_in_order_and_what_is_retained() -> None:
    async def run() -> None:
        broker = EmbeddedBroker(port=free_port())
        await broker.start()
        port = broker.url.rpartition(":")[2]
        async with aiomqtt.Client("127.0.0.1", int(port)) as client:
            for _ in range(2):
                await client.publish("alvh/main/portfolio/demo/target", b"target", qos=1, retain=True)
            await client.publish("alvh/main/portfolio/demo/adjustment", b"before", qos=1)
            words = ("-p", port, "-t", "alvh/#", "-q", "1", "-C", "501", "-W", "10", "-F", "%r %t %p")
            seeing = await asyncio.create_subprocess_exec(
                program("mosquitto_sub"), *words, stdout=asyncio.subprocess.PIPE
            )
            assert seeing.stdout is not None
            async with asyncio.timeout(5):
                assert await seeing.stdout.readline() == b"1 alvh/main/portfolio/demo/target target\n"
                for n in range(500):
                    await client.publish("alvh/main/portfolio/demo/adjustment", b"%d" % n, qos=1)
                lines = (await seeing.stdout.read()).splitlines()
        assert lines == [b"0 alvh/main/portfolio/demo/adjustment %d" % n for n in range(500)]
        await broker.stop()

    asyncio.run(run())


def test_will_of_a_paho_client_is_sent_and_kept() -> None:
    async def run() -> None:
        broker = EmbeddedBroker(port=free_port())
        await broker.start()
        port = int(broker.url.rpartition(":")[2])
        dying = paho.Client(CallbackAPIVersion.VERSION2)
        dying.will_set("alvh/main/status", json.dumps({"state": "offline"}), qos=1, retain=True)
        await asyncio.to_thread(dying.connect, "127.0.0.1", port)
        dying.loop_start()
        async with asyncio.timeout(5):
            while not dying.is_connected():  # noqa: ASYNC110 - another thread makes it so
                await asyncio.sleep(0.01)
        dying.socket().shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]  # it is connected
        await asyncio.to_thread(dying.loop_stop)
        await asyncio.sleep(0.1)
        async with aiomqtt.Client("127.0.0.1", port) as late:
            await late.subscribe("alvh/main/status", qos=1)
            async with asyncio.timeout(5):
                kept = await anext(aiter(late.messages))
        assert (kept.retain, json.loads(kept.payload)) == (True, {"state": "offline"})
        await broker.stop()

    asyncio.run(run())


def test_a_client_gets_nothing_it_has_not_subscribed_to() -> None:
    async def run() -> None:
        broker = EmbeddedBroker(port=free_port())
        await broker.start()
        port = int(broker.url.rpartition(":")[2])
        async with aiomqtt.Client("127.0.0.1", port) as first:
            await first.subscribe("alvh/#", qos=1)
            await first.publish("alvh/main/signals", b"kept", qos=1, retain=True)
            async with aiomqtt.Client("127.0.0.1", port) as second:
                await second.subscribe("other/#")
                await asyncio.sleep(0.2)
                assert len(second.messages) == 0
        await broker.stop()

    asyncio.run(run())


@pytest.mark.parametrize(
    "noise",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x10\xff\xff\xff\xff\xff",
        b"\x00" * 64,
        b"\x10\x0c\x00\x04MQTT\x05\x02\x00\x0a\x00",
        b"",
    ],
)
def test_strangers_cost_nobody_else_anything(noise: bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)

    async def run() -> None:
        broker = EmbeddedBroker(port=free_port())
        await broker.start()
        port = int(broker.url.rpartition(":")[2])
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(noise)
        await asyncio.sleep(0.05)
        writer.close()
        async with aiomqtt.Client("127.0.0.1", port) as client:
            await client.publish("a", b"b", qos=1)
        await asyncio.sleep(0.05)
        await broker.stop()

    asyncio.run(run())
    assert not caplog.records


def test_port_is_the_usual_one_or_a_free_one_unless_it_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        usual = free_port()
        monkeypatch.setattr("alvh.adapters.embedded.broker.PREFERRED_PORT", usual)
        first, second, third = EmbeddedBroker(), EmbeddedBroker(), EmbeddedBroker(port=usual)
        await first.start()
        assert first.url == f"mqtt://127.0.0.1:{usual}"
        await second.start()
        assert second.url != first.url
        with pytest.raises(InputError, match=f"127.0.0.1:{usual} is taken"):
            await third.start()
        for broker in (first, second):
            await broker.stop()

    asyncio.run(run())
