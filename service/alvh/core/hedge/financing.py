"""The financing spread in the desk: what of it is held, when it is bought back, when and how many are sold (3.6)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from alvh.core.hedge.book import CONDOR_MULTIPLIER, Condor, FinancingSpread
from alvh.core.hedge.bookkeeping import Marks
from alvh.core.hedge.delta import Deltas
from alvh.core.hedge.exposure import net_of_financing
from alvh.core.hedge.fin import Check, FinancingChoice, FinancingSituation, choose_financing, financing_checks
from alvh.core.hedge.harvest import Circumstances, HeldLeg, due
from alvh.core.hedge.holdings import HeldCondor, Holdings, Lot, LotPart
from alvh.core.hedge.liquidity import Kind, Touch, gate_spread
from alvh.core.hedge.look import Look
from alvh.core.hedge.outcome import Sizing
from alvh.core.hedge.phases import Phase, PhaseState
from alvh.core.hedge.scenario import financing_delta, financing_losses
from alvh.core.hedge.sizing_desk import Change
from alvh.core.hedge.snapshot import CallQuote, Snapshot
from alvh.core.hedge.spx_quotes import spx_quote, spx_slice
from alvh.core.hedge.symbols import occ_symbol
from alvh.core.signals.book import SignalBook

_UP_MOVE: Final = 0.03
_UP_VIX: Final = -3.0
"""The rise in which a FIN leg may not lose more than a quarter of the condors' credit (3.6)."""


def spread_of(lot: Lot, quotes: Sequence[CallQuote], snapshot: Snapshot) -> FinancingSpread:
    """Return spreads held as sizing sees them: their credit is what is left to be earned, today's mid."""
    far, near = lot.parts
    left = max(0.0, quotes[1].mid - quotes[0].mid)
    return FinancingSpread(
        short_call=near.strike or 0.0, long_call=far.strike or 0.0, quantity=lot.quantity, credit=left,
        days=(near.expiry - snapshot.session).days, earned=-lot.entry_price - left,
    )  # fmt: skip


def quotes_of(lot: Lot, snapshot: Snapshot) -> list[CallQuote]:
    """Return today's quotes of a lot's parts, in their order."""
    return [spx_quote(snapshot, part.trading_class, part.expiry, "C", part.strike or 0.0) for part in lot.parts]


def held_spreads(holdings: Holdings, snapshot: Snapshot) -> tuple[FinancingSpread, ...]:
    """Return all financing spreads held."""
    return tuple(
        spread_of(lot, quotes_of(lot, snapshot), snapshot) for lot in holdings.overlays if lot.leg == "FIN"
    )  # fmt: skip


def cost_to_date(holdings: Holdings, marks: Marks, fin_max: float) -> float:
    """Return the hedge's cost of this condor's life, dollars: FIN's loss adds to it, its gain pays a part at most.

    Args:
        holdings: what is held.
        marks: of all of it.
        fin_max: greatest share of the gross cost that financing may pay (4.6).
    """
    gross = holdings.sleeve.cost_of_book(marks.sleeve)
    return net_of_financing(gross, holdings.financing.gain_of_book(marks.overlays), fin_max)


def leaving(look: Look) -> dict[str, str]:
    """Return the spreads that are to be bought back: their symbols joined by spaces, and the rule that says so."""
    snapshot = look.snapshot
    if not snapshot.is_fresh_for_condors:
        return {}
    found = {}
    for lot in (lot for lot in look.holdings.overlays if lot.leg == "FIN"):
        long, short = quotes_of(lot, snapshot)
        credit = -lot.entry_price
        rule = due(
            HeldLeg(
                leg="FIN", dte=(lot.parts[0].expiry - snapshot.session).days, delta=short.delta,
                multiple=(short.mid - long.mid) / credit if credit > 0.0 else 1.0,
            ),
            Circumstances(confirmed=_still_allowed(lot, look.phase)),
        )  # fmt: skip
        if rule is None:
            continue
        if _passes(lot, snapshot):
            found[lot.key] = f"{rule.action}: {rule.rule}"
        else:
            look.notes.append(f"FIN_not_bought_back: {rule.rule}, but its quotes fail the gate")
    return found


