"""From a quote that triggers to the broker's acknowledgement of its adjustment, through real Redis and mosquitto."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Final

import uvloop

from bench.figures import Aim, Figure, Report, percentile
from bench.floors import BarePublisher, BareRedis, ThroughClients, Work
from bench.market import opening
from bench.node import NodeUnderTest
from servers import mosquitto, redis_server

NAME: Final = "delivery"
TITLE: Final = "From a quote to the broker's acknowledgement"

_SAMPLES: Final = 400
_PAUSE_S: Final = (0.005, 0.015)
_WANTED: Final = ((0.50, 1.5), (0.99, 2.0))


@dataclass(slots=True, kw_only=True)
class Samples:
    """Seconds measured, in the order in which they were.

    Attributes:
        ours: from handing a quote in to the acknowledgement of its adjustment.
        bare: (transaction, publish) over plain sockets.
        clients: (transaction, publish) through redis.asyncio and aiomqtt, the libraries we use.
    """

    ours: list[float] = field(default_factory=list)
    bare: list[tuple[float, float]] = field(default_factory=list)
    clients: list[tuple[float, float]] = field(default_factory=list)


def measure(scale: float) -> Report:
    """Measure over servers of its own."""
    count = max(10, round(_SAMPLES * scale))
    with redis_server() as redis, mosquitto() as broker, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        node = NodeUnderTest(redis, broker, opening(confirm_quotes=1))
        samples = runner.run(_measure(node, redis.port, broker.port, count))
    notes = (
        f"{count} quotes, one at a time, each 4 % off the one before: an event of {len(node.line)} bytes in,"
        f" {len(node.messages)} messages of {sum(len(message.body) for message in node.messages):,} bytes out.",
        "Redis with appendfsync always over TCP, mosquitto without persistence; the lease and the relay work as ever.",
        "A floor is one MULTI ... EXEC that appends the same bytes and one QoS 1 publish of the adjustment, alone."
        " Ours and the floors take turns, quote by quote, so that a disk that slows down slows them all.",
    )
    return Report(name=NAME, title=TITLE, figures=tuple(_figures(samples)), notes=notes)


async def _measure(node: NodeUnderTest, redis: int, broker: int, count: int) -> Samples:
    samples, random = Samples(), Random(count)
    log, wire = BareRedis(redis), BarePublisher(broker)
    await node.start()
    async with ThroughClients(redis, broker) as clients:
        for _ in range(count):
            await asyncio.sleep(random.uniform(*_PAUSE_S))
            samples.ours.append(await node.deliver())
            work = Work.of(node.line, node.messages)
            await asyncio.sleep(random.uniform(*_PAUSE_S))
            transaction = log.transaction(work.commands)
            await asyncio.sleep(random.uniform(*_PAUSE_S))
            samples.bare.append((transaction, wire.publish(work.topic, work.body)))
            await asyncio.sleep(random.uniform(*_PAUSE_S))
            transaction = await clients.transaction(work.commands)
            await asyncio.sleep(random.uniform(*_PAUSE_S))
            samples.clients.append((transaction, await clients.publish(work.topic, work.body)))
    await node.stop()
    log.close()
    wire.close()
    return samples


def _figures(samples: Samples) -> Iterator[Figure]:
    floors = (("plain sockets", samples.bare), ("redis.asyncio and aiomqtt", samples.clients))
    for share, wanted in _WANTED:
        name = f"p{share * 100:.0f}"
        ours = percentile(samples.ours, share) * 1e3
        for against, pairs in floors:
            floor = percentile([sum(pair) for pair in pairs], share) * 1e3
            yield Figure(
                what=f"quote to acknowledgement, {name}",
                value=ours,
                unit="ms",
                against=f"transaction + publish, {against}",
                floor=floor,
                aim=Aim(text=f"within {wanted:g} x", is_met=ours <= wanted * floor),
            )
    for at, part in enumerate(("transaction", "publish")):
        yield Figure(
            what=f"one {part} through our client library, p50",
            value=percentile([pair[at] for pair in samples.clients], 0.5) * 1e3,
            unit="ms",
            against="the same over a plain socket",
            floor=percentile([pair[at] for pair in samples.bare], 0.5) * 1e3,
        )
