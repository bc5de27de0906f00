"""The outbox: committed messages in order, how far the broker has acknowledged them, and the newest retained ones."""

from collections.abc import Sequence
from typing import Final

from alvh.adapters.redis.keys import Keys
from alvh.adapters.redis.link import RedisLink
from alvh.adapters.redis.scripts import ACKNOWLEDGE
from alvh.errors import FencedError, OutageError
from alvh.shell.ports import OutboundMessage

START: Final = "0-0"  # stands before every message


class RedisOutbox:
    """The outbox of one instance; to be read by anyone, and acknowledged after `lead`."""

    def __init__(self, link: RedisLink, keys: Keys) -> None:
        """Open the outbox."""
        self._link = link
        self._keys = keys
        self._epoch = 0  # no leader has this token: a reader cannot acknowledge

    def lead(self, epoch: int) -> None:
        """Acknowledge under `epoch` from here on."""
        self._epoch = epoch

    async def acknowledged(self) -> str:
        """Return the id of the last message the broker has acknowledged, `0-0` where there is none.

        Raises:
            OutageError: Redis is away.
        """
        cursor = await self._link.call("HGET", self._keys.meta, "relay")
        return cursor.decode() if cursor is not None else START

    async def after(self, message_id: str, limit: int) -> Sequence[OutboundMessage]:
        """Return up to `limit` messages behind `message_id`, in order.

        Raises:
            OutageError: Redis is away.
        """
        seq, _, n = message_id.partition("-")
        first = f"{seq}-{int(n or 0) + 1}"
        page = await self._link.call("XRANGE", self._keys.outbox, first, "+", "COUNT", limit)
        return [_message(entry_id, fields) for entry_id, fields in page]

    async def newest(self, limit: int) -> Sequence[OutboundMessage]:
        """Return the newest `limit` messages, oldest first.

        Raises:
            OutageError: Redis is away.
        """
        page = await self._link.call("XREVRANGE", self._keys.outbox, "+", "-", "COUNT", limit)
        return [_message(entry_id, fields) for entry_id, fields in reversed(page)]

    async def acknowledge(self, message_id: str, retained: Sequence[OutboundMessage]) -> None:
        """Move the cursor to `message_id` (never back) and remember the newest retained message of each topic.

        Raises:
            OutageError: Redis is away, or has lost the message; the leader writes it again, or stops leading.
            FencedError: another node leads.
        """
        arguments: list[str | bytes] = []
        for message in retained:
            arguments += (message.topic, message.message_id.encode() + b" " + message.body)
        keys = [self._keys.meta, self._keys.retained]
        status, *facts = await self._link.run(
            ACKNOWLEDGE, keys, self._epoch, self._link.identity, message_id, *arguments
        )
        if status == b"short":
            raise OutageError(f"redis has lost message {message_id}: its log ends at {facts[0].decode()}")
        if status != b"ok":
            raise FencedError(f"another node leads under epoch {facts[0].decode() or 'unknown'}, ours is {self._epoch}")

    async def retained(self) -> Sequence[OutboundMessage]:
        """Return the newest acknowledged message of each retained topic, by topic.

        Raises:
            OutageError: Redis is away.
        """
        answer: dict[bytes, bytes] = await self._link.call("HGETALL", self._keys.retained)
        messages = []
        for topic, value in sorted(answer.items()):
            message_id, _, body = value.partition(b" ")
            messages.append(
                OutboundMessage(message_id=message_id.decode(), topic=topic.decode(), body=body, retained=True)
            )
        return messages


def _message(entry_id: bytes, fields: dict[bytes, bytes]) -> OutboundMessage:
    return OutboundMessage(
        message_id=entry_id.decode(),
        topic=fields[b"t"].decode(),
        body=fields[b"b"],
        retained=fields[b"r"] == b"1",
    )
