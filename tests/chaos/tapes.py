"""The tapes rounds are played from, and what each says when nothing fails."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from chaos.plan import Plan
from chaos.round import Tape
from system.instance import PORTFOLIOS, alvh, replayed, walk_tape

_SESSIONS: Final = 40
_QUOTES: Final = 8
_MARKET_S: Final = _SESSIONS * 7 / 5 * 86_400


def tapes(folder: Path, plans: Iterable[Plan]) -> dict[int, Tape]:
    """Write the tapes that the rounds play, by number, and replay each."""
    return {number: _tape(folder, number) for number in sorted({made.tape for made in plans})}


def _tape(folder: Path, number: int) -> Tape:
    tape = walk_tape(folder / f"tape-{number}", 500 + number, sessions=_SESSIONS, quotes=_QUOTES)
    config, out = folder / f"{number}.yaml", folder / f"{number}.jsonl"
    config.write_text(PORTFOLIOS, encoding="utf-8")
    alvh("replay", tape, "--config", config, "--out", out, "--all")
    return Tape(folder=tape, market_s=_MARKET_S, portfolios=PORTFOLIOS, expected=replayed(out))
