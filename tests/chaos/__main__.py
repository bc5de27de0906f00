"""`python -m chaos`: rounds of faults on real processes; a round that fails prints its seed and keeps its logs."""

import argparse
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from chaos.plan import KINDS, RUN_S, plan
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
    began, kinds, failed, ends = time.monotonic(), Counter[str](), 0, 0
    settled: list[float] = []
    with temporary_folder() as folder, ThreadPoolExecutor(options.jobs) as pool:
        known = tapes(folder)
        plans = [plan(seed, options.kind) for seed in range(options.seed, options.seed + options.rounds)]
        for outcome in pool.map(lambda made: run(made, known[made.tape], RUN_S, keep), plans):
            kinds.update(fault.what for fault in outcome.plan.faults)
            failed += bool(outcome.faults)
            ends += len(outcome.ends)
            settled.append(outcome.settled_s)
            _tell(outcome, options.kind)
    took = time.monotonic() - began
    sys.stdout.write(
        f"{options.rounds} rounds in {took:.0f} s, {failed} failed;"
        f" {sum(kinds.values())} faults: {dict(sorted(kinds.items()))};"
        f" {ends} processes ended by themselves and were started again;"
        f" all well again after {max(settled):.1f} s at most\n"
    )
    return 1 if failed else 0


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
