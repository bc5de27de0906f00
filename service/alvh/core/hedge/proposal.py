"""From a sizing to the words and numbers of a message: what to change, why, at which price, and what it does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from alvh.core.announce import in_order, rfc3339
from alvh.core.hedge.book import LEGS
from alvh.core.hedge.book_words import book_condors, small_cap_part
from alvh.core.hedge.breakeven_words import break_even_parts
from alvh.core.hedge.condor_desk import CondorPlan
from alvh.core.hedge.condor_moves import CondorMove
from alvh.core.hedge.contracts import LegChoice
from alvh.core.hedge.financing_words import financing_break_evens, financing_parts
from alvh.core.hedge.leavers import observations
from alvh.core.hedge.look import Look
from alvh.core.hedge.order_words import action_of, condor_action, holds, move_actions, move_package, package_of
from alvh.core.hedge.outcome import Sizing
from alvh.core.hedge.phase_targets import PhaseTarget
from alvh.core.hedge.phases import Phase
from alvh.core.hedge.protocols import protocol
from alvh.core.hedge.put_words import iwm_puts, put_fields
from alvh.core.hedge.scenario import ScenarioParameters
from alvh.core.hedge.sizing_desk import Change, refusal_of
from alvh.core.hedge.symbols import cfe_symbol
from alvh.core.hedge.text_lines import lines_of, near_break_evens
from alvh.core.hedge.time_shift import CENTROIDS, shift_of, synthetic_notes
from alvh.message_parts import (
    Band,
    Baseline,
    Binding,
    BookCondor,
    BreakEven,
    CurveNode,
    EdrPart,
    LiquidityCheck,
    Protocol,
    RuleCheck,
    TargetLeg,
    VoidIf,
)

# What fires once per crossing is no rebalance where it stands alone; a note on the floor must not make it one.
NO_REBALANCE = frozenset({"LIQ", "CAP", "DEFENCE"})
_ORDER = (*LEGS, "FIN", "IWM")
_VOID_SPX = 0.03
_VOID_VIX = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What a decision says.

    Attributes:
        reasons: of the message, in order.
        fields: of HedgeAdjustment.
        lines: for a person, the worst case first.
        legs: contracts wanted.
        target: further fields of HedgeTarget.
        notes: remarks.
        size_change: of the hedge's gain at the design shock, dollars; 0 for none.
    """

    reasons: tuple[str, ...]
    fields: Mapping[str, Any]
    lines: tuple[str, ...]
    legs: tuple[TargetLeg, ...] = ()
    target: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    size_change: float = 0.0


