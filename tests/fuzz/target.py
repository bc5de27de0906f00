"""What is fuzzed: a name, seeds, and what runs one input; and the rule for all of them."""

from collections.abc import Callable
from typing import NamedTuple

from alvh.core.codec import decode, encode
from alvh.core.events import Event
from alvh.errors import AlvhError


class Target(NamedTuple):
    """One parser.

    Attributes:
        name: of it.
        seeds: well-formed inputs.
        parse: takes one input; True where nothing was left out. It raises an AlvhError for what it refuses; anything
            else that it raises is a fault.
    """

    name: str
    seeds: tuple[bytes, ...]
    parse: Callable[[bytes], bool]

    def accepts(self, data: bytes) -> bool:
        """Run one input; tell whether it was taken whole. What is refused is refused in words of ours, for a person."""
        try:
            return self.parse(data)
        except AlvhError as refusal:
            insist(bool(str(refusal).strip()), f"{type(refusal).__name__} without a word")
            return False


def insist(holds: bool, said: object) -> None:
    """Fail where a rule about a refusal does not hold."""
    assert holds, said


def insist_on_log(event: Event) -> None:
    """Fail where the log could not hold an event: written, it must be read as what it was."""
    try:
        is_same = decode(encode(event)) == event
    except AlvhError as refusal:  # of a line of our own: no refusal, but a log nobody can read any more
        raise AssertionError(f"the log cannot hold {event}: {refusal}") from refusal
    insist(is_same, event)
