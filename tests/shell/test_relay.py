"""The relay: every committed message in order, whatever the broker and the outbox do; memory stays bounded."""

import asyncio
from collections.abc import Awaitable, Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alvh.errors import FencedError, OutageError
from alvh.shell import relay as relay_module
from alvh.shell.backoff import Backoff
from alvh.shell.ports import OutboundMessage, Silent
from alvh.shell.relay import WINDOW, Relay
from toy_engine import RealClock


def message(seq: int, n: int, topic: str) -> OutboundMessage:
    return OutboundMessage(message_id=f"{seq}-{n}", topic=topic, body=b"%d-%d" % (seq, n), retained=topic == "kept")


def place(message_id: str) -> tuple[int, int]:
    seq, _, n = message_id.partition("-")
    return int(seq), int(n)


class World(Silent):
    """An outbox and a broker with faults drawn from a seed, and a clock that only ever yields."""

    def __init__(self, seed: int, fault_rate: float) -> None:
        self.random = Random(seed)
        self.fault_rate = fault_rate
        self.stored: list[OutboundMessage] = []
        self.cursor = "0-0"
        self.kept: dict[str, OutboundMessage] = {}
        self.received: list[OutboundMessage] = []
        self.connection = 1
        self.in_flight = 0
        self.most_in_flight = 0
        self.most_pending = 0
        self.fenced = False

    def now(self) -> int:
        return 0

    async def sleep(self, seconds: float) -> None:
        assert seconds < 1
        await asyncio.sleep(0)

    def pending(self, messages: int) -> None:
        self.most_pending = max(self.most_pending, messages)

    async def _step(self) -> None:
        for _ in range(self.random.randrange(3)):
            await asyncio.sleep(0)
        if self.random.random() < self.fault_rate:
            raise OutageError("away")

    async def acknowledged(self) -> str:
        await self._step()
        return self.cursor

    async def retained(self) -> Sequence[OutboundMessage]:
        await self._step()
        return list(self.kept.values())

    async def after(self, message_id: str, limit: int) -> Sequence[OutboundMessage]:
        await self._step()
        found = [m for m in self.stored if place(m.message_id) > place(message_id)][:limit]
        await self._step()
        return found

    async def acknowledge(self, message_id: str, retained: Sequence[OutboundMessage]) -> None:
        await self._step()
        if self.fenced:
            raise FencedError("another node leads")
        assert all(m in self.received for m in self.stored if place(m.message_id) <= place(message_id))
        assert place(message_id) >= place(self.cursor)
        self.cursor = message_id
        self.kept |= {m.topic: m for m in retained}

    async def ready(self) -> int:
        await asyncio.sleep(0)
        return self.connection

    def publish(self, message: OutboundMessage) -> Awaitable[None]:
        return asyncio.ensure_future(self._publish(message, self.connection))

    async def _publish(self, message: OutboundMessage, connection: int) -> None:
        assert message in self.stored  # nothing leaves before its commit
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            if connection != self.connection:
                raise OutageError("another connection by now")
            if self.random.random() < self.fault_rate / 2:
                raise OutageError("refused")  # this one alone: those behind it may pass
            self.received.append(message)
            for _ in range(self.random.randrange(3)):
                await asyncio.sleep(0)
            if self.random.random() < self.fault_rate:
                self.connection += 1
                raise OutageError("the acknowledgement is lost")
        finally:
            self.in_flight -= 1


def relay_in(world: World) -> Relay:
    delays = Backoff(Random(1), base_s=0.001, cap_s=0.001)
    return Relay(world, world, clock=world, delays=delays, observer=world)


def check_received(world: World) -> None:
    """Every topic's messages arrive in order: what a consumer that remembers the last one sees is the whole story."""
    for topic in {m.topic for m in world.stored}:
        newest = (0, 0)
        accepted = []
        for received in world.received:
            if received.topic == topic and place(received.message_id) > newest:
                newest = place(received.message_id)
                accepted.append(received)
        assert accepted == [m for m in world.stored if m.topic == topic]


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32), rate=st.sampled_from([0.0, 0.05, 0.3]), count=st.integers(1, 120))
def test_everything_arrives_in_order_whatever_fails(seed: int, rate: float, count: int) -> None:
    async def run() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(relay_module, "MAX_WAITING", 10)
            patch.setattr(relay_module, "PAGE", 7)
            world = World(seed, rate)
            random = Random(seed)
            relay = relay_in(world)
            task = asyncio.create_task(relay.run())
            seq = 0
            while len(world.stored) < count:
                seq += 1
                batch = [message(seq, n, random.choice(["a", "b", "kept"])) for n in range(1, random.randrange(1, 6))]
                world.stored += batch  # committed
                for _ in range(random.randrange(3)):
                    await asyncio.sleep(0)
                if random.random() < 0.1:  # the process was killed in between: another one starts
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)
                    relay = relay_in(world)
                    task = asyncio.create_task(relay.run())
                    continue
                relay.hand_over(batch, 1)
                assert len(relay._waiting) <= 10 + 7  # what fits, and a page
                for _ in range(random.choice([0, 0, 5])):
                    await asyncio.sleep(0)
            relay.hand_over([], 1)
            for _ in range(20_000):
                if world.cursor == world.stored[-1].message_id and relay.is_idle:
                    break
                await asyncio.sleep(0)
            assert world.cursor == world.stored[-1].message_id
            assert not task.done()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            check_received(world)
            assert world.most_in_flight <= WINDOW

    asyncio.run(run())


