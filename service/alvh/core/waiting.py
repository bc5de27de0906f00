"""A decision that waits for option chains: what it was caused by, what it still waits for, what came behind it.

While it waits the engine stands still: whatever else arrives is kept in order and handled behind the decision, as if
the chains had come at once. So time, prices and anchors are those of the trigger, a further move or a close finds the
anchors the decision has set, and nothing is lost or said twice. What does not bear on the market, a person's answer,
is taken at once.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, Self

from alvh.core.codec import decode, encode
from alvh.core.effects import Effect, FetchChain, Refused, Wake
from alvh.core.events import Event, OptionChain, Quote, SessionClose, TimerFired
from alvh.core.sessions import et_date
from alvh.errors import JournalError

UNDERLYINGS: Final = ("SPX", "VIX")
"""Whose options a decision is made on."""

TIMER: Final = "chains"
PATIENCE_NS: Final = 10_000_000_000
"""How long a decision waits before it takes the model surface (architecture, law 5)."""

MOST_BEHIND: Final = 4096
"""Events kept meanwhile: ten seconds of conflated quotes are a fraction of it. One more, and the wait is over."""


@dataclass(slots=True, kw_only=True)
class ChainWait:
    """One decision between its trigger and the chains it asked for.

    Attributes:
        number: of the wait, from 1: names its requests and its timer.
        trigger: the quote or the close that caused it.
        reasons: by rank, why a quote made a portfolio decide; empty at a close, which all decide at.
        missing: underlyings not answered yet.
        due: when it ends without them (ns UTC).
        behind: what came meanwhile, in order.
    """

    number: int
    trigger: Quote | SessionClose
    reasons: list[tuple[int, list[str]]]
    due: int
    missing: list[str] = field(default_factory=lambda: list(UNDERLYINGS))
    behind: deque[Event] = field(default_factory=deque)

    @property
    def timer_id(self) -> str:
        """The name of its timer."""
        return f"{TIMER}:{self.number}"

    def request_id(self, underlying: str) -> str:
        """The id that the answer with an underlying's chain must carry."""
        return f"{self.number}-{underlying}"

    def asked(self) -> list[Effect]:
        """What is asked for and not answered yet."""
        fetches = [FetchChain(request_id=self.request_id(name), underlying=name) for name in self.missing]
        return [*fetches, Wake(timer_id=self.timer_id, due=self.due)]

    def is_answered_by(self, chain: OptionChain) -> bool:
        """Whether a chain answers one of its open requests."""
        return chain.underlying in self.missing and chain.request_id == self.request_id(chain.underlying)

    def state(self) -> dict[str, Any]:
        """Return the wait as plain data."""
        return {
            "number": self.number,
            "trigger": encode(self.trigger).decode(),
            "reasons": [[rank, reasons] for rank, reasons in self.reasons],
            "due": self.due,
            "missing": self.missing,
            "behind": [encode(event).decode() for event in self.behind],
        }

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> Self:
        """Return what `state` was taken from.

        Raises:
            JournalError: its trigger is neither a quote nor a close.
        """
        trigger = decode(state["trigger"].encode())
        if not isinstance(trigger, Quote | SessionClose):
            raise JournalError(f"a decision waits for chains because of a {type(trigger).__name__}")
        behind: Sequence[Event] = [decode(line.encode()) for line in state["behind"]]
        return cls(
            number=state["number"],
            trigger=trigger,
            reasons=[(rank, list(reasons)) for rank, reasons in state["reasons"]],
            due=state["due"],
            missing=list(state["missing"]),
            behind=deque(behind),
        )


class ChainShelf:
    """The newest chain of each underlying, and the decision that waits for some.

    Attributes:
        chains: by underlying; to be read only.
        wait: None while nothing waits.
    """

    def __init__(self) -> None:
        self.chains: dict[str, OptionChain] = {}
        self.wait: ChainWait | None = None
        self._waits = 0

    def ask(
        self, trigger: Quote | SessionClose, session: date, reasons: Sequence[tuple[int, list[str]]], now: int
    ) -> Sequence[Effect]:
        """Begin to wait for what has not been quoted since the trigger; nothing where there is nothing to ask for.

        Args:
            trigger: what causes the decision.
            session: it belongs to; what is quoted on another day says nothing about it, and is not asked for.
            reasons: by rank, why portfolios decide at a quote.
            now: when the request goes out (ns UTC).
        """
        known = {name: self.chains[name].ts_event for name in UNDERLYINGS if name in self.chains}
        missing = [name for name in UNDERLYINGS if known.get(name, -1) < trigger.ts_event]
        if not missing or et_date(now) != session:
            return ()
        for name in missing:
            self.chains.pop(name, None)
        self._waits += 1
        self.wait = ChainWait(
            number=self._waits, trigger=trigger, reasons=list(reasons), due=now + PATIENCE_NS, missing=missing
        )
        return self.wait.asked()

    def take(self, event: OptionChain) -> Sequence[Effect]:
        """Take a chain that a feed sends of its own accord; what answers a request comes too late here."""
        if event.request_id is not None:
            detail = f"{event.underlying}: nothing waits for an answer to {event.request_id} any more"
            return (Refused(subject="chain", reason="late", detail=detail),)
        self.chains[event.underlying] = event
        return ()

    def is_over(self, wait: ChainWait, event: Event) -> bool:
        """Take an event that arrives while a decision waits; return whether the wait is over."""
        if isinstance(event, OptionChain) and wait.is_answered_by(event):
            wait.missing.remove(event.underlying)
            if event.rows:
                self.chains[event.underlying] = event
            return not wait.missing
        if isinstance(event, TimerFired) and event.timer_id == wait.timer_id:
            return True
        wait.behind.append(event)
        return len(wait.behind) > MOST_BEHIND

    def end_wait(self) -> tuple[str, ...]:
        """Wait no more; return what the decision is to say: which chains never came, or came without a row."""
        self.wait = None
        return tuple(f"no_chain:{name}" for name in UNDERLYINGS if name not in self.chains)

    def state(self) -> dict[str, Any]:
        """Return the shelf as plain data."""
        return {
            "chains": [encode(chain).decode() for _, chain in sorted(self.chains.items())],
            "wait": None if self.wait is None else self.wait.state(),
            "waits": self._waits,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what `state` was taken from."""
        chains = [decode(line.encode()) for line in state["chains"]]
        self.chains = {chain.underlying: chain for chain in chains if isinstance(chain, OptionChain)}
        self.wait = None if state["wait"] is None else ChainWait.restored(state["wait"])
        self._waits = state["waits"]