def proposed(
    look: Look,
    sizing: Sizing | None,
    changes: Sequence[Change],
    target: PhaseTarget,
    portfolio: Mapping[str, Any],
    methodology: Mapping[str, Any],
    reasons: tuple[str, ...],
) -> Proposal:
    """Return what is said about a decision.

    Args:
        look: the decision.
        sizing: of it; None where the VIX curve is missing.
        changes: of the hedge.
        target: what the phase wants.
        portfolio: its configuration.
        methodology: of it.
        reasons: known so far.
    """
    fields: dict[str, Any] = {**market_fields(look), **_book_fields(look)}
    small = look.small_caps
    if look.fields.get("edr") is not None:
        fields["edr"] = EdrPart(**look.fields.pop("edr"))
    if sizing is None:
        notes = [*look.snapshot.faults, "not_sized:no_vx_curve"]
        return Proposal(reasons=reasons, fields=fields, notes=tuple(notes), size_change=0.0,
                        lines=("No VIX futures curve: the hedge cannot be sized; hold what is held.",
                               *near_break_evens(look)))  # fmt: skip
    choices = {} if look.question is None else look.question.choices
    plan = look.plan or CondorPlan()
    approvals, shift = _approvals(look, target, portfolio, methodology), shift_of(look)
    puts = iwm_puts(look, sizing, small)
    until = rfc3339(look.situation.calendar.next_close_after(look.situation.ts_event).close_ns)
    fields |= {
        **sizing_fields(sizing, target),
        **_orders(look, changes, plan),
        **_checks(look, plan),
        "pricing": look.snapshot.pricing,
        "valid_until": until,
        "expires_at": until,
        "void_if": _void(look),
        "approvals_required": approvals,
        "tenor_shift": shift,
        "tenor_target": CENTROIDS[shift],
        "protocols": _protocols(sizing, changes, look),
        "liquidity": _liquidity(choices),
        "fallbacks_used": [f"{leg}: {choice.fallback}" for leg, choice in choices.items() if choice.fallback],
        "iwm_puts": puts,
        "scenario_grid_ref": None if puts is None else "iwm_puts.grid",
        "breakevens": _break_evens(look, sizing, methodology["timer"]["soft"]),
        "condors": _net_of_hedge(fields["condors"], sizing.cost + sizing.cost_to_date),
        **put_fields(look, sizing),
    }
    fields["condor"] = next(iter(fields["condors"]), None)
    return Proposal(
        reasons=_reasons(look, sizing, choices, target, reasons),
        fields=fields,
        lines=lines_of(look, sizing, changes, target, (*plan.moves, *(action for action, _ in plan.words))),
        legs=_target_legs(look, changes),
        target={
            "phi": target.phi, "d_design": sizing.shock.design, "offset6": sizing.offset_design,
            "cost_usd": sizing.cost, "cap_usd": sizing.cap,
        },
        notes=(
            *_flags(look, portfolio, approvals, changes, plan.moves),
            *look.snapshot.faults, *sizing.notes, *synthetic_notes(look, changes),
            *(f"{key}: {rule}" for key, rule in look.leaving.items()), *observations(look),
        ),
        size_change=_size_change(sizing, changes),
    )  # fmt: skip


def _reasons(
    look: Look, sizing: Sizing, choices: Mapping[str, LegChoice], target: PhaseTarget, known: tuple[str, ...]
) -> tuple[str, ...]:
    """The reasons known before the sizing, and those it adds, in order."""
    said = list(known)
    if sizing.infeasible_floor and not NO_REBALANCE.issuperset(said):
        said.append("INFEASIBLE_FLOOR")
    if look.snapshot.pricing == "quotes" and target.adds_allowed and any(map(refusal_of, choices.values())):
        said.append("LIQ")
    return in_order(said)


def _orders(look: Look, changes: Sequence[Change], plan: CondorPlan) -> dict[str, Any]:
    """What would be traded, leg by leg and as it is worked, and whether it could be."""
    flat = [action for change in changes for action in action_of(change, look, _verb(change, changes, look))]
    flat += holds(look, changes)
    flat += [action for move in plan.moves for action in move_actions(move, look)]
    flat += [condor_action(action, held) for action, held in plan.words]
    packages = [package_of(change, look, number) for number, change in enumerate(changes, start=1)]
    packages += [move_package(move, look, number) for number, move in enumerate(plan.moves, start=len(packages) + 1)]
    return {"actions": flat, "packages": packages, "executable": _executable(look, changes, plan.moves)}


def _checks(look: Look, plan: CondorPlan) -> dict[str, Any]:
    """What was held against the rules of financing and of condor moves."""
    checks = () if look.offer is None else look.offer.checks
    return {
        "financing": financing_parts(look),
        "financing_checks": [
            RuleCheck(name=check.name, passed=check.passed, value=check.value, limit=check.limit) for check in checks
        ],
        "condor_checks": list(plan.notes),
    }


