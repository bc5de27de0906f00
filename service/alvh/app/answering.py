"""An answer from the command line: checked against the log, sent through the broker, and waited for."""

import asyncio
import json
import time
from typing import Final

import aiomqtt

from alvh.adapters.redis import Keys, RedisJournal, RedisLink
from alvh.app.addresses import broker_address
from alvh.app.inbox import answer as answer_event
from alvh.core.codec import decode
from alvh.core.engine import Engine
from alvh.core.events import Answer
from alvh.errors import InputError, OutageError
from alvh.settings import Settings
from alvh.settings_servers import EMBEDDED

WAIT_S: Final = 10.0  # a leader that is there takes an answer within milliseconds; a failover within this
POLL_S: Final = 0.1


async def answer_and_wait(
    settings: Settings, link: RedisLink, keys: Keys, message_id: str, decision: str, by: str, reason: str | None
) -> None:
    """Send an answer; return when the log has it.

    Raises:
        InputError: it would not count, with the reason.
        OutageError: no leader took it.
    """
    portfolio, _, rest = message_id.rpartition("-")
    portfolio, _, sequence = portfolio.rpartition("-")
    if not (portfolio and sequence.isdigit() and rest.isdigit()):
        raise InputError(f"{message_id}: expected a message id as <portfolio>-<sequence>-<time>")
    allowed = settings.mqtt.allowed_by
    if allowed is not None and by not in allowed:
        raise InputError(f"by: expected one of mqtt.allowed_by, got {by}")
    document = {"event_id": message_id, "decision": decision, "by": by, "reason": reason}
    event = answer_event(portfolio, document, time.time_ns(), message_id)
    engine, seq = await _folded(link, keys)
    refusal = engine.refusal_of(event)
    if refusal is not None:
        raise InputError(refusal.detail)
    await _send(settings, await _broker_url(settings, link, keys), portfolio, document)
    await _taken(link, keys, event, seq)


async def _folded(link: RedisLink, keys: Keys) -> tuple[Engine, int]:
    journal = RedisJournal(link, keys)
    found = await journal.recover()
    engine, seq = Engine(), 0
    if found.checkpoint is not None:
        engine.restore(found.checkpoint)
        seq = found.checkpoint_seq
    async for number, line in journal.read(seq):
        engine.handle(decode(line))
        seq = number
    return engine, seq


async def _broker_url(settings: Settings, link: RedisLink, keys: Keys) -> str | None:
    """Where the embedded broker is, by the leader's word; None for one that is configured."""
    if settings.mqtt.url != EMBEDDED:
        return None
    status = await link.call("GET", keys.status)
    if status is None:
        raise OutageError(f"no leader of instance {settings.instance} runs, which could take the answer")
    url: str = json.loads(status)["broker"]
    return url


async def _send(settings: Settings, embedded_url: str | None, portfolio: str, document: dict[str, str | None]) -> None:
    address = broker_address(settings, embedded_url)
    username, password = address.credentials
    topic = f"{settings.mqtt.topic_root}/{settings.instance}/portfolio/{portfolio}/answer"
    if settings.mqtt.allowed_by is not None:
        topic = f"{topic}/{document['by']}"
    try:
        async with aiomqtt.Client(
            address.host, address.port, username=username, password=password, tls_context=address.tls()
        ) as client:
            await client.publish(topic, json.dumps(document), qos=1)
    except aiomqtt.MqttError as error:
        raise OutageError(f"{address.place} does not take the answer: {error}") from error


async def _taken(link: RedisLink, keys: Keys, wanted: Answer, seq: int) -> None:
    journal = RedisJournal(link, keys)
    for _ in range(int(WAIT_S / POLL_S)):
        async for number, line in journal.read(seq):
            seq = number
            event = decode(line)
            if isinstance(event, Answer) and (event.event_id, event.decision, event.by) == (
                wanted.event_id, wanted.decision, wanted.by,
            ):  # fmt: skip
                return
        await asyncio.sleep(POLL_S)
    raise OutageError(f"no leader took the answer within {WAIT_S:g} s; ask alvh status")
