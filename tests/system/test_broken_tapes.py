"""Broken tapes through the command line: what is malformed is named by file and line and moves nothing (section 3)."""

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from servers import mosquitto, redis_server, temporary_folder
from system.instance import PORTFOLIOS, Subscriber, alvh, daemon, walk_tape
from system.test_tape_to_wire import configured, replay, until


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tape of forty sessions: SPX and RUT inside the session, VIX at its close, a curve, observations, a calendar."""
    folder = walk_tape(tmp_path_factory.mktemp("tape"), 51, sessions=40, quotes=6)
    days = [line.split(",")[0] for line in (folder / "VIX.csv").read_text().splitlines()[1:]]
    curve = [f"{day},{expiry},{20.5 + n}" for day in days for n, expiry in enumerate(("2023-05-17", "2023-06-21"))]
    (folder / "VX.csv").write_text("\n".join(["date,expiry,settle", *curve]) + "\n")
    observed = [f"{day},CPI,{3.0 + n / 10},3.1" for n, day in enumerate(days[::10])]
    (folder / "observations.csv").write_text("\n".join(["date,series,value,consensus", *observed]) + "\n")
    (folder / "calendar.csv").write_text("date,event,time_et\n2023-02-14,cpi,08:30\n")
    (folder / "config.yaml").write_text(PORTFOLIOS)
    return folder


def copied(tape: Path, folder: Path) -> Path:
    """A tape to be spoilt."""
    folder.mkdir()
    for source in tape.glob("*.csv"):
        (folder / source.name).write_bytes(source.read_bytes())
    return folder


def messages_and_words(tape: Path, source: Path, out: Path) -> tuple[bytes, bytes, list[str]]:
    """What a replay and `alvh signals` write, and the lines of the replay's standard error but for its count."""
    done = alvh("replay", source, "--config", tape / "config.yaml", "--out", out / "messages", "--all")
    signals = alvh("signals", source, "--config", tape / "config.yaml", "--out", out / "signals")
    assert signals.stderr.splitlines()[:-1] == done.stderr.splitlines()[:-1], "both name the same rows"
    return (out / "messages").read_bytes(), (out / "signals").read_bytes(), done.stderr.splitlines()[:-1]


def stamp(rows: Sequence[str], number: int) -> str:
    """Time of a row."""
    return rows[number].split(",")[0]


# By file and kind: what stands there instead of a row. {now}: the time of the row that follows; {before}, {long_ago}:
# of earlier ones; {again}: the row before; {header}: the first line; {bare}: {now} without its zone.
BAD_ROWS = {
    "SPX.csv": {
        "letters": "{now},abc",
        "zero": "{now},0",
        "minus zero": "{now},-0.0",
        "negative": "{now},-4000.5",
        "nan": "{now},NaN",
        "infinite": "{now},inf",
        "huge": "{now},1e999",
        "empty price": "{now},",
        "no price": "{now}",
        "backwards": "{long_ago},4000.0",
        "duplicate": "{again}",
        "equal time": "{before},4001.25",
        "no time": ",4000.0",
        "no date": "2023-02-30T15:00:00Z,4000.0",
        "no offset": "{bare},4000.0",
        "words": "not a row at all",
        "thousands": '{now},"4,000.0"',
        "underscore": "{now},4_000.0",
        "hexadecimal": "{now},0x1000",
        "other digits": "{now},\u0664\u0660\u0660\u0660",
        "second header": "{header}",
        "control": "{now},40\x0000",
    },
    "VIX.csv": {
        "letters": "{now},high",
        "zero": "{now},0.0",
        "negative": "{now},-20",
        "nan": "{now},nan",
        "backwards": "{long_ago},20.0",
        "duplicate": "{again}",
        "no such day": "2023-13-01,20.0",
    },
    "VX.csv": {
        "letters": "{now},2023-07-19,high",
        "negative": "{now},2023-07-19,-1",
        "nan": "{now},2023-07-19,nan",
        "no expiry": "{now},,20",
    },
    "observations.csv": {
        "letters": "{now},PPI,high,",
        "nan": "{now},PPI,nan,",
        "no series": "{now},,1.0,",
        "no day": "someday,PPI,1.0,",
    },
    "calendar.csv": {
        "no day": "someday,cpi,08:30",
        "no time": "2023-03-14,cpi,half past eight",
    },
}


def bad_rows(name: str, rows: Sequence[str], at: int) -> list[str]:
    """What is malformed in a file before its row `at`, one of each kind."""
    now = stamp(rows, at)
    known = {"now": now, "before": stamp(rows, at - 1), "long_ago": stamp(rows, max(1, at - 9)), "header": rows[0]}
    return [bad.format(**known, again=rows[at - 1], bare=now.removesuffix("Z")) for bad in BAD_ROWS[name].values()]


