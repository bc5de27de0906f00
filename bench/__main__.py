"""`python -m bench [NAME ...]`: runs the measurements, prints their figures, and writes them down where asked to."""

import argparse
import importlib
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench.figures import Report
from bench.machine import description

NAMES: Final = (
    "engine",
    "delivery",
    "replay",
    "start",
    "memory",
    "commands",
    "sizing",
    "pricing",
    "durability",
    "failover",
    "recovery",
)
"""Modules of this package, each with `measure(scale)`, in the order in which they run."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; return the exit code: 0 done, 1 where one could not run."""
    options = _options(arguments)
    lines = description()
    print("\n".join(lines), flush=True)
    reports: list[Report] = []
    failed = False
    for name in options.names or NAMES:
        began = time.monotonic()
        try:
            report: Report = importlib.import_module(f"bench.{name}").measure(options.scale)
        except RuntimeError as error:
            failed = True
            print(f"\n{name}: could not be measured: {error}", flush=True)
            continue
        reports.append(report)
        print(f"\n{report.text()}\n    ({time.monotonic() - began:.0f} s)", flush=True)
    if options.out is not None:
        options.out.write_text(_page(lines, reports, options.scale), encoding="utf-8")
        print(f"\nwritten to {options.out}")
    return 1 if failed else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measures what the documentation claims.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(NAMES)}; default: all")
    parser.add_argument("--scale", type=float, default=1.0, metavar="N", help="N times as many samples (default 1)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the figures as Markdown too")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in NAMES]
    if unknown:
        parser.error(f"no measurement is called {', '.join(unknown)}; there are {', '.join(NAMES)}")
    if not options.scale > 0:
        parser.error(f"--scale: expected a number above 0, got {options.scale:g}")
    return options


def _page(machine: Sequence[str], reports: Sequence[Report], scale: float) -> str:
    """Return the page of the documentation."""
    option = "" if scale == 1.0 else f" --scale {scale:g}"
    head = (
        "# Benchmarks\n\n"
        f"Written by `make bench ARGS='--out docs/benchmarks.md{option}'` on {datetime.now(UTC):%Y-%m-%d}, from what\n"
        "it measured; nothing here is typed by hand, and nothing is asserted. Each figure stands beside a bare floor\n"
        "or a peer measured in the same run: a ratio travels between machines, an absolute number does not.\n\n"
        "Measured on:\n\n"
    )
    return head + "".join(f"* {line}\n" for line in machine) + "\n" + "\n".join(each.markdown() for each in reports)


if __name__ == "__main__":
    sys.exit(main())
