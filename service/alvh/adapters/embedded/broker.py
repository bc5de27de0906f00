"""An MQTT broker inside this process: amqtt on loopback, for a first look without any server."""

import asyncio
import logging
import socket
from typing import Any, Final

from amqtt.broker import Broker
from amqtt.errors import BrokerError
from amqtt.session import Session

from alvh.errors import InputError, OutageError

_LOGGER: Final = logging.getLogger(__name__)

HOST: Final = "127.0.0.1"
PREFERRED_PORT: Final = 1883
TRIES: Final = 5  # between choosing a free port and taking it another process may come first
# amqtt stops reading for good in the middle of a packet when a client's keep-alive runs out while it arrives; clients
# send theirs at about that time. This much later no live client is still silent.
KEEPALIVE_GRACE_S: Final = 30
_QUIET: Final = ("amqtt", "transitions")


class _Broker(Broker):  # type: ignore[misc]  # amqtt has no types
    """amqtt's broker, put right where it gets in our way."""

    async def stream_connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
    ) -> None:
        """Serve one client; one that hangs up early, or the end of the program, is no reason for a traceback."""
        try:
            await super().stream_connected(reader, writer, listener_name)
        except (OSError, asyncio.CancelledError) as fault:
            _LOGGER.debug("a client of the embedded broker is gone: %r", fault)
        except Exception as fault:  # whatever a stranger sends costs him his connection, nobody else
            _LOGGER.warning("the embedded broker hangs up on a client: %r", fault)
        writer.close()

    async def _publish_retained_messages_for_subscription(
        self, subscription: tuple[str, int], session: Session
    ) -> None:
        """Send what is retained to who has subscribed, not to each client that has just connected."""
        subscribers = self._subscriptions.get(subscription[0], ())
        if any(subscriber.client_id == session.client_id for subscriber, _ in subscribers):
            await super()._publish_retained_messages_for_subscription(subscription, session)


class EmbeddedBroker:
    """The embedded broker: anonymous, loopback alone, MQTT 3.1.1, nothing kept over a restart."""

    protocol: Final = "3.1.1"

    def __init__(self, *, port: int | None = None) -> None:
        """Prepare; `port` None means the usual one, or any free one where that is taken."""
        self._wanted = port
        self._port = 0
        self._broker: Broker | None = None

    @property
    def url(self) -> str:
        """Where it is to be reached."""
        return f"mqtt://{HOST}:{self._port}"

    async def start(self) -> None:
        """Start listening.

        Raises:
            InputError: the port that was asked for is taken.
            OutageError: no port can be had.
        """
        for name in _QUIET:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        if self._wanted:
            if not await self._listen(self._wanted):
                raise InputError(f"mqtt.port: {HOST}:{self._wanted} is taken by another program")
            return
        for port in (PREFERRED_PORT, *(_free_port() for _ in range(TRIES))):
            if await self._listen(port):
                return
        raise OutageError(f"no free port on {HOST} for the embedded broker")

    async def stop(self) -> None:
        """Stop listening and close all connections."""
        if self._broker is not None:
            broker, self._broker = self._broker, None
            await broker.shutdown()

    async def _listen(self, port: int) -> bool:
        if _is_taken(port):
            return False
        configuration: dict[str, Any] = {
            "listeners": {"default": {"type": "tcp", "bind": f"{HOST}:{port}"}},
            "timeout_disconnect_delay": KEEPALIVE_GRACE_S,
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
        broker = _Broker(configuration, loop=asyncio.get_running_loop())
        try:
            await broker.start()
        except BrokerError:
            return False
        self._broker, self._port = broker, port
        return True


def _is_taken(port: int) -> bool:
    """Return whether the port is in use, on loopback or (what a bind to loopback would not tell) on all addresses."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
