"""One decision about a hedge while it is being made, and what a person tells a sizing by itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from alvh.core.hedge.book import SmallCaps
from alvh.core.hedge.bookkeeping import Marks
from alvh.core.hedge.condor_actions import DefenceLine
from alvh.core.hedge.holdings import Holdings
from alvh.core.hedge.outcome import Sizing
from alvh.core.hedge.phases import PhaseState
from alvh.core.hedge.sizing import Glance, Worked
from alvh.core.hedge.sizing_desk import Fees, LongRoll, Question
from alvh.core.hedge.snapshot import Snapshot
from alvh.core.hedge.stress import StressCase
from alvh.core.hedge.surface import Smile
from alvh.core.signals.position import ThetaWindow
from alvh.core.situation import Situation

if TYPE_CHECKING:
    from alvh.core.hedge.condor_desk import CondorPlan
    from alvh.core.hedge.financing import Offer
    from alvh.core.hedge.put_desk import PutPlan


@dataclass(slots=True, kw_only=True)
class Look:
    """One decision while it is being made.

    Attributes:
        a: addition of S10 as a person gave it; None takes the signal's.
        situation, snapshot, holdings: what it sees and what is held.
        phase: where the machine stands behind it.
        condition: what moved it there at this close; None where it stayed.
        reasons, notes: collected so far.
        fees: per contract.
        ladder: contracts of the ladder's legs.
        was_tight, tight: whether the tightened defence line was in force before, and is behind it.
        fields: of the message.
        marks: of everything held.
        lines: defence lines by condor (S41).
        windows: theta windows by condor (S33).
        small_caps, small_cap_rows: held, as sizing sees them and by symbol, shares, price.
        question, worked, seen, sizing: what a sizing is asked, worked out, a first glance at it, its report; None
            where there is no VIX curve to size on.
        leaving: lots that are to go, and the rule.
        rolls: lots among them whose long call is rolled up, the rest of them kept.
        amended: numbers people have amended, and the phase they are for.
        edr_points: expected daily range of SPX, points; None where it is not known.
        holds_new: whether no new condors are opened, by the user's own setting or the second engine's.
        may_increase: whether the hedge may grow (1.1, the steward's rule).
        offer: the financing spread of the decision and how it stands against its rules; None where none was looked at.
        plan: what the condors should do.
        stress: cases of the stress library (S48).
        daily: of the last 21 closes, condor credit taken in and the hedge's worth: what a daily program looks back on.
        puts: the IWM puts of the decision; None where the trader has not chosen them.
    """

    situation: Situation
    snapshot: Snapshot
    holdings: Holdings
    phase: PhaseState
    reasons: list[str]
    fees: Fees
    ladder: Mapping[str, float]
    was_tight: bool
    condition: str | None = None
    tight: bool = False
    a: float | None = None
    notes: list[str] = field(default_factory=list)
    fields: dict[str, Any] = field(default_factory=dict)
    marks: Marks = field(default_factory=lambda: Marks(condors={}, sleeve={}))
    lines: dict[str, DefenceLine] = field(default_factory=dict)
    windows: dict[str, ThetaWindow] = field(default_factory=dict)
    small_caps: SmallCaps | None = None
    small_cap_rows: list[tuple[str, float, float]] = field(default_factory=list)
    question: Question | None = None
    worked: Worked | None = None
    seen: Glance | None = None
    sizing: Sizing | None = None
    leaving: dict[str, str] = field(default_factory=dict)
    rolls: tuple[LongRoll, ...] = ()
    amended: Mapping[str, Any] = field(default_factory=dict)
    edr_points: float | None = None
    holds_new: bool = False
    may_increase: bool = True
    offer: "Offer | None" = None
    plan: "CondorPlan | None" = None
    stress: tuple[StressCase, ...] = ()
    daily: Sequence[Sequence[float]] = ()
    puts: "PutPlan | None" = None

    @property
    def keeps_hedge(self) -> bool:
        """Whether the hedge is kept as it is: no condor is held only because no new one is opened (1.1)."""
        return self.holds_new and not self.holdings.condors


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What signals and the machine would have said, told by a person: for a sizing by itself.

    Attributes:
        phase: where the machine stands.
        a: addition of S10, ratio.
        beta_star, beta_stress: of the small caps (S11, S12).
        rv20: realised volatility of SPX, decimal; None where it is not known.
        vix_momentum: `vM`.
        spx_smile: of SPX options; None takes the model's.
    """

    phase: PhaseState
    a: float
    beta_star: float
    beta_stress: float
    rv20: float | None
    vix_momentum: bool
    spx_smile: Smile | None
