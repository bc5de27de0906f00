"""Parts of the messages: one small model for each thing a message lists."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


def of(description: str, unit: str | None = None, *, default: Any = ...) -> Any:  # noqa: ANN401 - stands for any field
    """Declare a documented field; without a default it is required. Units go into the JSON Schema."""
    extra: dict[str, Any] | None = {"unit": unit} if unit else None
    if isinstance(default, list | dict):
        return Field(default_factory=type(default), description=description, json_schema_extra=extra)
    return Field(default=default, description=description, json_schema_extra=extra)


class Part(BaseModel):
    """A frozen piece of a message; unknown fields of newer versions are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Move(Part):
    """One watched index against its anchor (S01)."""

    index: str = of("SPX, RUT or IWM")
    price: float | None = of("newest good price", "points")
    anchor: float | None = of("its level at the last rebalance; null before the first", "points")
    move_ratio: float | None = of("price / anchor - 1", "ratio")


class SignalPart(Part):
    """One signal of methodology section 2."""

    id: str = of("S01 to S48")
    name: str = of("its short name")
    value: float | None = of("its value; null when missing")
    unit: str = of("unit of the value")
    threshold: str | None = of("what it is compared with", default=None)
    state: str = of("what follows from it")
    quality: str = of("ok, async, stale, proxy or missing")
    asof: str | None = of("exchange date of its newest input, ISO date; null where there is none", default=None)
    inputs: list[str] = of("what it is made of", default=[])
    parts: dict[str, float | None] = of("its named parts", default={})


class CurveNode(Part):
    """One VIX future."""

    symbol: str = of("exchange symbol")
    expiry: str = of("final settlement, ISO date")
    dte: int = of("calendar days to it", "days")
    settle: float = of("settlement or mid price", "points")
    bid: float | None = of("bid", "points", default=None)
    ask: float | None = of("ask", "points", default=None)


class EdrPart(Part):
    """Expected one-day range (S40)."""

    pct: float = of("one standard deviation of a day", "%")
    points: float = of("the same of SPX", "points")


class BookCondor(Part):
    """One iron condor of the book."""

    legs: dict[str, float] = of(
        "strikes: long_put, short_put, short_call, long_call; without those of a side that is gone", "points"
    )
    expiry: str = of("ISO date")
    trading_class: str = of("SPXW (PM-settled) or SPX (AM-settled)")
    dte: int = of("calendar days to expiry", "days")
    n: int = of("condors held")
    credit: float = of("credit received per condor", "points")
    mark: float = of("model or quoted value to close", "points")
    width: float = of("wider of the two wings", "points")
    be_low: float | None = of("lower break-even at expiry; null where its put side is gone", "points")
    be_high: float | None = of("upper break-even at expiry; null where its call side is gone", "points")
    max_loss: float = of("of all condors", "USD")
    greeks: dict[str, float] = of("delta USD per +1 %, vega USD per vol point, theta USD per day", default={})
    be_low_net: float | None = of("lower break-even if the hedge expires worthless", "points", default=None)
    be_high_net: float | None = of("upper break-even if the hedge expires worthless", "points", default=None)


class SmallCapPart(Part):
    """The small caps held, and how they move with SPX."""

    symbol: str = of("what is held")
    shares: float = of("shares")
    price: float = of("price per share", "USD")
    e: float = of("exposure", "USD")
    beta30: float | None = of("OLS slope, 30 sessions", default=None)
    beta90: float | None = of("OLS slope, 90 sessions", default=None)
    se: float | None = of("standard error of beta90", default=None)
    beta_star: float | None = of("shrunk beta", default=None)
    dc60: float | None = of("downside capture, 60 sessions", default=None)
    beta_stress: float | None = of("beta used in falls", default=None)


class Baseline(Part):
    """Reference hedge of the small caps in contracts (methodology 4.2); not an order."""

    spx_notional: float = of("beta-weighted exposure", "USD")
    spx: float = of("SPX options", "contracts")
    xsp: float = of("XSP options", "contracts")
    mes: float = of("Micro E-mini futures", "contracts")
    vx_full: float = of("VX futures for the whole", "contracts")
    vx_m: float = of("VX futures times the vega multiplier", "contracts")
    es: float | None = of("E-mini futures", "contracts", default=None)
    vxm_m: float | None = of("Mini VIX futures times the vega multiplier", "contracts", default=None)


