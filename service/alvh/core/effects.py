"""What the engine may ask for: say this, wake me then, fetch that, and what it refused and why."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """Base of all effects."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Publish(Effect):
    """Say this to the world.

    Attributes:
        kind: `adjustment`, `target` or `signals`: names the topic.
        portfolio: whose message it is; None for `signals`.
        retained: whether the broker keeps it for late subscribers (never an adjustment).
        body: the CloudEvent as JSON bytes without its last member `epoch`; the shell adds that when it commits.
    """

    kind: str
    portfolio: str | None
    retained: bool
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Wake(Effect):
    """Tell me when it is `due` (ns UTC), by an event named `timer_id`; asked again after a restart by `pending()`."""

    timer_id: str
    due: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchChain(Effect):
    """Fetch the option chain of `underlying`; the answer is an event that carries `request_id`."""

    request_id: str
    underlying: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused(Effect):
    """An event, or a part of one, was left out; to be counted and said by the shell.

    Attributes:
        subject: the instrument, series or portfolio it was about.
        reason: one of a small closed set of words (`stale`, `not_live`, `crossed`, `jump`, `out_of_order`, ...).
        detail: one line for a person.
    """

    subject: str
    reason: str
    detail: str
