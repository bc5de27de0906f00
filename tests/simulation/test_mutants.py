"""The simulation finds what it is there for: each of these breaks the product in one place and is caught."""

import asyncio
from collections.abc import Sequence

import pytest

from alvh.adapters.redis import RedisJournal
from alvh.errors import OutageError
from alvh.shell.ports import Commit, OutboundMessage
from alvh.shell.relay import Relay
from alvh.shell.runner import Runner
from simulation.redis_model import RedisModel
from simulation.verdict import judge
from simulation.world import World

SEEDS = 150


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


async def _once(journal: RedisJournal, commit: Commit) -> Sequence[OutboundMessage]:
    """A commit without an answer counts as written."""
    try:
        return await _COMMIT(journal, commit)
    except OutageError:
        return ()


async def _take_over_cold(runner: Runner, epoch: int) -> str | None:
    """A leader begins where it happened to be, without looking at the log again."""
    runner._epoch = epoch
    return (await runner._patiently(runner._journal.recover)).position


_COMMIT = RedisJournal.commit


@pytest.mark.parametrize(
    ("target", "name", "mutant"),
    [
        pytest.param(Relay, "_publish", _publish_and_hope, id="relay-advances-before-the-acknowledgement"),
        pytest.param(Relay, "_start", _start_at_the_end, id="recovery-skips-messages"),
        pytest.param(RedisModel, "_refused", lambda *_: None, id="nothing-is-fenced"),
        pytest.param(RedisJournal, "commit", _once, id="a-lost-reply-counts-as-written"),
        pytest.param(Runner, "take_over", _take_over_cold, id="take-over-without-the-tail"),
        pytest.param(Runner, "_hand_over_again", lambda *_: None, id="relay-not-told-of-what-was-written-again"),
        pytest.param(RedisJournal, "_lost", RedisJournal._lost, id="nothing-is-broken"),
    ],
)
def test_a_broken_product_is_caught(
    target: type, name: str, mutant: object, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(target, name, mutant)
    for seed in range(SEEDS):
        world = World(seed, "lost_tail" if "written-again" in request.node.callspec.id else None)
        world.run()
        if judge(world):
            assert "nothing-is-broken" not in request.node.callspec.id
            return
    assert "nothing-is-broken" in request.node.callspec.id, f"{SEEDS} seeds, and nothing noticed"
