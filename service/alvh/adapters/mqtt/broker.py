"""Our side of the broker: connects for ever, publishes, says `online`, and takes messages in."""

import asyncio
import logging
import secrets
import socket
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Final

import aiomqtt
import paho.mqtt.client as mqtt
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from alvh.adapters.mqtt.address import BrokerAddress
from alvh.adapters.mqtt.connection import Connection, HungUpError
from alvh.adapters.mqtt.status import Node
from alvh.errors import InputError, OutageError
from alvh.shell.ports import Delays, InboundMessage, Observer, OutboundMessage, Silent

_LOGGER: Final = logging.getLogger(__name__)

CONTENT_TYPE: Final = "application/cloudevents+json"
REPLY_LIMIT_S: Final = 5.0  # a broker that has not answered by then hangs; waiting longer delays the next attempt
WATCH_EVERY_S: Final = 1.0  # so a broker that hangs is noticed a second later at most
KEEPALIVE_S: Final = 10  # a half-open connection is noticed after about twice this, the will follows at 1.5 times
MAX_INBOUND_BYTES: Final = 64 * 1024  # an answer with amendments has some kB
MAX_INBOUND_QUEUED: Final = 1000  # a person's answers and a handful of series: more is a flood
# What the broker may send before we acknowledge, which comes behind the commit: the rest waits there meanwhile.
MAX_UNACKNOWLEDGED: Final = 64
SESSION_KEPT_S: Final = 7 * 86_400  # what is said to us while no node runs waits so long, as a long weekend may ask
LEASE_POLL_S: Final = 0.1  # how soon we connect again when a lease that seemed lost was renewed after all
# Not more often than this do we contradict another node on the status topic: two nodes that both believe to lead end
# their quarrel at the next renewal of the lease, within seconds.
STATUS_REPEAT_S: Final = 1.0
_HEADER_BYTES: Final = 4096  # room for topic and properties beside an inbound body
_UNKNOWN_PROTOCOL: Final = frozenset({0x84, 0x01})  # refused for its version: MQTT 5's own code, and 3.1.1's
_NO_DELAY: Final = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)  # or Nagle holds back the second of two messages
_SUBSCRIPTION_REFUSED: Final = 0x80

V5: Final = "5"
V311: Final = "3.1.1"
_VERSIONS: Final = {V5: aiomqtt.ProtocolVersion.V5, V311: aiomqtt.ProtocolVersion.V311}


