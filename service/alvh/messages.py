"""The wire contract: frozen, versioned message models; what subscribers import.

Every payload is a CloudEvents 1.0 object in structured JSON: one of the `...Message` envelopes below, whose `data`
is the model of the same name. Fields are only ever added; a subscriber ignores what it does not know.
Units stand in each field's `unit`: points are index or option points, USD dollars, ratios plain fractions of 1.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from alvh.message_parts import (
    Action,
    Amendment,
    Approval,
    Band,
    Baseline,
    Binding,
    BookCondor,
    BreakEven,
    CurveNode,
    EdrPart,
    FinancingPart,
    IwmPuts,
    LiquidityCheck,
    Move,
    Outcome,
    Package,
    Part,
    Protocol,
    PutHedge,
    RuleCheck,
    SignalPart,
    SmallCapPart,
    TargetLeg,
    VoidIf,
    of,
)

ADVICE_STATUS: Final = "decision_support_not_advice"

REASON_CODES: Final = (
    "STATE", "MOVE_3", "TIMER_5", "TIMER_10", "IVX", "DEFENCE", "CAP", "LIQ", "ROLL", "HARVEST", "INFEASIBLE_FLOOR",
    "MANUAL",
)  # fmt: skip
"""Why an adjustment was made, in the order in which a message lists them."""


class HedgeAdjustment(Part):
    """One decision about one portfolio's hedge, with what is needed to act on it and to audit it (methodology 7)."""

    # Identity and time
    event_id: str = of("the CloudEvents id")
    prev_event_id: str | None = of("the id of this portfolio's adjustment before this one")
    book_id: str = of("the portfolio")
    sleeve_id: str = of("the ledger of its hedge, kept apart from the condors'")
    schema_version: int = of("version of this message's fields")
    engine_version: str = of("version of the program that decided")
    config_hash: str = of("sha256 of the configuration it decided under")
    created_at: str = of("time of the cause, RFC 3339")
    asof_session: str = of("the session of the newest completed close, ISO date")
    snapshot_id: str = of("sha256 over the market and signals this decision saw")
    is_async: bool = of("stamps of two inputs of one signal lie more than 20 minutes apart")
    advice_status: str = of("this is decision support, not advice; no order is ever sent")
    feed: str = of("where prices came from: ib, tape or simulated")
    simulated: bool = of("true: no real market stands behind any number here")
    text: str = of("what to do and why, for a person, at most 15 lines")
    # Why
    reason_codes: list[str] = of("why this was sent")
    phase_before: str = of("phase of the hedge before the decision")
    phase_after: str = of("phase of the hedge behind it")
    held: int = of("session closes since the phase was entered", "sessions")
    sessions_since_rebalance: int = of("session closes since the last rebalance, before this one", "sessions")
    moves: list[Move] = of("both watched indices against their anchors of the last rebalance")
    booleans: dict[str, bool | None] = of("inputs of the phase machine (methodology 3.2); null: missing", default={})
    signals: list[SignalPart] = of("every signal at its newest evaluation", default=[])
    confirmations: int | None = of("how many of the cross-checks of S10 are true (k)", default=None)
    missing: list[str] = of("signals without a value", default=[])
    notes: list[str] = of("remarks such as IVX_inverted", default=[])
    # Market
    spx: float | None = of("S&P 500", "points", default=None)
    rut: float | None = of("Russell 2000", "points", default=None)
    iwm: float | None = of("iShares Russell 2000 ETF", "USD per share", default=None)
    vix: float | None = of("VIX", "points", default=None)
    rvx: float | None = of("RVX", "points", default=None)
    vx_curve: list[CurveNode] = of("VIX futures, by expiry", default=[])
    s12: float | None = of("VX2/VX1 - 1 (S14)", "%", default=None)
    basis: float | None = of("VX1 - VIX", "points", default=None)
    daily_roll: float | None = of("basis per business day to VX1's settlement", "points per day", default=None)
    ivts: float | None = of("VIX/VIX3M", "ratio", default=None)
    rv20: float | None = of("realised volatility of SPX, 20 sessions", "% per year", default=None)
    vrp: float | None = of("VIX - rv20", "points", default=None)
    skew25: float | None = of("SPX 30-day 25-delta put less call volatility", "vol points", default=None)
    edr: EdrPart | None = of("expected one-day range", default=None)
    rates: dict[str, float] = of("rates used, decimals per year", default={})
    # Book
    condors: list[BookCondor] = of("the condors held, by expiry", default=[])
    condor: BookCondor | None = of("the first of them: the one that expires first", default=None)
    smallcap: SmallCapPart | None = of("the small caps held and their betas", default=None)
    baseline: Baseline | None = of("what the small caps are in SPX and VIX contracts", default=None)
    # Target
    d_design: float | None = of("design shock of the VIX", "points", default=None)
    l5: float | None = of("condor loss at 5/6 of the design shock", "USD", default=None)
    l6: float | None = of("condor loss at the design shock", "USD", default=None)
    l7: float | None = of("condor loss at 7/6 of the design shock", "USD", default=None)
    smallcap_loss6: float | None = of("small-cap loss at the design shock", "USD", default=None)
    phi0: float | None = of("base share of the loss to offset", "ratio", default=None)
    m: float | None = of("vega multiplier", "ratio", default=None)
    a: float | None = of("addition of S10", "ratio", default=None)
    phi: float | None = of("wanted share of the loss to offset", "ratio", default=None)
    target_gain: float | None = of("wanted gain at the design shock", "USD", default=None)
    band: Band | None = of("accepted share of the loss", default=None)
    # Budget
    h: float | None = of("budget horizon", "calendar days", default=None)
    credit: float | None = of("condor credit", "USD", default=None)
    cap: float | None = of("what the hedge may cost over the horizon", "USD", default=None)
    hc_accrual: float | None = of("what it costs over the horizon if nothing moves", "USD", default=None)
    hc_pct: float | None = of("that as a share of the credit", "%", default=None)
    cost_to_date: float | None = of("hedge cost of this condor's life so far, taken off the cap", "USD", default=None)
    premium_at_risk: float | None = of(
        "debits that can be lost: of options, and the whole price of shares", "USD", default=None
    )
    wacc_p: float | None = of("yearly cost of the capital tied in the hedge", "1/year", default=None)
    irr_gross: float | None = of("condor return, simple annual, before hedge", "1/year", default=None)
    irr_net: float | None = of("the same after hedge cost", "1/year", default=None)
    irr_drag: float | None = of("their difference", "1/year", default=None)
    irr_expected: float | None = of(
        "expected condor return after hedge cost, density of realised volatility, simple annual", "1/year", default=None
    )
    irr_expected_neutral: float | None = of("the same under the implied density", "1/year", default=None)
    second_engine: bool | None = of("no new condors: their net return is below the hurdle", default=None)
    # Proposal: the orders
    actions: list[Action] = of("what to change, leg by leg", default=[])
    packages: list[Package] = of("the actions as they are worked", default=[])
    valid_until: str | None = of("after this time the proposal is void, RFC 3339", default=None)
    void_if: VoidIf | None = of("beyond these levels the proposal is void", default=None)
    pricing: Literal["quotes", "model", "none"] = of("quotes, model surface, or no price in this message")
    executable: bool = of("every leg is priced at live quotes that passed the liquidity gate; never true for a model")
    # Risk first
    worst_case_hedge: float | None = of(
        "most the hedge can lose: debits, calendars at their stop, futures alone at a VIX of 9, fees",
        "USD",
        default=None,
    )
    book_max_loss: float | None = of("most condors and hedge can lose together", "USD", default=None)
    margin_estimate: float | None = of("futures and options margin, not netted", "USD", default=None)
    loss_vix_down: float | None = of("loss at VIX -3 with SPX +3 %", "USD", default=None)
    # Result if done
    gain5: float | None = of("hedge gain at 5/6 of the design shock", "USD", default=None)
    gain6: float | None = of("hedge gain at the design shock", "USD", default=None)
    gain7: float | None = of("hedge gain at 7/6 of the design shock", "USD", default=None)
    gain10: float | None = of("hedge gain at VIX +10", "USD", default=None)
    gain20: float | None = of("hedge gain at VIX +20", "USD", default=None)
    offset5: float | None = of(
        "gain5 / l5, or over the small caps' loss too where they are hedged", "ratio", default=None
    )
    offset6: float | None = of(
        "gain6 / l6, or over the small caps' loss too where they are hedged", "ratio", default=None
    )
    offset7: float | None = of(
        "gain7 / l7, or over the small caps' loss too where they are hedged", "ratio", default=None
    )
    offset10: float | None = of("hedge gain over condor loss at VIX +10", "ratio", default=None)
    offset20: float | None = of("hedge gain over condor loss at VIX +20", "ratio", default=None)
    d_c: float | None = of("condor delta", "USD per +1 % SPX", default=None)
    d_h: float | None = of("hedge delta", "USD per +1 % SPX", default=None)
    d_f: float | None = of("financing leg's delta", "USD per +1 % SPX", default=None)
    d_s: float | None = of("small-cap delta", "USD per +1 % SPX", default=None)
    d_sleeve: float | None = of("condor, hedge and financing together", "USD per +1 % SPX", default=None)
    d_book: float | None = of("all together", "USD per +1 % SPX", default=None)
    v_dollar: float | None = of("hedge vega", "USD per +1 VIX point", default=None)
    vega3: list[float] = of("hedge vega per each of the first three VX expiries", "USD per +1 VIX point", default=[])
    carry_per_day: float | None = of("hedge cost per calendar day if nothing moves", "USD per day", default=None)
    tenor_centroid: float | None = of("gain-weighted days to expiry of the hedge", "days", default=None)
    tenor_shift: str | None = of("where the hedge's tenor should lie: front, neutral or back", default=None)
    tenor_target: float | None = of("gain-weighted days to expiry that go with it", "days", default=None)
    up_test: float | None = of("condor and hedge at VIX -3 with the linked SPX rise", "USD", default=None)
    scenario_grid_ref: str | None = of("where the scenario grid can be read", default=None)
    breakevens: list[BreakEven] = of("per leg", default=[])
    # Constraints
    feasibility_r: float | None = of(
        "whether any size can meet the floor inside the cap (>= 1); null where nothing is to be offset",
        "ratio",
        default=None,
    )
    binding: list[Binding] = of("constraints that cut the size, and by how much", default=[])
    feasibility_r_untilted: float | None = of("the same of the phase's own mix", "ratio", default=None)
    tilt: dict[str, float] = of("share of the gain by leg that was used; the contract ladder's is `ladder`", default={})
    shortfall: float | None = of("wanted gain that is not reached", "USD", default=None)
    residual_unhedged: float | None = of(
        "gain at the design shock lost to legs that could be had in no form", "USD", default=None
    )
    fallbacks_used: list[str] = of(
        "replacements taken for want of liquidity: leg and outright_call, next_expiry, future, etp or skip", default=[]
    )
    liquidity: list[LiquidityCheck] = of("the gate's verdict per leg", default=[])
    # Alternative, protocols, discipline, workflow
    put_hedge: PutHedge | None = of("IWM puts that cover the small caps, where these were chosen", default=None)
    iwm_puts: IwmPuts | None = of("what straight IWM puts would have done for the same money", default=None)
    financing: list[FinancingPart] = of("financing spreads held, and the one proposed", default=[])
    financing_checks: list[RuleCheck] = of("how a financing spread stands against every rule of 3.6", default=[])
    condor_checks: list[str] = of("condor actions that are due and why they are not proposed", default=[])
    protocols: list[Protocol] = of("entry, exit, roll and stop of each leg", default=[])
    loyalty_error: int | None = of("sessions off target without a decision", "sessions", default=None)
    motion_error: int | None = of("size reversals within five sessions", default=None)
    last_change_session: str | None = of("session of the last change of size, ISO date", default=None)
    approvals_required: int = of("distinct approvers this needs before it may be executed", default=0)
    approvals: list[Approval] = of("answers so far (empty when it is sent)", default=[])
    amendments: list[Amendment] = of("changes people made (empty when it is sent)", default=[])
    outcome: Outcome | None = of("what became of the adjustment before this one", default=None)
    expires_at: str | None = of(
        "an unanswered proposal lapses then, RFC 3339: accept and amend are refused behind it (execution: answers)",
        default=None,
    )


