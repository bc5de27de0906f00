"""The archive: events and messages of the log as compressed files, written so that a file with its name is whole."""

import asyncio
import fcntl
import gzip
import json
import os
import re
import zlib
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from alvh.adapters.redis.keys import Keys
from alvh.adapters.redis.link import RedisLink
from alvh.core.codec import decode
from alvh.core.events import Event
from alvh.errors import ArchiveError, InputError, JournalError, OtherArchiveError
from alvh.shell.ports import OutboundMessage

PAGE: Final = 256  # entries read at first; while they are small, twice as many each time
# A page waits for its turn behind whole batches of a busy leader, so a feed at full speed would outrun small ones. This
# much is held at a time; quotes have some 100 bytes, a chain some 100 kB.
PAGE_BYTES: Final = 1024 * 1024
# A file is written by the day at most, and by this much where a day has more: so much is read again where writing it
# was interrupted, and so much is held by who reads it back.
PART_EVENTS: Final = 100_000
PART_BYTES: Final = 64 * 1024 * 1024
_LONGEST_LINE: Final = PART_BYTES  # no event has a fraction of it; what unpacks to more must not fill memory
_COMPRESSION: Final = 6  # a tenth of the size for quotes; more costs time and gains a hundredth
_NAME: Final = re.compile(r"journal-(\d+)-(\d+)\.jsonl\.gz")
_BODY: Final = b',"body":'
_HEAD: Final = re.compile(rb'\["(\w+)",(-?\d+),')
# What the market says carries the market's time; answers and observations on a tape carry ours.
_MARKET: Final = frozenset({b"Quote", b"SessionClose", b"FuturesCurve"})


class _Part(NamedTuple):
    first_seq: int
    last_seq: int
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Archived:
    """What one run added to an archive.

    Attributes:
        last_seq: the last event that stands in the archive now, 0 where there is none.
        events: how many were added.
        files: the files that were written, in order.
    """

    last_seq: int
    events: int
    files: Sequence[Path]


def market_time(line: bytes) -> int | None:
    """Return the market's time (ns UTC) in an encoded event, None where it carries another's."""
    head = _HEAD.match(line)
    return int(head[2]) if head is not None and head[1] in _MARKET else None


async def archive_log(link: RedisLink, keys: Keys, folder: Path, *, before_ns: int | None = None) -> Archived:
    """Add what the archive in `folder` lacks of the log: `journal-<first>-<last>.jsonl.gz` and `outbox-...` beside it.

    Each file is written under another name, flushed to the disk, read back and compared before it gets its own. It
    begins behind the archive's last event, or where the log begins. It may be interrupted at any time and run by
    anyone who can read the log.

    Args:
        link: the way to Redis.
        keys: names of the instance.
        folder: the archive; made where it is missing.
        before_ns: stop at the first event of the market that is not older (ns UTC); None for everything.

    Raises:
        InputError: the folder cannot be used, or a file in it cannot be read.
        OtherArchiveError: the folder holds another log's archive, or events that this log has lost.
        ArchiveError: a file cannot be written, or another process adds to this archive now.
        OutageError: Redis is away.
        JournalError: the log has a hole.
    """
    with await asyncio.to_thread(_locked, folder):
        return await _archived(link, keys, folder, before_ns)


async def _archived(link: RedisLink, keys: Keys, folder: Path, before_ns: int | None) -> Archived:
    tail, begin = int(await link.call("HGET", keys.meta, "tail") or 0), await _begin(link, keys)
    last = await _continued(link, keys, folder, tail)
    first = max(last + 1, begin)
    files: list[Path] = []
    while first <= tail:
        part = await _written(link, keys, folder, _Range(first, tail, before_ns))
        if part is None:
            break
        files.append(part.path)
        last, first = part.last_seq, part.last_seq + 1
    events = sum(_part(path).last_seq - _part(path).first_seq + 1 for path in files)
    return Archived(last_seq=last, events=events, files=files)


async def known_archive(link: RedisLink, keys: Keys) -> Path | None:
    """Return the folder in which the leader keeps what has left Redis, if it is here and holds this log's.

    Raises:
        OtherArchiveError: it holds another log's.
        OutageError: Redis is away.
    """
    named, tail = await link.call("HMGET", keys.meta, "archive", "tail")
    folder = Path(named.decode()) if named else None
    if folder is None or not await asyncio.to_thread(is_archive, folder):
        return None
    await _continued(link, keys, folder, int(tail or 0))
    return folder


