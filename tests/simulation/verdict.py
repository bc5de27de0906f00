"""What must hold after every run, whatever happened in it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from alvh.adapters.redis import archived_lines, is_archive
from alvh.core.codec import decode
from alvh.core.effects import Publish
from alvh.core.events import Event
from alvh.errors import InputError
from alvh.shell.topics import Topics
from simulation.daemons import START_S
from simulation.engines import PatientEngine
from simulation.network import Rates
from simulation.waits import errands, fault_free, folded, untaken, waits_of
from simulation.world import KEYS, World

TOPICS = Topics(root="alvh", instance="test")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A message as the subscriber reads it."""

    topic: str
    message_id: str
    sequence: int
    epoch: int
    bare: bytes

    @property
    def kind(self) -> str:
        return self.topic.rpartition("/")[2]


def said(topic: str, body: bytes) -> Said:
    """Read a message; `bare` is its bytes with the epoch taken out."""
    event = json.loads(body)
    bare = body.rpartition(b',"epoch":')[0] + b"}"
    return Said(topic=topic, message_id=event["id"], sequence=int(event["sequence"]), epoch=event["epoch"], bare=bare)


class Consumer:
    """Remembers (epoch, sequence) of one topic, as interfaces section 6 tells it to."""

    def __init__(self) -> None:
        self.epoch = -1
        self.sequence = 0
        self.story: list[Said] = []
        self.alarms = 0

    def take(self, message: Said) -> None:
        """Accept what is new."""
        if message.sequence <= self.sequence:
            if message.epoch <= self.epoch:
                return
            self.alarms += 1  # the log was reset: what follows is told anew
            self.story = [known for known in self.story if known.sequence < message.sequence]
        self.epoch = max(message.epoch, self.epoch)
        self.sequence = message.sequence
        self.story.append(message)


def judge(world: World) -> list[str]:
    """Return what does not hold."""
    faults = [
        *world.faults,
        *(f"loop: {fault.get('message')}: {fault.get('exception')!r}" for fault in world.loop.faults),
    ]
    if faults:
        return faults
    expected = _expected(world)
    heard = [said(topic, body) for topic, body in world.broker.delivered]
    is_forgotten = world.plan.may_reset and (bool(world.given_twice) or _is_a_leader_forgotten(heard))
    faults += [] if is_forgotten else _two_contents(world, heard)
    for topic in sorted({topic for topic, _ in expected}):
        wanted = [body for where, body in expected if where == topic]
        if topic.endswith("/signals") or is_forgotten:
            continue
        consumer = Consumer()
        for message in heard:
            if message.topic == topic:
                consumer.take(message)
        if _is_lost_for_good(world, consumer.story[len(wanted) :]):
            del consumer.story[len(wanted) :]
        faults += _compared(topic, [message.bare for message in consumer.story], wanted)
        if consumer.alarms and not world.plan.may_reset:
            faults.append(f"{topic}: {consumer.alarms} alarms in a log that was never reset")
        sequences = [message.sequence for message in consumer.story]
        if sequences != list(range(1, len(sequences) + 1)):
            faults.append(f"{topic}: sequences {sequences}")
    faults += _outbox(world, expected) + _retained(world, expected)
    return faults + _heard(world) + _archive(world) + _waits(world)


def _is_lost_for_good(world: World, surplus: Sequence[Said]) -> bool:
    """Whether what a consumer has beyond the log was lost with a former leader, and no quote came again since."""
    newest = max(world.led, default=0)
    return world.plan.may_reset and world.story.tape is None and all(message.epoch < newest for message in surplus)


def _is_a_leader_forgotten(heard: Sequence[Said]) -> bool:
    """Whether an older leader went on speaking behind a newer one, whom a failover had forgotten with all it had said.

    Or an epoch was given away twice: its first holder had it ahead of the clock, and the replica never had it.

    No consumer can make one story of that (docs/security.md); the log is whole all the same.
    """
    newest, known = 0, set[tuple[str, str, int]]()
    for message in heard:
        name = (message.topic, message.message_id, message.epoch)
        if message.epoch < newest and name not in known:
            return True
        known.add(name)
        newest = max(newest, message.epoch)
    return False


def _expected(world: World) -> list[tuple[str, bytes]]:
    """(topic, bytes without epoch) of a run without a fault; of a live feed, what the journal gives.

    Where decisions wait for chains the run without a fault is one whose market gives the answers that the log has.
    """
    effects: Sequence[Publish]
    if world.story.is_asking:
        effects = fault_free(world.story.tape or (), waits_of(_journal(world)))
    elif world.story.tape is not None:
        effects = world.story.expected()
    else:
        engine = world.story.new_engine()
        lines = [fields[1] for fields in world.redis.model.keys.stream(KEYS.journal).entries]
        effects = [effect for line in lines for effect in engine.handle(decode(line)) if isinstance(effect, Publish)]
    return [(TOPICS.of(effect), effect.body) for effect in effects]


