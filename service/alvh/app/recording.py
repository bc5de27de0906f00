"""`alvh record`: the journal of a running instance, written as a tape and, to the last bit, as a journal file."""

import asyncio
import signal
import sys
from pathlib import Path
from typing import Final

from alvh.adapters.recorder import TapeRecorder
from alvh.adapters.redis import Keys, RedisJournal, RedisLink, known_archive
from alvh.core.codec import decode
from alvh.core.engine import Engine
from alvh.core.events import Calendar
from alvh.core.sessions import SessionCalendar
from alvh.errors import InputError, OutageError

FOLLOW_EVERY_S: Final = 0.2
JOURNAL_FILE: Final = "journal.jsonl"


async def record_log(link: RedisLink, keys: Keys, out: Path, *, start: int, once: bool) -> None:
    """Write events from number `start` on into the folder `out`, until interrupted or, with `once`, to the log's end.

    The tape holds what a tape can say; `journal.jsonl` beside it holds every event, for a replay to the last byte.

    Raises:
        InputError: the folder holds another recording.
        OutageError: Redis is away, or the log is empty.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    archive = await known_archive(link, keys)
    journal = RedisJournal(link, keys, archive=archive)
    calendar = await _calendar(journal)
    path = out / JOURNAL_FILE
    count = 0
    with TapeRecorder(out, calendar) as tape:
        if path.exists():
            raise InputError(f"{path}: expected a folder without a recording")
        with path.open("wb") as lines:
            seq = start - 1 if archive is not None else await _begin(link, keys, start)
            while not stopping.is_set():
                async for event_seq, line in journal.read(seq):
                    seq, count = event_seq, count + 1
                    lines.write(line + b"\n")
                    tape.record(decode(line))
                lines.flush()
                if once:
                    break
                try:
                    async with asyncio.timeout(FOLLOW_EVERY_S):
                        await stopping.wait()
                except TimeoutError:
                    continue
    sys.stderr.write(f"{count} events, {tape.skipped_count} of them no tape can hold\n")


async def _begin(link: RedisLink, keys: Keys, start: int) -> int:
    """The event behind which to begin: the one before `start`, or the oldest one that a trimmed log still has."""
    page = await link.call("XRANGE", keys.journal, "-", "+", "COUNT", 1)
    oldest = int(page[0][0].partition(b"-")[0]) if page else 1
    if oldest == 1 or start > oldest:
        return start - 1
    sys.stderr.write(f"the log was trimmed: recording from event {oldest + 1} on\n")
    return oldest


async def _calendar(journal: RedisJournal) -> SessionCalendar:
    """The sessions in force at the newest checkpoint, or, before the first, at the log's beginning."""
    found = await journal.recover()
    if found.checkpoint is not None:
        engine = Engine()
        engine.restore(found.checkpoint)
        if engine.calendar is not None:
            return SessionCalendar(engine.calendar.sessions)
    async for _, line in journal.read(0):
        event = decode(line)
        if isinstance(event, Calendar):
            return SessionCalendar(event.sessions)
    raise OutageError("the log is empty: nothing to record yet")