def archived_lines(folder: Path, *, after_seq: int = 0, until_seq: int | None = None) -> Iterator[tuple[int, bytes]]:
    """Yield (seq, encoded event) of an archive from behind `after_seq` on, in order; files may overlap.

    Raises:
        InputError: an event is missing, or a file cannot be read.
    """
    last = after_seq
    for part in _parts(folder):
        if part.last_seq <= last or (until_seq is not None and part.first_seq > until_seq):
            continue
        if part.first_seq > last + 1:
            raise InputError(f"{folder}: event {last + 1} is missing, {part.path.name} begins with {part.first_seq}")
        for seq, line in enumerate(_lines(part.path), part.first_seq):
            if until_seq is not None and seq > until_seq:
                return
            if seq > last:
                yield seq, line
        last = part.last_seq


def archived_events(folder: Path) -> Iterator[Event]:
    """Yield the events of an archive from the log's first on, in order, for `alvh replay`.

    Raises:
        InputError: there is no archive, it does not begin with event 1, or a file cannot be read.
    """
    is_empty = True
    for seq, line in archived_lines(folder):
        try:
            yield decode(line)
        except JournalError as error:
            raise InputError(f"{folder}: event {seq}: expected an event of a journal: {error}") from error
        is_empty = False
    if is_empty:
        raise InputError(f"{folder}: expected an archive (journal-<first>-<last>.jsonl.gz), found none")


def archived_messages(folder: Path) -> Iterator[OutboundMessage]:
    """Yield the messages of an archive in order, with the bytes they went out with; files may overlap.

    Raises:
        InputError: a file cannot be read.
    """
    last = (0, 0)
    for path in sorted(folder.glob("outbox-*.jsonl.gz")):
        for line in _lines(path):
            at = line.index(_BODY)
            known = json.loads(line[:at] + b"}")
            seq, _, n = known["id"].partition("-")
            if (int(seq), int(n)) > last:
                last = (int(seq), int(n))
                body = line[at + len(_BODY) : -1]
                yield OutboundMessage(
                    message_id=known["id"], topic=known["topic"], body=body, retained=known["retained"]
                )


def is_archive(folder: Path) -> bool:
    """Whether there are files of an archive in `folder`."""
    return folder.is_dir() and bool(_parts(folder))


class _Range(NamedTuple):
    """What a file is to hold: events from `first` to `tail` at most, and of the market only what is old enough."""

    first: int
    tail: int
    before_ns: int | None


async def _begin(link: RedisLink, keys: Keys) -> int:
    oldest = await link.call("XRANGE", keys.journal, "-", "+", "COUNT", 1)
    return _seq(oldest[0][0]) if oldest else 1


async def _continued(link: RedisLink, keys: Keys, folder: Path, tail: int) -> int:
    """Return the last event of the archive, having seen that it is this log's archive."""
    parts = await asyncio.to_thread(_parts, folder)
    if not parts:
        return 0
    newest = max(parts, key=lambda part: part.last_seq)
    if newest.last_seq > tail:
        raise OtherArchiveError(f"{folder}: {newest.path.name} is another log's: this one ends with event {tail}")
    found = await link.call("XRANGE", keys.journal, f"{newest.last_seq}-1", f"{newest.last_seq}-1")
    if found:
        line = await asyncio.to_thread(_last_line, newest.path)
        if line != found[0][1][b"e"]:
            raise OtherArchiveError(f"{folder}: {newest.path.name} is another log's: event {newest.last_seq} differs")
    return newest.last_seq


async def _written(link: RedisLink, keys: Keys, folder: Path, wanted: _Range) -> _Part | None:
    """Write one file of events and the one of the messages they caused; None where nothing is old enough."""
    journal, outbox = _Writing(folder, "journal"), _Writing(folder, "outbox")
    try:
        await asyncio.to_thread(journal.open)
        async for lines in _events(link, keys, wanted):
            await asyncio.to_thread(journal.write, lines)
            if journal.count >= PART_EVENTS or journal.size >= PART_BYTES:
                break
        if journal.count == 0:
            return None
        last = wanted.first + journal.count - 1
        await asyncio.to_thread(outbox.open)
        async for lines in _messages(link, keys, wanted.first, last):
            await asyncio.to_thread(outbox.write, lines)
        await asyncio.to_thread(outbox.finish, wanted.first, last)
        path = await asyncio.to_thread(journal.finish, wanted.first, last)
        return _Part(wanted.first, last, path)
    except OSError as error:
        raise ArchiveError(f"archive {folder}: cannot be written: {error.strerror or error}") from error
    finally:
        journal.drop()
        outbox.drop()


