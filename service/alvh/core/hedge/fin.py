"""The financing spread: which SPX calls are sold against the hedge's debit, and every test it has to pass (3.6)."""

from dataclasses import dataclass
from typing import Final

from alvh.core.hedge.chain import ChainSlice
from alvh.core.hedge.liquidity import Kind, LiquidityRules, Touch, gate_spread
from alvh.core.hedge.phases import Phase
from alvh.core.hedge.symbols import occ_symbol

SHORT_DELTA: Final = 0.20
CREDIT_SHARE: Final = 0.50
CALL_LOSS_RATIO: Final = 1.5
UP_LOSS_SHARE: Final = 0.25
APPROVALS: Final = 2
_RSI_LOW, _RSI_HIGH = 30.0, 55.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FinancingChoice:
    """A call spread that could be sold.

    Attributes:
        short_symbol: OCC symbol of the sold call.
        long_symbol: of the bought one.
        short_strike: points.
        long_strike: points.
        short_delta: per point of the index.
        credit: at the touch, points (short at the bid, long at the ask).
        passed: the gate's verdict; at model prices it is never asked.
        reason: why.
        pricing: `quotes` or `model`.
    """

    short_symbol: str
    long_symbol: str
    short_strike: float
    long_strike: float
    short_delta: float
    credit: float
    passed: bool
    reason: str
    pricing: str

    @property
    def max_loss_usd(self) -> float:
        """Greatest loss of one spread at expiry, dollars."""
        return (self.long_strike - self.short_strike - self.credit) * 100.0

    @property
    def break_even(self) -> float:
        """SPX at expiry where one spread earns nothing, points."""
        return self.short_strike + self.credit


def choose_financing(
    part: ChainSlice,
    width: float,
    rules: LiquidityRules,
    *,
    pricing: str,
    quote_age_s: float | None = 0.0,
    max_delta: float = SHORT_DELTA,
) -> FinancingChoice | None:
    """Return the nearest call spread of the condor's width whose short delta does not pass `max_delta`.

    Args:
        part: the condor's own expiry and class (a FIN leg never outlives its condor).
        width: of the condor, points: of its call side, which is the one a call spread adds to.
        rules: of the gate.
        pricing: `quotes` or `model`: what `part` holds.
        quote_age_s: age of its quotes, seconds.
        max_delta: greatest delta of the sold call.

    Returns:
        None where no listed pair of that width qualifies.
    """
    calls = part.calls
    for at in range(len(calls)):
        strike = float(calls.strike[at])
        far = calls.index_of(strike + width)
        if not calls.delta[at] <= max_delta or far is None:
            continue
        short, long = (
            Touch(bid=float(calls.bid[index]), ask=float(calls.ask[index]), age_s=quote_age_s) for index in (at, far)
        )
        verdict = gate_spread(Kind.SPX_OPTION, long, short, rules) if pricing == "quotes" else None
        return FinancingChoice(
            short_symbol=occ_symbol(part.trading_class, part.expiry, "C", strike),
            long_symbol=occ_symbol(part.trading_class, part.expiry, "C", strike + width),
            short_strike=strike,
            long_strike=strike + width,
            short_delta=float(calls.delta[at]),
            credit=short.bid - long.ask,
            passed=verdict is None or verdict.passed,
            reason="model" if verdict is None else verdict.reason,
            pricing=pricing,
        )
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class FinancingSituation:
    """What decides on a FIN leg beside the spread itself; dollars are of the whole FIN position.

    Attributes:
        phase: the phase in force.
        rolling_up: a ROLL_UP is being done in this event.
        rsi_spx: RSI14 of SPX; None (missing) does not allow a new short.
        spx_below_sma20: SPX < its 20-day average; None likewise.
        gross_debit: of the hedge bought in the same event.
        condor_call_loss: greatest loss of the condors on their call side.
        condor_credit: of all condors.
        up_loss: what FIN itself loses at SPX +3 %, VIX -3; positive is a loss.
        release_today: an S20 release is still to come today.
        held_call_loss: greatest loss of FIN spreads held already.
    """

    phase: Phase
    rolling_up: bool
    rsi_spx: float | None
    spx_below_sma20: bool | None
    gross_debit: float
    condor_call_loss: float
    condor_credit: float
    up_loss: float
    release_today: bool = False
    held_call_loss: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One test: its name, whether it passed, what was measured against which limit."""

    name: str
    passed: bool
    value: float | None
    limit: float | None


def financing_checks(choice: FinancingChoice, quantity: int, at: FinancingSituation) -> tuple[Check, ...]:
    """Return every test of 3.6; the leg is allowed when all pass, and then needs two approvals."""
    credit = choice.credit * 100.0 * quantity
    call_loss = at.condor_call_loss + at.held_call_loss + choice.max_loss_usd * quantity
    allowed = at.phase is Phase.CONFIRMED or (at.phase is Phase.STAGED and at.rolling_up)
    in_band = at.rsi_spx is not None and _RSI_LOW <= at.rsi_spx <= _RSI_HIGH
    return (
        Check(name="phase", passed=allowed, value=None, limit=None),
        Check(name="rsi_spx_30_55", passed=in_band, value=at.rsi_spx, limit=_RSI_HIGH),
        Check(name="spx_below_sma20", passed=at.spx_below_sma20 is True, value=None, limit=None),
        _at_most("short_delta", choice.short_delta, SHORT_DELTA),
        _at_most("credit_share_of_debit", credit, CREDIT_SHARE * at.gross_debit),
        _at_most("call_side_max_loss", call_loss, CALL_LOSS_RATIO * at.condor_call_loss),
        _at_most("up_scenario_loss", at.up_loss, UP_LOSS_SHARE * at.condor_credit),
        Check(name="liquidity", passed=choice.passed, value=None, limit=None),
        Check(name="no_release_today", passed=not at.release_today, value=None, limit=None),
    )


def _at_most(name: str, value: float, limit: float) -> Check:
    return Check(name=name, passed=value <= limit, value=value, limit=limit)