class MqttBroker:
    """The leading node's connection to the broker; the last will is its.

    `run` does the work until `stop`; `ready` and `publish` are for the relay, `inbox` for who reads answers and
    observations.
    """

    def __init__(
        self,
        address: BrokerAddress,
        node: Node,
        *,
        topic_root: str,
        delays: Delays,
        now: Callable[[], int],
        observer: Observer | None = None,
        may_speak: Callable[[], bool] = lambda: True,
    ) -> None:
        """Prepare; nothing is connected before `run`.

        Args:
            address: the broker.
            node: who we are, for the status.
            topic_root: first level of all topics.
            delays: paces the attempts to connect.
            now: time of day, ns UTC.
            observer: told of connections and of inbound messages that were dropped.
            may_speak: whether the lease is ours for all we know; without it we do not connect, since one session of
                the broker is for the leader alone.

        Raises:
            InputError: a certificate cannot be used, or a name cannot stand in a topic.
        """
        self._paho_logger = logging.getLogger("alvh.paho")
        self._paho_logger.setLevel(logging.CRITICAL)  # what they have to say is said here once, in our words
        base = f"{topic_root}/{node.instance}"
        if any(sign in base for sign in "+#\0"):
            raise InputError(f"mqtt.topic_root and instance must not contain + or #: {base}")
        self._address = address
        self._node = node
        self._delays = delays
        self._now = now
        self._observer = observer or Silent()
        self._may_speak = may_speak
        self._tls = address.tls()
        self._status_topic = f"{base}/status"
        answers, observations = f"{base}/portfolio/+/answer", f"{base}/observation/+"
        self._inbound = (answers, f"{answers}/+", observations, f"{observations}/+")
        self._protocol = address.protocol
        self._connection: Connection | None = None
        self._properties: Properties | None = None
        self._connections = 0
        self._is_up: bool | None = None
        self._ready = asyncio.Event()
        self._stopping = asyncio.Event()
        self._contradicted = asyncio.Event()
        self.inbox: asyncio.Queue[InboundMessage] = asyncio.Queue(MAX_INBOUND_QUEUED)

    @property
    def protocol(self) -> str | None:
        """The protocol that was agreed on, `5` or `3.1.1`; None before."""
        return self._protocol

    async def ready(self) -> int:
        """Wait for a connection and return its number."""
        await self._ready.wait()
        return self._connections

    def publish(self, message: OutboundMessage) -> asyncio.Future[None]:
        """Hand a message to the broker, in the order of the calls.

        Returns:
            A future that is done with the acknowledgement; it fails with OutageError where the connection is lost
            before, or the broker refuses.
        """
        if self._connection is None:
            away: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            away.set_exception(OutageError(f"{self._address.place} is away"))
            return away
        return self._connection.send(
            message.topic, message.body, retained=message.retained, properties=self._properties
        )

    async def run(self) -> None:
        """Be connected until `stop`, whatever happens."""
        while not self._stopping.is_set():
            if not self._may_speak():
                await self._pause(LEASE_POLL_S)
                continue
            try:
                await self._be_connected()
            except (aiomqtt.MqttError, OutageError, OSError) as fault:
                self._note(str(fault.__cause__ or fault) or type(fault).__name__)
            if not self._stopping.is_set():
                await self._pause(self._delays.next())

    def stop(self) -> None:
        """Say `offline`, disconnect and end `run`."""
        self._stopping.set()

    async def _be_connected(self) -> None:
        protocol = self._protocol or await self._find_protocol()
        connection = self._new_connection(protocol)
        try:
            async with connection:
                self._properties = _message_properties() if protocol == V5 else None
                await self._say(connection, "online")
                await self._subscribe(connection)
                self._connection = connection
                self._connections += 1
                self._note(None)
                self._delays.reset()
                self._ready.set()
                await self._serve(connection)
        except MqttConnectError as refusal:
            if _code(refusal) in _UNKNOWN_PROTOCOL:
                self._protocol = self._address.protocol  # another broker than last time answers: ask again
            raise
        finally:
            self._ready.clear()
            self._connection = None
            connection.abandon(f"{self._address.place} is away")

    async def _find_protocol(self) -> str:
        """Return the protocol to use: MQTT 5 unless the broker refuses or does not understand it.

        Asked with an identifier alone: a broker that reads MQTT 5 as if it were 3.1.1 (amqtt) then refuses at once,
        while with a will, properties or a password it takes their bytes for lengths, and waits for ever. A broker that
        refuses for another reason has understood.
        """
        probe = self._new_connection(V5, is_probe=True)
        try:
            async with probe:
                self._protocol = V5
        except MqttConnectError as refusal:
            self._protocol = V311 if _code(refusal) in _UNKNOWN_PROTOCOL else V5
        except (aiomqtt.MqttError, HungUpError):
            if not probe.was_open:
                raise
            return V311  # it hung up or kept silent: try the older protocol now, and this one again next time
        finally:
            probe.abandon("asked for the protocol alone")
        return self._protocol

    def _new_connection(self, protocol: str, *, is_probe: bool = False) -> Connection:
        username, password = (None, None) if is_probe else self._address.credentials
        session = None if is_probe else self._address.session
        last_will = aiomqtt.Will(self._status_topic, self._node.status("offline", self._now()), qos=1, retain=True)
        return Connection(
            self._address.host,
            self._address.port,
            username=username,
            password=password,
            logger=self._paho_logger,
            identifier=session or f"alvh-{secrets.token_hex(6)}",
            protocol=_VERSIONS[protocol],
            will=None if is_probe else last_will,
            clean_session=session is None if protocol == V311 else None,
            clean_start=session is None if protocol == V5 else mqtt.MQTT_CLEAN_START_FIRST_ONLY,
            timeout=REPLY_LIMIT_S,
            keepalive=KEEPALIVE_S,
            max_queued_incoming_messages=MAX_INBOUND_QUEUED,
            properties=None if is_probe or protocol == V311 else _limits(is_kept=session is not None),
            tls_context=self._tls,
            socket_options=_NO_DELAY,
        )

    async def _say(self, connection: Connection, state: str) -> None:
        body = self._node.status(state, self._now())
        said = connection.send(self._status_topic, body, retained=True, properties=self._properties)
        try:
            async with asyncio.timeout(REPLY_LIMIT_S):
                await said
        except TimeoutError:
            raise OutageError(f"no acknowledgement within {REPLY_LIMIT_S:g} s") from None

    async def _subscribe(self, connection: Connection) -> None:
        wanted = (*self._inbound, self._status_topic)
        codes: list[int | ReasonCode] = list(await connection.subscribe([(topic, 1) for topic in wanted]))
        for topic, code in zip(wanted, codes, strict=False):
            if (code if isinstance(code, int) else code.value) >= _SUBSCRIPTION_REFUSED:
                _LOGGER.warning("%s does not let us subscribe to %s", self._address.place, topic)

    async def _serve(self, connection: Connection) -> None:
        """Take messages in until the connection breaks (raises) or `stop` is asked for (returns)."""
        duties: dict[str, Coroutine[None, None, object]] = {
            "mqtt-inbound": self._take_in(connection),
            "mqtt-status": self._repeat_status(connection),
            "mqtt-watch": self._watch(connection),
            "mqtt-stop": self._stopping.wait(),
        }
        tasks = [asyncio.create_task(duty, name=name) for name, duty in duties.items()]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await self._say(connection, "offline")

    async def _take_in(self, connection: Connection) -> None:
        async for message in connection.messages:
            topic = message.topic.value
            if topic == self._status_topic:
                if self._node.is_contradicted_by(bytes(message.payload)):
                    self._contradicted.set()
                connection.acknowledge(message)
            elif any(message.topic.matches(wildcard) for wildcard in self._inbound):
                self._keep(connection, message)

    def _keep(self, connection: Connection, message: aiomqtt.Message) -> None:
        acknowledge = partial(connection.acknowledge, message)
        body = bytes(message.payload)
        if len(body) > MAX_INBOUND_BYTES:
            self._observer.refused("inbound", "too_large")
            acknowledge()
            return
        told = InboundMessage(
            topic=message.topic.value, body=body, retained=bool(message.retain), acknowledge=acknowledge
        )
        try:
            self.inbox.put_nowait(told)
        except asyncio.QueueFull:  # only of a broker that waits for no acknowledgement: what needs one is not lost
            self._observer.refused("inbound", "flood")

    async def _repeat_status(self, connection: Connection) -> None:
        while True:
            await self._contradicted.wait()
            self._contradicted.clear()
            await self._say(connection, "online")
            await asyncio.sleep(STATUS_REPEAT_S)

    async def _watch(self, connection: Connection) -> None:
        while connection.waits_s < REPLY_LIMIT_S:  # noqa: ASYNC110 - what is watched is the clock, no event tells it
            await asyncio.sleep(WATCH_EVERY_S)
        raise OutageError(f"no acknowledgement within {REPLY_LIMIT_S:g} s")

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    def _note(self, fault: str | None) -> None:
        is_up = fault is None
        if is_up == self._is_up:
            return
        if is_up:
            _LOGGER.info("%s is connected", self._address.place)
        else:
            _LOGGER.warning("%s is away: %s", self._address.place, fault)
        self._is_up = is_up
        self._observer.connected("mqtt", is_up)


def _limits(*, is_kept: bool) -> Properties:
    limits = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho left it untyped
    limits.MaximumPacketSize = MAX_INBOUND_BYTES + _HEADER_BYTES
    limits.ReceiveMaximum = MAX_UNACKNOWLEDGED
    if is_kept:
        limits.SessionExpiryInterval = SESSION_KEPT_S
    return limits


def _message_properties() -> Properties:
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho left it untyped
    properties.ContentType = CONTENT_TYPE
    properties.PayloadFormatIndicator = 1  # UTF-8
    return properties


def _code(refusal: MqttConnectError) -> int:
    code = refusal.rc
    if code is None:
        return mqtt.MQTT_ERR_UNKNOWN
    return code if isinstance(code, int) else code.value