async def _events(link: RedisLink, keys: Keys, wanted: _Range) -> AsyncIterator[list[bytes]]:
    seq, count = wanted.first, PAGE
    while seq <= wanted.tail:
        page = await link.call("XRANGE", keys.journal, f"{seq}-0", f"{wanted.tail}-1", "COUNT", count)
        lines: list[bytes] = []
        for entry_id, fields in page:
            if _seq(entry_id) != seq:
                raise JournalError(f"redis: event {seq} is missing from the journal")
            time = market_time(fields[b"e"])
            if wanted.before_ns is not None and time is not None and time >= wanted.before_ns:
                yield lines
                return
            lines.append(fields[b"e"])
            seq += 1
        if not lines:
            raise JournalError(f"redis: event {seq} is missing from the journal")
        size = sum(map(len, lines))
        count = max(1, 2 * count if 2 * size <= PAGE_BYTES else PAGE_BYTES * len(lines) // size)
        yield lines


async def _messages(link: RedisLink, keys: Keys, first: int, last: int) -> AsyncIterator[list[bytes]]:
    """Yield messages as JSON lines `{"id", "topic", "retained", "body"}`, the body with the bytes it went out with."""
    place = f"{first}-0"
    while True:
        page = await link.call("XRANGE", keys.outbox, place, f"{last}", "COUNT", PAGE)
        lines = []
        for entry_id, fields in page:
            known = {"id": entry_id.decode(), "topic": fields[b"t"].decode(), "retained": fields[b"r"] == b"1"}
            lines.append(json.dumps(known, separators=(",", ":")).encode()[:-1] + _BODY + fields[b"b"] + b"}")
        yield lines
        if len(page) < PAGE:
            return
        seq, _, n = page[-1][0].decode().partition("-")
        place = f"{seq}-{int(n) + 1}"


class _Writing:
    """A file on its way: under a temporary name until it is known to be whole."""

    def __init__(self, folder: Path, kind: str) -> None:
        self._folder = folder
        self._kind = kind
        self._path = folder / f".{kind}.{os.getpid()}.part"
        self._file: gzip.GzipFile | None = None
        self._digest = sha256()
        self.count = 0
        self.size = 0

    def open(self) -> None:
        # a file is the same for the same events, whenever it is written
        self._file = gzip.GzipFile(self._path, "wb", compresslevel=_COMPRESSION, mtime=0)

    def write(self, lines: Sequence[bytes]) -> None:
        assert self._file is not None, "open comes first"
        for line in lines:
            self._file.write(line + b"\n")
            self._digest.update(line + b"\n")
            self.size += len(line)
        self.count += len(lines)

    def finish(self, first: int, last: int) -> Path:
        """Flush, read back, compare, and give the file its name."""
        assert self._file is not None, "open comes first"
        self._file.close()
        self._file = None
        _flush(self._path)
        stored = sha256()
        for line in _lines(self._path):
            stored.update(line + b"\n")
        if stored.digest() != self._digest.digest():
            raise OSError(f"{self._path} does not hold what was written")
        path = self._path.replace(self._folder / f"{self._kind}-{first:012}-{last:012}.jsonl.gz")
        _flush(self._folder)
        return path

    def drop(self) -> None:
        if self._file is not None:
            self._file.close()
        self._path.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _holding(lock: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(lock)


def _locked(folder: Path) -> AbstractContextManager[None]:
    """Make the folder, keep others from adding to it, and clear away what one that was killed has left."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise InputError(f"{folder}: cannot be used as an archive: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for left in folder.glob(".*.part"):
            left.unlink(missing_ok=True)
    except BlockingIOError:
        os.close(lock)
        raise ArchiveError(f"archive {folder}: another process adds to it") from None
    except OSError as error:
        os.close(lock)
        raise ArchiveError(f"archive {folder}: cannot be written: {error.strerror or error}") from error
    return _holding(lock)


def _parts(folder: Path) -> list[_Part]:
    return sorted(_part(path) for path in folder.iterdir() if _NAME.fullmatch(path.name))


def _part(path: Path) -> _Part:
    found = _NAME.fullmatch(path.name)
    assert found is not None, path
    return _Part(int(found[1]), int(found[2]), path)


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with gzip.open(path, "rb") as file:
            for line in iter(partial(file.readline, _LONGEST_LINE), b""):
                yield line.removesuffix(b"\n")
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error


def _last_line(path: Path) -> bytes:
    last = b""
    for line in _lines(path):
        last = line
    return last


def _seq(entry_id: bytes) -> int:
    return int(entry_id.partition(b"-")[0])