def _still_allowed(lot: Lot, phase: PhaseState) -> bool:
    """Whether the phase has not fallen below the one a spread was sold in; the harvest's own close is no fall."""
    if phase.phase not in (Phase.STAGED, Phase.CONFIRMED, Phase.MONETISE):
        return False
    return phase.working is Phase.CONFIRMED or lot.phase == Phase.STAGED


def _passes(lot: Lot, snapshot: Snapshot) -> bool:
    """Whether a spread may be bought back now: at model prices, or where its quotes pass the gate."""
    if snapshot.spx_chain is None:
        return True
    long, short = quotes_of(lot, snapshot)
    if not (long.listed and short.listed):
        return False
    age = snapshot.age_of("SPX")
    touches = [Touch(bid=quote.bid, ask=quote.ask, age_s=age) for quote in (short, long)]
    return gate_spread(Kind.SPX_OPTION, touches[0], touches[1], snapshot.rules.liquidity, quantity=lot.quantity).passed


def buy_backs(holdings: Holdings, snapshot: Snapshot, going: dict[str, str]) -> list[Change]:
    """Return the changes that buy back what is to go: the sold call at its ask, the bought one at its bid."""
    changes = []
    for lot in holdings.overlays:
        if lot.leg == "FIN" and lot.key in going:
            long, short = quotes_of(lot, snapshot)
            prices = (long.bid, short.ask)
            changes.append(Change(lot=lot, units=-lot.quantity, held=lot.quantity, prices=prices, unit=None))
    return changes


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What financing could be sold, and how it stood against every rule; nothing is proposed unless all pass.

    Attributes:
        change: the sale; None where a rule forbids it.
        spread: what is sold, as sizing sees it; None likewise.
        checks: of the greatest number that passes all, else of a single spread.
        pricing: `quotes` or `model`.
    """

    change: Change | None
    spread: FinancingSpread | None
    checks: tuple[Check, ...]
    pricing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FinancingQuestion:
    """What decides on a sale, beside the market.

    Attributes:
        phase: the phase in force.
        rolling_up: a ROLL_UP is done in this event.
        gross_debit: of the hedge bought in this event, dollars.
        deltas: of the book once that is bought.
        guards_book: whether small caps are held: the book may then not be short the market.
        release_pending: whether a release of S20 is still to come today.
        theta_open: whether a condor stands in its theta window (S33): no new short premium then.
    """

    phase: Phase
    rolling_up: bool
    gross_debit: float
    deltas: Deltas
    guards_book: bool
    release_pending: bool
    theta_open: bool = False


def question_of(look: Look, sizing: Sizing, changes: Sequence[Change]) -> FinancingQuestion:
    """Return what decides on a sale beside these changes of the hedge."""
    debit = sum(
        (change.net if change.roll is None else change.prices[0]) * change.lot.multiplier * change.units
        for change in changes
        if change.units > 0 and change.lot.is_premium
    )
    return FinancingQuestion(
        phase=look.phase.phase,
        rolling_up=any(rule.startswith("ROLL_UP") for rule in look.leaving.values()),
        gross_debit=debit,
        deltas=sizing.deltas,
        guards_book=look.small_caps is not None,
        release_pending=look.situation.release_pending,
        theta_open=any(window.is_open for window in look.windows.values()),
    )


def offer(look: Look, asked: FinancingQuestion) -> Offer | None:
    """Return the financing of an event; None where there is no condor to lean on, no debit, or no listed spread.

    The spread stands against the condors that expire first: it never outlives them. The greatest number that passes
    every rule is taken. What it will earn does not enlarge the purchases of the same event: its approvals may not come.
    """
    holdings, snapshot, book = look.holdings, look.snapshot, look.situation.book
    condors = sorted((held for held in holdings.condors if held.condor.has_calls), key=lambda held: held.expiry)
    allowed = asked.phase is Phase.CONFIRMED or (asked.phase is Phase.STAGED and asked.rolling_up)
    if not condors or not allowed or asked.gross_debit <= 0.0 or not snapshot.is_fresh_for_condors:
        return None
    first = condors[0]
    found = spx_slice(snapshot, first.expiry, first.condor.trading_class)
    if found is None:
        return None
    part, pricing = found
    width = first.condor.long_call - first.condor.short_call
    age, rules = snapshot.age_of("SPX"), snapshot.rules.liquidity
    choice = choose_financing(part, width, rules, pricing=pricing, quote_age_s=age)
    if choice is None or choice.credit <= 0.0:
        return None
    most = sum(held.condor.quantity for held in condors)
    tried = [_checked(choice, count, holdings, snapshot, book, asked, first) for count in range(1, most + 1)]
    passing = [count for count, checks in enumerate(tried, start=1) if all(check.passed for check in checks)]
    if not passing:
        return Offer(change=None, spread=None, checks=tried[0], pricing=pricing)
    count = max(passing)
    lot = _lot(choice, part.trading_class, first, count, snapshot, asked.phase)
    quotes = quotes_of(lot, snapshot)
    change = Change(lot=lot, units=count, held=0, prices=(quotes[0].ask, quotes[1].bid), unit=None)
    spread = replace(_spread(choice, first, snapshot), quantity=count)
    return Offer(change=change, spread=spread, checks=tried[count - 1], pricing=pricing)


def _checked(
    choice: FinancingChoice,
    count: int,
    holdings: Holdings,
    snapshot: Snapshot,
    book: SignalBook,
    asked: FinancingQuestion,
    first: HeldCondor,
) -> tuple[Check, ...]:
    close, market = book.newest, snapshot.market
    spread = replace(_spread(choice, first, snapshot), quantity=count)
    held = held_spreads(holdings, snapshot)
    average = None if close is None else book.small_caps.spx_sma(close)
    condors = [each.condor for each in holdings.condors]
    already = sum((each.long_call - each.short_call - each.credit) * CONDOR_MULTIPLIER * each.quantity for each in held)
    situation = FinancingSituation(
        phase=asked.phase,
        rolling_up=asked.rolling_up,
        rsi_spx=None if close is None else book.small_caps.rsi_spx(close),
        spx_below_sma20=None if average is None else market.spx < average,
        gross_debit=asked.gross_debit,
        condor_call_loss=_call_loss(condors),
        condor_credit=sum(condor.credit_usd for condor in condors),
        up_loss=float(financing_losses(market, (*held, spread), _UP_MOVE, _UP_VIX, 0.0)[0]),
        release_today=asked.release_pending,
        held_call_loss=already,
    )
    d_f = financing_delta(market, spread)
    before, after = asked.deltas.sleeve, asked.deltas.sleeve + d_f
    limit = asked.deltas.sleeve_limit
    return (
        *financing_checks(choice, count, situation),
        Check(name="theta_window_closed", passed=not asked.theta_open, value=None, limit=None),
        Check(name="sleeve_delta", passed=abs(after) <= max(limit, abs(before)), value=after, limit=limit),
        Check(
            name="book_delta",
            passed=not asked.guards_book or asked.deltas.book + d_f >= 0.0,
            value=asked.deltas.book + d_f,
            limit=0.0,
        ),
    )


def _call_loss(condors: Sequence[Condor]) -> float:
    """Return the greatest loss of condors on their call side, dollars."""
    return sum(
        (condor.long_call - condor.short_call - condor.credit) * condor.dollars_per_point
        for condor in condors
        if condor.has_calls
    )


def _spread(choice: FinancingChoice, held: HeldCondor, snapshot: Snapshot) -> FinancingSpread:
    return FinancingSpread(
        short_call=choice.short_strike, long_call=choice.long_strike, quantity=1, credit=choice.credit,
        days=(held.expiry - snapshot.session).days,
    )  # fmt: skip


def _lot(
    choice: FinancingChoice, trading_class: str, held: HeldCondor, count: int, snapshot: Snapshot, phase: Phase
) -> Lot:
    parts = tuple(
        LotPart(
            symbol=occ_symbol(trading_class, held.expiry, "C", strike), trading_class=trading_class, strike=strike,
            expiry=held.expiry, ratio=ratio,
        )
        for strike, ratio in ((choice.long_strike, 1), (choice.short_strike, -1))
    )  # fmt: skip
    return Lot(
        leg="FIN", parts=parts, multiplier=CONDOR_MULTIPLIER, quantity=count, entry_price=-choice.credit,
        extrinsic=None, armed=True, opened=snapshot.session, phase=str(phase),
    )  # fmt: skip
