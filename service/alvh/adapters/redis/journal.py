"""The journal: events, their messages and the state behind them, written by one script or not at all."""

import logging
from collections.abc import AsyncIterator
from typing import Final

from alvh.adapters.redis.keys import Keys
from alvh.adapters.redis.link import Durability, RedisLink
from alvh.adapters.redis.scripts import COMMIT
from alvh.errors import FencedError, JournalError
from alvh.shell.ports import Commit, Recovered

_LOGGER: Final = logging.getLogger(__name__)

PAGE: Final = 256  # events read at a time: one round trip costs as much as some hundred; a chain has some 100 kB
# Evaluations kept for other readers: one per session and a few in between, so about ten years of a live feed.
SIGNALS_KEPT: Final = 10_000


class RedisJournal:
    """The journal of one instance; to be read by anyone, and written after `lead`."""

    def __init__(
        self,
        link: RedisLink,
        keys: Keys,
        *,
        durability: Durability = Durability.ALWAYS,
        replicas: int = 0,
        signals_kept: int = SIGNALS_KEPT,
    ) -> None:
        """Open the journal.

        Args:
            link: the way to Redis.
            keys: names of this instance.
            durability: when a commit counts as durable.
            replicas: with WAITAOF, how many replicas must have it on their disks too.
            signals_kept: about how many evaluations stay readable for others.
        """
        self._link = link
        self._keys = keys
        self._epoch = 0  # no leader has this token: a reader cannot commit
        self._durability = durability
        self._replicas = replicas
        self._signals_kept = signals_kept
        self._written = [keys.journal, keys.outbox, keys.meta, keys.checkpoint, keys.signals, keys.signals_history]

    def lead(self, epoch: int) -> None:
        """Commit under `epoch` from here on."""
        self._epoch = epoch

    async def check_durability(self) -> None:
        """Say in one line where Redis could lose what it has confirmed."""
        wanted = {"appendonly": "yes", "maxmemory-policy": "noeviction"}
        if self._durability is Durability.ALWAYS:
            wanted["appendfsync"] = "always"
        found = {name: await self._link.configuration(name) for name in sorted(wanted)}
        unknown = [name for name, value in found.items() if value is None]
        wrong = [f"{name} {found[name]} (should be {wanted[name]})" for name in found if found[name] != wanted[name]]
        if unknown:
            _LOGGER.warning("redis does not tell its %s: durability unknown", ", ".join(unknown))
        elif wrong:
            _LOGGER.warning("redis may lose what it has confirmed: %s", ", ".join(wrong))
        if self._durability is Durability.EVERYSEC:
            _LOGGER.warning("durability is everysec: a failure of the host can lose the last second")

    async def recover(self) -> Recovered:
        """Return what the log holds: the newest checkpoint, the tail and the feed's position.

        Raises:
            OutageError: Redis is away.
            JournalError: the log is torn.
        """
        tail, position = await self._link.call("HMGET", self._keys.meta, "tail", "position")
        seq, state = await self._link.call("HMGET", self._keys.checkpoint, "seq", "state")
        newest = await self._link.call("XREVRANGE", self._keys.journal, "+", "-", "COUNT", 1)
        # Read in three steps, while another leader may be writing: the stream may be ahead of `tail`, never behind.
        written = _seq(newest[0][0]) if newest else 0
        tail_seq, checkpoint_seq = int(tail or 0), int(seq or 0)
        if written < tail_seq:
            raise JournalError(f"redis: the journal ends at {written}, but {tail_seq} events were committed")
        if checkpoint_seq > written:
            raise JournalError(f"redis: the checkpoint stands behind {checkpoint_seq}, the journal ends at {written}")
        return Recovered(
            checkpoint=state,
            checkpoint_seq=checkpoint_seq,
            tail_seq=tail_seq,
            position=position.decode() if position is not None else None,
        )

    async def read(self, after_seq: int) -> AsyncIterator[tuple[int, bytes]]:
        """Yield (seq, encoded event) from behind `after_seq` to the end, without a gap.

        Raises:
            OutageError: Redis is away.
            JournalError: an event is missing.
        """
        last = after_seq
        while True:
            page = await self._link.call("XRANGE", self._keys.journal, f"{last + 1}-0", "+", "COUNT", PAGE)
            for entry_id, fields in page:
                seq = _seq(entry_id)
                if seq != last + 1:
                    raise JournalError(f"redis: event {last + 1} is missing from the journal, {seq} follows {last}")
                last = seq
                yield seq, fields[b"e"]
            if len(page) < PAGE:
                return

    async def commit(self, commit: Commit) -> None:
        """Write the commit, or find that it was written before (a lost reply).

        Raises:
            OutageError: Redis is away or cannot write now; whether it was written is unknown: commit the same again.
            FencedError: another leader has the token, or the log is not the one that was read.
            JournalError: other contents stand where these should.
        """
        arguments = self._arguments(commit)
        if self._durability is Durability.WAITAOF:
            answer = await self._link.run_durably(COMMIT, self._written, arguments, self._replicas)
        else:
            answer = await self._link.run(COMMIT, self._written, *arguments)
        status, *facts = (part.decode() for part in answer)
        if status not in {"ok", "done"}:
            raise self._refusal(commit, status, facts)

    def _arguments(self, commit: Commit) -> list[str | bytes | int]:
        position, checkpoint = commit.position, commit.checkpoint
        arguments: list[str | bytes | int] = [
            self._epoch,
            commit.first_seq,
            len(commit.events),
            len(commit.messages),
            len(commit.signals),
            self._signals_kept,
            *((0, "") if position is None else (1, position)),
            *((0, "") if checkpoint is None else (1, checkpoint)),
            *commit.events,
        ]
        for message in commit.messages:
            arguments += (message.message_id, message.topic, message.body, int(message.retained))
        for seq, values in commit.signals:
            arguments += (seq, 2 * len(values))
            for name, value in values.items():
                arguments += (name, value)
        return arguments

    def _refusal(self, commit: Commit, status: str, facts: list[str]) -> FencedError | JournalError:
        ours = commit.first_seq - 1
        match status, facts:
            case "fenced", [""]:
                return FencedError(f"redis holds no log of this instance any more; ours ended at {ours}")
            case "fenced", [epoch]:
                return FencedError(f"another node leads under epoch {epoch}, ours is {self._epoch}")
            case "short", [tail]:
                return FencedError(f"redis has lost committed events: its log ends at {tail}, ours at {ours}")
            case "torn", [tail, written]:
                return JournalError(f"redis: {tail} events were committed, but the streams end at {written}")
            case "differs", [entry]:
                return JournalError(f"redis: {entry} of the log has other contents than ours")
            case _:
                raise AssertionError((status, facts))


def _seq(entry_id: bytes) -> int:
    return int(entry_id.partition(b"-")[0])
