"""The condors in the desk: which actions are due at a decision, at which strikes and prices, and what forbids them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from alvh.core.hedge.chain import Chain, ChainSide, ChainSlice
from alvh.core.hedge.condor_actions import (
    CondorAction,
    CondorSituation,
    DefenceLine,
    RollOutRules,
    WingMove,
    due_actions,
    roll_out,
    stays_tight,
    widen,
)
from alvh.core.hedge.condor_moves import CondorMove, Place, place_of
from alvh.core.hedge.defence import expected_move, lines_of
from alvh.core.hedge.fin import Check
from alvh.core.hedge.holdings import HeldCondor, origin_of
from alvh.core.hedge.liquidity import Kind, Touch, gate_spread
from alvh.core.hedge.look import Look
from alvh.core.hedge.outcome import Sizing
from alvh.core.hedge.phases import Phase
from alvh.core.hedge.spx_quotes import later_slices, spx_quote, spx_slice
from alvh.core.signals.macro import EVENTS

ONCE: Final = ("WIDEN", "ROLL_OUT")
"""Actions that are proposed once for each condor while their condition lasts; they arm again when it ends (CHOICE)."""

_SLACK_DAYS: Final = 3  # of an amended roll: half a week, within which some expiry is listed
_NEAR: Final = 2  # sessions between a weak print, a broken average, and today (3.7)


@dataclass(frozen=True, slots=True, kw_only=True)
class CondorPlan:
    """What the condors should do at a decision.

    Attributes:
        words: what is due without a trade: TIGHTEN, HOLD_NEW, and what could not be priced; by condor, where one is
            held.
        moves: trades.
        notes: why something due is not proposed.
    """

    words: tuple[tuple[CondorAction, HeldCondor | None], ...] = ()
    moves: tuple[CondorMove, ...] = ()
    notes: tuple[str, ...] = ()


def draw_lines(look: Look, edr: Mapping[str, Any]) -> float | None:
    """See where SPX stands to the defence lines (S41); return the expected move, per cent.

    Args:
        look: the decision.
        edr: section `edr` of methodology 11.
    """
    per_cent = expected_move(look.situation.book)
    if per_cent is not None:
        look.edr_points = look.snapshot.market.spx * per_cent / 100.0
        look.fields["edr"] = {"pct": per_cent, "points": look.edr_points}
    look.lines = lines_of(look.holdings, look.snapshot, per_cent, edr, tight=look.was_tight)
    return per_cent


def roll_is_due(look: Look) -> bool:
    """Whether a key average broke and a weak print came, both within the last two sessions (S13, S21)."""
    book = look.situation.book
    weak, broken = book.macro_prints.sessions_since_weak, book.small_caps.sessions_since_break
    return weak is not None and weak <= _NEAR and broken is not None and broken <= _NEAR


def situation_of(look: Look, line: DefenceLine, *, infeasible: bool, second_engine: bool) -> CondorSituation:
    """Return what decides on the actions of one condor."""
    book, is_due = look.situation.book, roll_is_due(look)
    return CondorSituation(
        phase=look.phase.working,
        line=line,
        tight=look.was_tight,
        ivx_on=book.spread.is_active,
        pcf_contracts=book.fundamentals.is_contracting is True,
        pe_compresses=book.fundamentals.is_compressing is True,
        weak_print=is_due,
        average_broken=is_due,
        infeasible_floor=infeasible,
        second_engine=second_engine,
        hold_new=look.holds_new,
    )


def due_of(look: Look, *, infeasible: bool = False, second_engine: bool = False) -> dict[str, tuple[CondorAction, ...]]:
    """Return the actions due for each condor that has a defence line, by its key; of a missing side none."""
    found = {}
    for held in look.holdings.condors:
        line = look.lines.get(held.key)
        if line is not None:
            at = situation_of(look, line, infeasible=infeasible, second_engine=second_engine)
            sides = {"put": held.condor.has_puts, "call": held.condor.has_calls}
            found[held.key] = tuple(action for action in due_actions(at) if action.side is None or sides[action.side])
    return found


def is_new_roll(key: str, actions: Sequence[CondorAction], done: Mapping[str, Sequence[str]]) -> bool:
    """Whether a ROLL_OUT is due that has not been proposed yet."""
    return origin_of(key) not in done.get("ROLL_OUT", ()) and any(action.action == "ROLL_OUT" for action in actions)


def rearm(done: Mapping[str, Sequence[str]], due: Mapping[str, Sequence[CondorAction]]) -> dict[str, list[str]]:
    """Return, by action, the condors (as sold) for which it has been proposed and is due still."""
    return {
        name: [
            origin
            for origin in done.get(name, ())
            if any(action.action == name for key in due if origin_of(key) == origin for action in due[key])
        ]
        for name in ONCE
    }


def plan_of(
    look: Look, sizing: Sizing, methodology: Mapping[str, Any], done: Mapping[str, Sequence[str]]
) -> CondorPlan:
    """Return what the condors should do; look.tight follows.

    Args:
        look: the decision.
        sizing: of it.
        methodology: of the portfolio.
        done: by action, condors (as sold) for which it has been proposed already.
    """
    due = due_of(look, infeasible=sizing.infeasible_floor, second_engine=sizing.second_engine is True)
    words: list[tuple[CondorAction, HeldCondor | None]] = []
    moves: list[CondorMove] = []
    notes: list[str] = []
    delta = sizing.deltas.sleeve
    for held in look.holdings.condors:
        actions = due.get(held.key, ())
        look.tight = look.tight or stays_tight(tight=look.was_tight, phase=look.phase.working, actions=actions)
        for action in actions:
            if action.action in ONCE and held.origin in done.get(action.action, ()):
                continue
            if action.side is None or not look.snapshot.is_fresh_for_condors:
                words.append((action, held))
                continue
            found = _priced(look, held, action, methodology, delta, sizing.deltas.sleeve_limit)
            if isinstance(found, str):
                words.append((action, held))
                notes.append(f"{action.action}_{action.side}_not_proposed: {found}")
                continue
            move, delta = found
            moves.append(move)
    if look.keeps_hedge:
        words.append((CondorAction(action="HOLD_NEW", side=None, reason="no new condor is opened"), None))
    return CondorPlan(words=tuple(words), moves=tuple(moves), notes=tuple(notes))


def _priced(
    look: Look, held: HeldCondor, action: CondorAction, methodology: Mapping[str, Any], delta: float, limit: float
) -> tuple[CondorMove, float] | str:
    """Return the trade of an action and the sleeve's delta behind it, or why there is none."""
    assert action.side is not None
    if action.action == "DE_RISK":
        back = _bought_back(look, held, action)
        return back if isinstance(back, str) else (back, delta)
    own = spx_slice(look.snapshot, held.expiry, held.condor.trading_class)
    if own is None:
        return "its expiry is not quoted"
    part, pricing = own
    condor = held.at(look.snapshot.session)
    if action.action == "WIDEN":
        if look.edr_points is None:
            return "the expected daily range is not known"
        wing = widen(
            condor, action.side, part, spx=look.snapshot.market.spx, edr_points=look.edr_points, sleeve_delta=delta,
            delta_limit=limit,
        )  # fmt: skip
        return _move(look, held, action, part, part, wing, pricing, delta)
    rules = _roll_rules(look, methodology)
    later, _ = later_slices(look.snapshot, held.expiry, held.condor.trading_class, rules.least, rules.most)
    chain = Chain(underlying="SPX", session=look.snapshot.session, spot=look.snapshot.market.spx,
                  slices=(part, *later), refused={})  # fmt: skip
    releases = [day for day, name, _ in look.situation.releases if name in EVENTS]
    wing = roll_out(condor, action.side, chain, rules, releases)
    there = None if wing is None else chain.slice_of(wing.expiry, wing.trading_class)
    return _move(look, held, action, part, there, wing, pricing, delta)


