"""The desk of `hedge: alvh`: at each close the book is brought up to date, the phase moves, a message may follow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Final

from alvh.core.announce import Decision, in_order
from alvh.core.events import Answer
from alvh.core.hedge import bookkeeping, defence, lot_rules
from alvh.core.hedge.book import SmallCaps
from alvh.core.hedge.bookkeeping import Marks, marks_of
from alvh.core.hedge.condor_actions import DefenceLine
from alvh.core.hedge.discipline import Discipline
from alvh.core.hedge.fills import book_fills
from alvh.core.hedge.harvest import plan_harvest
from alvh.core.hedge.holdings import Holdings
from alvh.core.hedge.phase_desk import PhaseNews, booleans, phase_inputs, spread_state, step_phase
from alvh.core.hedge.phase_targets import PhaseTarget, TargetParameters, phase_target
from alvh.core.hedge.phases import Phase, PhaseParameters, PhaseState
from alvh.core.hedge.position_words import position_signals
from alvh.core.hedge.program import CondorProgram
from alvh.core.hedge.proposal import Proposal, proposed
from alvh.core.hedge.sizing import Glance, Sizing, Worked, glance, glance_at_held, report, work
from alvh.core.hedge.sizing_desk import (
    Change,
    Fees,
    Question,
    ask,
    changes_of,
    execute,
    sale_of,
    small_caps_of,
)
from alvh.core.hedge.sizing_inputs import SizingParameters
from alvh.core.hedge.snapshot import Snapshot
from alvh.core.hedge.surface import Smile
from alvh.core.hedge.theta import theta_windows
from alvh.core.portfolio import PortfolioState
from alvh.core.signals.position import ThetaWindow
from alvh.core.situation import Situation

DRIFT_BAND: Final = 0.05
"""How far the offset held may lie from the attainable one before the soft timer makes a message (3.4, TIMER_5)."""

QUIET_REASONS: Final = frozenset({"DEFENCE", "LIQ"})
"""Reasons that, alone, change nothing of the hedge."""

NO_PURCHASES: Final = frozenset({"DEFENCE", "LIQ", "CAP"})
"""Reasons that, alone, only take away: they are no rebalance (interfaces, section 4)."""

PROPOSALS_KEPT: Final = 50
"""Adjustments whose changes are remembered until somebody says they were executed: months of them."""


@dataclass(slots=True, kw_only=True)
class Look:
    """One decision while it is being made.

    Attributes:
        a: addition of S10 as a person gave it; None takes the signal's.
        situation, snapshot, holdings: what it sees and what is held.
        phase: where the machine stands behind it.
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
    """

    situation: Situation
    snapshot: Snapshot
    holdings: Holdings
    phase: PhaseState
    reasons: list[str]
    fees: Fees
    ladder: Mapping[str, float]
    was_tight: bool
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


class HedgeDesk:
    """Decides about the hedge of one portfolio by the methodology."""

    needs: Sequence[str] = ("VIX",)
    wants_chains = True

    def __init__(self, portfolio: Mapping[str, Any], document: Mapping[str, Any]) -> None:
        """Take a portfolio's configuration, and the document it stands in."""
        self._portfolio = portfolio
        self._methodology: Mapping[str, Any] = portfolio["methodology"]
        self._phases = PhaseParameters.from_methodology(self._methodology)
        self._targets = TargetParameters.from_methodology(self._methodology)
        self._sizes = SizingParameters.from_portfolio(portfolio)
        self._fees = Fees.of(document["fees"])
        program = portfolio["condor_program"]
        self._program = None if program is None else CondorProgram.from_plain(program)

    def is_ready(self, state: PortfolioState) -> bool:  # noqa: ARG002 - a desk's signature
        """Whether there is something to hedge, and nobody has switched the hedge off."""
        portfolio = self._portfolio
        held = portfolio["small_caps"] or portfolio["condors"] or portfolio["condor_program"]
        return bool(portfolio["enabled"] and held)

    def decide(self, state: PortfolioState, situation: Situation) -> Decision:
        """Return what is to be said at a close, or at a quote that triggered."""
        hedge, before = state.hedge, state.phase
        if any(situation.board.price(name) is None for name in ("SPX", "VIX")):
            # Switched over from triggers alone in a market without the VIX: the triggers stand, nothing else can.
            return Decision(
                reasons=in_order(situation.triggers), phase_before=before, phase_after=before, held=state.held,
                fields={"notes": ["VIX_missing"]},
            )  # fmt: skip
        look = Look(
            situation=situation,
            snapshot=Snapshot(situation, self._methodology),
            holdings=Holdings.from_plain(hedge["holdings"]) if "holdings" in hedge else Holdings(),
            phase=PhaseState.from_plain(hedge["phase"]) if "phase" in hedge else PhaseState(),
            reasons=list(situation.triggers),
            fees=self._fees,
            ladder=dict(self._targets.ladder),
            was_tight=bool(hedge.get("tight", False)),
            notes=list(situation.notes),
        )
        if situation.is_close:
            self._update_book(look, hedge)
            self._move_phase(look, state)
        look.marks = marks_of(look.holdings, look.snapshot)
        self._glance(look, state)
        per_cent = self._draw_lines(look)
        if situation.is_close:
            self._watch(look, state)
        if defence.is_newly_crossed(hedge, look.lines):
            look.reasons.append("DEFENCE")
        state.fired += [code for code in ("CAP", "DEFENCE") if code in look.reasons]
        reasons = in_order(look.reasons)
        proposal = self._propose(look, state, reasons) if reasons else None
        if situation.is_close:
            self._count(look, hedge, proposal)
        hedge["holdings"] = look.holdings.as_plain()
        hedge["tight"] = look.tight or (look.was_tight and proposal is None)
        edr = self._methodology["edr"]
        defence.keep_watch(hedge, look.holdings, look.snapshot, per_cent, edr, is_close=situation.is_close)
        return self._decision(look, state, before, proposal)

    def _decision(self, look: Look, state: PortfolioState, before: str, proposal: Proposal | None) -> Decision:
        if proposal is None:
            return Decision(reasons=(), phase_before=before, phase_after=state.phase, held=state.held)
        discipline = Discipline.from_plain(state.hedge["discipline"]) if "discipline" in state.hedge else Discipline()
        fields = {
            **look.fields,
            **proposal.fields,
            "loyalty_error": discipline.loyalty_error,
            "motion_error": discipline.motion_error,
            "last_change_session": state.hedge.get("last_change"),
            "notes": [*look.notes, *proposal.notes, *discipline.warnings],
        }
        return Decision(
            reasons=proposal.reasons,
            phase_before=before,
            phase_after=state.phase,
            held=state.held,
            lines=proposal.lines,
            fields=fields,
            legs=proposal.legs,
            target=proposal.target,
            signals=position_signals(look, look.sizing, state.sessions, self._methodology["move3"]["threshold"]),
        )

    def size_once(self, state: PortfolioState, situation: Situation, given: Given) -> Decision:
        """Return what this portfolio would be told in one market, its configured legs held; nothing is executed."""
        look = Look(
            situation=situation,
            snapshot=Snapshot(situation, self._methodology, spx_smile=given.spx_smile),
            holdings=Holdings(),
            phase=given.phase,
            reasons=list(situation.triggers),
            fees=self._fees,
            ladder=dict(self._targets.ladder),
            was_tight=False,
            a=given.a,
        )
        look.notes += bookkeeping.adopt_legs(look.holdings, self._portfolio["legs"], look.snapshot)
        look.notes += bookkeeping.adopt(look.holdings, self._portfolio, look.snapshot)
        look.marks = marks_of(look.holdings, look.snapshot)
        small, look.small_cap_rows = small_caps_of(self._portfolio, situation, given.beta_star)
        if small is not None:
            stress = max(given.beta_stress, given.beta_star)
            look.small_caps = replace(small, beta_star=given.beta_star, beta_stress=stress)
        question = self._question(look)
        inputs = replace(question.inputs, cost_to_date_usd=None, rv20=given.rv20, vix_momentum=given.vix_momentum)
        look.question = replace(question, inputs=inputs)
        look.worked = work(inputs)
        look.seen = glance(look.worked)
        self._draw_lines(look)
        look.windows = theta_windows(look.holdings, look.snapshot, situation.book)
        reasons = in_order(look.reasons)
        sizing, changes = self._sized(look, reasons)
        proposal = proposed(look, sizing, changes, self._target(look), self._portfolio, self._methodology, reasons)
        state.phase, state.held = str(given.phase.phase), given.phase.held
        return self._decision(look, state, state.phase, proposal)

    # The book at a close

    def _update_book(self, look: Look, hedge: dict[str, Any]) -> None:
        holdings, snapshot = look.holdings, look.snapshot
        if "holdings" not in hedge:
            look.notes += bookkeeping.adopt_legs(holdings, self._portfolio["legs"], snapshot)
        look.notes += bookkeeping.adopt(holdings, self._portfolio, snapshot)
        curve = look.situation.curve
        settles = {row[0]: row[1] for row in curve.nodes} if curve is not None else {}
        look.notes += bookkeeping.settle(holdings, snapshot, settles, hedge.get("closes", {}))
        if self._program is not None and self._portfolio["enabled"]:
            _, notes = bookkeeping.sell_program(holdings, self._program, snapshot, fee_usd=self._fees.option)
            look.notes += notes
        look.notes += lot_rules.age(holdings, snapshot)
        hedge["closes"] = {"SPX": snapshot.market.spx, "VIX": snapshot.market.vix}

    def _move_phase(self, look: Look, state: PortfolioState) -> None:
        hedge, situation = state.hedge, look.situation
        held = self._portfolio["small_caps"] or look.holdings.condors or self._program
        inputs = phase_inputs(
            situation,
            has_exposure=bool(held),
            is_enabled=self._portfolio["enabled"],
            monet=lot_rules.harvestable(look.holdings, look.snapshot),
        )
        now = spread_state(situation.book)
        news: PhaseNews = step_phase(look.phase, inputs, self._phases, hedge.get("spread"), now)
        look.phase = news.step.after
        hedge["phase"], hedge["spread"] = look.phase.as_plain(), now
        state.phase, state.held = str(look.phase.phase), look.phase.held
        look.reasons += news.reasons
        look.fields["booleans"] = booleans(inputs)
        look.fields["confirmations"] = situation.book.spread.confirmations
        if situation.book.spread.is_inverted:
            look.notes.append("IVX_inverted")

    # What the hedge asks for

    def _target(self, look: Look) -> PhaseTarget:
        a = look.situation.book.spread.a if look.a is None else look.a
        return phase_target(look.phase, a, self._targets)

    def _glance(self, look: Look, state: PortfolioState) -> None:
        """See what is held; and where a message is due or the soft timer has run, ask what should be."""
        small, rows = small_caps_of(self._portfolio, look.situation, self._methodology["beta"]["prior_mean"])
        look.small_caps, look.small_cap_rows = small, rows
        if not look.snapshot.nodes:
            return
        now = lot_rules.circumstances(look.situation, look.phase.phase)
        look.leaving = lot_rules.leaving(look.holdings, look.snapshot, now, look.phase.phase)
        is_due = bool(look.reasons or look.leaving) or state.sessions >= self._methodology["timer"]["soft"]
        if is_due:
            look.question = self._question(look)
            look.worked = work(look.question.inputs)
            look.seen = glance(look.worked)
        elif look.situation.is_close:
            look.seen = glance_at_held(self._question(look, with_candidates=False).inputs)

    def _question(self, look: Look, *, with_candidates: bool = True) -> Question:
        return ask(
            look.situation,
            look.snapshot,
            look.holdings,
            self._target(look),
            self._sizes,
            small_caps=look.small_caps,
            fees=self._fees,
            cost_to_date=look.holdings.sleeve.cost_of_book(look.marks.sleeve),
            leaving=look.leaving,
            with_candidates=with_candidates,
        )

    def _watch(self, look: Look, state: PortfolioState) -> None:
        """Add the reasons that come from what is held at a close: TIMER_5, ROLL, HARVEST, CAP."""
        hedge = state.hedge
        timer = self._methodology["timer"]
        look.windows = theta_windows(look.holdings, look.snapshot, look.situation.book)
        is_open = any(window.is_open for window in look.windows.values())
        if state.is_anchored and state.sessions >= timer["hard_in_ttheta"] and is_open:
            look.reasons.append("TIMER_10")
        if any(rule.startswith("ROLL") for rule in look.leaving.values()):
            look.reasons.append("ROLL")
        if look.phase.phase is Phase.MONETISE:
            look.reasons.append("HARVEST")
        seen = look.seen
        if seen is not None and look.snapshot.is_fresh:
            if state.is_anchored and state.sessions >= timer["soft"] and seen.drift > DRIFT_BAND:
                look.reasons.append("TIMER_5")
            is_over = seen.cost_held > seen.cap + 1e-6
            if is_over and not hedge.get("over_cap", False):
                look.reasons.append("CAP")
            hedge["over_cap"] = is_over

    def _draw_lines(self, look: Look) -> float | None:
        """See where SPX stands to the defence lines; return the expected move, per cent."""
        per_cent = defence.expected_move(look.situation.book)
        if per_cent is not None:
            look.fields["edr"] = {"pct": per_cent, "points": look.snapshot.market.spx * per_cent / 100.0}
        edr = self._methodology["edr"]
        look.lines = defence.lines_of(look.holdings, look.snapshot, per_cent, edr, tight=look.was_tight)
        return per_cent

    # What is proposed

    def _propose(self, look: Look, state: PortfolioState, reasons: tuple[str, ...]) -> Proposal:
        sizing, changes = self._sized(look, reasons)
        proposal = proposed(look, sizing, changes, self._target(look), self._portfolio, self._methodology, reasons)
        if self._portfolio["execution"] == "paper":
            execute(look.holdings, changes, look.snapshot, self._fees)
        elif changes:
            event_id = f"{state.portfolio_id}-{state.sequence + 1:020d}-{look.situation.ts_event}"
            self._remember(state, event_id, changes)
        return proposal

    def _sized(self, look: Look, reasons: tuple[str, ...]) -> tuple[Sizing | None, list[Change]]:
        if look.seen is None:
            return None, []
        if look.question is None:
            look.question = self._question(look)
        look.sizing = sizing = report(look.worked or work(look.question.inputs))
        if not look.snapshot.is_fresh or QUIET_REASONS.issuperset(reasons):
            return sizing, []
        changes = changes_of(sizing, look.holdings, look.snapshot)
        if NO_PURCHASES.issuperset(reasons):
            changes = [change for change in changes if change.units < 0]
        if "HARVEST" in reasons:
            changes += self._harvest(look, sizing)
        return sizing, changes

    def _harvest(self, look: Look, sizing: Sizing) -> list[Change]:
        lots = [lot for lot in look.holdings.lots if lot.leg in ("L1", "L1b", "L2")]
        held: dict[str, int] = {}
        for lot in lots:
            held[lot.leg] = held.get(lot.leg, 0) + lot.quantity
        calendar = next((lot for lot in lots if lot.leg == "L2"), None)
        plan = plan_harvest(
            held,
            {lot.leg: sale_of(lot, 1, look.snapshot, self._fees).net * lot.multiplier for lot in lots},
            spread=None if calendar is None else look.snapshot.unit_mid(calendar),
            cost_to_date=sizing.cost_to_date,
        )
        changes = []
        for leg, count in plan.sell.items():
            left = count
            for lot in (lot for lot in lots if lot.leg == leg):
                units = min(left, lot.quantity)
                if units and look.snapshot.held(lot, self._fees.for_leg(leg)).is_tradable:
                    changes.append(sale_of(lot, units, look.snapshot, self._fees))
                    left -= units
        return changes

    def _count(self, look: Look, hedge: dict[str, Any], proposal: Proposal | None) -> None:
        """Count loyalty and motion."""
        known = Discipline.from_plain(hedge["discipline"]) if "discipline" in hedge else Discipline()
        change = 0.0 if proposal is None else proposal.size_change
        hedge["discipline"] = known.at_close(
            offset=0.0 if look.seen is None else look.seen.offset_held,
            phi=self._target(look).phi if look.holdings.condors else 0.0,
            adjusted=proposal is not None,
            size_change=change,
        ).as_plain()
        if change:
            hedge["last_change"] = look.snapshot.session.isoformat()

    # Answers

    def _remember(self, state: PortfolioState, event_id: str, changes: Sequence[Change]) -> None:
        book = Holdings(lots=[change.lot for change in changes])
        proposals = state.hedge.setdefault("proposals", {})
        proposals[event_id] = {
            "session": changes[0].lot.opened.isoformat(),
            "lots": book.as_plain()["lots"],
            "units": [change.units for change in changes],
            "prices": [list(change.prices) for change in changes],
        }
        while len(proposals) > PROPOSALS_KEPT:
            del proposals[next(iter(proposals))]

    def quiet_band(self, state: PortfolioState) -> defence.Band:  # noqa: D102 - told by `Desk`
        return defence.quiet_band(state.hedge)

    def is_crossed_at(self, state: PortfolioState, spx: float) -> bool:  # noqa: D102 - told by `Desk`
        return defence.is_crossed_at(state.hedge, spx)

    def answered(self, state: PortfolioState, answer: Answer) -> None:
        """Let the legs held follow an adjustment that was executed (`execution: answers`)."""
        proposal = state.hedge.get("proposals", {}).get(answer.event_id)
        if answer.decision != "executed" or proposal is None or "holdings" not in state.hedge:
            return
        del state.hedge["proposals"][answer.event_id]
        holdings = Holdings.from_plain(state.hedge["holdings"])
        from_plain = Holdings.from_plain({**Holdings().as_plain(), "lots": proposal["lots"]})
        session = date.fromisoformat(proposal["session"])
        book_fills(holdings, from_plain.lots, proposal, answer, self._fees, session)
        state.hedge["holdings"] = holdings.as_plain()

    def legs(self, state: PortfolioState) -> list[dict[str, Any]]:
        """Return the contracts held."""
        if "holdings" not in state.hedge:
            return []
        return [
            {"leg": lot.leg, "instrument": part.symbol, "target_quantity": lot.quantity * part.ratio,
             "current_quantity": lot.quantity * part.ratio}
            for lot in Holdings.from_plain(state.hedge["holdings"]).lots
            for part in lot.parts
        ]  # fmt: skip
