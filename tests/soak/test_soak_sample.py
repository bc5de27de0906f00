"""A sample of the soak: a few weeks through the real stack; `make soak` runs a year. And its judges, on paper."""

from dataclasses import replace

from servers import program
from soak.samples import Sample, faults
from soak.year import START, expected_closes, run

FLAT = Sample(
    sessions=0, daemon_mb=120.0, redis_mb=20.0, log_mb=8.0, descriptors=20, threads=9, tasks=20, connections=6
)


def test_weeks_of_sessions_close_once_and_in_time() -> None:
    """From July 2024 on, with the early close of the third."""
    for name in ("redis-server", "mosquitto"):
        program(name)
    outcome = run("simulated", 6)
    assert outcome.faults == []
    assert outcome.early_closes == 1


def test_a_year_of_closes_has_both_clocks_and_early_ones() -> None:
    """What the soak compares with is the exchange's library, not our table."""
    clocks = [close.partition("T")[2] for _, close in expected_closes(252, START)]
    assert set(clocks) == {"20:00:00Z", "21:00:00Z", "17:00:00Z", "18:00:00Z"}


def test_growth_is_seen() -> None:
    """A leak of 50 MB a year, and one descriptor that is not given back now and then."""
    flat = [replace(FLAT, sessions=sessions, daemon_mb=120.0 + sessions % 3) for sessions in range(252)]
    assert faults(flat, 252, is_long=True) == []
    leaking = [replace(each, daemon_mb=each.daemon_mb + each.sessions / 5) for each in flat]
    assert "daemon_mb" in faults(leaking, 252, is_long=True)[0]
    assert faults(leaking, 252, is_long=False) == []
    open_files = [replace(each, descriptors=20 + each.sessions // 60) for each in flat]
    assert "descriptors" in faults(open_files, 252, is_long=True)[0]