def _roll_rules(look: Look, methodology: Mapping[str, Any]) -> RollOutRules:
    """Return how far a side is rolled: about as many days as people have amended, else what the methodology says."""
    rules = RollOutRules.from_methodology(methodology)
    days = look.amended.get("roll_days") if look.amended.get("phase") == look.phase.phase else None
    if days is None:
        return rules
    return replace(
        rules, least=max(rules.least, int(days) - _SLACK_DAYS), most=min(rules.most, int(days) + _SLACK_DAYS),
        default=int(days),
    )  # fmt: skip


def _move(
    look: Look,
    held: HeldCondor,
    action: CondorAction,
    here: ChainSlice,
    there: ChainSlice | None,
    wing: WingMove | None,
    pricing: str,
    delta: float,
) -> tuple[CondorMove, float] | str:
    if wing is None or there is None:
        return "no listed strikes or expiry fit"
    old = place_of(held.condor, wing.side)
    new = Place(short=wing.short_strike, long=wing.long_strike, expiry=wing.expiry, trading_class=wing.trading_class)
    right = "P" if wing.side == "put" else "C"
    checks = [*wing.checks]
    if pricing == "quotes":
        age = look.snapshot.age_of("SPX")
        for place, part in ((old, here), (new, there)):
            checks.append(_gate(part.side(right), place, look, age))
    failed = [check.name for check in checks if not check.passed]
    if failed:
        return ", ".join(failed)
    before, after = here.side(right), there.side(right)
    prices = (
        _at(before.ask, before, old.short), _at(before.bid, before, old.long),
        _at(after.ask, after, new.long), _at(after.bid, after, new.short),
    )  # fmt: skip
    moved = next((check.value for check in wing.checks if check.name == "delta_band"), None)
    return CondorMove(
        key=held.key, action=action.action, side=wing.side, quantity=wing.quantity, old=old, new=new, prices=prices,
        reason=action.reason, pricing=pricing,
    ), delta if moved is None else moved  # fmt: skip


