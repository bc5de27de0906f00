"""`python -m fuzz`: malformed input for every parser, a million in all; one that breaks a rule is kept and named."""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from fuzz.worker import ATHERIS, MUTATIONS, has_atheris, work

_MILLION: Final = 1_000_000
_SECONDS_OF_A_WORKER: Final = 7200


def main() -> int:
    """Fuzz; return 1 where a rule was broken."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="default: all")
    parser.add_argument("--count", type=int, default=_MILLION, help="inputs over all targets (default a million)")
    parser.add_argument("--seed", type=int, default=1, help="of chance (default 1)")
    parser.add_argument("--engine", choices=(ATHERIS, MUTATIONS), help="default: atheris where it is installed")
    parser.add_argument("--input", type=Path, metavar="FILE", help="run this one input again")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where inputs that break a rule are kept")
    parser.add_argument("--worker", metavar="FILE", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker is not None:
        return work(options.targets[0], options)
    if options.input is not None:
        return _again(options.targets[0], options.input)
    options.engine = options.engine or (ATHERIS if has_atheris() else MUTATIONS)
    return _fuzz(options)


def _again(name: str, path: Path) -> int:
    from fuzz.registry import one  # noqa: PLC0415 - loads everything

    with tempfile.TemporaryDirectory() as folder:
        sys.stdout.write(f"{'taken whole' if one(name, Path(folder), path.read_bytes()) else 'refused'}\n")
    return 0


def _fuzz(options: argparse.Namespace) -> int:
    from fuzz.registry import SHARES, TOTAL  # noqa: PLC0415 - loads everything

    keep = options.keep or Path(tempfile.gettempdir()) / "alvh-fuzz"
    names = options.targets or list(SHARES)
    whole = sum(SHARES[name] for name in names) if options.targets else TOTAL
    began, inputs, failed = time.monotonic(), 0, []
    for name in names:
        told = _worker(name, max(1, round(options.count * SHARES[name] / whole)), options, keep)
        inputs += told["inputs"]
        verdict = "ok" if told["is_ok"] else "FAILED"
        sys.stdout.write(
            f"{name:18} {verdict}: {told['inputs']} inputs in {told['took_s']:.0f} s, {told['whole']} taken whole,"
            f" {told['inputs'] - told['whole']} refused or taken in part, {told['peak_mb']:.0f} MB\n"
        )
        if not told["is_ok"]:
            failed.append(name)
            sys.stdout.write(f"{told['said']}\n  again: python -m fuzz {name} --input FILE (kept in {keep / name})\n")
        sys.stdout.flush()
    took = time.monotonic() - began
    sys.stdout.write(f"{inputs} inputs ({options.engine}) in {took:.0f} s, broken: {', '.join(failed) or 'none'}\n")
    return 1 if failed else 0


def _worker(name: str, count: int, options: argparse.Namespace, keep: Path) -> dict[str, Any]:
    """Fuzz one target in a process of its own; return what it told."""
    (keep / name).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="alvh-") as folder:
        told = Path(folder) / "told.json"
        began = time.monotonic()
        command = [sys.executable, "-m", "fuzz", name, "--worker", str(told), "--count", str(count)]
        command += ["--seed", str(options.seed), "--engine", options.engine, "--keep", str(keep / name)]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS_OF_A_WORKER, check=False
        )
        figures = json.loads(told.read_text()) if told.exists() else {"inputs": 0, "whole": 0, "peak_mb": 0.0}
    lines = (done.stdout + done.stderr).decode(errors="replace").splitlines()
    said = "\n".join(line for line in lines if not line.startswith(("#", "INFO:", "0x", "stat:")))[-4000:]
    is_ok = done.returncode == 0 and figures["inputs"] >= count
    return {**figures, "took_s": time.monotonic() - began, "is_ok": is_ok, "said": said}


if __name__ == "__main__":
    sys.exit(main())