class Band(Part):
    """Accepted share of the condor loss."""

    floor: float = of("at 7/6 of the design shock", "ratio")
    ceiling: float = of("at the design shock", "ratio")


class Action(Part):
    """One proposed change of one leg; never an order."""

    action: str = of("OPEN, CLOSE, ROLL, ROLL_UP, HARVEST, WIDEN, ROLL_OUT, TIGHTEN, FIN, DE_RISK, HOLD_NEW or HOLD")
    leg: str = of("L1, L1b, L2, L3a, L3b, FIN or COND; ALL where a HOLD speaks of no leg")
    instrument: str = of("OCC or CFE symbol, or an ETP's ticker; empty where nothing is held and nothing is to be done")
    side: str = of("BUY, SELL or NONE")
    qty: int = of("contracts to trade, not negative", "contracts")
    qty_before: int = of("held before, signed", "contracts")
    qty_after: int = of("held behind it, signed", "contracts")
    limit_price: float | None = of("limit", "points", default=None)
    mid: float | None = of("mid", "points", default=None)
    bid: float | None = of("bid", "points", default=None)
    ask: float | None = of("ask", "points", default=None)
    spread_pct: float | None = of("(ask - bid) / mid", "%", default=None)
    delta: float | None = of(
        "of one contract per point of its VIX future, of SPX options of the index", "points per point", default=None
    )
    vega: float | None = of("of one contract per volatility point", "points per vol point", default=None)
    iv: float | None = of("implied volatility", "decimal", default=None)
    multiplier: float = of("dollars per point, of shares 1", "USD")
    est_cost: float | None = of("cash paid (+) or received (-) without fees", "USD", default=None)
    fees: float | None = of("fees", "USD", default=None)
    time_window: str | None = of("when to trade, ET", default=None)
    depends_on: str | None = of("the action that must be filled first", default=None)
    reason: str | None = of(
        "the rule that asks for it, where it is one of the leg's own; of a stand-in what it is bought in place of",
        default=None,
    )
    is_choice: bool = of("one of several ways for a person to choose; paper execution leaves it alone", default=False)


class FinancingPart(Part):
    """SPX call spreads sold to finance the hedge (FIN, methodology 3.6)."""

    short_call: str = of("OCC symbol of the sold call")
    long_call: str = of("OCC symbol of the bought call")
    n: int = of("spreads held, or proposed")
    proposed: bool = of("true: not held yet")
    credit: float = of("received per spread", "points")
    mark: float = of("what it costs to buy one back", "points")
    short_delta: float = of("delta of the sold call", "points per point")
    break_even: float = of("SPX at expiry at which one earns nothing", "points")
    max_loss: float = of("of all of them at expiry", "USD")


class RuleCheck(Part):
    """One rule, what was measured, and the limit it was held against."""

    name: str = of("which rule")
    passed: bool = of("whether it holds")
    value: float | None = of("what was measured", default=None)
    limit: float | None = of("against what", default=None)


class PackageLeg(Part):
    """One leg of a package."""

    instrument: str = of("OCC or CFE symbol, or an ETP's ticker")
    ratio: int = of("contracts per package, signed")
    conid: int | None = of("the broker's contract id where known", default=None)
    trading_class: str = of("trading class")
    last_trade_date: str = of("last day it trades, ISO date; empty for shares")
    settlement: str = of("am, pm or vro; none of shares, which do not settle")
    quote_age: float | None = of("age of its quote", "seconds", default=None)


class Package(Part):
    """Actions worked as one order."""

    legs: list[PackageLeg] = of("its legs")
    quantity: int = of("packages", "contracts")
    net_limit: float | None = of("net price, debit positive", "points", default=None)
    net_debit_total: float | None = of("cash for all of them", "USD", default=None)
    order_of_working: int = of("work 1 first")


class VoidIf(Part):
    """Levels beyond which the proposal is void: it was priced for another market."""

    spx_below: float | None = of("SPX at or below", "points", default=None)
    spx_above: float | None = of("SPX at or above", "points", default=None)
    vix_below: float | None = of("VIX at or below", "points", default=None)
    vix_above: float | None = of("VIX at or above", "points", default=None)
    spx_beyond: list[float] = of("both levels of SPX, lower and upper", "points", default=[])
    vix_beyond: list[float] = of("both levels of the VIX, lower and upper", "points", default=[])


