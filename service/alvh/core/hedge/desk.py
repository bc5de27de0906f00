"""The desk of `hedge: alvh`: at each close the book is brought up to date, the phase moves, a message may follow."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from alvh.core.announce import Decision, in_order
from alvh.core.events import Answer
from alvh.core.hedge import answered, bookkeeping, daily, defence, financing, lot_rules
from alvh.core.hedge.account_follow import ReadsAccount, account_notes, adopt_book, with_account
from alvh.core.hedge.answered import Limits
from alvh.core.hedge.bookkeeping import marks_of
from alvh.core.hedge.condor_desk import draw_lines, holds_new, plan_of, tried
from alvh.core.hedge.condor_moves import CondorMove, apply
from alvh.core.hedge.discipline import Discipline, count
from alvh.core.hedge.harvesting import harvest
from alvh.core.hedge.holdings import Holdings
from alvh.core.hedge.leavers import leavers
from alvh.core.hedge.look import Given, Look
from alvh.core.hedge.lot_rules import exit_reasons
from alvh.core.hedge.phase_desk import PhaseNews, booleans, phase_inputs, spread_state, step_phase
from alvh.core.hedge.phase_targets import PhaseTarget, TargetParameters, phase_target
from alvh.core.hedge.phases import Phase, PhaseParameters, PhaseState
from alvh.core.hedge.position_words import position_signals, told_later
from alvh.core.hedge.program import ChosenCondor, CondorProgram, NoCondor
from alvh.core.hedge.proposal import Proposal, proposed
from alvh.core.hedge.put_desk import plan_puts
from alvh.core.hedge.rolling_up import long_rolls, rolled, with_rolls
from alvh.core.hedge.sizing import Sizing, Worked, glance, glance_at_held, report, work
from alvh.core.hedge.sizing_desk import Change, Fees, Question, ask, changes_of, execute, small_caps_of
from alvh.core.hedge.sizing_inputs import SizingParameters
from alvh.core.hedge.snapshot import Snapshot
from alvh.core.hedge.steward import growth_allowed, note_close, without_growth
from alvh.core.hedge.stress import StressCase
from alvh.core.hedge.theta import theta_windows
from alvh.core.hedge.watching import watch
from alvh.core.portfolio import PortfolioState
from alvh.core.situation import Situation

QUIET_REASONS: Final = frozenset({"DEFENCE", "LIQ"})
"""Reasons that, alone, change nothing of the hedge."""

NO_PURCHASES: Final = frozenset({"DEFENCE", "LIQ", "CAP"})
"""Reasons that, alone, only take away: they are no rebalance (interfaces, section 4)."""


class HedgeDesk(ReadsAccount):
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
        self._put_share = 1.0 - self._sizes.small_cap_share
        self._stress = tuple(StressCase.from_plain(case) for case in document.get("stress", ()))
        program = portfolio["condor_program"]
        self._program = None if program is None else CondorProgram.from_plain(program)

    def is_ready(self, state: PortfolioState) -> bool:
        """Whether there is something to hedge, and nobody has switched the hedge off."""
        portfolio = with_account(self._portfolio, state.hedge)
        return portfolio["enabled"] and any(portfolio[name] for name in ("small_caps", "condors", "condor_program"))

    def decide(self, state: PortfolioState, situation: Situation) -> Decision:
        """Return what is to be said at a close, or at a quote that triggered."""
        hedge, before = state.hedge, state.phase
        self._portfolio = with_account(self._portfolio, hedge)
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
            notes=[*situation.notes, *account_notes(self._portfolio, hedge, is_close=situation.is_close)],
            amended=hedge.get("amended", {}),
            holds_new=bool(hedge.get("holds_new", False)) and not situation.is_close,
            daily=hedge.get("daily", []),
            stress=self._stress,
        )
        prior = self._methodology["beta"]["prior_mean"]
        look.small_caps, look.small_cap_rows = small_caps_of(self._portfolio, situation, prior)
        if situation.is_close:
            self._update_book(look, state)
            self._move_phase(look, state)
            look.windows = theta_windows(look.holdings, look.snapshot, situation.book)
            self._sell_program(look)
            hedge["holds_new"] = look.holds_new
        look.marks = marks_of(look.holdings, look.snapshot)
        look.may_increase = growth_allowed(look, hedge)
        self._glance(look, state)
        per_cent = draw_lines(look, self._methodology["edr"])
        if situation.is_close:
            watch(look, state, self._methodology)
        if defence.is_newly_crossed(hedge, look.lines):
            look.reasons.append("DEFENCE")
        state.fired += [code for code in ("CAP", "DEFENCE") if code in look.reasons]
        reasons = in_order(look.reasons)
        proposal = self._propose(look, state, reasons) if reasons else None
        self._count(look, hedge, proposal)
        if situation.is_close:
            note_close(look, hedge)
            daily.note_close(look, hedge)
        hedge["holdings"] = look.holdings.as_plain()
        hedge["tight"] = look.tight or (look.was_tight and proposal is None)
        defence.keep_watch(hedge, look.holdings, per_cent, self._methodology["edr"], is_close=situation.is_close)
        return self._decision(look, state, before, proposal)

    def _decision(self, look: Look, state: PortfolioState, before: str, proposal: Proposal | None) -> Decision:
        if proposal is None:
            later = told_later(look, self._question, state.sessions, self._methodology)
            return Decision(reasons=(), phase_before=before, phase_after=state.phase, held=state.held, later=later)
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
            condition=look.condition,
            signals=position_signals(look, look.sizing, state.sessions, self._methodology),
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
            stress=self._stress,
        )
        look.notes += bookkeeping.adopt_legs(look.holdings, self._portfolio["legs"], look.snapshot)
        look.notes += bookkeeping.adopt(look.holdings, self._portfolio, look.snapshot)
        look.notes += lot_rules.age(look.holdings, look.snapshot)
        look.marks = marks_of(look.holdings, look.snapshot)
        look.leaving = leavers(look, vol_trigger=given.vix_momentum)
        look.rolls = long_rolls(look)
        look.reasons += exit_reasons(look.leaving)
        small, look.small_cap_rows = small_caps_of(self._portfolio, situation, given.beta_star)
        if small is not None:
            stress = max(given.beta_stress, given.beta_star)
            look.small_caps = replace(small, beta_star=given.beta_star, beta_stress=stress)
        question = self._question(look)
        inputs = replace(question.inputs, cost_to_date_usd=None, rv20=given.rv20, vix_momentum=given.vix_momentum)
        look.question = replace(question, inputs=inputs)
        look.worked = work(inputs)
        look.seen = glance(look.worked)
        draw_lines(look, self._methodology["edr"])
        look.windows = theta_windows(look.holdings, look.snapshot, situation.book)
        reasons = in_order(look.reasons)
        sizing, changes = self._sized(look, reasons)
        if sizing is not None:
            look.plan = plan_of(look, sizing, self._methodology, {})
        proposal = proposed(look, sizing, changes, self._target(look), self._portfolio, self._methodology, reasons)
        state.phase, state.held = str(given.phase.phase), given.phase.held
        return self._decision(look, state, state.phase, proposal)

    # The book at a close

    def _update_book(self, look: Look, state: PortfolioState) -> None:
        holdings, snapshot, hedge = look.holdings, look.snapshot, state.hedge
        look.notes += adopt_book(holdings, self._portfolio, hedge, snapshot)
        bookkeeping.begin_lives(holdings, snapshot)
        curve = look.situation.curve
        settles = {row[0]: row[1] for row in curve.nodes} if curve is not None else {}
        look.notes += bookkeeping.settle(holdings, snapshot, settles, hedge.get("closes", {}))
        look.notes += lot_rules.age(holdings, snapshot)
        if "holdings" in hedge:
            answered.forget_settled(state, Holdings.from_plain(hedge["holdings"]), holdings)
        hedge["closes"] = {"SPX": snapshot.market.spx, "VIX": snapshot.market.vix}

    def _sell_program(self, look: Look) -> None:
        """Sell the program's next condor if one is due, unless HOLD_NEW stands against it (3.7)."""
        if self._program is None or not self._portfolio["enabled"]:
            return
        chosen = bookkeeping.due_condor(look.holdings, self._program, look.snapshot)
        if isinstance(chosen, NoCondor):
            look.notes.append(f"no_condor:{chosen.reason}: {chosen.detail}")
        if not isinstance(chosen, ChosenCondor):
            return
        trial = Holdings.from_plain(look.holdings.as_plain())
        bookkeeping.sell(trial, chosen, look.snapshot, fee_usd=self._fees.option)
        above, second = self._portfolio.get("hold_new_above"), self._second_engine(look, trial)
        why = holds_new(look, above, second_engine=second)
        if why is not None:
            look.holds_new = True
            look.notes.append(f"hold_new: {why}")
            return
        look.holdings = trial
        look.notes += [f"condor_{note}" for note in chosen.notes]

    def _second_engine(self, look: Look, trial: Holdings) -> bool:
        """Whether a new condor's expected return, its hedge paid, would stay below the hurdle (S30)."""
        if not look.snapshot.nodes:
            return False
        held, look.holdings = look.holdings, trial
        look.marks = marks_of(trial, look.snapshot)
        sizing = report(work(self._question(look).inputs))
        look.holdings = held
        return sizing.second_engine is True

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
        look.phase, look.condition = news.step.after, news.step.condition
        hedge["phase"], hedge["spread"] = look.phase.as_plain(), now
        state.phase, state.held = str(look.phase.phase), look.phase.held
        look.reasons += news.reasons
        look.fields["booleans"] = booleans(inputs)
        look.fields["confirmations"] = situation.book.spread.confirmations
        if situation.book.spread.is_inverted:
            look.notes.append("IVX_inverted")

    # What the hedge asks for

    def _target(self, look: Look) -> PhaseTarget:
        """Return what the phase wants, with what people have amended for as long as it lasts (1.1)."""
        a = look.situation.book.spread.a if look.a is None else look.a
        said = look.amended if look.amended.get("phase") == look.phase.phase else {}
        targets = self._targets
        if "m" in said:
            targets = replace(targets, m_confirmed=said["m"])
        target = phase_target(look.phase, said.get("a", a), targets)
        return replace(target, phi=min(said["phi"], target.ceiling)) if "phi" in said else target

    def _glance(self, look: Look, state: PortfolioState) -> None:
        """See what is held; and where a message is due or the soft timer has run, ask what should be."""
        look.leaving = leavers(look)
        look.rolls = long_rolls(look)
        if not look.snapshot.nodes:
            return
        is_due = bool(look.reasons or look.leaving) or state.sessions >= self._methodology["timer"]["soft"]
        if is_due:
            look.question = self._question(look)
            look.worked = work(look.question.inputs)
            look.seen = glance(look.worked)
        elif look.situation.is_close:
            look.seen = glance_at_held(self._question(look, with_candidates=False).inputs)

    def _question(self, look: Look, *, with_candidates: bool = True) -> Question:
        is_daily = self._program is not None and self._program.is_daily
        cost = financing.cost_to_date(look.holdings, look.marks, self._sizes.fin_max)
        return ask(
            look.situation,
            look.snapshot,
            rolled(look.holdings, look.rolls),
            self._target(look),
            self._sizes,
            small_caps=look.small_caps,
            fees=self._fees,
            cost_to_date=daily.cost(look, look.daily) if is_daily else cost,
            leaving=look.leaving,
            with_candidates=with_candidates,
            financing=financing.held_spreads(look.holdings, look.snapshot),
            trailing_credit=daily.credit(look, look.daily) if is_daily else None,
        )

    # What is proposed

    def _propose(self, look: Look, state: PortfolioState, reasons: tuple[str, ...]) -> Proposal:
        sizing, changes = self._sized(look, reasons)
        if sizing is not None:
            look.plan = plan_of(look, sizing, self._methodology, state.hedge.get("done", {}))
        proposal = proposed(look, sizing, changes, self._target(look), self._portfolio, self._methodology, reasons)
        moves = [] if look.plan is None else [move for move in look.plan.moves if not move.is_choice]
        is_done = self._portfolio["execution"] == "paper"
        if is_done:
            execute(look.holdings, changes, look.snapshot, self._fees)
            for move in moves:
                apply(look.holdings, move, fee_usd=self._fees.option, session=look.snapshot.session)
            bookkeeping.begin_lives(look.holdings, look.snapshot)
        self._note(look, state, changes, moves, proposal, sizing, is_done=is_done)
        return proposal

    def _note(
        self,
        look: Look,
        state: PortfolioState,
        changes: Sequence[Change],
        moves: Sequence[CondorMove],
        proposal: Proposal,
        sizing: Sizing | None,
        *,
        is_done: bool,
    ) -> None:
        """Remember what was proposed, for the answers to it and for what is not to be said twice."""
        answered.want(state, proposal.legs)
        done = state.hedge.setdefault("done", {})
        for name, origin in tried(look.plan) if look.plan is not None else ():
            if origin not in done.setdefault(name, []):
                done[name].append(origin)
        above, raised = self._methodology["approvals"]["phi_above"]
        expires = look.situation.calendar.next_close_after(look.situation.ts_event).close_ns
        limits = Limits(
            approvals=proposal.fields.get("approvals_required", 0), above=(above, int(raised)),
            override=self._methodology["approvals"]["override"],
            premium=0.0 if sizing is None else self._sizes.premium_max * sizing.credit,
            expires=None if is_done or sizing is None else expires,
        )  # fmt: skip
        event_id = f"{state.portfolio_id}-{state.sequence + 1:020d}-{look.situation.ts_event}"
        session = look.snapshot.session
        answered.remember(state, event_id, session, changes, moves, sizing, limits, is_done=is_done)

    def _sized(self, look: Look, reasons: tuple[str, ...]) -> tuple[Sizing | None, list[Change]]:
        if look.seen is None:
            return None, []
        if look.question is None:
            look.question = self._question(look)
        worked = look.worked or work(look.question.inputs)
        look.sizing = sizing = report(worked)
        backs = financing.buy_backs(look.holdings, look.snapshot, look.leaving)
        if not look.snapshot.is_fresh or QUIET_REASONS.issuperset(reasons):
            return sizing, backs
        changes = changes_of(sizing, rolled(look.holdings, look.rolls), look.snapshot)
        changes = with_rolls(changes, look.rolls, look)
        if look.keeps_hedge:
            changes = [c for c in changes if look.leaving.get(c.lot.key, "").startswith("CLOSE")]
        if NO_PURCHASES.issuperset(reasons):
            changes = [change for change in changes if change.units < 0]
        if look.phase.phase is Phase.MONETISE:
            changes += harvest(look, sizing, self._sizes)
        cut = None
        if not look.may_increase:
            changes, cut = without_growth(changes, sizing)
        sizing = self._financed(look, worked, sizing, changes, reasons)
        cuts = [] if cut is None else [cut]
        if look.offer is not None and look.offer.change is not None:
            changes.append(look.offer.change)
        if self._put_share > 0.0 or any(lot.leg == "IWM" for lot in look.holdings.overlays):
            may_buy = look.may_increase and self._target(look).adds_allowed and not NO_PURCHASES.issuperset(reasons)
            is_off = look.phase.phase is Phase.OFF
            look.puts = plan_puts(look, sizing, self._sizes, self._put_share, may_buy=may_buy, is_off=is_off)
        if look.puts is not None:
            changes += look.puts.changes
            cuts += look.puts.bindings
        look.sizing = sizing = replace(sizing, bindings=(*sizing.bindings, *cuts)) if cuts else sizing
        return sizing, [*changes, *backs]

    def _financed(
        self, look: Look, worked: Worked, sizing: Sizing, changes: Sequence[Change], reasons: tuple[str, ...]
    ) -> Sizing:
        """Look for a financing spread (3.6); return the sizing with it where one is offered."""
        if NO_PURCHASES.issuperset(reasons) or not self._target(look).adds_allowed:
            return sizing
        look.offer = financing.offer(look, financing.question_of(look, sizing, changes))
        if look.offer is None or look.offer.spread is None:
            return sizing
        return report(replace(worked, inputs=replace(worked.inputs, offered=(look.offer.spread,))))

    def _count(self, look: Look, hedge: dict[str, Any], proposal: Proposal | None) -> None:
        """Count loyalty and motion, and what a daily program's budget looks back on."""
        count(
            hedge,
            offset=0.0 if look.seen is None else look.seen.offset_held,
            phi=self._target(look).phi if look.holdings.condors else 0.0,
            adjusted=proposal is not None,
            size_change=0.0 if proposal is None else proposal.size_change,
            session=look.snapshot.session,
            is_close=look.situation.is_close,
        )

    # Answers

    def refuses(self, state: PortfolioState, answer: Answer) -> str | None:
        """Return why an answer does not fit what was proposed, or None."""
        return answered.refusal(state, answer)

    def quiet_band(self, state: PortfolioState) -> defence.Band:  # noqa: D102 - told by `Desk`
        return defence.quiet_band(state.hedge)

    def is_crossed_at(self, state: PortfolioState, spx: float) -> bool:  # noqa: D102 - told by `Desk`
        return defence.is_crossed_at(state.hedge, spx)

    def answered(self, state: PortfolioState, answer: Answer) -> None:
        """Let what is wanted, and what is held (`execution: answers`), follow an answer."""
        answered.answered(state, answer, self._fees)

    def legs(self, state: PortfolioState) -> list[dict[str, Any]]:
        """Return the contracts wanted and held."""
        return answered.legs(state)