def _at(values: Any, side: ChainSide, strike: float) -> float:  # noqa: ANN401 - an array of the side
    at = side.index_of(strike)
    assert at is not None
    return float(values[at])


def _gate(side: ChainSide, place: Place, look: Look, age: float | None) -> Check:
    short, long = side.index_of(place.short), side.index_of(place.long)
    if short is None or long is None:
        return Check(name="liquidity", passed=False, value=None, limit=None)
    near, far = (Touch(bid=float(side.bid[at]), ask=float(side.ask[at]), age_s=age) for at in (short, long))
    verdict = gate_spread(Kind.SPX_OPTION, far, near, look.snapshot.rules.liquidity)
    return Check(name="liquidity", passed=verdict.passed, value=verdict.spread_pct, limit=None)


def _bought_back(look: Look, held: HeldCondor, action: CondorAction) -> CondorMove | str:
    """Return the tested side of all condors bought back; of INFEASIBLE_FLOOR a way among others."""
    assert action.side is not None
    place = place_of(held.condor, action.side)
    right = "P" if action.side == "put" else "C"
    short, long = (
        spx_quote(look.snapshot, place.trading_class, place.expiry, right, strike)
        for strike in (place.short, place.long)
    )
    is_quoted = look.snapshot.spx_chain is not None
    if is_quoted:
        age = look.snapshot.age_of("SPX")
        far, near = (Touch(bid=each.bid, ask=each.ask, age_s=age) for each in (long, short))
        if not (short.listed and long.listed):
            return "its strikes are not quoted"
        verdict = gate_spread(Kind.SPX_OPTION, near, far, look.snapshot.rules.liquidity)
        if not verdict.passed:
            return f"liquidity: {verdict.reason}"
    return CondorMove(
        key=held.key, action="DE_RISK", side=action.side, quantity=held.condor.quantity, old=place, new=None,
        prices=(short.ask, long.bid), reason=action.reason, pricing="quotes" if is_quoted else "model",
        is_choice=action.reason == "INFEASIBLE_FLOOR",
    )  # fmt: skip


def tried(plan: CondorPlan) -> list[tuple[str, str]]:
    """Return (action, condor as sold) of what is proposed once, refused or not: it is not said again while it lasts."""
    found = [(move.action, origin_of(move.key)) for move in plan.moves]
    found += [(action.action, held.origin) for action, held in plan.words if held is not None]
    return [(name, origin) for name, origin in found if name in ONCE]


def holds_new(look: Look, above: float | None, *, second_engine: bool) -> str | None:
    """Return why no new condor is opened (3.7, HOLD_NEW; S33 in STAGED and CONFIRMED), or None.

    Args:
        look: the decision.
        above: the user's own setting on S44; None without.
        second_engine: the condor's expected net return is below its hurdle (S30).
    """
    vix = look.snapshot.market.vix
    is_open = any(window.is_open for window in look.windows.values())
    if is_open and look.phase.phase in (Phase.STAGED, Phase.CONFIRMED):
        return "theta window open (S33)"
    if above is not None and vix > above:
        return f"VIX {vix:.2f} above {above:g} (S44 setting)"
    return "second_engine" if second_engine else None
