"""A checkpoint as bytes: compressed JSON of a known version; what is none is told in our own words."""

import json
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Final

from alvh.core.event_types import is_plain
from alvh.errors import JournalError

# A checkpoint has some hundred kB; what unpacks to more than this is none, and must not fill memory.
LARGEST_BYTES: Final = 256 * 1024 * 1024
_LARGEST_INTEGER: Final = 1 << 4096  # exact sums are integers of many bits


def pack(plain: Mapping[str, Any]) -> bytes:
    """Return plain values as a checkpoint."""
    # Level 1: a third of the size for a few milliseconds; the log writes one at many closes.
    return zlib.compress(json.dumps(plain, separators=(",", ":"), allow_nan=False).encode(), 1)


def unpack(state: bytes, version: int) -> dict[str, Any]:
    """Return the plain values of a checkpoint.

    Raises:
        JournalError: it cannot be read, or is of another version.
    """
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(state, LARGEST_BYTES)
        plain = json.loads(text) if unpacker.eof else None
    except (zlib.error, ValueError, RecursionError) as error:
        raise JournalError(f"the checkpoint cannot be read: {error}") from error
    if not isinstance(plain, dict) or not is_plain(plain, largest=_LARGEST_INTEGER):
        raise JournalError(
            "the checkpoint cannot be read: it is cut short, far too large, or holds what no checkpoint does"
        )
    if plain.get("version") != version:
        raise JournalError(f"the checkpoint is of version {plain.get('version')!r}, expected {version}")
    return plain


def restore_from(state: bytes, version: int, become: Callable[[Mapping[str, Any]], None]) -> None:
    """Hand the plain values of a checkpoint to `become`.

    Raises:
        JournalError: it cannot be read, is of another version, or lacks what `become` asks for, or holds another kind.
    """
    plain = unpack(state, version)
    try:
        become(plain)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise JournalError(f"the checkpoint does not hold what it must: {type(error).__name__}: {error}") from error
