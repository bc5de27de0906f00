"""Malformed input from well-formed: what a seeded chance does to bytes, with words that hurt parsers."""

from collections.abc import Sequence
from random import Random
from typing import Final

WORDS: Final = tuple(
    word.encode()
    for word in (
        "nan", "NaN", "-inf", "Infinity", "1e999", "-1", "0", "-0.0", "1e-320", "9" * 400, "0x10", "1_000", "true",
        "null", "{}", "[]", "[[[[", '"', "'", ",", ",,", ";", ":", "\n", "\r", "\r\n", "\t", "\0", "\ufeff", "\u202e",
        "\ud7ff", "\u0664", "2023-02-30", "9999-12-31", "0001-01-01", "2023-01-03", "24:00", "-", "+", "#", "/", "//",
        "..", "\\", "%s", "{0}", "&a", "*a", "!!python/object:os.system", "<<: *a", "|", ">", "- ", "? ", "---", "id",
        "epoch", "ts", "last", "date", "close", "VX", "SPX", "C", "P", "[" * 2000, '{"a":' * 200, "A" * 5000,
    )
)  # fmt: skip
LONGEST: Final = 1 << 16


def mutated(seed: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """Return what some changes make of a seed."""
    text = bytearray(seed)
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 5, 9))):
        _change(text, others, random)
    return bytes(text[:LONGEST])


def _change(text: bytearray, others: Sequence[bytes], random: Random) -> None:
    at = random.randrange(len(text) + 1)
    until = min(len(text), at + random.choice((1, 1, 2, 4, 8, 40, 400)))
    match random.randrange(9):
        case 0:
            text[at:until] = bytes(random.randrange(256) for _ in range(until - at))
        case 1:
            del text[at:until]
        case 2:
            text[at:at] = random.choice(WORDS)
        case 3:
            text[at:until] = random.choice(WORDS)
        case 4:
            text[at:at] = text[at:until] * random.choice((1, 1, 2, 30))
        case 5:
            other = random.choice(others)
            start = random.randrange(len(other) + 1)
            text[at:until] = other[start : start + random.choice((4, 20, 200))]
        case 6 if text:
            text[at - 1] ^= 1 << random.randrange(8)
        case 7:
            _change_cell(text, random)
        case _:
            del text[at:]


def _change_cell(text: bytearray, random: Random) -> None:
    """Put a word in the place of one cell, member or field."""
    borders = [place for place, sign in enumerate(text) if sign in b',:"\n|;[]{}\0'] if len(text) < 20_000 else []
    if len(borders) < 2:
        return
    first = random.randrange(len(borders) - 1)
    text[borders[first] + 1 : borders[first + 1]] = random.choice(WORDS)
