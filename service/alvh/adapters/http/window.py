"""What the page is shown: the shapes of its JSON, and the window through which the daemon lets it be seen.

Times are RFC 3339 strings where a person or a message means them, and Unix seconds where an age is made of them.
Further members are passed on as they are; a NaN becomes null.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, Protocol, TypedDict


class InstrumentView(TypedDict):
    """One instrument of a live feed: when its newest live price was received (Unix seconds), and what is wrong."""

    instrument: str
    received: float | None
    trouble: str | None


class FeedView(TypedDict):
    """Where prices come from; `note` is one line about how it stands or what is wrong with it, if anything.

    A live feed also says its `state`, how each of its `instruments` does, which are `left_out` for want of lines, and
    which small-cap index is `watched`.
    """

    kind: str
    simulated: bool
    is_connected: bool
    note: str | None
    state: NotRequired[str]
    instruments: NotRequired[Sequence[InstrumentView]]
    left_out: NotRequired[Sequence[str]]
    watched: NotRequired[str | None]


class Connection(TypedDict):
    """One connection; `since` is when it came or went (Unix seconds), where that is known."""

    name: str
    is_connected: bool
    since: NotRequired[float | None]
    note: NotRequired[str | None]


class QuoteView(TypedDict):
    """The newest good price of one instrument.

    `time` is the source's stamp; `received` is when it reached this process by the wall clock (Unix seconds), None
    before the first; `quality` is `ok` or why the newest quote was refused; `is_live` False: delayed, frozen or halted.
    """

    instrument: str
    price: float | None
    time: str | None
    received: float | None
    quality: str
    is_live: bool


class Status(TypedDict):
    """What a person asks first; `now` is our clock (Unix seconds), `not_ready` why we are not ready."""

    instance: str
    version: str
    now: float
    is_leader: bool
    not_ready: Sequence[str]
    in_session: bool
    session: str | None
    feed: FeedView
    connections: Sequence[Connection]
    quotes: Sequence[QuoteView]
    stale_after_s: float | None
    pending_messages: int


class MoveView(TypedDict):
    """One watched index against its anchor of the last rebalance."""

    index: str
    price: float | None
    anchor: float | None
    move_ratio: float | None


class TimerView(TypedDict):
    """Session closes at which the timer fires."""

    soft: int
    hard: int


class PortfolioSummary(TypedDict):
    """One row of the overview; `hedge` is `alvh` or `none`."""

    id: str
    hedge: str
    phase: str
    sessions_since_rebalance: int
    timer: TimerView
    threshold: float
    moves: Sequence[MoveView]
    unanswered: int


class HeldPhase(TypedDict):
    """One step of how the phase came about: since which session it was held, and what moved it there."""

    phase: str
    since: str
    reason: NotRequired[str | None]


class LegView(TypedDict):
    """Contracts of one instrument, signed."""

    leg: str
    instrument: str
    target_quantity: int
    current_quantity: int


class AnswerGiven(TypedDict):
    """What somebody said to an adjustment."""

    decision: str
    by: str
    time: NotRequired[str | None]
    reason: NotRequired[str | None]


class Advance(TypedDict):
    """A way on from the present phase: where to, and the flags it takes (see `HedgeAdjustment.booleans`)."""

    to: str
    when: str
    flags: NotRequired[Mapping[str, bool | None]]


class ApprovalView(TypedDict):
    """Where an adjustment stands: its status, how many people agree, and how many must."""

    status: str
    agreed: int
    required: int


class AccountView(TypedDict):
    """The brokerage account a portfolio is read from: whether its positions were seen, what fits no leg or differs."""

    account: str
    is_seen: bool
    words: Sequence[str]


class PortfolioView(PortfolioSummary):
    """One portfolio.

    `held` counts closes since the phase was entered; `newest` is the newest AdjustmentMessage as plain JSON, None
    before the first; `open` are the ids nobody has answered, `answers` what was said, by event id, `approvals` where
    each stands; `legs` is the hedge wanted and held now.
    """

    held: int
    phase_history: Sequence[HeldPhase]
    newest: Mapping[str, Any] | None
    open: Sequence[str]
    answers: Mapping[str, Sequence[AnswerGiven]]
    approvals: NotRequired[Mapping[str, ApprovalView]]
    legs: Sequence[LegView]
    advances: NotRequired[Sequence[Advance]]
    account: NotRequired[AccountView]


class ChartLine(TypedDict):
    """One index since an anchor was set: points of (Unix seconds of the source, low, high, last) in index points."""

    index: str
    anchor: float | None
    points: Sequence[tuple[float, float, float, float]]


class Chart(TypedDict):
    """Both watched indices since the last rebalance; `since` is its session or time, None before the first."""

    threshold: float
    since: str | None
    lines: Sequence[ChartLine]


class SignalsView(TypedDict):
    """The newest evaluation: `signals` are SignalPart as plain JSON, `flags` the inputs of the phase machine."""

    session: str | None
    as_of: str | None
    signals: Sequence[Mapping[str, Any]]
    flags: Mapping[str, bool | None]


class Window(Protocol):
    """The daemon as the page may see it. What is not a coroutine must not block."""

    def status(self) -> Status:
        """Return what a person asks first."""

    def ready(self) -> Sequence[str]:
        """Return why we are not ready, one line each; nothing when we are."""

    def portfolios(self) -> Sequence[PortfolioSummary]:
        """Return the overview, in the configuration's order."""

    def portfolio(self, portfolio: str) -> PortfolioView | None:
        """Return one portfolio, None where there is none of that id."""

    def chart(self, portfolio: str) -> Chart | None:
        """Return the moves of one portfolio, None where there is none of that id."""

    def signals(self) -> SignalsView:
        """Return the newest evaluation."""

    async def adjustments(self, after: int | None, portfolio: str | None, limit: int) -> Sequence[Mapping[str, Any]]:
        """Return AdjustmentMessages as plain JSON, oldest first: at most `limit` with a sequence above `after`.

        Without `after` they are the newest `limit`. Raises OutageError while the log is away.
        """

    async def answer(self, portfolio: str, answer: Mapping[str, Any]) -> Mapping[str, Any]:
        """Take a person's answer (the fields of `messages.Answer`) and return what to show for it.

        Raises InputError where it does not fit (unknown adjustment, answered already) and OutageError while it cannot
        be written.
        """
