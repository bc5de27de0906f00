"""Decisions that wait for option chains, simulated: an engine that asks, a market that answers, and what must hold."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextvars import Context
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from random import Random
from typing import Final

from alvh.core.effects import Effect, Publish, Refused
from alvh.core.events import Event, OptionChain, Quote, TimerFired
from alvh.core.sessions import et_date
from alvh.core.waiting import ChainShelf, ChainWait
from alvh.errors import JournalError
from alvh.shell.ports import Sourced
from simulation.loop import PROCESS, VirtualLoop
from toy_engine import quotes

_NOWHERE: Final = Context()
# Instead of ten seconds: a run has a dozen decisions, and each is to be able to outwait its chains, or its leader.
PATIENCE_S: Final = 2.0
PROMPT_S: Final = 0.2  # an answer that nothing holds up
_EXPIRY: Final = date(2023, 12, 15)


class AskingEngine:
    """Decides at each fifth quote, once the chains have come or have been waited for; the shelf is the real one."""

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self.sequence = 0
        self.shelf = ChainShelf()
        self._resumed_ns = 0

    def handle(self, event: Event) -> Sequence[Effect]:
        """Take an event; while a decision waits, keep all that does not end the wait."""
        wait = self.shelf.wait
        if wait is None:
            return self._take(event)
        if not self.shelf.is_over(wait, event):
            return []
        self._resumed_ns = event.ts_recv
        notes = self.shelf.end_wait()
        effects = self._say(wait, notes)
        while wait.behind and self.shelf.wait is None:
            effects += self._take(wait.behind.popleft())
        if self.shelf.wait is not None:
            self.shelf.wait.behind.extend(wait.behind)
        self._resumed_ns = 0
        return effects

    def _take(self, event: Event) -> Sequence[Effect]:
        if isinstance(event, OptionChain):
            return self.shelf.take(event)
        if isinstance(event, TimerFired):
            return [Refused(subject="timer", reason="unknown", detail="of a wait that is over")]
        assert isinstance(event, Quote)
        self.count += 1
        self.total += event.last_price or 0.0
        if self.count % 5:
            return []
        now = max(event.ts_recv, self._resumed_ns)
        asked = self.shelf.ask(event, et_date(now), (), now)
        assert asked, "a chain is quoted before the next decision"
        return asked

    def _say(self, wait: ChainWait, notes: Sequence[str]) -> list[Effect]:
        self.sequence += 1
        rows = {name: chain.rows[0][2] for name, chain in sorted(self.shelf.chains.items())}
        data = {"total": self.total, "at": wait.trigger.ts_event, "rows": rows, "notes": list(notes)}
        return [self._publish(kind, data, retained=kind == "target") for kind in ("adjustment", "target")]

    def _publish(self, kind: str, data: Mapping[str, object], *, retained: bool) -> Publish:
        event = {"id": f"{kind}-{self.sequence}", "sequence": self.sequence, "data": data}
        body = json.dumps(event, separators=(",", ":")).encode()
        return Publish(kind=kind, portfolio="core", retained=retained, body=body)

    def checkpoint(self) -> bytes:
        return json.dumps([self.count, self.total, self.sequence, self.shelf.state()]).encode()

    def restore(self, state: bytes) -> None:
        try:
            self.count, self.total, self.sequence, shelf = json.loads(state)
        except ValueError as error:
            raise JournalError("not a state of the asking engine") from error
        self.shelf.restore(shelf)

    def pending(self) -> Sequence[Effect]:
        return [] if self.shelf.wait is None else self.shelf.wait.asked()


@cache
def asking_tape(count: int) -> tuple[Sourced, ...]:
    """Quotes for the asking engine; the feed stamps them when it hands them out."""
    return tuple(quotes(1, count))


@dataclass(slots=True, kw_only=True)
class ChainRates:
    """How often what goes wrong with one request, while faults are about."""

    lost: float = 0.0
    refused: float = 0.0
    late: float = 0.0
    slow: float = 0.0
    doubled: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request as it reached the market: when (virtual seconds), by whom, and whether it was answered at once."""

    at: float
    by: str
    request_id: str
    is_prompt: bool


