"""What can be replayed beside a tape: a log in Redis, held against what it has sent; journals, whole and broken."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis as client

from servers import RedisServer, mosquitto, redis_server, temporary_folder
from system.instance import Subscriber, alvh, daemon, walk_tape
from system.test_tape_to_wire import configured, until


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A daemon's finished run over a tape: where its log is, and what a replay of the tape says."""

    server: RedisServer
    config: Path
    folder: Path
    expected: bytes


@pytest.fixture(scope="module")
def ran() -> Iterator[Ran]:
    """A log of forty sessions, with the journal recorded from it."""
    with redis_server() as server, mosquitto() as broker, temporary_folder() as folder:
        tape = walk_tape(folder / "tape", 41, sessions=40, quotes=8)
        config = configured(folder, tape, server.url, broker.url)
        alvh("replay", tape, "--config", config, "--out", folder / "tape.jsonl", "--all")
        expected = (folder / "tape.jsonl").read_bytes()
        with Subscriber(broker.url) as subscriber, daemon(config, folder) as made:
            until(lambda: len(subscriber.arrived) > expected.count(b"\n"), made)
        alvh("record", "--config", config, "--out", folder / "recorded", "--once")
        yield Ran(server=server, config=config, folder=folder, expected=expected)


def replayed(ran: Ran, source: str | Path, *options: str, check: bool = True) -> tuple[int, str, bytes]:
    """Exit code, standard error and output of a replay."""
    out = ran.folder / "out.jsonl"
    out.unlink(missing_ok=True)
    done = alvh("replay", source, "--config", ran.config, "--out", out, "--all", *options, check=check)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr, out.read_bytes() if out.exists() else b""


def test_log_in_redis_replays_to_the_tape_s_messages(ran: Ran) -> None:
    """Over TCP and over the unix socket; all of its messages were compared."""
    count = ran.expected.count(b"\n")
    for url in (ran.server.url, f"{ran.server.unix_url}?db=0"):
        _, said, out = replayed(ran, url)
        assert out == ran.expected
        assert f"{count} messages of the log are what the replay says" in said


def test_a_redis_that_is_slow_to_answer_is_asked_again(ran: Ran) -> None:
    """Longer than one command may take, as on a machine that does too much else."""
    client.Redis.from_url(ran.server.url).client_pause(5500)
    assert replayed(ran, ran.server.url)[2] == ran.expected


def test_signals_of_every_source_are_the_same(ran: Ran) -> None:
    """Tape, recorded journal and log in Redis give one table."""
    tables = []
    sources: list[str | Path] = [ran.folder / "tape", ran.folder / "recorded" / "journal.jsonl", ran.server.url]
    for number, source in enumerate(sources):
        out = ran.folder / f"{number}.csv"
        alvh("signals", source, "--config", ran.config, "--out", out)
        tables.append(out.read_bytes())
    assert tables[0].count(b"\n") == 41
    assert tables[0] == tables[1] == tables[2]


@pytest.mark.parametrize("change", ["other", "missing", "last missing", "more"])
def test_first_difference_from_the_log_is_named(ran: Ran, change: str) -> None:
    """Another content, a message too few, one too many: exit code 1, the first one by its id, and no output."""
    log = client.Redis.from_url(ran.server.url)
    outbox, copy = "{alvh:main}:outbox", "{alvh:main}:outbox-as-it-was"
    entries: list[tuple[bytes, dict[bytes, bytes]]] = log.execute_command("XRANGE", outbox, "-", "+")  # type: ignore[no-untyped-call]  # the library's
    log.copy(outbox, copy)
    place = len(entries) - 1 if change == "last missing" else len(entries) // 2
    while change == "more" and entries[place + 1][0].partition(b"-")[0] == entries[place][0].partition(b"-")[0]:
        place += 1  # one more stands behind the last message of its event
    message_id, fields = entries[place]
    if change == "other":
        at = fields[b"b"].index(b'"time":"20') + 10
        entries[place] = message_id, {**fields, b"b": fields[b"b"][:at] + b"99" + fields[b"b"][at + 2 :]}
    elif change == "more":
        message_id += b"7"
        entries.insert(place + 1, (message_id, fields))
    else:
        del entries[place]
    log.delete(outbox)
    for each_id, each in entries:
        flat = [part for pair in each.items() for part in pair]
        log.execute_command("XADD", outbox, each_id, *flat)  # type: ignore[no-untyped-call]  # the library's
    try:
        code, said, out = replayed(ran, ran.server.url, check=False)
    finally:
        log.rename(copy, outbox)
        log.close()
    assert (code, out) == (1, b"")
    assert f"message {message_id.decode()}" in said.splitlines()[-1]


