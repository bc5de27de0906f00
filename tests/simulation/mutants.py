"""Ways to break the product in one place each, which the simulation has to notice, whatever seed it begins with."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import pytest

from alvh.adapters.mqtt import MqttBroker
from alvh.adapters.redis import RedisJournal
from alvh.app.inbox import Door
from alvh.app.node import InstanceNode
from alvh.app.requests import ChainSource, Errands
from alvh.core.effects import Effect, Publish, Wake
from alvh.core.events import Answer, Event, OptionChain
from alvh.core.waiting import ChainShelf, ChainWait
from alvh.errors import OutageError
from alvh.shell import relay as relay_module
from alvh.shell.ports import Commit, OutboundMessage, Sourced
from alvh.shell.relay import Relay
from alvh.shell.runner import Runner
from simulation.engines import PatientEngine
from simulation.redis_model import RedisModel, Stream
from simulation.verdict import judge
from simulation.world import World

Argv = list[bytes]
_HANDLE = PatientEngine.handle
_PENDING = PatientEngine.pending
_COMMIT = RedisJournal.commit
_READ = RedisJournal.read
_WRITE = RedisModel._commit
_TRIM = RedisModel._trim
_ACQUIRE = RedisModel._acquire
_RUN_COMMIT = Runner._commit
_IS_OVER = ChainShelf.is_over
_STATE = ChainShelf.state
_END_WAIT = ChainShelf.end_wait


# The relay


async def _publish_and_hope(relay: Relay) -> None:
    """A message leaves the relay when it is handed over, not when it is acknowledged."""
    for waiting in relay._window():
        sent = asyncio.ensure_future(relay._publisher.publish(waiting.message))
        sent.add_done_callback(lambda done: done.exception())
        relay._waiting.popleft()
        relay._done(waiting)


async def _start_at_the_end(relay: Relay) -> None:
    """A new leader's relay begins with what is committed from now on."""
    newest = await relay._outbox.after(await relay._outbox.acknowledged(), 10_000)
    relay._taken_to = newest[-1].message_id if newest else await relay._outbox.acknowledged()
    relay._is_behind = False


def _everything_at_once(relay: Relay) -> list[Any]:
    """Several messages of one topic are on their way together: one that is refused comes behind its successors."""
    return list(relay._waiting)[:4]


async def _greet_nobody(_relay: Relay) -> None:
    """What is retained is not said again with a new connection."""


def _forget_what_does_not_fit(relay: Relay, messages: Sequence[OutboundMessage], since_ns: int) -> None:
    """What finds no room in memory is not read from the outbox later."""
    room = len(messages) if relay._is_behind else max(0, relay_module.MAX_WAITING - len(relay._waiting))
    _HAND_OVER(relay, messages[:room], since_ns)


_HAND_OVER = Relay.hand_over


# The runner and the journal


async def _publish_first(runner: Runner, batch: Any, *, is_checkpoint_due: bool) -> None:  # noqa: ANN401 - its own
    """A message may leave before the commit that holds it."""
    runner._hand_over(batch.messages, batch.since_ns)
    await _RUN_COMMIT(runner, batch, is_checkpoint_due=is_checkpoint_due)


async def _once(journal: RedisJournal, commit: Commit) -> Sequence[OutboundMessage]:
    """A commit without an answer counts as written."""
    try:
        return await _COMMIT(journal, commit)
    except OutageError:
        return ()


async def _move_the_feed_on(journal: RedisJournal, commit: Commit) -> Sequence[OutboundMessage]:
    """The feed's position says more than was committed."""
    position = commit.position
    further = None if position is None or not position.isdigit() else str(int(position) + 1)
    return await _COMMIT(journal, replace(commit, position=further or position))


async def _take_over_cold(runner: Runner, epoch: int) -> str | None:
    """A leader begins where it happened to be, without looking at the log again."""
    runner._epoch = epoch
    return (await runner._patiently(runner._journal.recover)).position


async def _read_on(journal: RedisJournal, after_seq: int) -> AsyncIterator[tuple[int, bytes]]:
    """A follower reads on without seeing whether the log is still the one it has read."""
    journal._mark = None
    async for entry in _READ(journal, after_seq):
        yield entry


# What is said to the instance


async def _acknowledge_at_once(node: InstanceNode, broker: MqttBroker) -> None:
    """What is said to us is acknowledged when it is read."""
    door = Door(base="alvh/test/")
    while True:
        message = await broker.inbox.get()
        message.acknowledge()
        await node._runner.submit(Sourced(event=door.understand(message, node._clock.now())))