class Gateway:
    """Answers requests for chains; no two answers are the same, as no two quotes are."""

    def __init__(self, loop: VirtualLoop, random: Random, rates: ChainRates) -> None:
        self._loop = loop
        self._random = random
        self.rates = rates
        self.asked: list[Asked] = []
        self._feeds: list[ChainFeed] = []
        self._answers = 0

    def connect(self, feed: "ChainFeed") -> None:
        """Take on a feed; what is answered late goes to whoever is connected then, under whatever id."""
        self._feeds.append(feed)

    def fetch(self, feed: "ChainFeed", request_id: str, underlying: str) -> None:
        """Take a request."""
        process, rates, random = PROCESS.get(), self.rates, self._random
        assert process is not None
        chance, travel, is_empty = random.random(), random.uniform(0.002, PROMPT_S), False
        is_prompt = False
        if chance < rates.lost:
            travel = -1.0
        elif (chance := chance - rates.lost) < rates.refused:
            is_empty = True
        elif (chance := chance - rates.refused) < rates.late:
            travel = PATIENCE_S + random.uniform(0.0, 3.0)
        elif chance - rates.late < rates.slow:
            travel = random.uniform(PROMPT_S, 1.2 * PATIENCE_S)
        else:
            is_prompt = True
        self.asked.append(Asked(at=self._loop.time(), by=process.name, request_id=request_id, is_prompt=is_prompt))
        if travel >= 0.0:
            self._answer_in(travel, feed, request_id, underlying, is_empty=is_empty)
            if random.random() < rates.doubled:
                again = travel + random.choice((0.0, random.uniform(0.0, PATIENCE_S)))
                self._answer_in(again, feed, request_id, underlying, is_empty=random.random() < 0.3)

    def _answer_in(
        self, seconds: float, feed: "ChainFeed", request_id: str, underlying: str, *, is_empty: bool
    ) -> None:
        self._answers += 1
        strike = self._answers + 0.5
        rows = () if is_empty else ((_EXPIRY, "P", strike, 1.0, 1.5, None, None),)
        number = int(request_id.partition("-")[0])
        # Quoted before every trigger by its own clock: so that the next decision asks anew whenever this one came.
        chain = OptionChain(
            ts_event=-1_000 + number, ts_recv=0, underlying=underlying, rows=rows, request_id=request_id
        )
        whose = feed if seconds <= PATIENCE_S else None
        self._loop.call_later(seconds, self._deliver, whose, chain, context=_NOWHERE)

    def _deliver(self, feed: "ChainFeed | None", chain: OptionChain) -> None:
        (feed or self._feeds[-1]).answers.put_nowait(chain)


class ChainFeed:
    """A feed that can be asked for chains: quotes from behind a position, and what is answered, as it comes."""

    def __init__(
        self, gateway: Gateway, tape: Sequence[Sourced], pause_s: Callable[[], float], now: Callable[[], int]
    ) -> None:
        self._gateway = gateway
        self._tape = tape
        self._pause_s = pause_s
        self._now = now
        self.answers: asyncio.Queue[OptionChain] = asyncio.Queue()
        gateway.connect(self)

    def fetch_chain(self, request_id: str, underlying: str) -> None:
        """Ask the market (`app.requests.ChainSource`)."""
        self._gateway.fetch(self, request_id, underlying)

    async def events(self, position: str | None) -> AsyncIterator[Sourced]:
        """Yield quotes in their time and answers in between, for ever."""
        for sourced in self._tape[int(position or 0) :]:
            pause_s = self._pause_s()
            while (chain := await self._next(pause_s)) is not None:
                yield self._stamped(chain)
                pause_s = 0.0
            assert isinstance(sourced.event, Quote)
            yield replace(sourced, event=replace(sourced.event, ts_recv=self._now()))
        while True:
            yield self._stamped(await self.answers.get())

    async def _next(self, pause_s: float) -> OptionChain | None:
        """The next answer, None where none comes within the pause."""
        if pause_s <= 0.0:
            return None if self.answers.empty() else self.answers.get_nowait()
        try:
            async with asyncio.timeout(pause_s):
                return await self.answers.get()
        except TimeoutError:
            return None

    def _stamped(self, chain: OptionChain) -> Sourced:
        return Sourced(event=replace(chain, ts_recv=self._now()))