class HedgeTarget(Part):
    """The newest wanted hedge of one portfolio, for whoever arrives late; repeats its adjustment's sequence."""

    event_id: str = of("the adjustment it follows from")
    portfolio: str = of("the portfolio")
    as_of: str = of("time of the cause, RFC 3339")
    phase: str = of("phase of the hedge")
    phi: float | None = of("wanted share of the loss to offset", "ratio", default=None)
    d_design: float | None = of("design shock of the VIX", "points", default=None)
    offset6: float | None = of("offset at the design shock if done", "ratio", default=None)
    cost_usd: float | None = of("hedge cost over the horizon", "USD", default=None)
    cap_usd: float | None = of("what it may cost", "USD", default=None)
    legs: list[TargetLeg] = of("contracts wanted, and held before", default=[])
    anchors: dict[str, float] = of("index levels that the next move is measured from", "points", default={})
    pricing: str = of("quotes, model or none")
    simulated: bool = of("true: no real market stands behind any number here")
    advice_status: str = of("this is decision support, not advice")
    status: str | None = of(
        "open, pending, approved, rejected, executed, expired or superseded, behind the newest answer or the lapse; "
        "null before the first",
        default=None,
    )
    approvals_required: int = of("distinct approvers its adjustment needs", default=0)
    approvals: list[Approval] = of("answers so far", default=[])
    amendments: list[Amendment] = of("changes people made", default=[])


