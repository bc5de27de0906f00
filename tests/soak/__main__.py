"""`python -m soak`: a simulated year and a tape of a year through daemon, Redis and broker, at full speed."""

import argparse
import sys

from soak.samples import growth, settled_part
from soak.year import YEAR, Outcome, run


def main() -> int:
    """Run both; return 1 where a close was wrong or something grows."""
    parser = argparse.ArgumentParser(prog="python -m soak", description=__doc__)
    parser.add_argument("--sessions", type=int, default=YEAR, help=f"how many (default {YEAR}, a year)")
    parser.add_argument("--feed", choices=("simulated", "tape"), help="one alone")
    options = parser.parse_args()
    is_ok = True
    for feed in (options.feed,) if options.feed else ("simulated", "tape"):
        outcome = run(feed, options.sessions)
        is_ok &= not outcome.faults
        _tell(outcome)
    return 0 if is_ok else 1


def _tell(outcome: Outcome) -> None:
    settled, samples = settled_part(outcome.samples), outcome.samples
    lines = [
        f"{outcome.feed}: {outcome.sessions} sessions in {outcome.took_s:.0f} s, {outcome.early_closes} early closes,"
        f" closes at {outcome.offsets} distances from UTC; {len(samples)} samples"
    ]
    for name in ("daemon_mb", "redis_mb", "log_mb"):
        values = [getattr(sample, name) for sample in settled]
        grown = growth(samples, lambda sample, name=name: float(getattr(sample, name)), YEAR)  # type: ignore[misc]
        lines.append(f"  {name}: {min(values):.1f} to {max(values):.1f}, {grown:+.1f} in a year")
    for name in ("descriptors", "threads", "tasks", "connections"):
        counts = [getattr(sample, name) for sample in settled]
        lines.append(f"  {name}: {min(counts)} to {max(counts)}")
    lines += [f"  FAILED: {fault}" for fault in outcome.faults]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