def test_retained_messages_are_said_again_on_each_connection_and_never_go_back() -> None:
    async def run() -> None:
        world = World(1, 0.0)
        relay = relay_in(world)
        task = asyncio.create_task(relay.run())
        for seq in range(1, 4):
            world.stored.append(message(seq, 1, "kept"))
            relay.hand_over(world.stored[-1:], 1)
        await asyncio.sleep(0.05)
        world.connection += 1
        await asyncio.sleep(1.2)
        assert [m.message_id for m in world.received] == ["1-1", "2-1", "3-1", "3-1"]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        again = asyncio.create_task(relay_in(world).run())
        await asyncio.sleep(0.05)
        assert [m.message_id for m in world.received][4:] == ["3-1"]
        again.cancel()

    asyncio.run(run())


def test_it_is_not_idle_while_it_asks_the_outbox() -> None:
    async def run() -> None:
        world, asked = World(1, 0.0), asyncio.Event()
        world.stored.append(message(1, 1, "a"))
        after = world.after

        async def slow(message_id: str, limit: int) -> Sequence[OutboundMessage]:
            asked.set()
            await asyncio.sleep(0.1)
            return await after(message_id, limit)

        world.after = slow  # type: ignore[method-assign]  # a slow Redis
        relay = relay_in(world)
        task = asyncio.create_task(relay.run())
        await asked.wait()
        idle = [relay.is_idle]
        await asyncio.sleep(0.3)
        idle.append(relay.is_idle)
        assert idle == [False, True]
        assert world.received == world.stored
        task.cancel()

    asyncio.run(run())


def test_without_the_lease_it_keeps_silent() -> None:
    async def run() -> None:
        world = World(1, 0.0)
        is_ours = False
        relay = Relay(world, world, clock=RealClock(), delays=Backoff(Random(1)), may_speak=lambda: is_ours)
        task = asyncio.create_task(relay.run())
        world.stored.append(message(1, 1, "a"))
        relay.hand_over(world.stored, 1)
        await asyncio.sleep(0.3)
        assert not world.received
        is_ours = True
        await asyncio.sleep(0.3)
        assert world.received == world.stored
        task.cancel()

    asyncio.run(run())


def test_retained_messages_are_said_once_more_when_a_paused_predecessor_has_lost_its_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relay_module, "REPEAT_AFTER_S", 0.3)

    async def run() -> None:
        world = World(1, 0.0)
        newest = message(4, 1, "kept")
        world.stored, world.kept, world.cursor = [newest], {"kept": newest}, "4-1"
        task = asyncio.create_task(relay_in(world).run())
        await asyncio.sleep(0.1)
        stale = message(2, 1, "kept")
        world.received.append(stale)  # from the predecessor, which has just woken up
        await asyncio.sleep(2.2)
        assert world.received == [newest, stale, newest]
        task.cancel()

    asyncio.run(run())


def test_a_lease_that_ran_out_while_it_was_busy_keeps_it_silent() -> None:
    async def run() -> None:
        world = World(1, 0.0)
        kept = [message(1, 1, "kept"), message(1, 2, "kept too")]
        world.stored = [*kept, message(2, 1, "a")]
        world.kept, world.cursor = {m.topic: m for m in kept}, "1-2"

        def is_ours() -> bool:  # the process is stopped behind the first message, and wakes up long after
            return not world.received

        relay = Relay(world, world, clock=RealClock(), delays=Backoff(Random(1)), may_speak=is_ours)
        task = asyncio.create_task(relay.run())
        await asyncio.sleep(0.3)
        assert world.received == kept[:1]
        task.cancel()

    asyncio.run(run())


def test_a_fenced_acknowledgement_ends_it() -> None:
    async def run() -> None:
        world = World(1, 0.0)
        world.fenced = True
        relay = relay_in(world)
        world.stored.append(message(1, 1, "a"))
        with pytest.raises(FencedError):
            async with asyncio.timeout(3):
                await relay.run()

    asyncio.run(run())
