"""The archive of a running daemon: each day once, before it leaves Redis; the files and the log tell one story."""

import json
from itertools import pairwise
from pathlib import Path

import redis as client

from servers import mosquitto, redis_server, temporary_folder
from system.instance import Subscriber, alvh, daemon, walk_tape
from system.test_tape_to_wire import configured, until

SESSIONS = 30
SECONDS = 9.0  # of the run: retention goes its round each five


def parts(folder: Path) -> list[tuple[int, int]]:
    """First and last event of each file, in order."""
    names = sorted(path.name.removesuffix(".jsonl.gz") for path in folder.glob("journal-*.gz"))
    return [(int(first), int(last)) for _, first, last in (name.split("-") for name in names)]


def begins(log: client.Redis, stream: str) -> int:
    """The first event that a stream of Redis still has something of."""
    oldest: list[tuple[bytes, object]] = log.execute_command("XRANGE", f"{{alvh:main}}:{stream}", "-", "+", "COUNT", 1)  # type: ignore[no-untyped-call]  # the library's
    return int(oldest[0][0].partition(b"-")[0])


def test_a_day_is_archived_once_leaves_redis_and_is_replayed_from_the_files() -> None:
    """Killed and started on the way; then every source says the same bytes."""
    with redis_server() as server, mosquitto() as broker, temporary_folder() as folder:
        tape = walk_tape(folder / "tape", 51, sessions=SESSIONS, quotes=10)
        config = configured(folder, tape, server.url, broker.url, speed=f"{SESSIONS * 7 / 5 * 86_400 / SECONDS:.0f}")
        kept = folder / "kept"
        config.write_text(config.read_text() + f"history_days: 7\narchive: {kept}\n", encoding="utf-8")
        out = folder / "replay.jsonl"
        alvh("replay", tape, "--config", config, "--out", out, "--all")
        expected = out.read_bytes()
        adjustments = sum(b"hedge.adjustment" in line and b'"subject":"core"' in line for line in expected.splitlines())
        log = client.Redis.from_url(server.url)
        with Subscriber(broker.url) as subscriber, daemon(config, folder) as made:
            until(lambda: bool(parts(kept)), made)
            made.kill()
            made.start()
            until(lambda: len(parts(kept)) >= 2, made)
            until(lambda: subscriber.unique() != {} and _is_at_the_end(subscriber, expected), made)
            until(lambda: begins(log, "journal") > 1, made)
            made.stop()
        files = parts(kept)
        assert files[0][0] == 1
        assert all(first == last + 1 for (_, last), (first, _) in pairwise(files)), files
        assert begins(log, "outbox") > 1
        log.close()
        _all_sources_agree(config, folder, server.url, expected)
        shown = alvh("events", "--config", config, "--portfolio", "core", "--json").stdout.splitlines()
        assert [int(json.loads(line)["sequence"]) for line in shown] == list(range(1, adjustments + 1))


def _all_sources_agree(config: Path, folder: Path, url: str, expected: bytes) -> None:
    """The trimmed log with its archive, and the archive alone once all is in it."""
    out = folder / "again.jsonl"
    said = alvh("replay", url, "--config", config, "--out", out, "--all").stderr
    assert out.read_bytes() == expected
    assert f"{expected.count(bytes([10]))} messages of the log are what the replay says" in said
    done = alvh("archive", "--config", config).stdout
    assert "events added" in done
    assert alvh("archive", "--config", config).stdout.startswith("0 events added")
    alvh("replay", folder / "kept", "--config", config, "--out", out, "--all")
    assert out.read_bytes() == expected


def _is_at_the_end(subscriber: Subscriber, expected: bytes) -> bool:
    """Whether the newest message has arrived."""
    last = json.loads(expected.splitlines()[-1])
    return any(json.loads(body)["id"] == last["id"] for _, body in subscriber.arrived[-5:])


def test_without_a_folder_the_command_says_so() -> None:
    """A tape's log is kept whole in Redis where no archive is configured."""
    done = alvh("archive", check=False)
    assert done.returncode == 2
    assert "archive: expected a folder" in done.stderr