class BreakEven(Part):
    """Break-evens of one leg (methodology 5); of the leg SLEEVE, the hedge as a whole, of BOOK, condors and hedge."""

    leg: str = of("which leg, SLEEVE or BOOK")
    at_settlement: float | None = of(
        "VIX settlement, or front less next future, at which it breaks even", "points", default=None
    )
    vix_star_now: float | None = of("VIX at which it breaks even at once", "points", default=None)
    vix_star_14d: float | None = of("the same in 14 days", "points", default=None)
    next_review: str | None = of("next scheduled recomputation, ISO date", default=None)
    at_settlement_with_fees: float | None = of("the same with the entry fees", "points", default=None)
    max_gain: float | None = of("greatest gain of a spread at settlement, per contract", "USD", default=None)
    d_vix_now: float | None = of("vix_star_now less today's VIX", "points", default=None)
    d_vix_14d: float | None = of("vix_star_14d less today's VIX", "points", default=None)
    spx_pct_now: float | None = of("SPX return linked to d_vix_now", "%", default=None)
    spx_pct_14d: float | None = of("SPX return linked to d_vix_14d", "%", default=None)


class Binding(Part):
    """A constraint that cut the size."""

    constraint: str = of(
        "LIQ, CAP, PREMIUM, BOOK_DELTA, HIGH_VIX_GUARD, CARRY_GUARD, CEILING, ROUNDING, FLOOR, SLEEVE_DELTA or STEWARD"
    )
    cut: float = of(
        "target gain it cut; of FLOOR what is missing at 7/6 of the shock, of SLEEVE_DELTA the excess per +1 %", "USD"
    )
    detail: str | None = of("one line for a person", default=None)


class LiquidityCheck(Part):
    """The liquidity gate's verdict on one leg (S34)."""

    leg: str = of("which leg")
    passed: bool = of("whether it may be traded")
    reason: str = of("why")


class ComparisonSide(Part):
    """One of the two instruments of the comparison at equal cost (methodology 6.1)."""

    cost_share: float = of("cost of the position, of the small caps' value", "ratio")
    carry: dict[str, float] = of("with nothing changed, by calendar day", "USD")
    convexity_10_5: float | None = of("gain at VIX +10 over that at +5, linked; null without a gain", "ratio")
    convexity_20_10: float | None = of("gain at VIX +20 over that at +10, linked", "ratio")
    dispersion_vix: float = of("standard deviation of the gain over VIX at one spot, in 14 days, mean", "USD")
    dispersion_spot: float = of("standard deviation of the gain over spots at one VIX, in 14 days, mean", "USD")
    half_spread: float = of("half of the position's spread, paid at each trade", "USD")
    relative_width: float = of("spread over mid", "ratio")
    g1: float = of("at the end of a grind: SPX -0.3 % and VIX +0.1 a day, 15 sessions", "USD")
    c1: float = of("at the end of a chop: SPX +1 % and -1 % in turn, VIX flat, 15 sessions", "USD")
    stress: dict[str, float] = of("in each case of the stress library (S48)", "USD", default={})


class ScenarioGrid(Part):
    """Both instruments at equal cost over IWM's spot, the VIX and time; cells in that order, spot outermost."""

    r_iwm: list[float] = of("returns of IWM", "ratio")
    d_vix: list[float] = of("changes of the VIX", "points")
    days: list[float] = of("calendar days ahead", "days")
    puts: list[float] = of("P&L of the puts, cell by cell", "USD")
    hedge: list[float] = of("P&L of the hedge, cell by cell", "USD")