def market_fields(look: Look) -> dict[str, Any]:
    """Return the market as the message shows it."""
    snapshot, book = look.snapshot, look.situation.book
    parts = {signal.id: dict(signal.parts) for signal in book.signals}
    values = {signal.id: signal.value for signal in book.signals}
    shape = parts.get("S14", {})
    realised, premium = parts.get("S18", {}).get("rv20"), values.get("S18")
    told = look.question.inputs.rv20 if look.question is not None else None
    if realised is None and told is not None:  # a sizing by itself has no history, but may be told
        realised, premium = 100.0 * told, snapshot.market.vix - 100.0 * told
    return {
        "vx_curve": [
            CurveNode(symbol=cfe_symbol("VX", node.expiry), expiry=node.expiry.isoformat(),
                      dte=(node.expiry - snapshot.session).days, settle=node.settle, bid=node.bid, ask=node.ask)
            for node in snapshot.nodes
        ],
        "s12": _percents(shape.get("slope")),
        "basis": shape.get("basis"),
        "daily_roll": shape.get("roll"),
        "ivts": values.get("S16"),
        "rv20": realised,
        "vrp": premium,
        "skew25": values.get("S17"),
        "rates": dict(look.situation.rates),
    }  # fmt: skip


def _book_fields(look: Look) -> dict[str, Any]:
    rows = look.small_cap_rows
    fields: dict[str, Any] = {"condors": book_condors(look.holdings, look.snapshot)}
    if rows:
        fields["smallcap"] = small_cap_part(rows, look.situation, look.small_caps)
    return fields


def sizing_fields(sizing: Sizing, target: PhaseTarget) -> dict[str, Any]:
    """Return the numbers of a sizing by the names of the message."""
    deltas, base = sizing.deltas, sizing.baseline
    return {
        "d_design": sizing.shock.design, "l5": sizing.loss_low, "l6": sizing.loss_design, "l7": sizing.loss_high,
        "smallcap_loss6": sizing.small_cap_loss_design, "phi0": target.phi0, "m": target.m, "a": target.a,
        "phi": target.phi, "target_gain": sizing.target_gain, "band": Band(floor=sizing.floor, ceiling=sizing.ceiling),
        "h": sizing.horizon, "credit": sizing.credit, "cap": sizing.cap, "hc_accrual": sizing.cost,
        "hc_pct": 100.0 * sizing.cost_ratio, "premium_at_risk": sizing.premium_at_risk,
        "wacc_p": _finite(sizing.carry.wacc) if any(sizing.carry.capital) else None,
        "irr_gross": _finite(sizing.returns.simple),
        "irr_net": _finite(sizing.returns_net.simple), "irr_drag": _finite(sizing.irr_drag),
        "irr_expected": None if sizing.expected is None else _finite(sizing.expected.simple_net),
        "irr_expected_neutral":
            None if sizing.expected_neutral is None else _finite(sizing.expected_neutral.simple_net),
        "cost_to_date": sizing.cost_to_date, "second_engine": sizing.second_engine,
        "worst_case_hedge": sizing.worst_case_hedge,
        "book_max_loss": sizing.book_max_loss, "margin_estimate": sizing.margin_options + sizing.margin_futures,
        "loss_vix_down": sizing.up_move_loss, "gain5": sizing.gain_low, "gain6": sizing.gain_design,
        "gain7": sizing.gain_high, "gain10": sizing.gains[10.0], "gain20": sizing.gains[20.0],
        "offset5": sizing.offset_low, "offset6": sizing.offset_design, "offset7": sizing.offset_high,
        "offset10": sizing.offsets[10.0], "offset20": sizing.offsets[20.0], "d_c": deltas.condor, "d_h": deltas.hedge,
        "d_f": deltas.financing, "d_s": deltas.small_caps, "d_sleeve": deltas.sleeve, "d_book": deltas.book,
        "v_dollar": sizing.vega_usd, "vega3": [dollars for _, dollars in sizing.vega_by_expiry[:3]],
        "carry_per_day": sizing.carry_per_day, "tenor_centroid": sizing.tenor_centroid, "up_test": sizing.up_test,
        "feasibility_r": _finite(sizing.feasibility),
        "feasibility_r_untilted": _finite(sizing.feasibility_untilted), "tilt": dict(sizing.tilt),
        "binding": [
            Binding(constraint=each.constraint, cut=each.cut_usd, detail=each.detail) for each in sizing.bindings
        ],
        "shortfall": sizing.shortfall, "residual_unhedged": sizing.residual_unhedged,
        "baseline": None if base is None else Baseline(
            spx_notional=base.spx_notional, spx=base.spx, xsp=base.xsp, mes=base.mes, vx_full=base.vx_full,
            vx_m=base.vx_m, es=base.es, vxm_m=base.vxm_m,
        ),
    }  # fmt: skip


