"""One connection to the broker: aiomqtt's client, and what it leaves out."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable
from typing import Any, Final, TypeVar

import aiomqtt
import paho.mqtt.client as mqtt
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from alvh.errors import OutageError

T = TypeVar("T")
_FAILURE: Final = 0x80  # MQTT 5 reason codes from here on are refusals
# A broker that leaves Nagle's algorithm on (mosquitto does) holds back its second acknowledgement until our kernel has
# confirmed the first, which by default it does 40 ms later. Linux confirms at once where it is asked to, each time.
_QUICK_ACK: Final[int | None] = getattr(socket, "TCP_QUICKACK", None)


class HungUpError(aiomqtt.MqttError):
    """The connection was closed before the broker accepted it."""


class Connection(aiomqtt.Client):
    """One connection, with what aiomqtt leaves out.

    aiomqtt takes every PUBACK for a yes (MQTT 5 has refusals), waits in vain for the answer of a broker that has hung
    up, keeps the socket of an attempt that failed, and on Python 3.11 drops a cancellation that meets an answer. It
    acknowledges what comes in before anybody has read it; here who has read it does, by `acknowledge`.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - passed on
        super().__init__(*arguments, **options)
        self.was_open = False
        self._client.manual_ack_set(True)
        self._unconfirmed: dict[int, tuple[asyncio.Future[None], float]] = {}

    def send(self, topic: str, body: bytes, *, retained: bool, properties: Properties | None) -> asyncio.Future[None]:
        """Hand one message over with QoS 1; the future ends with its acknowledgement."""
        confirmed: asyncio.Future[None] = self._loop.create_future()
        if self._disconnected.done():
            confirmed.set_exception(OutageError("mqtt broker is away"))
            return confirmed
        info = self._client.publish(topic, body, 1, retained, properties)
        if info.rc != 0:
            confirmed.set_exception(OutageError(f"mqtt broker is away ({info.rc})"))
        else:
            self._unconfirmed[info.mid] = (confirmed, self._loop.time())
            self._hurry()
        return confirmed

    def acknowledge(self, message: aiomqtt.Message) -> None:
        """Tell the broker that it may forget a message; where the connection is gone, it sends it again by itself."""
        if message.qos == 1 and not self._disconnected.done():
            self._client.ack(message.mid, 1)

    @property
    def waits_s(self) -> float:
        """Seconds since the oldest message that is not acknowledged was handed over; 0 when all are."""
        for _, since in self._unconfirmed.values():
            return self._loop.time() - since
        return 0.0

    def abandon(self, reason: str) -> None:
        """Fail what was not acknowledged and close what is still open."""
        for confirmed, _ in self._unconfirmed.values():
            if not confirmed.done():
                confirmed.set_exception(OutageError(reason))
        self._unconfirmed.clear()
        for ended in (self._connected, self._disconnected):
            if ended.done() and not ended.cancelled():
                ended.exception()  # looked at, or asyncio complains on standard error that nobody did
        connection = self._client.socket()
        if isinstance(connection, socket.socket) and connection.fileno() >= 0:
            self._loop.remove_reader(connection)
            self._loop.remove_writer(connection)
            connection.close()
        if self._misc_task is not None:
            self._misc_task.cancel()

    async def _wait_for(self, fut: Awaitable[T], timeout: float | None) -> T:  # noqa: ASYNC109 - the library's signature
        # Not `asyncio.wait_for`, as the library has it: until Python 3.11 it drops a cancellation that comes together
        # with the answer. A leader that was fenced while it connected then stayed a leader in its own eyes.
        try:
            async with asyncio.timeout(self.timeout if timeout is None else timeout):
                return await fut
        except TimeoutError:
            raise aiomqtt.MqttError("no answer in time") from None

    def _hurry(self) -> None:
        connection = self._client.socket()
        if _QUICK_ACK is not None and isinstance(connection, socket.socket):
            with contextlib.suppress(OSError):  # a broken one is noticed where it is read
                connection.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)

    def _on_publish(
        self,
        client: mqtt.Client,  # noqa: ARG002 - paho's signature
        userdata: object,  # noqa: ARG002 - paho's signature
        mid: int,
        reason_code: ReasonCode,
        properties: Properties,  # noqa: ARG002 - paho's signature
    ) -> None:
        confirmed, _ = self._unconfirmed.pop(mid, (None, 0.0))
        if confirmed is None or confirmed.done():
            return
        if reason_code.value >= _FAILURE:
            confirmed.set_exception(OutageError(f"mqtt broker refuses the message: {reason_code}"))
        else:
            confirmed.set_result(None)
        self._hurry()

    def _on_socket_open(self, client: mqtt.Client, userdata: object, sock: Any) -> None:  # noqa: ANN401 - paho's
        self.was_open = True
        super()._on_socket_open(client, userdata, sock)

    def _on_disconnect(
        self,
        client: mqtt.Client,
        userdata: object,
        flags: mqtt.DisconnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        if self._connected.cancelled():
            return  # nobody waits any more
        if not self._connected.done():
            self._connected.set_exception(HungUpError(f"hung up before accepting ({reason_code})"))
            return
        super()._on_disconnect(client, userdata, flags, reason_code, properties)
