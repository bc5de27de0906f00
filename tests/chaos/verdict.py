"""What a subscriber's log must show after any round: nothing lost, nothing with two contents, no gap, in order."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from system.instance import without_epoch


class Arrived(NamedTuple):
    """One message as the subscriber wrote it down."""

    id: str
    sequence: str
    epoch: int
    body: bytes


def arrivals(log: Path) -> dict[str, list[Arrived]]:
    """Read a subscriber's log: by topic what arrived, in order, repeats included; the status topic aside."""
    found: dict[str, list[Arrived]] = defaultdict(list)
    with log.open(encoding="utf-8") as lines:
        for line in lines:
            topic, text = json.loads(line)
            if topic.endswith("/status"):
                continue
            message: dict[str, Any] = json.loads(text)
            found[topic].append(Arrived(message["id"], message["sequence"], message["epoch"], text.encode()))
    return dict(found)


def judge(log: Path, expected: Mapping[str, Sequence[bytes]]) -> list[str]:
    """Return what is wrong, one line each; `expected` is the fault-free replay, by topic, without epochs."""
    arrived = arrivals(log)
    faults = [
        f"{topic}: {len(arrived[topic])} messages of a topic the replay has not"
        for topic in arrived.keys() - expected.keys()
    ]
    for topic, bodies in sorted(expected.items()):
        faults += [f"{topic}: {fault}" for fault in _faults(arrived.get(topic, []), bodies)]
    return faults


def _faults(arrived: Sequence[Arrived], expected: Sequence[bytes]) -> Iterator[str]:
    contents: dict[str, set[bytes]] = defaultdict(set)
    for message in arrived:
        contents[message.id].add(message.body)
    for name, bodies in contents.items():
        if len(bodies) > 1:
            yield f"{name} arrived with {len(bodies)} contents"
    wanted = {json.loads(body + b"}")["id"]: body for body in expected}
    for name in wanted.keys() - contents.keys():
        yield f"{name} was lost"
    for name in contents.keys() - wanted.keys():
        yield f"{name} arrived, the replay does not say it"
    kept = list(_remembered(arrived))
    sequences = [int(message.sequence) for message in kept]
    if sequences != sorted(set(sequences)):
        yield f"sequences out of order: {sequences}"
    if topic_is_numbered(expected) and sequences != list(range(1, len(expected) + 1)):
        yield f"sequences with a gap: {sequences}, {len(expected)} were expected"
    if [without_epoch(message.body) for message in kept] != list(expected):
        yield "what a remembering consumer keeps is not what the replay says"
    epochs = [message.epoch for message in kept]
    if epochs != sorted(epochs):
        yield f"epochs go back: {epochs}"


def _remembered(arrived: Iterable[Arrived]) -> Iterator[Arrived]:
    """Yield what a consumer keeps that remembers the last (epoch, sequence) of a topic."""
    epoch, sequence = 0, ""
    for message in arrived:
        if message.sequence > sequence or message.epoch > epoch:
            epoch, sequence = message.epoch, message.sequence
            yield message


def topic_is_numbered(expected: Sequence[bytes]) -> bool:
    """Whether the messages of a topic are numbered from 1 without a gap (adjustments of a portfolio)."""
    return [int(json.loads(body + b"}")["sequence"]) for body in expected] == list(range(1, len(expected) + 1))
