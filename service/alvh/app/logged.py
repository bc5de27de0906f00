"""The log of an instance in Redis as a source of events, and held against what a replay of it says."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any, Final, TypeVar

from alvh.adapters.redis import (
    Keys,
    RedisAddress,
    RedisJournal,
    RedisLink,
    RedisOutbox,
    archived_messages,
    known_archive,
)
from alvh.app.addresses import redis_address
from alvh.core.codec import decode
from alvh.core.effects import Effect, Publish
from alvh.core.events import Event
from alvh.errors import FencedError, InputError, JournalError, OutageError
from alvh.settings import Settings
from alvh.shell.ports import OutboundMessage

T = TypeVar("T")
PAGE: Final = 512  # events or messages to one turn of the loop, which costs as much as folding a few of them
_ATTEMPTS: Final = 3
_SHOWN: Final = 40  # characters on each side of a first difference: enough to see which field it is
_START: Final = "0-0"


@contextmanager
def opened_log(url: str, settings: Settings) -> Iterator["LoggedRun"]:
    """Open the log of the configured instance in the Redis at `url`.

    Raises:
        InputError: the address is none, or there is no such log.
        OutageError: Redis is away.
    """
    logging.getLogger("alvh").setLevel(logging.CRITICAL)  # what is wrong is said once, by the command itself
    address = redis_address(settings, url)
    with asyncio.Runner() as runner:
        link = RedisLink(address)
        try:
            yield LoggedRun(link, Keys(settings.instance), runner, address)
        finally:
            runner.run(link.close())


class LoggedRun:
    """What one instance has taken in, and what it has said about it."""

    def __init__(self, link: RedisLink, keys: Keys, runner: asyncio.Runner, address: RedisAddress) -> None:
        self._link = link
        self._keys = keys
        self._runner = runner
        self._name = f"{address.place}: instance {keys.instance}"
        self._archive = self._ask(lambda: known_archive(link, keys))
        self._journal = RedisJournal(link, keys, archive=self._archive)
        self._kept = iter(()) if self._archive is None else archived_messages(self._archive)
        self._outbox = RedisOutbox(link, keys)
        self._said: deque[OutboundMessage] = deque()
        self._read_to = _START
        self._lines: AsyncIterator[tuple[int, bytes]] | None = None
        self.compared = 0

    def events(self) -> Iterator[Event]:
        """Yield the events of the log from its first on.

        Raises:
            InputError: there is no log, or its beginning is neither in Redis nor in its archive any more.
            OutageError: Redis is away.
            JournalError: an event is missing or of another version.
        """
        count = 0
        try:
            while page := self._ask(lambda: self._page(count)):  # noqa: B023 - asked at once
                for _, line in page:
                    yield decode(line)
                count += len(page)
        except FencedError as reason:
            raise InputError(f"{self._name}: expected a log from its first event on: {reason}") from reason
        if count == 0:
            raise InputError(f"{self._name}: expected a log, found none")

    async def _page(self, seq: int) -> list[tuple[int, bytes]]:
        """The next lines, behind `seq`; where the reading before has failed, from a new one."""
        lines, self._lines = self._lines or self._journal.read(seq), None
        page = await _some(lines)
        self._lines = lines
        return page

    def _ask(self, ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Ask Redis, again where it does not answer: reading changes nothing, and a busy machine is no outage."""
        for _ in range(_ATTEMPTS - 1):
            with suppress(OutageError):
                return self._runner.run(ask())
        return self._runner.run(ask())

    def compare(self, seq: int, effects: Sequence[Effect]) -> None:
        """Hold what event `seq` causes against what the log says it has caused.

        Raises:
            JournalError: they differ; says where first.
        """
        ours = [effect.body for effect in effects if isinstance(effect, Publish)]
        for n, body in enumerate(ours, start=1):
            self._hold(f"{seq}-{n}", body)
        self._end_behind(f"{seq}-{len(ours)}", seq)

    def _hold(self, message_id: str, ours: bytes) -> None:
        said = self._next()
        if said is None or _place(said.message_id) > _place(message_id):
            if said is not None:
                self._said.appendleft(said)
            if _place(message_id) < _place(self._oldest()):
                return  # it was trimmed, as what is old is after some days
            raise JournalError(f"{self._name}: the replay says message {message_id}, the log does not")
        if said.message_id != message_id:
            raise JournalError(f"{self._name}: the log says message {said.message_id}, the replay does not")
        theirs = said.body[: said.body.rindex(b',"epoch":')]
        if theirs != ours[:-1]:
            raise JournalError(f"{self._name}: message {message_id} is the first that differs: {_apart(ours, theirs)}")
        self.compared += 1

    def _end_behind(self, message_id: str, seq: int) -> None:
        """See to it that the log says no more about event `seq`; looks only at what was read already."""
        if self._said and _place(message_id) < _place(self._said[0].message_id) < (seq + 1, 0):
            raise JournalError(f"{self._name}: the log says message {self._said[0].message_id}, the replay does not")

    def _next(self) -> OutboundMessage | None:
        if not self._said:
            self._said.extend(islice(self._kept, PAGE))
            if self._said:
                self._read_to = self._said[-1].message_id
        if not self._said:
            page = self._ask(lambda: self._outbox.after(self._read_to, PAGE))
            self._said.extend(page)
            if page:
                self._read_to = page[-1].message_id
        return self._said.popleft() if self._said else None

    def _oldest(self) -> str:
        """The first message that must be there."""
        if self._archive is not None:
            return _START
        found = self._ask(lambda: self._link.call("XRANGE", self._keys.outbox, "-", "+", "COUNT", 1))
        return found[0][0].decode() if found else _START


async def _some(lines: AsyncIterator[T]) -> list[T]:
    page: list[T] = []
    async for line in lines:
        page.append(line)
        if len(page) == PAGE:
            break
    return page


def _place(message_id: str) -> tuple[int, int]:
    seq, _, n = message_id.partition("-")
    return int(seq), int(n)


def _apart(ours: bytes, theirs: bytes) -> str:
    """Say where two texts part, with what stands around it."""
    at = next((n for n, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), min(len(ours), len(theirs)))
    around = slice(max(0, at - _SHOWN), at + _SHOWN)
    return f"at byte {at} the replay says {ours[around].decode()!r}, the log {theirs[around].decode()!r}"
