"""The journal: events, their messages and the state behind them, written by one script or not at all."""

import logging
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from alvh.adapters.redis.archive import archived_lines
from alvh.adapters.redis.keys import Keys
from alvh.adapters.redis.link import Durability, RedisLink
from alvh.adapters.redis.scripts import COMMIT
from alvh.errors import FencedError, JournalError, OutageError
from alvh.shell.ports import Commit, OutboundMessage, Recovered

_LOGGER: Final = logging.getLogger(__name__)

PAGE: Final = 256  # events read at a time: one round trip costs as much as some hundred; a chain has some 100 kB
# Evaluations kept for other readers: one per session close, so ten years of a live feed; some 10 kB each.
SIGNALS_KEPT: Final = 2600
# What a leader keeps of its own commits, to write them again where a failover has lost them. A replica lags by
# milliseconds and a partition is noticed within seconds: this is minutes of a live feed.
RECENT_BYTES: Final = 8 * 1024 * 1024


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
        archive: Path | None = None,
    ) -> None:
        """Open the journal.

        Args:
            link: the way to Redis.
            keys: names of this instance.
            durability: when a commit counts as durable.
            replicas: with WAITAOF, how many replicas must have it on their disks too.
            signals_kept: about how many evaluations stay readable for others.
            archive: folder where events that were trimmed from Redis are found.
        """
        self._link = link
        self._keys = keys
        self._epoch = 0  # no leader has this token: a reader cannot commit
        self._durability = durability
        self._replicas = replicas
        self._signals_kept = signals_kept
        self._archive = archive
        self._mark: tuple[int, bytes | None] | None = None  # the newest event that was read, and its epoch
        self._recent: deque[Commit] = deque()  # our own commits, without a gap, oldest first
        self._recent_bytes = 0
        self._again: dict[str, OutboundMessage] = {}  # of them, what had to be written again since the last success
        self._settled_seq = 0
        self._doubt: str | None = None  # about durability, as it was said last
        self._written = [keys.journal, keys.outbox, keys.meta, keys.checkpoint, keys.signals, keys.signals_history]

    @property
    def epoch(self) -> int:
        """The epoch we commit under, 0 for a reader."""
        return self._epoch

    @property
    def settled_seq(self) -> int:
        """The last event whose commit we know to be written; 0 before our first."""
        return self._settled_seq

    def lead(self, epoch: int) -> None:
        """Commit under `epoch` from here on."""
        self._epoch = epoch
        self._settled_seq = 0
        self._recent.clear()
        self._again.clear()
        self._recent_bytes = 0

    async def check_durability(self) -> str | None:
        """Say in one line, once, where Redis could lose what it has confirmed; return that line, None where it cannot.

        What Redis does not tell counts as a doubt.
        """
        wanted = {"appendonly": "yes", "maxmemory-policy": "noeviction"}
        if self._durability is Durability.ALWAYS:
            wanted["appendfsync"] = "always"
        found = {name: await self._link.configuration(name, self._keys.meta) for name in sorted(wanted)}
        unknown = [name for name, value in found.items() if value is None]
        wrong = [f"{name} {found[name]} (should be {wanted[name]})" for name in found if found[name] != wanted[name]]
        doubts: list[str] = []
        if unknown:
            doubts.append(f"redis does not tell its {', '.join(unknown)}: durability unknown")
        elif wrong:
            doubts.append(f"redis may lose what it has confirmed: {', '.join(wrong)}")
        if self._durability is Durability.EVERYSEC:
            doubts.append("durability is everysec: a failure of the host can lose the last second")
        is_alone = self._link.fails_over and self._replicas == 0
        if is_alone and await self._link.configuration("min-replicas-to-write", self._keys.meta) in {"0", None}:
            doubts.append("a replica that takes over may lack the last commits: set min-replicas-to-write")
        doubt = "; ".join(doubts) or None
        if doubt != self._doubt:
            if doubt is None:
                _LOGGER.info("redis keeps what it has confirmed")
            else:
                _LOGGER.warning("%s", doubt)
            self._doubt = doubt
        return doubt

    async def recover(self) -> Recovered:
        """Return what the log holds: the newest checkpoint, the tail and the feed's position.

        Raises:
            OutageError: Redis is away.
            JournalError: the log is torn.
        """
        self._mark = None
        found, fault = await self._look()
        if fault is not None:
            again, fault_again = await self._look()  # a change of the master may lie between two steps of one look
            if fault_again == fault:
                raise JournalError(f"redis: {fault}")
            if fault_again is not None:
                raise OutageError(f"redis is changing: {fault_again}")
            return again
        return found

    async def _look(self) -> tuple[Recovered, str | None]:
        """What the log holds, and what does not fit."""
        tail, position = await self._link.call("HMGET", self._keys.meta, "tail", "position")
        seq, state = await self._link.call("HMGET", self._keys.checkpoint, "seq", "state")
        newest = await self._link.call("XREVRANGE", self._keys.journal, "+", "-", "COUNT", 1)
        # Read in three steps, while another leader may be writing: the stream may be ahead of `tail`, never behind.
        written = _seq(newest[0][0]) if newest else 0
        tail_seq, checkpoint_seq = int(tail or 0), int(seq or 0)
        fault = None
        if written < tail_seq:
            fault = f"the journal ends at {written}, but {tail_seq} events were committed"
        elif checkpoint_seq > written:
            fault = f"the checkpoint stands behind {checkpoint_seq}, the journal ends at {written}"
        found = Recovered(
            checkpoint=state,
            checkpoint_seq=checkpoint_seq,
            tail_seq=tail_seq,
            position=position.decode() if position is not None else None,
        )
        return found, fault

    async def read(self, after_seq: int) -> AsyncIterator[tuple[int, bytes]]:
        """Yield (seq, encoded event) from behind `after_seq` to the end, without a gap.

        Where the reading goes on behind an event that was read before, that event must still be there, committed by
        the same leader: a failover may have lost it, and another leader may have put others in its place.

        Raises:
            OutageError: Redis is away.
            FencedError: the log does not go on behind `after_seq`, as it was reset or trimmed: recover anew.
            JournalError: an event is missing.
        """
        mark = self._mark if self._mark is not None and self._mark[0] == after_seq else None
        last = after_seq
        while True:
            first = f"{last}-0" if mark is not None else f"{last + 1}-0"
            page = await self._link.call("XRANGE", self._keys.journal, first, "+", "COUNT", PAGE)
            is_last = len(page) < PAGE
            if mark is not None:
                if not page or _marked(page[0]) != mark:
                    raise FencedError(f"redis: event {last} of the log is not the one that was read before")
                page = page[1:]
            elif page and _seq(page[0][0]) > last + 1 and self._archive is not None:
                for seq, line in archived_lines(self._archive, after_seq=last, until_seq=_seq(page[0][0]) - 1):
                    last = seq
                    yield seq, line
            if mark is None and page and _seq(page[0][0]) > last + 1:
                raise FencedError(f"redis: event {last + 1} is not in the log, {_seq(page[0][0])} is the next")
            for entry in page:
                seq = _seq(entry[0])
                if seq != last + 1:
                    raise JournalError(f"redis: event {last + 1} is missing from the journal, {seq} follows {last}")
                last = seq
                self._mark = mark = _marked(entry)
                yield seq, entry[1][b"e"]
            if is_last:
                return

    async def commit(self, commit: Commit) -> Sequence[OutboundMessage]:
        """Write the commit, or find that it was written before (a lost reply).

        A log that a failover has cut short is completed with our own recent commits first.

        Returns:
            Messages that had to be written again because Redis had lost them.

        Raises:
            OutageError: Redis is away or cannot write now; whether it was written is unknown: commit the same again.
            FencedError: another leader has the token, or the log is not the one that was read.
            JournalError: other contents stand where these should.
        """
        status, facts = await self._send(commit)
        if status == "short":
            for lost in self._lost(int(facts[0]), commit):
                # Noted before: whether it was written may remain unknown, and the next attempt begin behind it.
                self._again |= {message.message_id: message for message in lost.messages}
                status, facts = await self._send(lost)
                if status not in {"ok", "done"}:
                    raise self._refusal(lost, status, facts)
            status, facts = await self._send(commit)
        if status not in {"ok", "done"}:
            raise self._refusal(commit, status, facts)
        self._remember(commit)
        again, self._again = list(self._again.values()), {}
        return again

    async def confirm(self, seq: int) -> Sequence[OutboundMessage]:
        """See to it that the log still holds what we have committed up to `seq`; returns and raises as `commit`."""
        epoch, leader, tail = await self._link.call("HMGET", self._keys.meta, "epoch", "leader", "tail")
        is_ours = (epoch, leader) == (str(self._epoch).encode(), self._link.identity.encode())
        if is_ours and int(tail or 0) == seq:
            return ()
        return await self.commit(Commit(first_seq=seq + 1, events=[], messages=[]))

    async def _send(self, commit: Commit) -> tuple[str, list[str]]:
        arguments = self._arguments(commit)
        if self._durability is Durability.WAITAOF:
            answer = await self._link.run_durably(COMMIT, self._written, arguments, self._replicas)
        else:
            answer = await self._link.run(COMMIT, self._written, *arguments)
        status, *facts = (part.decode() for part in answer)
        return status, facts

    def _lost(self, tail: int, commit: Commit) -> Sequence[Commit]:
        """Our commits behind `tail`.

        Raises:
            FencedError: we do not have all of them any more.
        """
        lost = [recent for recent in self._recent if recent.first_seq > tail]
        if not lost or lost[0].first_seq != tail + 1:
            raise self._refusal(commit, "short", [str(tail)])
        last = commit.first_seq - 1
        _LOGGER.warning("redis has lost what it had confirmed: events %d to %d are written again", tail + 1, last)
        return lost

    def _remember(self, commit: Commit) -> None:
        self._settled_seq = commit.first_seq + len(commit.events) - 1
        if not commit.events or (self._recent and commit.first_seq <= self._recent[-1].first_seq):
            return
        self._recent.append(replace(commit, checkpoint=None))
        self._recent_bytes += _size(commit)
        while self._recent_bytes > RECENT_BYTES:
            self._recent_bytes -= _size(self._recent.popleft())

    def _arguments(self, commit: Commit) -> list[str | bytes | int]:
        position, checkpoint = commit.position, commit.checkpoint
        arguments: list[str | bytes | int] = [
            self._epoch,
            self._link.identity,
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


def _size(commit: Commit) -> int:
    return sum(map(len, commit.events)) + sum(len(message.body) for message in commit.messages)


def _marked(entry: Any) -> tuple[int, bytes | None]:  # noqa: ANN401 - as Redis answers: id, and fields by name
    return _seq(entry[0]), entry[1].get(b"p")


def _seq(entry_id: bytes) -> int:
    return int(entry_id.partition(b"-")[0])
