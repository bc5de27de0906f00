"""A sample of the chaos suite: two rounds on real processes; `make chaos` runs two hundred."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chaos.ending import Ending
from chaos.plan import KINDS, RUN_S, plan
from chaos.round import run
from chaos.tapes import tapes
from chaos.verdict import judge
from servers import program, temporary_folder

SAMPLE = (2, 15)  # a leader paused for longer than its lease; a full disk of Redis


def test_sample_of_rounds(tmp_path: Path) -> None:
    """Both at once, as most of a round is waiting."""
    for name in ("redis-server", "mosquitto"):
        program(name)
    plans = [plan(seed) for seed in SAMPLE]
    with temporary_folder() as folder, ThreadPoolExecutor(len(plans)) as pool:
        known = tapes(folder, plans)
        outcomes = list(pool.map(lambda made: run(made, known[made.tape], RUN_S, tmp_path, Ending()), plans))
    assert [(outcome.plan.seed, outcome.faults, outcome.logs) for outcome in outcomes if outcome.faults] == []


def test_every_kind_of_fault_comes_up() -> None:
    """Consecutive seeds go through all of them, and a seed's plan is the same each time."""
    assert {KINDS[seed % len(KINDS)] for seed in range(200)} == set(KINDS)
    for seed in range(200):
        assert plan(seed) == plan(seed)
        assert KINDS[seed % len(KINDS)] in {fault.what for fault in plan(seed).faults}


TOPIC = "alvh/main/portfolio/core/adjustment"


def body(sequence: int, epoch: int, text: str = "") -> str:
    """One message."""
    return f'{{"id":"m{sequence}","sequence":"{sequence:020d}","text":"{text}","epoch":{epoch}}}'


@pytest.mark.parametrize(
    ("arrived", "fault"),
    [
        ([(1, 5, ""), (2, 5, ""), (3, 6, "")], None),
        ([(1, 5, ""), (2, 5, ""), (1, 5, ""), (2, 5, ""), (3, 6, "")], None),
        ([(1, 5, ""), (3, 6, "")], "m2 was lost"),
        ([(1, 5, ""), (2, 5, ""), (2, 5, "other"), (3, 6, "")], "m2 arrived with 2 contents"),
        ([(1, 5, ""), (3, 6, ""), (2, 5, "")], "gap"),
        ([(1, 5, ""), (2, 5, ""), (3, 6, ""), (4, 6, "")], "m4 arrived"),
        ([(1, 5, ""), (2, 6, ""), (3, 5, "")], "epochs go back"),
    ],
)
def test_the_verdict_sees_what_is_wrong(arrived: list[tuple[int, int, str]], fault: str | None, tmp_path: Path) -> None:
    """Repeats are no fault; a loss, another content, another order, a stranger and an old leader's word are."""
    log = tmp_path / "arrived.jsonl"
    lines = [f"[{TOPIC!r},{body(*message)!r}]".replace('"', '\\"').replace("'", '"') for message in arrived]
    log.write_text("\n".join(lines) + "\n", encoding="utf-8")
    expected = {TOPIC: [body(sequence, 0).encode()[: -len(',"epoch":0}')] for sequence in (1, 2, 3)]}
    found = judge(log, expected)
    assert (found == []) if fault is None else any(fault in line for line in found), found
