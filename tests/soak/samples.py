"""What a process takes while sessions go by: memory, descriptors, tasks, connections; and whether any of it grows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

SETTLED: Final = 0.4  # of the run: caches, windows and the log's kept days have filled by then


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One look, `sessions` after the start."""

    sessions: int
    daemon_mb: float
    redis_mb: float
    log_mb: float
    descriptors: int
    threads: int
    tasks: int
    connections: int


def growth(samples: Sequence[Sample], what: Callable[[Sample], float], sessions: int) -> float:
    """Return how much a measure grows over so many sessions, by a straight line through the settled part of a run."""
    settled = settled_part(samples)
    if len({sample.sessions for sample in settled}) < 3:
        return 0.0
    slope = np.polyfit([sample.sessions for sample in settled], [what(sample) for sample in settled], 1)[0]
    return float(slope) * sessions


def settled_part(samples: Sequence[Sample]) -> Sequence[Sample]:
    """Return the samples of the settled part of a run."""
    return [sample for sample in samples if sample.sessions >= SETTLED * samples[-1].sessions]


def faults(samples: Sequence[Sample], sessions: int, *, is_long: bool, is_log_kept: bool = False) -> list[str]:
    """Return what grows beyond its bound over `sessions`, one line each.

    A tenth of the settled memory for the processes; nothing at all for what is counted, above its settled spread. In
    a short run one more is none, as its few samples may all catch a task at work; a leak of one a session is more.
    Memory is judged in a long run alone: a short one is over before the log's kept days and the windows are full. Where
    the log is kept whole, as a tape's is, Redis grows with it.
    """
    found = []
    settled = settled_part(samples)
    judged = ("daemon_mb",) if is_log_kept else ("daemon_mb", "redis_mb", "log_mb")
    for name in judged if is_long else ():
        base = float(np.median([getattr(sample, name) for sample in settled]))
        grown = growth(samples, lambda sample, name=name: float(getattr(sample, name)), sessions)  # type: ignore[misc]
        if grown > max(0.10 * base, 8.0):
            found.append(f"{name} grows by {grown:.1f} in {sessions} sessions, from {base:.1f}")
    for name in ("descriptors", "threads", "tasks", "connections"):
        counts = [int(getattr(sample, name)) for sample in settled]
        first, last = counts[: len(counts) // 2], counts[-len(counts) // 4 :]
        if first and min(last) > max(first) + (0 if is_long else 1):
            found.append(f"{name} grow: at most {max(first)} in the first half, then at least {min(last)}")
    return found