@pytest.mark.parametrize("name", BAD_ROWS)
def test_each_malformed_row_is_named_once_and_moves_nothing(name: str, tape: Path, tmp_path: Path) -> None:
    """All ways of being malformed, in the middle of a file: messages and signals are those without the rows."""
    folder = copied(tape, tmp_path / "broken")
    rows = (folder / name).read_text().splitlines()
    at = max(1, len(rows) // 2) if len(rows) > 5 else len(rows)
    kinds = list(BAD_ROWS[name])
    bad = bad_rows(name, rows, min(at, len(rows) - 1))
    (folder / name).write_text("\n".join([*rows[:at], *bad, *rows[at:]]) + "\n")
    good = messages_and_words(tape, tape, tmp_path)
    messages, signals, words = messages_and_words(tape, folder, tmp_path)
    named = [line for line in words if f"{name}:" in line]
    lines = [int(line.split(f"{name}:")[1].split(":")[0]) for line in named]
    assert [kinds[line - at - 1] for line in lines] == kinds
    assert [line for line in words if line not in named] == good[2]
    assert (messages, signals) == good[:2]


def test_gaps_are_gaps(tape: Path, tmp_path: Path) -> None:
    """Sessions without rows are counted by the calendar; nothing is malformed about them."""
    folder = copied(tape, tmp_path / "gaps")
    for name in ("SPX.csv", "RUT.csv"):
        rows = (folder / name).read_text().splitlines()
        (folder / name).write_text("\n".join([*rows[:60], *rows[120:]]) + "\n")
    messages, signals, words = messages_and_words(tape, folder, tmp_path)
    assert words == []
    assert signals.count(b"\n") == 41
    assert messages


def test_hundredfold_outliers_move_nothing(tape: Path, tmp_path: Path) -> None:
    """A hundred times and a hundredth, one and several in a row, between good rows: named, left out."""
    folder = copied(tape, tmp_path / "outliers")
    for name in ("SPX", "RUT"):
        rows = (folder / f"{name}.csv").read_text().splitlines()
        price = float(rows[100].split(",")[1])
        base = stamp(rows, 100).removesuffix("00Z")
        factors = (100.0, 0.01, 100.0, 150.0)
        more = [f"{base}{second:02}Z,{price * factor!r}" for second, factor in enumerate(factors, start=10)]
        (folder / f"{name}.csv").write_text("\n".join([*rows[:101], *more, *rows[101:]]) + "\n")
    good = messages_and_words(tape, tape, tmp_path)
    messages, signals, words = messages_and_words(tape, folder, tmp_path)
    assert (messages, signals) == good[:2]
    assert len(words) == 8
    assert all("jump" in line for line in words)


@pytest.mark.parametrize("names", [("SPX.csv",), ("RUT.csv", "VIX.csv", "VX.csv", "observations.csv", "calendar.csv")])
@pytest.mark.parametrize("content", ["empty", "garbage", "long line", "utf-16", "nul"])
def test_file_that_is_no_table_stops_nothing(names: Sequence[str], content: str, tape: Path, tmp_path: Path) -> None:
    """The rest of the tape is replayed; each such file is named."""
    folder = copied(tape, tmp_path / "tape")
    for name in names:
        contents = {
            "empty": b"",
            "garbage": random.Random(7).randbytes(5_000),
            "long line": b"x" * 300_000,
            "utf-16": (folder / name).read_text().encode("utf-16"),
            "nul": b"\0" * 4_096,
        }
        (folder / name).write_bytes(contents[content])
    done = alvh("replay", folder, "--config", tape / "config.yaml", "--out", tmp_path / "out", check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert [name for name in names if name not in done.stderr] == []
    assert (tmp_path / "out").exists()


def test_header_that_nobody_knows_is_one_fault_of_the_file(tape: Path, tmp_path: Path) -> None:
    """Not one of each of its rows."""
    folder = copied(tape, tmp_path / "tape")
    rows = (folder / "RUT.csv").read_text().splitlines()
    (folder / "RUT.csv").write_text("\n".join(["when,price", *rows[1:]]) + "\n")
    done = alvh("replay", folder, "--config", tape / "config.yaml", "--out", tmp_path / "out")
    assert len([line for line in done.stderr.splitlines() if "RUT" in line]) <= 2


def test_daemon_on_a_broken_tape_says_what_the_replay_says(tmp_path: Path) -> None:
    """The same tape, broken in every way, over Redis and MQTT."""
    with redis_server() as redis, mosquitto() as broker, temporary_folder() as folder:
        source = walk_tape(folder / "tape", 52, sessions=30, quotes=6)
        for name in ("SPX.csv", "VIX.csv"):
            rows = (source / name).read_text().splitlines()
            (source / name).write_text("\n".join([*rows[:20], *bad_rows(name, rows, 20), *rows[20:]]) + "\n")
        config = configured(folder, source, redis.url, broker.url)
        expected = replay(folder, source, config)
        with Subscriber(broker.url) as subscriber, daemon(config, folder) as made:
            until(lambda: len(subscriber.arrived) > sum(map(len, expected.values())), made)
            assert subscriber.unique() == expected