def _percents(ratio: float | None) -> float | None:
    return None if ratio is None else 100.0 * ratio


def _break_evens(look: Look, sizing: Sizing, soft: int) -> list[BreakEven]:
    """Return the break-evens, to be looked at again when the soft timer has run."""
    question, review = look.question, look.snapshot.session
    for _ in range(soft):
        review = look.situation.calendar.next_session(review).date
    condors = () if question is None else question.inputs.condors
    parameters = ScenarioParameters() if question is None else question.inputs.parameters.scenario
    spreads = () if question is None else question.inputs.financing
    offered = () if look.offer is None or look.offer.spread is None else (look.offer.spread,)
    parts = break_even_parts(sizing, look.snapshot.market, condors, parameters, review, (*spreads, *offered))
    return [*parts, *financing_break_evens(look, review.isoformat())]


def _net_of_hedge(condors: Sequence[BookCondor], cost: float) -> list[BookCondor]:
    """Return the condors with their break-evens if the hedge expires worthless, all it cost shared by all of them."""
    count = sum(condor.n for condor in condors)
    each = cost / (100.0 * count) if count else 0.0
    return [
        condor.model_copy(
            update={
                "be_low_net": None if condor.be_low is None else condor.be_low + each,
                "be_high_net": None if condor.be_high is None else condor.be_high - each,
            }
        )
        for condor in condors
    ]


def _finite(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) else None


def _verb(change: Change, changes: Sequence[Change], look: Look) -> str:
    rule = look.leaving.get(change.lot.key, "")
    if change.roll is not None:
        return "ROLL_UP"
    if change.lot.leg == "FIN":
        return "FIN" if change.units > 0 else "CLOSE"
    if change.units < 0 and look.phase.phase is Phase.MONETISE and not rule:
        return "HARVEST"
    same = [
        other for other in changes
        if other.lot.leg == change.lot.leg and other.units * change.units < 0 and other.roll is None
    ]  # fmt: skip
    if same and "ROLL" in look.reasons:
        return "ROLL"
    return "OPEN" if change.units > 0 else "CLOSE"


def _executable(look: Look, changes: Sequence[Change], moves: Sequence[CondorMove]) -> bool:
    """Whether every order of it rests on live quotes that passed the gate; no order is no order to execute."""
    snapshot = look.snapshot
    if snapshot.pricing != "quotes" or not (changes or moves):
        return False
    if not snapshot.is_fresh or not look.situation.is_live:
        return False
    # Financing spreads and condor moves are proposed on quotes only where these have passed the gate.
    if any(move.pricing != "quotes" for move in moves):
        return False
    legs = {change.lot.leg for change in changes}
    if "IWM" in legs or ("FIN" in legs and snapshot.spx_chain is None):
        return False
    age = snapshot.age_of("VIX")
    calls = [call for change in changes if change.unit for call in change.unit.calls]
    others = [part for change in changes if change.unit and not change.unit.calls for part in change.lot.parts]
    return all(snapshot.verdict(call, age).passed for call in calls) and all(map(snapshot.passes, others))