def test_what_was_trimmed_from_the_outbox_is_not_missed(ran: Ran) -> None:
    """Old messages leave Redis; the rest is still compared."""
    log = client.Redis.from_url(ran.server.url)
    outbox, copy = "{alvh:main}:outbox", "{alvh:main}:outbox-as-it-was"
    log.copy(outbox, copy)
    log.xtrim(outbox, maxlen=10, approximate=False)
    try:
        _, said, out = replayed(ran, ran.server.url)
    finally:
        log.rename(copy, outbox)
        log.close()
    assert out == ran.expected
    assert "10 messages of the log" in said


def test_log_without_its_beginning_is_bad_input(ran: Ran) -> None:
    """A journal that was trimmed cannot be folded."""
    log = client.Redis.from_url(ran.server.url)
    journal, copy = "{alvh:main}:journal", "{alvh:main}:journal-as-it-was"
    log.copy(journal, copy)
    log.xtrim(journal, maxlen=100, approximate=False)
    try:
        code, said, out = replayed(ran, ran.server.url, check=False)
    finally:
        log.rename(copy, journal)
        log.close()
    assert (code, out) == (2, b"")
    assert "first event" in said


def test_log_that_is_not_there(ran: Ran, tmp_path: Path) -> None:
    """Another instance's name is bad input; a Redis that does not answer is a failure; no secret is shown."""
    other = tmp_path / "other.yaml"
    other.write_text("instance: nobody\n")
    done = alvh("replay", ran.server.url, "--config", other, "--out", tmp_path / "x", check=False)
    assert done.returncode == 2
    assert "nobody" in done.stderr
    for source in ("redis://:hunter2@127.0.0.1:1/0", "unix:///nowhere/redis.sock"):
        done = alvh("replay", source, "--out", tmp_path / "x", check=False)
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
        assert "hunter2" not in done.stderr
    assert not (tmp_path / "x").exists()


def test_compressed_journal_is_the_same(ran: Ran, tmp_path: Path) -> None:
    """`.jsonl.gz`."""
    packed = tmp_path / "journal.jsonl.gz"
    packed.write_bytes(gzip.compress((ran.folder / "recorded" / "journal.jsonl").read_bytes()))
    assert replayed(ran, packed)[2] == ran.expected


def broken_journals(journal: bytes) -> dict[str, bytes]:
    """Files that are no whole journal."""
    lines = journal.splitlines(keepends=True)
    packed = gzip.compress(journal)
    return {
        "empty.jsonl": b"",
        "blank.jsonl": b"\n\n",
        "cut.jsonl": journal[: len(journal) // 2],
        "middle.jsonl": b"".join(lines[100:]),
        "letters.jsonl": lines[0] + b"hello\n",
        "unknown.jsonl": lines[0] + b'["Rumour",1,1]\n',
        "types.jsonl": lines[0] + json.dumps({"kind": 1}).encode() + b"\n",
        "binary.jsonl": bytes(range(256)),
        "empty.jsonl.gz": b"",
        "cut.jsonl.gz": packed[: len(packed) // 2],
        "spoilt.jsonl.gz": packed[:200] + b"\0\0\0\0" + packed[204:],
        "plain.jsonl.gz": journal,
    }


def test_broken_journals_are_bad_input(ran: Ran, tmp_path: Path) -> None:
    """Exit code 2, one line that names the file, nothing written."""
    journal = (ran.folder / "recorded" / "journal.jsonl").read_bytes()
    for name, content in broken_journals(journal).items():
        path = tmp_path / name
        path.write_bytes(content)
        code, said, out = replayed(ran, path, check=False)
        assert (code, out) == (2, b""), name
        (line,) = said.splitlines()
        assert str(path) in line
    assert replayed(ran, tmp_path / "missing.jsonl", check=False)[0] == 2
