"""Time of a nine-year replay with all signals, as a person waits for it: the whole process, imports included."""

from pathlib import Path
from typing import Final

from bench.figures import Aim, Figure, Report
from bench.processes import seconds_of
from bench.tapes import nine_years
from servers import temporary_folder

NAME: Final = "replay"
TITLE: Final = "A nine-year replay"

_WANTED_S: Final = 3.0
_ROUNDS: Final = 3
_READ = """
import csv, pathlib, sys
for path in sorted(pathlib.Path(sys.argv[1]).glob('*.csv')):
    with path.open(newline='') as file:
        for row in csv.reader(file):
            for cell in row:
                try: float(cell)
                except ValueError: pass
"""


def measure(scale: float) -> Report:
    """Measure each command a few times; the quickest counts."""
    rounds = max(1, round(_ROUNDS * scale))
    with nine_years() as (tape, contents), temporary_folder() as folder:
        triggers = folder / "triggers.yaml"
        triggers.write_text("portfolios: [{id: core, hedge: none}]\n", encoding="utf-8")
        reading = ("-c", _READ, str(tape))
        signals = _command("signals", tape, folder, triggers)
        replay = _command("replay", tape, folder, triggers, "--all")
        default = _command("replay", tape, folder, None)
        floor, *taken = seconds_of(reading, signals, replay, default, rounds=rounds)
    names = ("alvh signals", "alvh replay --all, hedge: none", "alvh replay, the default portfolio")
    figures = tuple(_figure(name, seconds, floor) for name, seconds in zip(names, taken, strict=True))
    note = f"The tape is {contents}; the floor parses the same files with csv and float, and does nothing with them."
    return Report(name=NAME, title=TITLE, figures=figures, notes=(note,))


def _command(name: str, tape: Path, folder: Path, config: Path | None, *options: str) -> list[str]:
    chosen = [] if config is None else ["--config", str(config)]
    return ["-m", "alvh", name, str(tape), *chosen, *options, "--out", str(folder / name)]


def _figure(what: str, taken: float, floor: float) -> Figure:
    aim = Aim(text=f"under {_WANTED_S:g} s", is_met=taken < _WANTED_S)
    return Figure(what=what, value=taken, unit="s", against="reading the same files", floor=floor, aim=aim)
