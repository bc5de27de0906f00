"""A simulated year through the real daemon: Redis holds what the kept days take, and each day is archived."""

import json
import sys
import time
import urllib.request
from datetime import date, timedelta

import pytest
import redis as client

from alvh.adapters.redis import archived_lines
from servers import mosquitto, redis_server, temporary_folder
from system.instance import Daemon, alvh, daemon
from system.test_inbound import page_of

START = date(2025, 1, 2)
PATIENCE_S = 3000.0
EVERY = timedelta(days=30)


def session_of(made: Daemon) -> date | None:
    """The newest session whose close was evaluated."""
    try:
        with urllib.request.urlopen(page_of(made) + "/api/status", timeout=30) as answer:
            session = json.loads(answer.read())["session"]
    except (OSError, IndexError):
        return None
    return None if session is None else date.fromisoformat(session)


def memory_over(sessions: timedelta, history_days: int) -> dict[str, int]:
    """Run the simulator for so long; return what Redis used, in bytes, at the end of each month (its day: bytes)."""
    used: dict[str, int] = {}
    with redis_server() as redis, mosquitto() as broker, temporary_folder() as folder:
        config = folder / "alvh.yaml"
        config.write_text(
            f"feed: {{kind: simulated, session_s: 0}}\nhistory_days: {history_days}\narchive: {folder}/kept\n"
            f"redis: {{url: '{redis.url}'}}\nmqtt: {{url: '{broker.url}'}}\nhttp: {{port: 0}}\n",
            encoding="utf-8",
        )
        log = client.Redis.from_url(redis.url)
        due = START + EVERY
        with daemon(config, folder) as made:
            while due <= START + sessions:
                assert made.is_running, made.log.read_text()
                time.sleep(0.5)
                reached = session_of(made)
                if reached is not None and reached >= due:
                    memory: dict[str, int] = log.info("memory")
                    used[str(reached)] = memory["used_memory"]
                    due += EVERY
            made.stop()
        first: list[tuple[bytes, object]] = log.execute_command("XRANGE", "{alvh:main}:journal", "-", "+", "COUNT", 1)  # type: ignore[no-untyped-call]  # the library's
        log.close()
        alvh("archive", "--config", config)
        kept = [seq for seq, _ in archived_lines(folder / "kept")]
        assert kept == list(range(1, len(kept) + 1))
        assert int(first[0][0].partition(b"-")[0]) > 1
    return used


@pytest.mark.long
@pytest.mark.timeout(PATIENCE_S)
def test_memory_over_a_year_is_that_of_the_days_kept() -> None:
    used = memory_over(timedelta(days=365), 30)
    sys.stdout.write(f"used_memory of Redis, bytes: {used}\n")
    months = list(used.values())
    assert len(months) == 12
    # Thirty days, and what a market at full speed writes until the archive's next round: as much late in the year as
    # early, where a log that is kept whole is twice as long by then.
    assert max(months[6:]) < 1.6 * max(months[:6])
