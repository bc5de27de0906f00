"""`python -m simulation`: any number of seeds, or one again; a failure prints the seed that reproduces it."""

import argparse
import logging
import sys
import time
from collections import Counter

from simulation.mutants import MUTANTS, is_caught
from simulation.plan import KINDS
from simulation.verdict import judge
from simulation.world import World


def main() -> int:
    """Run seeds; return 1 where an invariant broke."""
    parser = argparse.ArgumentParser(prog="python -m simulation", description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=1000, help="how many seeds (default 1000)")
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="the first of them (default 0)")
    parser.add_argument("--kind", choices=KINDS, help="one family of faults only")
    parser.add_argument("--mutants", action="store_true", help="tell how many seeds notice each broken product instead")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)  # what the nodes say of their faults is not asked for
    seeds = range(options.first, options.first + options.count)
    if options.mutants:
        return _mutants(seeds, options.kind)
    began, kinds, failed = time.monotonic(), Counter[str](), 0
    for seed in seeds:
        world = World(seed, options.kind)
        world.run()
        kinds[world.plan.kind] += 1
        for fault in judge(world):
            failed += 1
            kind = f" --kind {options.kind}" if options.kind else ""
            sys.stdout.write(f"seed {seed} ({world.plan.kind}, {world.plan.story}): {fault}\n")
            sys.stdout.write(f"  again: python -m simulation 1 --first {seed}{kind}\n")
    took = time.monotonic() - began
    sys.stdout.write(f"{options.count} seeds in {took:.1f} s, {failed} faults; {dict(sorted(kinds.items()))}\n")
    return 1 if failed else 0


def _mutants(seeds: range, kind: str | None) -> int:
    """Say of each mutant how many seeds notice it; return 1 where one goes unnoticed."""
    unnoticed = 0
    for name in MUTANTS:
        caught = sum(is_caught(name, seed, kind) for seed in seeds)
        unnoticed += caught == 0
        sys.stdout.write(f"{name}: {caught} of {len(seeds)}\n")
        sys.stdout.flush()
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main())
