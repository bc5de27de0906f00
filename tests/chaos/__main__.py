"""`python -m chaos`: rounds of faults on real processes; a round that fails prints its seed and keeps its logs."""

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from chaos.ending import Ending, EndingError
from chaos.plan import KINDS, RUN_S, Plan, plan
from chaos.round import Outcome, run
from chaos.tapes import tapes
from servers import temporary_folder

_ROUNDS: Final = 200


def main() -> int:
    """Run rounds; return 1 where an invariant broke."""
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=_ROUNDS, help=f"how many (default {_ROUNDS})")
    parser.add_argument("--seed", type=int, default=0, help="of the first round; each next has the next (default 0)")
    parser.add_argument("--kind", choices=KINDS, help="one kind of fault only")
    parser.add_argument("--jobs", type=int, default=2, help="rounds at once; most of one is waiting (default 2)")
    parser.add_argument(
        "--keep", type=Path, default=None, metavar="FOLDER", help="where logs of failed rounds are kept"
    )
    options = parser.parse_args()
    keep = options.keep or Path(tempfile.gettempdir()) / "alvh-chaos"
    plans = [plan(seed, options.kind) for seed in range(options.seed, options.seed + options.rounds)]
    tally, ending = _Tally(), Ending()
    try:
        ending.listen()
        _play(plans, options, keep, tally, ending)
    except EndingError:
        sys.stderr.write(
            f"ended by {ending} after {tally.rounds} of {options.rounds} rounds; nothing is left running\n"
        )
        return 128 + ending.number
    sys.stdout.write(f"{tally}\n")
    return 1 if tally.failed else 0


@dataclass(slots=True)
class _Tally:
    """What came of the rounds so far."""

    began: float = field(default_factory=time.monotonic)
    rounds: int = 0
    failed: int = 0
    ends: int = 0
    settled_s: float = 0.0
    kinds: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        self.rounds += 1
        self.kinds.update(fault.what for fault in outcome.plan.faults)
        self.failed += bool(outcome.faults)
        self.ends += len(outcome.ends)
        self.settled_s = max(self.settled_s, outcome.settled_s)

    def __str__(self) -> str:
        took = time.monotonic() - self.began
        return (
            f"{self.rounds} rounds in {took:.0f} s, {self.failed} failed;"
            f" {sum(self.kinds.values())} faults: {dict(sorted(self.kinds.items()))};"
            f" {self.ends} processes ended by themselves and were started again;"
            f" all well again after {self.settled_s:.1f} s at most"
        )


def _play(plans: Sequence[Plan], options: argparse.Namespace, keep: Path, tally: _Tally, ending: Ending) -> None:
    """Run the rounds; at an end that was asked for leave when those under way have cleaned up."""
    with temporary_folder() as folder, ThreadPoolExecutor(options.jobs) as pool:
        known = tapes(folder, plans)
        try:
            for outcome in pool.map(lambda made: run(made, known[made.tape], RUN_S, keep, ending), plans):
                tally.add(outcome)
                _tell(outcome, options.kind)
        except EndingError:
            pool.shutdown(cancel_futures=True)
            raise


def _tell(outcome: Outcome, kind: str | None) -> None:
    made = outcome.plan
    story = "; ".join(map(str, made.faults))
    verdict = "FAILED" if outcome.faults else "ok"
    times = f"{outcome.took_s:.0f} s, well again after {outcome.settled_s:.1f} s"
    lines = [f"seed {made.seed}: {verdict}, {times}, {made.nodes} nodes, {story}"]
    lines += [f"  {end}" for end in outcome.ends]
    lines += [f"  {fault}" for fault in outcome.faults]
    if outcome.faults:
        which = f" --kind {kind}" if kind else ""
        lines += [f"  logs: {outcome.logs}", f"  again: python -m chaos --rounds 1 --seed {made.seed}{which}"]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