class IwmPuts(Part):
    """What straight IWM puts would have done (methodology 6): model prices, small caps falling by their stress beta."""

    strike: float = of("strike", "USD")
    expiry: str = of("ISO date")
    qty_equal_cost: float = of("puts of the comparison at equal cost: one per 100 shares, whole", "contracts")
    qty_equal_offset: float | None = of("puts that offset half of the small caps' design loss", "contracts")
    cost: float = of("of one put over the budget horizon", "USD")
    offset: float = of("share of the small-cap design loss that qty_equal_cost offset", "ratio")
    e: float = of("gain at the design shock per dollar of cost", "ratio")
    verdict_text: str = of("made from the numbers")
    cost_equal_cost: float | None = of("of qty_equal_cost puts, and of the hedge beside them", "USD", default=None)
    cost_equal_offset: float | None = of("of qty_equal_offset puts", "USD", default=None)
    hedge_units_equal_cost: float | None = of("ladder units (4:4:2) for cost_equal_cost", "units", default=None)
    hedge_offset_equal_cost: float | None = of("share of the same loss that they offset", "ratio", default=None)
    hedge_units_equal_offset: float | None = of("ladder units that offset half of that loss", "units", default=None)
    hedge_cost_equal_offset: float | None = of("what those cost", "USD", default=None)
    hedge_e: float | None = of("gain of the ladder at the design shock per dollar of cost", "ratio", default=None)
    cells: int | None = of("scenarios compared at equal cost", "count", default=None)
    puts_win: int | None = of("of them those in which the puts are ahead", "count", default=None)
    ratio_beta_stress: float | None = of("e over hedge_e under the stress beta", "ratio", default=None)
    ratio_beta_star: float | None = of("the same under beta*", "ratio", default=None)
    verdict_text_beta_star: str | None = of("the verdict under beta*", default=None)
    european: float | None = of("value of one put, European", "USD per share", default=None)
    american: float | None = of("the same with early exercise, by a binomial tree", "USD per share", default=None)
    break_even: float | None = of("IWM at expiry at which a put breaks even", "USD", default=None)
    puts: ComparisonSide | None = of("the puts", default=None)
    hedge: ComparisonSide | None = of("the hedge's ladder", default=None)
    sensitivities: dict[str, float] = of(
        "the ladder's offset at equal cost under other (beta_v30, vvix_beta)", "ratio", default={}
    )
    grid: ScenarioGrid | None = of("the scenario grid", default=None)


class PutHedge(Part):
    """IWM puts that cover small caps, where these were chosen (6.3); part of the message's premium, risk and d_book."""

    n_held: int = of("puts held", "contracts")
    n: int = of("puts held behind the proposal", "contracts")
    target_gain: float = of("share of the small caps' design loss they are to offset", "USD")
    gain: float = of("what they gain in the design scenario", "USD")
    offset: float | None = of("that over the small caps' loss there", "ratio")
    cost: float = of("over the budget horizon if nothing moves", "USD")
    budget: float = of("what they may cost", "USD")
    premium: float = of("what can be lost with them", "USD")
    delta: float = of("by beta*", "USD per +1 % SPX")


class Protocol(Part):
    """What was decided about a leg before it is held."""

    leg: str = of("which leg")
    entry: str = of("when it is opened")
    exit: str = of("when it is closed")
    roll: str = of("when it is rolled")
    stop: str = of("when it is given up")
    triggers: dict[str, float] = of("the numbers in these", default={})


class Approval(Part):
    """One person's answer."""

    user: str = of("who")
    role: str | None = of("as what", default=None)
    stamp: str = of("when, RFC 3339")
    decision: str = of("accept, amend, reject or executed")
    reason: str | None = of("why", default=None)


class Amendment(Part):
    """One change a person made to a proposal."""

    field: str = of("what was changed, e.g. L1.quantity")
    old: float | str | None = of("as proposed", default=None)
    new: float | str | None = of("as wanted instead", default=None)
    reason: str | None = of("why", default=None)


class Fill(Part):
    """One execution that was reported."""

    symbol: str = of("OCC or CFE symbol")
    qty: int = of("contracts, negative sold", "contracts")
    price: float = of("price", "points")
    stamp: str | None = of("when, RFC 3339", default=None)
    fee: float = of("fees paid", "USD", default=0.0)


class Outcome(Part):
    """What became of an adjustment, told with the next one: its fills, and the hedge beside the book it was for."""

    event_id: str = of("the adjustment it is about")
    fills: list[Fill] = of("executions: as reported, or of paper execution", default=[])
    slippage: float | None = of("paid beyond the proposed limits, fees apart", "USD", default=None)
    book_pnl: float | None = of("of condors and small caps from then to the next session's close", "USD", default=None)
    hedge_pnl: float | None = of("of the hedge over the same time", "USD", default=None)
    offset_realised: float | None = of(
        "hedge_pnl over the book's loss; null where it lost nothing", "ratio", default=None
    )
    model_error: float | None = of("hedge_pnl against what the model says of that move", "%", default=None)
    alternative_pnl: float | None = of("of the IWM puts of equal cost, over the same time", "USD", default=None)


class TargetLeg(Part):
    """Contracts of one instrument wanted."""

    leg: str = of("L1, L1b, L2, L3a, L3b, FIN")
    instrument: str = of("OCC or CFE symbol, or an ETP's ticker")
    target_quantity: int = of("wanted, signed", "contracts")
    current_quantity: int = of("held before, signed", "contracts")
