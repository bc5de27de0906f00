"""One target's inputs, in a process of its own: guided by coverage (atheris) or by seeded mutations of its seeds."""

import argparse
import contextlib
import hashlib
import importlib.util
import json
import os
import resource
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path
from random import Random
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

from fuzz.mutations import LONGEST, WORDS, mutated

if TYPE_CHECKING:
    from fuzz.target import Target

ATHERIS: Final = "atheris"
MUTATIONS: Final = "mutations"
INPUT_LIMIT_S: Final = 20  # a loaded machine included; the slowest input of all takes a tenth of a second
MEMORY_LIMIT_MB: Final = 1500  # three times what a worker with everything loaded takes
_TOLD_EVERY: Final = 100


def has_atheris() -> bool:
    """Whether the coverage-guided engine is installed (it is to be had for Linux alone)."""
    return importlib.util.find_spec("atheris") is not None


class _Tally:
    """Counts, and writes the count down for whoever waits for it."""

    def __init__(self, target: "Target", path: Path) -> None:
        self._target = target
        self._path = path
        self.inputs = self.whole = 0

    def take(self, data: bytes) -> None:
        """Run one input."""
        self.inputs += 1
        self.whole += self._target.accepts(data)
        if self.inputs % _TOLD_EVERY == 0:
            self.tell()

    def tell(self) -> None:
        """Write the count down."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024.0 if sys.platform == "linux" else 1024.0**2)
        self._path.write_text(json.dumps({"inputs": self.inputs, "whole": self.whole, "peak_mb": peak}))


def work(name: str, options: argparse.Namespace) -> int:
    """Fuzz one target; return 1 where a rule was broken."""
    with tempfile.TemporaryDirectory(prefix="alvh-", dir=_scratch()) as folder:
        run = _guided if options.engine == ATHERIS else _mutate
        return run(name, options, Path(folder))


def _scratch() -> str | None:
    """Memory where there is some for files: an input is a file for most targets."""
    memory = Path("/dev/shm")
    return str(memory) if os.access(memory, os.W_OK) else None


def _mutate(name: str, options: argparse.Namespace, folder: Path) -> int:
    from fuzz.registry import target  # noqa: PLC0415 - loads everything

    made, random = target(name, folder), Random(f"{name}-{options.seed}")
    tally = _Tally(made, Path(options.worker))
    for _ in range(options.count):
        data = mutated(random.choice(made.seeds), made.seeds, random)
        try:
            with _limited():
                tally.take(data)
        except Exception:
            _keep(Path(options.keep), data)
            traceback.print_exc()
            return 1
    tally.tell()
    return 0


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    """Fail what takes too long."""

    def late(_: int, __: FrameType | None) -> None:
        raise AssertionError(f"an input takes longer than {INPUT_LIMIT_S} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(INPUT_LIMIT_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _keep(folder: Path, data: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"crash-{hashlib.sha256(data).hexdigest()[:16]}").write_bytes(data)


def _guided(name: str, options: argparse.Namespace, folder: Path) -> int:
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["alvh"]):
        from fuzz.registry import target  # noqa: PLC0415 - what it imports is instrumented

        made = target(name, folder)
    tally = _Tally(made, Path(options.worker))
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(made.seeds):
        (corpus / str(number)).write_bytes(seed)
    (folder / "words").write_text("".join(f'"{_escaped(word)}"\n' for word in WORDS if len(word) < 64))
    longest = max(4096, 2 * max(map(len, made.seeds)))
    arguments = [
        "fuzz", str(corpus), f"-runs={options.count}", f"-seed={options.seed}", f"-max_len={min(longest, LONGEST)}",
        f"-timeout={INPUT_LIMIT_S}", f"-rss_limit_mb={MEMORY_LIMIT_MB}", f"-artifact_prefix={options.keep}/",
        f"-dict={folder / 'words'}", "-print_final_stats=1",
    ]  # fmt: skip
    random = Random(f"{name}-{options.seed}")

    def take(data: bytes) -> None:
        tally.take(data)
        if tally.inputs >= options.count:
            tally.tell()

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        """Half by the library's own ways, half by ours, which know lines, cells and words."""
        if seed % 2:
            return bytes(atheris.Mutate(data, max_size))
        return mutated(data, made.seeds, random)[:max_size]

    atheris.Setup(arguments, take, custom_mutator=mutate)
    atheris.Fuzz()
    return 0


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02X}" for byte in word)