def _believe_everybody(engine: PatientEngine, event: Event) -> Sequence[Effect]:
    """An answer counts as often as it comes."""
    if isinstance(event, Answer) and event.event_id in engine.heard:
        engine.heard.append(event.event_id)
    return _HANDLE(engine, event)


# Redis


def _unfenced(write: Callable[[RedisModel, Sequence[str], Argv], list[bytes]]) -> Callable[..., list[bytes]]:
    """One script does not look at the token: it writes whoever asks."""

    def act(model: RedisModel, keys: Sequence[str], argv: Argv) -> list[bytes]:
        meta = next(fields for key, fields in model.keys.hashes.items() if key.endswith(":meta"))
        return write(model, keys, [meta.get(b"epoch", b""), meta.get(b"leader", b""), *argv[2:]])

    return act


def _write_state_first(model: RedisModel, keys: Sequence[str], argv: Argv) -> list[bytes]:
    """The checkpoint is written whether or not what it stands behind is."""
    if argv[9] == b"1":
        last = b"%d" % (int(argv[2]) + int(argv[3]) - 1)
        model.keys.fields(keys[3]).update({b"seq": last, b"state": argv[10]})
    return _WRITE(model, keys, argv)


def _overwrite(model: RedisModel, keys: Sequence[str], argv: Argv) -> list[bytes]:
    """The expected tail is not compared: events are put behind whatever is there."""
    tail = model.keys.number(keys[2], b"tail")
    first, count = int(argv[2]), int(argv[3])
    if count and (model.keys.fields(keys[2]).get(b"epoch"), tail) == (argv[0], first + count - 1):
        messages = list(argv[11 + count :])
        moved = [b"%d-%s" % (tail + 1, messages[0].split(b"-")[1]), *messages[1:]] if len(messages) >= 4 else messages
        return _WRITE(model, keys, [*argv[:2], b"%d" % (tail + 1), *argv[3 : 11 + count], *moved])
    return _WRITE(model, keys, argv)


def _reuse_the_epoch(model: RedisModel, keys: Sequence[str], argv: Argv) -> list[bytes]:
    """Each leader has the epoch of the one before; the token's other half still tells them apart."""
    before = model.keys.fields(keys[1]).get(b"epoch")
    answer = _ACQUIRE(model, keys, argv)
    if answer[0] == b"ok" and before is not None:
        model.keys.fields(keys[1])[b"epoch"] = before
        model.keys.strings[keys[0]] = (before + b"|" + argv[0], model.keys.strings[keys[0]][1])
        return [b"ok", before]
    return answer


def _trim_at_once(model: RedisModel, keys: Sequence[str], argv: Argv) -> list[bytes]:
    """What is old goes, archived or not."""
    return _TRIM(model, keys, [*argv[:2], b"0", *argv[3:]])


def _trim_unsaid(model: RedisModel, keys: Sequence[str], argv: Argv) -> list[bytes]:
    """Messages go with their events, whether or not they were said."""
    answer = _TRIM(model, keys, argv)
    journal = model.keys.stream(keys[0])
    if answer[0] == b"ok" and journal.ids:
        model.keys.stream(keys[1]).trim((journal.ids[0][0], 0))
    return answer


def _trim_needed(model: RedisModel, keys: Sequence[str], argv: Argv) -> list[bytes]:
    """Events go that the state does not hold yet."""
    answer = _TRIM(model, keys, argv)
    if answer[0] == b"ok":
        journal: Stream = model.keys.stream(keys[0])
        journal.trim((min(int(argv[3]), model.keys.number(keys[2], b"tail")), 0))
    return answer


# Requests and timers


def _forget_requests(errands: Errands, chains: ChainSource) -> None:
    """What the log says is open is not asked for by a new leader."""
    errands._chains = chains
    errands._unfetched.clear()


async def _do_while_following(runner: Runner) -> None:
    """Who follows does what the log asks for, too."""
    async for seq, line in runner._journal.read(runner._seq):
        for effect in runner.engine.handle(_decoded(line)):
            if not isinstance(effect, Publish):
                runner._requests.perform(effect)
        runner._seq = seq


def _decoded(line: bytes) -> Event:
    from alvh.core.codec import decode  # noqa: PLC0415 - for this mutant alone

    return decode(line)


def _forget_timers(engine: PatientEngine) -> Sequence[Effect]:
    """Timers are not named to a new leader."""
    return [effect for effect in _PENDING(engine) if not isinstance(effect, Wake)]


def _take_any_chain(wait: ChainWait, chain: OptionChain) -> bool:
    """An answer counts whatever it answers."""
    return chain.underlying in wait.missing