class SignalSnapshot(Part):
    """All signals at one session close, for whoever draws or logs them."""

    snapshot_id: str = of("sha256 over prices and signals")
    session: str = of("the session, ISO date")
    as_of: str = of("its close, RFC 3339")
    signals: list[SignalPart] = of("every signal")
    flags: dict[str, bool | None] = of("inputs of the phase machine; null: missing", default={})
    prices: dict[str, float] = of("newest good prices", "points")
    simulated: bool = of("true: no real market stands behind any number here")
    advice_status: str = of("this is decision support, not advice")


class ServiceStatus(Part):
    """Whether the leading node is there, retained and, as its last will, left behind when it is not."""

    state: Literal["online", "offline"] = of("is a leader connected")
    node: str = of("which process")
    version: str = of("its version")
    feed: str = of("where prices come from: ib, tape or simulated")
    simulated: bool = of("true: no real market stands behind any number of this instance")


class Answer(Part):
    """What a person or a bot says to an adjustment, on `.../portfolio/<id>/answer`; plain JSON or CloudEvents data."""

    event_id: str = of("the adjustment's id")
    decision: Literal["accept", "amend", "reject", "executed"] = of("what was decided")
    by: str = of("who decided")
    reason: str | None = of("why; required for amend and reject", default=None)
    amendments: list[dict[str, Any]] = of("for amend: {leg, quantity} wanted instead", default=[])
    fills: list[dict[str, Any]] = of("for executed: {symbol, quantity, price, fee, leg}", default=[])


