"""The model of Redis answers as Redis does, step by step, whatever is asked of it."""

import asyncio
from random import Random
from typing import Any

import pytest

from alvh.adapters.redis import Keys, RedisAddress, RedisLink
from alvh.adapters.redis.scripts import ACKNOWLEDGE, ACQUIRE, ARCHIVED, COMMIT, RELEASE, RENEW, TRIM, Script
from servers import redis_server
from simulation.redis_model import RedisModel, Word

KEYS = Keys("test")
STEPS = 1500
COMMIT_KEYS = (KEYS.journal, KEYS.outbox, KEYS.meta, KEYS.checkpoint, KEYS.signals, KEYS.signals_history)
TRIM_KEYS = (KEYS.journal, KEYS.outbox, KEYS.meta, KEYS.checkpoint)
LEASE_KEYS = (KEYS.lease, KEYS.meta)
QUESTIONS: tuple[tuple[Word, ...], ...] = (
    ("HGETALL", KEYS.meta),
    ("HGETALL", KEYS.retained),
    ("HGETALL", KEYS.signals),
    ("HMGET", KEYS.checkpoint, "seq", "state"),
    ("HGET", KEYS.meta, "relay"),
    ("XREVRANGE", KEYS.journal, "+", "-", "COUNT", 2),
    ("XRANGE", KEYS.outbox, "-", "+", "COUNT", 7),
    ("XRANGE", KEYS.journal, "4-0", "9-1", "COUNT", 3),
    ("XRANGE", KEYS.outbox, "3-2", "8"),
    ("XRANGE", KEYS.signals_history, "-", "+"),
)


class Asker:
    """Draws what two nodes could ask: mostly right, sometimes stale, repeated, too far on, or with other contents."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.tail = 0
        self.epochs = {"a": 0, "b": 0}
        self.last: list[Word] = []

    def draw(self) -> tuple[Script, tuple[str, ...], list[Word]]:  # noqa: PLR0911 - one for each script
        random = self.random
        who = random.choice("aab")
        match random.choices(range(7), (12, 3, 2, 2, 1, 2, 1))[0]:
            case 0:
                return COMMIT, COMMIT_KEYS, self._commit(who)
            case 1:
                place = f"{random.randint(0, self.tail + 1)}-{random.randint(1, 3)}"
                told: list[Word] = [self.epochs[who], who, place, "topic", f"{place} {random.random()}"]
                return ACKNOWLEDGE, (KEYS.meta, KEYS.retained), told
            case 2:
                known = random.choice((0, 0, 2_000_000_000))
                return ACQUIRE, LEASE_KEYS, [f"holder-{who}", 100_000, random.choice(("", "holder-a")), who, known]
            case 3:
                return RENEW, LEASE_KEYS, [self.epochs[who], f"holder-{who}", 100_000, random.choice((who, "c"))]
            case 4:
                return RELEASE, LEASE_KEYS, [self.epochs[who], f"holder-{who}"]
            case 5:
                bound = random.randint(0, self.tail + 2)
                return TRIM, TRIM_KEYS, [self.epochs[who], who, random.choice("001"), bound]
            case _:
                return ARCHIVED, (KEYS.meta,), [self.epochs[who], who, random.randint(0, self.tail), f"/of/{who}"]

    def _commit(self, who: str) -> list[Word]:
        random = self.random
        if self.last and random.random() < 0.2:
            return self.last
        first = self.tail + 1 + random.choices((0, 1, -1, -2), (20, 1, 1, 1))[0]
        first = max(1, first)
        events: list[Word] = [f"event {random.random()}" for _ in range(random.randint(0, 3))]
        messages: list[Word] = []
        for n in range(1, 1 + random.randint(0, 2) * bool(events)):
            messages += [f"{first}-{n}", "topic", f"body {random.random()}", n % 2]
        signals: list[Word] = [first, 2, "name", "value"] if events and random.random() < 0.3 else []
        self.last = [
            *(self.epochs[who], who, first, len(events), len(messages) // 4, len(signals) // 4, 10_000),
            *random.choice(((0, ""), (1, f"at {first}"))),
            *random.choice(((0, ""), (1, f"state {first}"))),
            *(*events, *messages, *signals),
        ]
        return self.last

    def learn(self, script: Script, arguments: list[Word], answer: list[bytes]) -> None:
        if script is ACQUIRE and answer[0] == b"ok":
            self.epochs[str(arguments[3])] = int(answer[1])
        if script is COMMIT and answer[0] == b"ok":
            self.tail = int(arguments[2]) + int(arguments[3]) - 1


@pytest.mark.parametrize("seed", range(4))
def test_the_model_answers_as_redis_does(seed: int) -> None:
    async def run(url: str) -> None:
        link = RedisLink(RedisAddress(url=url))
        asker, model = Asker(seed), RedisModel(lambda: 0.0)
        statuses: set[bytes] = set()
        for step in range(STEPS):
            script, keys, arguments = asker.draw()
            answer: list[Any] = await link.run(script, keys, *arguments)
            if script is ACQUIRE and answer[0] == b"ok":  # the one answer that depends on the time of day
                model.now_ms = lambda now=int(answer[1]) * 1000.0: now  # type: ignore[misc]  # mypy cannot infer it
            modelled = model.run(script, keys, arguments)
            if answer[0] == b"held":
                del answer[2], modelled[2]  # how long it is held yet, too
            assert modelled == answer, (seed, step, script.text[:40], arguments)
            statuses.add(answer[0])
            asker.learn(script, arguments, answer)
            question = asker.random.choice(QUESTIONS)
            assert model.call(*question) == await link.call(*question), (seed, step, question)
        assert statuses >= {b"ok", b"done", b"fenced", b"short", b"differs", b"held"}
        await link.close()

    with redis_server(fsync="no") as redis:
        asyncio.run(run(redis.unix_url))