def _take_the_last(shelf: ChainShelf, wait: ChainWait, event: Event) -> bool:
    """A second answer replaces the first."""
    is_again = isinstance(event, OptionChain) and event.request_id == wait.request_id(event.underlying)
    if is_again and isinstance(event, OptionChain) and event.underlying not in wait.missing and event.rows:
        shelf.chains[event.underlying] = event
    return _IS_OVER(shelf, wait, event)


def _lose_what_came_behind(shelf: ChainShelf) -> tuple[str, ...]:
    """What arrives while a decision waits is forgotten with the wait."""
    if shelf.wait is not None:
        shelf.wait.behind.clear()
    return _END_WAIT(shelf)


def _save_no_wait(shelf: ChainShelf) -> dict[str, Any]:
    """A state does not tell that a decision waits."""
    return {**_STATE(shelf), "wait": None}


BY_KIND: Final[Mapping[str, str]] = {
    "relay-not-told-of-what-was-written-again": "lost_tail",
    "follower-does-not-see-another-log": "split",
    "epoch-is-reused": "split",
    "checkpoint-before-its-events": "lost_tail",
    "one-topic-twice-on-its-way": "broker",
}
"""Those that show under one kind of faults above all, which is one run in seven or fewer."""

MUTANTS: Final[Mapping[str, tuple[type, str, object]]] = {
    "relay-advances-before-the-acknowledgement": (Relay, "_publish", _publish_and_hope),
    "recovery-skips-messages": (Relay, "_start", _start_at_the_end),
    "one-topic-twice-on-its-way": (Relay, "_window", _everything_at_once),
    "retained-is-not-said-again": (Relay, "_greet", _greet_nobody),
    "what-does-not-fit-is-dropped": (Relay, "hand_over", _forget_what_does_not_fit),
    "published-before-the-commit": (Runner, "_commit", _publish_first),
    "a-lost-reply-counts-as-written": (RedisJournal, "commit", _once),
    "position-ahead-of-the-commit": (RedisJournal, "commit", _move_the_feed_on),
    "take-over-without-the-tail": (Runner, "take_over", _take_over_cold),
    "follower-does-not-see-another-log": (RedisJournal, "read", _read_on),
    "relay-not-told-of-what-was-written-again": (Runner, "_hand_over_again", lambda *_: None),
    "an-answer-is-acknowledged-before-its-commit": (InstanceNode, "_take_in", _acknowledge_at_once),
    "an-answer-counts-twice": (PatientEngine, "handle", _believe_everybody),
    "nothing-is-fenced": (RedisModel, "_refused", lambda *_: None),
    "commits-are-not-fenced": (RedisModel, "_commit", _unfenced(_WRITE)),
    "epoch-is-reused": (RedisModel, "_acquire", _reuse_the_epoch),
    "tail-is-not-compared": (RedisModel, "_commit", _overwrite),
    "checkpoint-before-its-events": (RedisModel, "_commit", _write_state_first),
    "the-log-goes-before-it-is-archived": (RedisModel, "_trim", _trim_at_once),
    "messages-go-before-they-are-said": (RedisModel, "_trim", _trim_unsaid),
    "events-go-before-the-state-holds-them": (RedisModel, "_trim", _trim_needed),
    "open-requests-are-forgotten-at-a-take-over": (Errands, "fetch_from", _forget_requests),
    "who-follows-asks-too": (Runner, "follow", _do_while_following),
    "open-timers-are-forgotten-at-a-take-over": (PatientEngine, "pending", _forget_timers),
    "a-chain-answers-any-request": (ChainWait, "is_answered_by", _take_any_chain),
    "the-last-chain-counts": (ChainShelf, "is_over", _take_the_last),
    "what-came-behind-a-wait-is-lost": (ChainShelf, "end_wait", _lose_what_came_behind),
    "a-wait-is-not-in-the-state": (ChainShelf, "state", _save_no_wait),
}
"""By name: what is replaced, and by what."""


def is_caught(name: str | None, seed: int, kind: str | None = None) -> bool:
    """Run a seed with a mutant in place; None: with the product as it is."""
    with pytest.MonkeyPatch.context() as patch:
        if name is not None:
            patch.setattr(*MUTANTS[name])
        world = World(seed, kind)
        world.run()
        return bool(judge(world))


def first_caught(name: str | None, seeds: Iterable[int]) -> int | None:
    """Return the first of these seeds that notices a mutant."""
    kind = None if name is None else BY_KIND.get(name)
    return next((seed for seed in seeds if is_caught(name, seed, kind)), None)