class ObservationInput(Part):
    """An observation the feed does not carry, on `.../observation/<series>`."""

    value: FiniteFloat = of("the value, in the series' own unit")
    date: str | None = of("the date it stands under, ISO; default: the day it arrives", default=None)
    consensus: FiniteFloat | None = of("what was expected", default=None)
    by: str | None = of("who says so", default=None)


class _Envelope(BaseModel):
    """CloudEvents 1.0 attributes in the order in which they stand on the wire."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    specversion: Literal["1.0"] = of("version of CloudEvents", default="1.0")
    id: str = of("unique per source and type; the same on every redelivery")
    source: str = of("alvh/<instance>")
    type: str = of("what kind of message, with its version")
    subject: str = of("the portfolio, or what the message is about")
    time: str = of("time of the cause, RFC 3339")
    datacontenttype: Literal["application/json"] = of("media type of data", default="application/json")


class _Sequenced(_Envelope):
    sequence: Annotated[str, Field(pattern=r"^\d{20}$")] = of("adjustments of that portfolio, from 1, no gaps")


class AdjustmentMessage(_Sequenced):
    """A HedgeAdjustment on the wire."""

    type: Literal["alvh.hedge.adjustment.v1"] = of(
        "what kind of message, with its version", default="alvh.hedge.adjustment.v1"
    )
    data: HedgeAdjustment = of("the message itself")
    epoch: int = of("fencing token of the leader that committed it; 0 in replay", default=0)


class TargetMessage(_Sequenced):
    """A HedgeTarget on the wire."""

    type: Literal["alvh.hedge.target.v1"] = of("what kind of message, with its version", default="alvh.hedge.target.v1")
    data: HedgeTarget = of("the message itself")
    epoch: int = of("fencing token of the leader that committed it; 0 in replay", default=0)


class SignalsMessage(_Sequenced):
    """A SignalSnapshot on the wire; its sequence counts evaluations."""

    type: Literal["alvh.signals.snapshot.v1"] = of(
        "what kind of message, with its version", default="alvh.signals.snapshot.v1"
    )
    data: SignalSnapshot = of("the message itself")
    epoch: int = of("fencing token of the leader that committed it; 0 in replay", default=0)


class StatusMessage(_Envelope):
    """A ServiceStatus on the wire."""

    type: Literal["alvh.service.status.v1"] = of(
        "what kind of message, with its version", default="alvh.service.status.v1"
    )
    data: ServiceStatus = of("the message itself")
    epoch: int = of("fencing token of the leader", default=0)


MESSAGES: Final[dict[str, type[BaseModel]]] = {
    "alvh.hedge.adjustment.v1": AdjustmentMessage,
    "alvh.hedge.target.v1": TargetMessage,
    "alvh.signals.snapshot.v1": SignalsMessage,
    "alvh.service.status.v1": StatusMessage,
    "alvh.hedge.answer.v1": Answer,
    "alvh.observation.v1": ObservationInput,
}
"""Every message by its CloudEvents type; the last two are inbound."""


def schemas() -> dict[str, Any]:
    """Return the JSON Schema of every message, by its CloudEvents type."""
    return {kind: model.model_json_schema() for kind, model in MESSAGES.items()}
