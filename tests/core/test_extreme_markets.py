"""Whatever numbers a feed sends, the engine takes or refuses them: no exception, no NaN, no gap in the numbers."""

import json
import warnings
from random import Random

import pytest

from alvh.core.codec import decode, encode
from alvh.core.engine import Engine
from alvh.core.events import Answer
from alvh.errors import JournalError
from core.conditions import published
from core.extreme_markets import portfolio, sessions
from core.hedge.quoted_desk import engine


def refuse_constant(word: str) -> None:
    raise AssertionError(f"{word} in a message")


def run(seed: int) -> int:
    """Let an engine see the market of a seed; return how many adjustments it sent."""
    random = Random(seed)
    made, sent, newest = engine(portfolio(random)), 0, ""
    for event in sessions(random, random.choice([5, 15, 30]), random.choice([0.02, 0.1, 0.5])):
        try:
            read = decode(encode(event))
        except (ValueError, JournalError):
            continue  # the log has no word for it, so no feed may commit it
        for message in published(made.handle(read)):
            data = json.loads(message.body, parse_constant=refuse_constant)["data"]
            if "reason_codes" in data:
                sent, newest = sent + 1, data["event_id"]
                assert int(newest.split("-")[1]) == sent
        if newest and random.random() < 0.05:
            at, decision = event.ts_event, random.choice(["accept", "executed", "reject"])
            made.handle(Answer(ts_event=at, ts_recv=at, portfolio="core", event_id=newest, decision=decision,
                               by=random.choice("ab"), reason="because"))  # fmt: skip
        if random.random() < 0.01:
            checkpoint, other = made.checkpoint(), Engine()
            other.restore(checkpoint)
            assert other.checkpoint() == checkpoint
            made = other
    return sent


def run_all(seeds: range) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)  # numpy's: a number that is none is on its way
        assert sum(run(seed) for seed in seeds) > len(seeds)


def test_no_number_of_a_feed_ends_the_engine() -> None:
    run_all(range(6))


@pytest.mark.long
@pytest.mark.parametrize("block", range(20))
def test_no_number_of_a_feed_ends_the_engine_in_many_markets(block: int) -> None:
    run_all(range(1000 + 50 * block, 1050 + 50 * block))