def _void(look: Look) -> VoidIf:
    market = look.snapshot.market
    spx = market.spx * (1.0 - _VOID_SPX), market.spx * (1.0 + _VOID_SPX)
    vix = max(market.vix - _VOID_VIX, 0.0), market.vix + _VOID_VIX
    return VoidIf(
        spx_below=spx[0], spx_above=spx[1], vix_below=vix[0], vix_above=vix[1], spx_beyond=list(spx),
        vix_beyond=list(vix),
    )  # fmt: skip


def _flags(
    look: Look, portfolio: Mapping[str, Any], approvals: int, changes: Sequence[Change], moves: Sequence[CondorMove]
) -> list[str]:
    """Return that paper execution went ahead of people who should have agreed, where it did."""
    is_traded = bool(changes) or any(not move.is_choice for move in moves)
    is_executed = portfolio["execution"] == "paper" and "MANUAL" not in look.situation.triggers
    return [f"paper_executed_before_approvals:{approvals}"] if is_executed and is_traded and approvals else []


def _approvals(look: Look, target: PhaseTarget, portfolio: Mapping[str, Any], methodology: Mapping[str, Any]) -> int:
    """Return how many people must agree: to a share above 0.60, to financing, to anything where that is asked for."""
    rules = methodology["approvals"]
    above, approvers = rules["phi_above"]
    needed = int(approvers) if target.phi > above else 0
    if look.offer is not None and look.offer.change is not None:
        needed = max(needed, int(rules["FIN"]))
    return max(needed, 1) if portfolio["approvals_required"] else needed


def _protocols(sizing: Sizing, changes: Sequence[Change], look: Look) -> list[Protocol]:
    legs = [leg for leg in LEGS if any(change.lot.leg == leg for change in changes) or sizing.contracts.get(leg)]
    if look.holdings.overlays or any(change.lot.leg == "FIN" for change in changes):
        legs.append("FIN")
    if look.puts is not None:
        legs.append("IWM")
    rules, lots = look.snapshot.rules, [*look.holdings.lots, *(change.lot for change in changes)]
    instead = sorted({(lot.leg, lot.kind) for lot in lots if lot.is_stand_in})
    # A leg of which nothing but stand-ins is held or bought has their protocol, not that of its options.
    own = {lot.leg for lot in lots if not lot.is_stand_in} | (set(legs) - {leg for leg, _ in instead})
    legs = [*(leg for leg in legs if leg in own), *(["COND"] if look.holdings.condors else [])]
    found = [*(protocol(leg, rules) for leg in legs), *(protocol(leg, rules, kind) for leg, kind in instead)]
    return [
        Protocol(leg=each.leg, entry=each.entry, exit=each.exit, roll=each.roll, stop=each.stop,
                 triggers=dict(each.triggers))
        for each in found
    ]  # fmt: skip


def _liquidity(choices: Mapping[str, LegChoice]) -> list[LiquidityCheck]:
    refusals = {leg: refusal_of(choice) for leg, choice in choices.items()}
    return [
        LiquidityCheck(leg=leg, passed=not refusals[leg], reason=refusals[leg] or choice.reason)
        for leg, choice in choices.items()
    ]


def _target_legs(look: Look, changes: Sequence[Change]) -> tuple[TargetLeg, ...]:
    held = look.holdings.contracts()
    wanted = dict(held)
    for change in changes:
        for part in change.lot.parts:
            key = (change.lot.leg, part.symbol)
            wanted[key] = wanted.get(key, 0) + part.ratio * change.units
    return tuple(
        TargetLeg(leg=leg, instrument=symbol, target_quantity=count, current_quantity=held.get((leg, symbol), 0))
        for (leg, symbol), count in sorted(wanted.items(), key=lambda item: (_ORDER.index(item[0][0]), item[0][1]))
    )


def _size_change(sizing: Sizing, changes: Sequence[Change]) -> float:
    gains = {(row.leg, row.unit.terms): row.gain_design for row in sizing.legs}
    return sum(change.units * gains.get((change.lot.leg, change.unit.terms), 0.0) for change in changes if change.unit)
