"""Bare floors: one Redis transaction and one QoS 1 publish, over plain sockets and through the libraries we use."""

import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import aiomqtt
from redis.asyncio import Redis

from alvh.shell.ports import OutboundMessage

_LIMIT_S: Final = 10.0
_CONNECT: Final = bytes((0x10, 16)) + b"\x00\x04MQTT\x04\x02\x00\x3c\x00\x04bare"  # 3.1.1, clean, keep-alive 60 s
_PUBLISH_QOS1: Final = 0x32


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What one quote makes Redis and the broker do.

    Attributes:
        commands: that append the event and its messages, and move the tail.
        topic: of the adjustment.
        body: of the adjustment.
    """

    commands: tuple[tuple[bytes, ...], ...]
    topic: str
    body: bytes

    @classmethod
    def of(cls, line: bytes, messages: Sequence[OutboundMessage]) -> "Work":
        """Return the work of an event and its messages, the adjustment first."""
        commands: list[tuple[bytes, ...]] = [(b"XADD", b"{floor}:journal", b"*", b"e", line)]
        for message in messages:
            said = (b"t", message.topic.encode(), b"b", message.body, b"r", b"1")
            commands.append((b"XADD", b"{floor}:outbox", b"*", *said))
        commands.append((b"HSET", b"{floor}:meta", b"tail", b"123456", b"position", b"1"))
        return cls(commands=tuple(commands), topic=f"floor/{messages[0].topic}", body=messages[0].body)


class ThroughClients:
    """The same work through redis.asyncio and aiomqtt, the libraries we use, with nothing else around them."""

    def __init__(self, redis: int, broker: int) -> None:
        """Prepare clients of the servers at these ports."""
        self._redis = Redis(host="127.0.0.1", port=redis)
        no_delay = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)
        self._mqtt = aiomqtt.Client("127.0.0.1", broker, socket_options=no_delay)

    async def __aenter__(self) -> Self:
        """Connect."""
        await self._mqtt.__aenter__()
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Hang up."""
        await self._mqtt.__aexit__(None, None, None)
        await self._redis.aclose()

    async def transaction(self, commands: Sequence[Sequence[bytes]]) -> float:
        """Run `commands` as one transaction; return the seconds it took."""
        began = time.perf_counter()
        async with self._redis.pipeline(transaction=True) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)
            await pipeline.execute()
        return time.perf_counter() - began

    async def publish(self, topic: str, body: bytes) -> float:
        """Publish once; return the seconds to the acknowledgement."""
        began = time.perf_counter()
        await self._mqtt.publish(topic, body, qos=1)
        return time.perf_counter() - began


class BareRedis:
    """A connection that writes MULTI ... EXEC in one go and waits for the answer to EXEC."""

    def __init__(self, port: int) -> None:
        self._socket = _connected(port)

    def transaction(self, commands: Sequence[Sequence[bytes]]) -> float:
        """Run `commands` as one transaction; return the seconds it took."""
        words = b"".join(_resp(command) for command in ((b"MULTI",), *commands, (b"EXEC",)))
        replies = 1 + len(commands) + 1 + len(commands)  # OK, a QUEUED each, the array and what it holds
        began = time.perf_counter()
        self._socket.sendall(words)
        received = b""
        while not _is_complete(received, replies):
            received += self._socket.recv(65_536)
        taken = time.perf_counter() - began
        if b"\r\n-" in received or received.startswith(b"-"):
            raise RuntimeError(f"redis refuses the bare transaction: {received[:200]!r}")
        return taken

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


class BarePublisher:
    """A connection that publishes with QoS 1 and waits for PUBACK."""

    def __init__(self, port: int) -> None:
        self._socket = _connected(port)
        self._socket.sendall(_CONNECT)
        if self._socket.recv(4)[3] != 0:
            raise RuntimeError("mosquitto refuses the bare connection")
        self._packet = 0

    def publish(self, topic: str, body: bytes) -> float:
        """Publish once; return the seconds to the acknowledgement."""
        self._packet = self._packet % 65_535 + 1
        name = topic.encode()
        content = len(name).to_bytes(2) + name + self._packet.to_bytes(2) + body
        packet = bytes((_PUBLISH_QOS1,)) + _length(len(content)) + content
        began = time.perf_counter()
        self._socket.sendall(packet)
        received = b""
        while len(received) < 4:
            received += self._socket.recv(4 - len(received))
        taken = time.perf_counter() - began
        if received != b"\x40\x02" + self._packet.to_bytes(2):
            raise RuntimeError(f"mosquitto answers {received!r} instead of an acknowledgement")
        return taken

    def close(self) -> None:
        """Hang up."""
        self._socket.sendall(b"\xe0\x00")
        self._socket.close()


def _connected(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=_LIMIT_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _resp(command: Sequence[bytes]) -> bytes:
    return b"*%d\r\n" % len(command) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in command)


def _is_complete(received: bytes, lines: int) -> bool:
    """Whether all answers are there: status lines, integers, and bulk strings of two lines each (stream ids)."""
    if not received.endswith(b"\r\n"):
        return False
    parts = received.split(b"\r\n")[:-1]
    return len(parts) - sum(part.startswith(b"$") for part in parts) >= lines


def _length(size: int) -> bytes:
    """MQTT's variable length: seven bits a byte, lowest first."""
    digits = []
    while True:
        size, digit = divmod(size, 128)
        digits.append(digit | (0x80 if size else 0))
        if not size:
            return bytes(digits)
