"""`alvh status`, `events`, `answer`, `record`: a running instance seen, and spoken to, from outside."""

import asyncio
import json
import logging
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from alvh.adapters.redis import Keys, RedisAddress, RedisLink
from alvh.app.addresses import redis_address
from alvh.errors import OutageError
from alvh.settings import EMBEDDED, Settings

T = TypeVar("T")
PAGE: Final = 256
FOLLOW_EVERY_S: Final = 0.2  # a person at a terminal takes this for at once
STATUS_EXPIRES_S: Final = 10  # a leader writes its status every second; what is this old is no leader's any more


def run(work: Callable[[RedisLink, Keys], Coroutine[Any, Any, T]], settings: Settings) -> T:
    """Run `work` against the log of an instance.

    Raises:
        OutageError: no daemon of this instance runs here, or its Redis is away.
    """
    # What is wrong is said once, by the command itself.
    logging.getLogger("alvh").setLevel(logging.CRITICAL)
    address = redis_address(settings)
    if settings.redis.url == EMBEDDED and not Path(address.url.removeprefix("unix://")).exists():
        raise OutageError(f"no daemon of instance {settings.instance} runs in {settings.var}; start one with: alvh run")
    return asyncio.run(_with_link(work, settings, address))


async def _with_link(
    work: Callable[[RedisLink, Keys], Coroutine[Any, Any, T]], settings: Settings, address: RedisAddress
) -> T:
    link = RedisLink(address)
    try:
        return await work(link, Keys(settings.instance))
    finally:
        await link.close()


def status(settings: Settings, *, as_json: bool) -> int:
    """Print what a person asks first; return 0 when a leader answers, else 1."""

    async def ask(link: RedisLink, keys: Keys) -> Mapping[str, Any] | None:
        found = await link.call("GET", keys.status)
        return None if found is None else json.loads(found)

    found = run(ask, settings)
    if found is None:
        raise OutageError(f"no leader of instance {settings.instance} has said anything for {STATUS_EXPIRES_S} s")
    if as_json:
        _print(json.dumps(found, indent=2))
        return 0
    for line in _status_lines(found):
        _print(line)
    return 0


def _status_lines(found: Mapping[str, Any]) -> list[str]:
    feed = found["feed"]
    lines = [f"instance {found['instance']}, alvh {found['version']}, leading under epoch {found['epoch']}"]
    if feed["simulated"]:
        lines.append("SIMULATED MARKET: no real price stands behind any number")
    lines.append("ready" if not found["not_ready"] else "NOT READY: " + "; ".join(found["not_ready"]))
    connections = ", ".join(
        f"{each['name']} {'connected' if each['is_connected'] else 'AWAY'}" for each in found["connections"]
    )
    note = f" ({feed['note']})" if feed["note"] else ""
    lines.append(f"connected to: feed {feed['kind']}{note}, {connections}")
    lines.append(f"newest close {found['session'] or '-'}, unacknowledged messages {found['pending_messages']}")
    lines.append("last quotes:")
    for quote in found["quotes"]:
        received = quote["received"]
        age = "" if received is None else f"received {max(0.0, time.time() - received):.0f} s ago"
        bad = "" if quote["quality"] == "ok" and quote["is_live"] else f"  NOT GOOD: {quote['quality']}"
        lines.append(f"  {quote['instrument']:<6} {quote['price']:>12,.2f}  {quote['time']}  {age}{bad}")
    for portfolio in found["portfolios"]:
        moves = ", ".join(
            f"{move['index']} {100 * move['move_ratio']:+.2f} %"
            if move["move_ratio"] is not None
            else f"{move['index']} -"
            for move in portfolio["moves"]
        )
        waiting = f", {portfolio['unanswered']} unanswered" if portfolio["unanswered"] else ""
        timer = f"soft {portfolio['timer']['soft']}, hard {portfolio['timer']['hard']}"
        lines.append(
            f"portfolio {portfolio['id']}: {portfolio['phase']}, "
            f"{portfolio['sessions_since_rebalance']} sessions since the last rebalance ({timer}), "
            f"moved {moves} of {100 * portfolio['threshold']:g} %{waiting}"
        )
    return lines


def events(settings: Settings, *, portfolio: str | None, start: int | None, follow: bool, as_json: bool) -> int:
    """Print adjustments from the outbox's history, then, if asked to, live ones."""

    async def show(link: RedisLink, keys: Keys) -> int:
        async for document in _adjustments(link, keys, follow=follow):
            if portfolio is not None and document["subject"] != portfolio:
                continue
            if start is not None and int(document["sequence"]) < start:
                continue
            if as_json:
                _print(json.dumps(document))
            else:
                _print(document["data"]["text"])
                _print(f"  id {document['id']}\n")
        return 0

    return run(show, settings)


async def _adjustments(link: RedisLink, keys: Keys, *, follow: bool) -> AsyncIterator[dict[str, Any]]:
    place = "0-0"
    while True:
        try:
            page = await link.call("XRANGE", keys.outbox, f"({place}", "+", "COUNT", PAGE)
        except OutageError:
            if not follow:
                raise
            await asyncio.sleep(1.0)
            continue
        for entry_id, fields in page:
            place = entry_id.decode()
            if fields[b"t"].endswith(b"/adjustment"):
                yield json.loads(fields[b"b"])
        if len(page) < PAGE:
            if not follow:
                return
            await asyncio.sleep(FOLLOW_EVERY_S)


def answer(settings: Settings, message_id: str, decision: str, *, by: str, reason: str | None) -> int:
    """Answer an adjustment, and wait until the leader has taken it.

    Raises:
        InputError: the answer would not count, with the reason.
        OutageError: no leader takes it.
    """
    from alvh.app.answering import answer_and_wait  # noqa: PLC0415 - loads the engine

    run(lambda link, keys: answer_and_wait(settings, link, keys, message_id, decision, by, reason), settings)
    _print(f"{message_id}: {decision} by {by}")
    return 0


def record(settings: Settings, out: Path, *, start: int, once: bool) -> int:
    """Write the log of a running instance as a tape, and beside it as a journal, until interrupted."""
    from alvh.app.recording import record_log  # noqa: PLC0415 - loads the engine's events

    run(lambda link, keys: record_log(link, keys, out, start=start, once=once), settings)
    return 0


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