def _journal(world: World) -> list[tuple[int, Event]]:
    """The log's events, each with the epoch it was committed under."""
    return [(int(fields[3]), decode(fields[1])) for fields in world.redis.model.keys.stream(KEYS.journal).entries]


def _waits(world: World) -> list[str]:
    """The log replays to what was said, and who leads has asked for what was waited for."""
    if not world.story.is_asking:
        return []
    journal = _journal(world)
    waits = waits_of(journal)
    wanted = fault_free(world.story.tape or (), waits)
    faults = [] if folded(journal) == wanted else ["the log does not replay to what a run without faults says"]
    faults += [f"wait {waited.number} has no end" for waited in waits if not waited.ended]
    if world.plan.may_reset:
        return faults  # who led and what was asked may have been lost with the log
    faults += errands(waits, world.gateway.asked, world.led)
    return faults + (untaken(waits, world.gateway.asked, world.led, start_s=START_S) if _is_undisturbed(world) else [])


def _is_undisturbed(world: World) -> bool:
    """Whether nothing holds up a leader as long as it lives: neither its Redis nor its clock nor a pause."""
    plan = world.plan
    holds_up = {"pause", "redis", "failover", "clock", "redis_clock"}
    is_held_up = any(fault.what in holds_up for fault in plan.faults) or any(
        what == "pause" for what, _ in plan.last_steps
    )
    return plan.rates == Rates() and not is_held_up


def _two_contents(world: World, heard: Sequence[Said]) -> list[str]:
    seen: dict[tuple[str, str, int], tuple[int, bytes]] = {}
    faults = []
    for message in heard:
        if message.kind == "signals" and world.plan.story != "real":
            continue  # the toy's signals have no id of their own
        epoch = message.epoch if world.plan.may_reset else 0
        content = (message.epoch, message.bare)
        if seen.setdefault((message.topic, message.message_id, epoch), content) != content:
            faults.append(f"{message.message_id}: two contents")
    return faults


def _compared(where: str, found: Sequence[bytes], wanted: Sequence[bytes]) -> list[str]:
    if list(found) == list(wanted):
        return []
    at = next((n for n, (a, b) in enumerate(zip(found, wanted, strict=False)) if a != b), min(len(found), len(wanted)))
    return [f"{where}: {len(found)} messages, expected {len(wanted)}; they part at {at}"]


def _outbox(world: World, expected: Sequence[tuple[str, bytes]]) -> list[str]:
    """The outbox holds each message once; its beginning may have been trimmed."""
    stored = [
        (fields[1].decode(), fields[3].rpartition(b',"epoch":')[0] + b"}")
        for fields in world.redis.model.keys.stream(KEYS.outbox).entries
    ]
    wanted = list(expected[len(expected) - len(stored) :]) if world.plan.retains else list(expected)
    return [] if stored == wanted else [f"outbox: {len(stored)} messages, expected {len(wanted)}"]


def _heard(world: World) -> list[str]:
    """What was said to the instance counts once, in order, however often it came; and each timer has gone off."""
    if world.plan.story != "live":
        return []
    engine = PatientEngine()
    for _, event in _journal(world):
        engine.handle(event)
    if engine.open:
        return [f"never woken at {sorted(engine.open)}"]
    if not world.plan.answers:
        return []
    wanted = [f"late-{number}-1" for number in range(len(world.plan.answers))]
    return [] if engine.heard == wanted else [f"said to it: {wanted}, it has heard {engine.heard}"]


def _archive(world: World) -> list[str]:
    """Archive and log together are whole, and overlap in nothing but equal events."""
    if world.archive is None or not is_archive(world.archive):
        return []
    try:
        kept = dict(archived_lines(world.archive))
    except InputError as error:
        return [f"archive: {error}"]
    faults = [] if list(kept) == list(range(1, len(kept) + 1)) else [f"archive: {len(kept)} events with a gap"]
    journal = world.redis.model.keys.stream(KEYS.journal)
    for (seq, _), fields in zip(journal.ids, journal.entries, strict=True):
        if kept.get(seq, fields[1]) != fields[1]:
            faults.append(f"archive: event {seq} is another than the log's")
    if journal.ids and journal.ids[0][0] > len(kept) + 1:
        faults.append(f"archive: ends with {len(kept)}, the log begins with {journal.ids[0][0]}")
    parts = sorted(path.name for path in world.archive.glob("journal-*"))
    spans = [[int(number) for number in name.split(".")[0].split("-")[1:]] for name in parts]
    if any(first != last + 1 for (_, last), (first, _) in pairwise(spans)):
        faults.append(f"archive: a part is there twice: {parts}")
    return faults


def _retained(world: World, expected: Sequence[tuple[str, bytes]]) -> list[str]:
    """What the broker shows a late subscriber is the newest of each topic."""
    newest = {topic: body for topic, body in expected if not topic.endswith("/adjustment")}
    shown = {topic: body.rpartition(b',"epoch":')[0] + b"}" for topic, body in world.broker.retained.items()}
    return [f"retained {topic}: not the newest" for topic, body in newest.items() if shown.get(topic) != body]
