"""A model of Redis as far as the log uses it: streams, hashes, the scripts, and what a failover leaves of them."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import Any

from alvh.adapters.redis import scripts
from alvh.adapters.redis.scripts import Script

Word = str | bytes | int
EntryId = tuple[int, int]
LAST: EntryId = (2**63, 2**63)


def _bytes(word: Word) -> bytes:
    return word if isinstance(word, bytes) else str(word).encode()


def _entry_id(text: str, *, missing: int) -> EntryId:
    seq, _, n = text.partition("-")
    return int(seq), int(n) if n else missing


def _place(value: bytes) -> EntryId:
    """The id in front of a retained message."""
    return _entry_id(value.split(b" ", 1)[0].decode(), missing=0)


class Stream:
    """Entries by id, rising."""

    def __init__(self) -> None:
        self.ids: list[EntryId] = []
        self.entries: list[list[bytes]] = []

    def copy(self) -> "Stream":
        other = Stream()
        other.ids, other.entries = self.ids.copy(), self.entries.copy()
        return other

    def add(self, entry_id: EntryId, fields: list[bytes]) -> None:
        assert not self.ids or entry_id > self.ids[-1], "XADD: an id at or below the last one"
        self.ids.append(entry_id)
        self.entries.append(fields)

    def between(self, first: EntryId, last: EntryId) -> list[tuple[EntryId, list[bytes]]]:
        begin, end = bisect_left(self.ids, first), bisect_right(self.ids, last)
        return list(zip(self.ids[begin:end], self.entries[begin:end], strict=True))

    def trim(self, first: EntryId) -> int:
        count = bisect_left(self.ids, first)
        del self.ids[:count], self.entries[:count]
        return count

    @property
    def newest(self) -> int:
        return self.ids[-1][0] if self.ids else 0


class Keyspace:
    """All keys of one server."""

    def __init__(self) -> None:
        self.streams: dict[str, Stream] = {}
        self.hashes: dict[str, dict[bytes, bytes]] = {}
        self.strings: dict[str, tuple[bytes, float]] = {}  # value, and when it expires (ms)

    def copy(self) -> "Keyspace":
        other = Keyspace()
        other.streams = {key: stream.copy() for key, stream in self.streams.items()}
        other.hashes = {key: fields.copy() for key, fields in self.hashes.items()}
        other.strings = self.strings.copy()
        return other

    def stream(self, key: str) -> Stream:
        return self.streams.setdefault(key, Stream())

    def fields(self, key: str) -> dict[bytes, bytes]:
        return self.hashes.setdefault(key, {})

    def number(self, key: str, field: bytes) -> int:
        return int(self.fields(key).get(field, b"0"))


class RedisModel:
    """A server: `now_ms` is its own wall clock, which may jump."""

    def __init__(self, now_ms: Callable[[], float]) -> None:
        self.now_ms = now_ms
        self.keys = Keyspace()
        self._scripts: dict[str, Callable[[Sequence[str], list[bytes]], list[bytes]]] = {
            scripts.COMMIT.digest: self._commit,
            scripts.ACKNOWLEDGE.digest: self._acknowledge,
            scripts.ACQUIRE.digest: self._acquire,
            scripts.RENEW.digest: self._renew,
            scripts.RELEASE.digest: self._release,
            scripts.TRIM.digest: self._trim,
            scripts.ARCHIVED.digest: self._archived,
        }

    def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Word]) -> list[bytes]:
        """Run a script, whole or not at all."""
        return self._scripts[script.digest](keys, [_bytes(word) for word in arguments])

    def call(self, *command: Word) -> Any:  # noqa: ANN401 - as the real link
        """Carry out one of the commands the adapters use."""
        name, key, *words = (word.decode() if isinstance(word, bytes) else str(word) for word in command)
        match name:
            case "HMGET":
                return [self.keys.fields(key).get(field.encode()) for field in words]
            case "HGET":
                return self.keys.fields(key).get(words[0].encode())
            case "HGETALL":
                return dict(self.keys.fields(key))
            case "XRANGE" | "XREVRANGE":
                return self._range(key, words, is_reverse=name == "XREVRANGE")
        raise AssertionError(f"the model knows no {name}")

    def _range(self, key: str, words: list[str], *, is_reverse: bool) -> list[tuple[bytes, dict[bytes, bytes]]]:
        first, last = reversed(words[:2]) if is_reverse else words[:2]
        low = (0, 0) if first == "-" else _entry_id(first, missing=0)
        high = LAST if last == "+" else _entry_id(last, missing=LAST[1])
        found = self.keys.stream(key).between(low, high)
        if is_reverse:
            found.reverse()
        limit = int(words[3]) if len(words) > 2 else len(found)
        return [
            (b"%d-%d" % entry_id, dict(zip(fields[::2], fields[1::2], strict=True)))
            for entry_id, fields in found[:limit]
        ]

    def _lease(self, key: str) -> bytes | None:
        value, expires = self.keys.strings.get(key, (None, 0.0))
        return value if self.now_ms() < expires else None

    def _refused(self, meta: dict[bytes, bytes], epoch: bytes, identity: bytes) -> list[bytes] | None:
        if (meta.get(b"epoch"), meta.get(b"leader")) == (epoch, identity):
            return None
        return [b"fenced", meta.get(b"epoch", b"")]

    def _commit(self, keys: Sequence[str], argv: list[bytes]) -> list[bytes]:
        journal, outbox = self.keys.stream(keys[0]), self.keys.stream(keys[1])
        meta, checkpoint = self.keys.fields(keys[2]), self.keys.fields(keys[3])
        first, events, messages, snapshots = (int(word) for word in argv[2:6])
        lines = argv[11 : 11 + events]
        at = 11 + events
        said = [argv[at + 4 * i : at + 4 * i + 4] for i in range(messages)]
        last = first + events - 1
        refused = self._refused(meta, argv[0], argv[1])
        if refused is not None:
            return refused
        tail = int(meta.get(b"tail", b"0"))
        if journal.newest != tail:
            return [b"torn", b"%d" % tail, b"%d" % journal.newest]
        if tail < first - 1:
            return [b"short", b"%d" % tail]
        if tail >= first:
            differs = self._written_before(journal, outbox, first, lines, said)
            if differs is None:
                meta[b"confirmed"] = b"%d" % last
            return differs or [b"done"]
        if outbox.newest > tail:
            return [b"torn", b"%d" % tail, b"%d" % outbox.newest]
        for seq, line in enumerate(lines, first):
            journal.add((seq, 1), [b"e", line, b"p", argv[0]])
        for message_id, topic, body, retained in said:
            outbox.add(_entry_id(message_id.decode(), missing=0), [b"t", topic, b"b", body, b"r", retained])
        meta[b"tail"] = b"%d" % last
        if argv[7] == b"1":
            meta[b"position"] = argv[8]
        if argv[9] == b"1":
            checkpoint.update({b"seq": b"%d" % last, b"state": argv[10]})
        at += 4 * messages
        for _ in range(snapshots):
            size = int(argv[at + 1])
            fields = argv[at + 2 : at + 2 + size]
            self.keys.stream(keys[5]).add((int(argv[at]), 1), fields)
            self.keys.hashes[keys[4]] = dict(zip(fields[::2], fields[1::2], strict=True))
            at += 2 + size
        return [b"ok"]

    def _written_before(
        self, journal: Stream, outbox: Stream, first: int, lines: list[bytes], said: list[list[bytes]]
    ) -> list[bytes] | None:
        last = first + len(lines) - 1
        stored = journal.between((first, 0), (last, 1))
        if len(stored) != len(lines):
            return [b"differs", b"%d-1" % first]
        for (entry_id, fields), line in zip(stored, lines, strict=True):
            if fields[1] != line:
                return [b"differs", b"%d-%d" % entry_id]
        stored = outbox.between((first, 0), (last, LAST[1]))
        if len(stored) != len(said):
            return [b"differs", b"%d-1" % first]
        for (entry_id, fields), wanted in zip(stored, said, strict=True):
            if [b"%d-%d" % entry_id, *fields[1::2]] != wanted:
                return [b"differs", b"%d-%d" % entry_id]
        return None

    def _acknowledge(self, keys: Sequence[str], argv: list[bytes]) -> list[bytes]:
        meta = self.keys.fields(keys[0])
        refused = self._refused(meta, argv[0], argv[1])
        if refused is not None:
            return refused
        tail = meta.get(b"tail", b"0")
        if _place(argv[2])[0] > int(tail):
            return [b"short", tail]
        old = _entry_id(meta.get(b"relay", b"0-0").decode(), missing=0)
        if _entry_id(argv[2].decode(), missing=0) > old:
            meta[b"relay"] = argv[2]
        retained = self.keys.fields(keys[1])
        for topic, value in zip(argv[3::2], argv[4::2], strict=True):
            if _place(value) > _place(retained.get(topic, b"0-0")):
                retained[topic] = value
        return [b"ok"]

    def _acquire(self, keys: Sequence[str], argv: list[bytes]) -> list[bytes]:
        holder, ttl_ms, dead, identity, known = argv
        held = self._lease(keys[0])
        if held is not None:
            under, _, other = held.partition(b"|")
            if other not in {dead, holder} and int(under) >= int(known):
                left = self.keys.strings[keys[0]][1] - self.now_ms()
                return [b"held", other, b"%d" % left, under]
        previous = max(self.keys.number(keys[1], b"epoch"), int(known))
        epoch = b"%d" % max(previous + 1, int(self.now_ms() // 1000))
        self.keys.fields(keys[1]).update({b"epoch": epoch, b"leader": identity})
        self.keys.strings[keys[0]] = (epoch + b"|" + holder, self.now_ms() + int(ttl_ms))
        return [b"ok", epoch]

    def _renew(self, keys: Sequence[str], argv: list[bytes]) -> list[bytes]:
        epoch, holder, ttl_ms, identity = argv
        refused = self._refused(self.keys.fields(keys[1]), epoch, identity)
        if refused is not None:
            return refused
        self.keys.strings[keys[0]] = (epoch + b"|" + holder, self.now_ms() + int(ttl_ms))
        return [b"ok"]

    def _release(self, keys: Sequence[str], argv: list[bytes]) -> list[bytes]:
        if self._lease(keys[0]) == argv[0] + b"|" + argv[1]:
            del self.keys.strings[keys[0]]
        return [b"ok"]

    def _trim(self, keys: Sequence[str], argv: list[bytes]) -> list[bytes]:
        meta = self.keys.fields(keys[2])
        refused = self._refused(meta, argv[0], argv[1])
        if refused is not None:
            return refused
        first = min(int(argv[3]), self.keys.number(keys[3], b"seq"), int(meta.get(b"tail", b"0")))
        if argv[2] == b"1":
            first = min(first, int(meta.get(b"archived", b"0")) + 1)
        said = _entry_id(meta.get(b"relay", b"0-0").decode(), missing=0)[0]
        events = self.keys.stream(keys[0]).trim((first, 0))
        messages = self.keys.stream(keys[1]).trim((min(first, said), 0))
        return [b"ok", b"%d" % events, b"%d" % messages]

    def _archived(self, keys: Sequence[str], argv: list[bytes]) -> list[bytes]:
        meta = self.keys.fields(keys[0])
        refused = self._refused(meta, argv[0], argv[1])
        if refused is not None:
            return refused
        if int(argv[2]) > int(meta.get(b"archived", b"0")):
            meta[b"archived"], meta[b"archive"] = argv[2], argv[3]
        return [b"ok"]
