"""Every number of the methodology that may be set, per portfolio, with its default and where that comes from.

Provenance: SEED (stands in a source text, named), PUB (a public page of the authors), STD (textbook or exchange),
ANCHOR (a published index or paper), CHOICE (ours). Source of all: methodology, section 11.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

# No knob is near these bounds: they stop a slip of the pen, and what no arithmetic should be asked to bear.
Ratio = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=10_000)]
Number = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]
Factor = Annotated[float, Field(ge=0, le=10)]
Share = Annotated[float, Field(gt=0, le=1)]
Approvers = Annotated[int, Field(ge=0, le=100)]


def _rising(numbers: Sequence[float]) -> Sequence[float]:
    if any(one > other for one, other in pairwise(numbers)):
        raise ValueError(f"expected rising numbers, got {list(numbers)}")
    return numbers


def _window(days: list[int]) -> list[int]:
    least, most, target = days
    if not least <= target <= most:
        raise ValueError(f"expected [least, most, target] with least <= target <= most, got {days}")
    return days


def _link(numbers: list[float]) -> list[float]:
    intercept, slope, r2 = numbers
    if not (abs(intercept) < 1 and -1 <= slope < 0 and 0 < r2 <= 1):
        raise ValueError(f"expected [intercept, slope, R2] with -1 <= slope < 0 < R2 <= 1, got {numbers}")
    return numbers


def _raised(rule: list[float]) -> list[float]:
    share, approvers = rule
    if not (0 <= share <= 1 and 0 <= approvers <= 100 and approvers == int(approvers)):
        raise ValueError(f"expected [share up to 1, whole number of people], got {rule}")
    return rule


def _once(names: list[Any]) -> list[Any]:
    if len(set(names)) != len(names):
        raise ValueError(f"expected each once, got {names}")
    return names


Days = Annotated[int, Field(ge=1, le=3_650)]
Window = Annotated[list[Days], Field(min_length=3, max_length=3), AfterValidator(_window)]
Deviations = Annotated[
    list[Annotated[float, Field(gt=0, le=10)]], Field(min_length=3, max_length=3), AfterValidator(_rising)
]
Link = Annotated[list[float], Field(min_length=3, max_length=3), AfterValidator(_link)]
Raised = Annotated[list[float], Field(min_length=2, max_length=2), AfterValidator(_raised)]
Weights = Annotated[list[Annotated[float, Field(ge=0, le=1)]], Field(min_length=4, max_length=4)]
Sources = Annotated[list[Literal["VIX1D", "VIX9D", "VIX"]], Field(min_length=1), AfterValidator(_once)]
Levels = Annotated[
    list[Annotated[float, Field(gt=0, le=1_000)]], Field(min_length=3, max_length=3), AfterValidator(_rising)
]


def knob(default: Any, description: str, provenance: str) -> Any:  # noqa: ANN401 - stands for any field
    """Declare a knob: its default, what it is, and where the default comes from."""
    extra: dict[str, Any] = {"provenance": provenance}
    return Field(default=default, description=description, json_schema_extra=extra)


class Knobs(BaseModel):
    """Base: frozen, and an unknown name is an error rather than silently without effect."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Move3(Knobs):
    """The move that forces a rebalance (S01)."""

    threshold: Annotated[float, Field(gt=0, lt=1)] = knob(0.03, "move since the last rebalance, ratio", "SEED S0")
    confirm_quotes: Count = knob(2, "consecutive quotes beyond it inside a session", "CHOICE: debounce")
    max_jump: Annotated[float, Field(gt=0)] = knob(
        0.20, "largest believable distance of neighbouring prices of SPX, RUT, IWM, ratio", "CHOICE"
    )


class Timer(Knobs):
    """The session timer (S02)."""

    soft: Count = knob(5, "session closes from which drift alone makes a message", "SEED S0")
    hard: Count = knob(10, "session closes at which there is a message in any case", "SEED S0")
    hard_in_ttheta: Count = knob(5, "the same inside the theta window (S33)", "CHOICE")


class Rsi(Knobs):
    """Wilder RSI and its levels."""

    n: Annotated[int, Field(ge=2, le=10_000)] = knob(14, "closes", "STD")
    vol_on: Number = knob(70.0, "RSI of the VIX above which vR is on", "SEED S2")
    vol_off: Number = knob(60.0, "RSI of the VIX below which it is off", "CHOICE: hysteresis")
    rut_cap: Number = knob(35.0, "RSI of RUT at or below which it capitulates", "CHOICE")
    calm: Number = knob(45.0, "RSI of RUT above which it is calm", "CHOICE")
    div: Number = knob(-8.0, "RSI(RUT) - RSI(SPX) at or below which they diverge", "CHOICE")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.vol_off > self.vol_on:
            raise ValueError(f"expected vol_off <= vol_on, got {self.vol_off:g} and {self.vol_on:g}")
        return self


class MacdKnobs(Knobs):
    """MACD windows."""

    fast: Count = knob(12, "closes of the fast EMA", "STD")
    slow: Count = knob(26, "closes of the slow EMA", "STD")
    signal: Count = knob(9, "closes of the signal EMA", "STD")
    seeding: Literal["talib_classic"] = knob("talib_classic", "how the EMAs start", "STD: methodology 9.2")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.fast >= self.slow:
            raise ValueError(f"expected fast < slow, got {self.fast} and {self.slow}")
        return self


class Ivx(Knobs):
    """RVX less VIX against its own mean (S10)."""

    window: Count = knob(90, "closes of the mean", "SEED S1")
    trigger: Number = knob(0.25, "excess over the mean above which it is on, ratio", "SEED S1")
    off: Number = knob(0.10, "excess below which it is off, ratio", "CHOICE")
    floor_pts: Annotated[float, Field(gt=0, le=1_000)] = knob(1.0, "least denominator, points", "CHOICE")
    a_min: Ratio = knob(0.10, "least addition to the notional", "SEED S1")
    a_step: Ratio = knob(0.025, "addition per confirmation", "CHOICE")
    a_max: Ratio = knob(0.20, "greatest addition", "SEED S1")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.off > self.trigger or self.a_min > self.a_max:
            raise ValueError("expected off <= trigger and a_min <= a_max")
        return self


class Beta(Knobs):
    """Betas and downside capture (S11, S12)."""

    w1: Annotated[int, Field(ge=3, le=10_000)] = knob(30, "sessions", "SEED S0")
    w2: Annotated[int, Field(ge=3, le=10_000)] = knob(90, "sessions", "SEED S0")
    prior_mean: Number = knob(1.15, "mean the betas are shrunk to", "CHOICE")
    prior_sd: Annotated[float, Field(gt=0, le=100)] = knob(0.15, "its standard deviation", "CHOICE")
    dcap_win: Count = knob(60, "sessions of the downside capture", "CHOICE")
    dcap_lo: Number = knob(1.5, "asymmetric from here", "SEED S0")
    dcap_hi: Number = knob(2.0, "used up to here", "SEED S0")


class AdDiv(Knobs):
    """Advance-decline divergence (S09)."""

    sessions: Count = knob(5, "sessions", "SEED S3")
    thr: Number = knob(-0.50, "divergence at or below", "CHOICE")


class Macro(Knobs):
    """Scheduled releases (S20, S21)."""

    before: Annotated[int, Field(ge=0, le=100)] = knob(3, "sessions before a release", "CHOICE")
    after: Annotated[int, Field(ge=0, le=100)] = knob(1, "sessions behind it", "CHOICE")
    z: Number = knob(1.0, "surprise in standard deviations", "CHOICE")
    valid: Count = knob(5, "sessions a surprise counts", "CHOICE")


class BigTop(Knobs):
    """The late-cycle score (S32)."""

    on: Number = knob(60.0, "score from which it counts", "CHOICE")
    on_n: Count = knob(3, "closes", "CHOICE")
    off: Number = knob(45.0, "score down to which it is off", "CHOICE")
    off_n: Count = knob(5, "closes", "CHOICE")
    min_weight: Annotated[float, Field(gt=0, le=100)] = knob(70.0, "weight of the parts that must be there", "CHOICE")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.off > self.on:
            raise ValueError(f"expected off <= on, got {self.off:g} and {self.on:g}")
        return self


class PhaseKnobs(Knobs):
    """Holds of the phase machine (methodology 3.4)."""

    min_hold: Count = knob(5, "closes before a de-escalation", "CHOICE from SEED 5-10")
    release_n: Count = knob(3, "closes without a flag", "CHOICE")
    soften_n: Count = knob(2, "closes of calm", "CHOICE")
    cooldown: Count = knob(5, "closes", "CHOICE")


class Phi(Knobs):
    """Share of the condor's design loss to offset, by phase."""

    standby: Annotated[float, Field(ge=0, le=1)] = knob(0.15, "STANDBY", "CHOICE")
    bigtop: Share = knob(0.40, "INITIAL entered by the late-cycle score alone", "SEED S4")
    initial: Share = knob(0.50, "INITIAL", "SEED S4")
    staged: Share = knob(0.60, "STAGED", "SEED S4")
    ceiling: Share = knob(0.85, "never more", "CHOICE derived from seeds")
    floor7: Annotated[float, Field(ge=0, le=1)] = knob(0.40, "least offset at 7/6 of the design shock", "SEED S4")


class VegaMultiplier(Knobs):
    """The vega multiplier m."""

    base: Annotated[float, Field(gt=0, le=10)] = knob(0.60, "INITIAL", "SEED S3")
    confirmed: Ratio = knob(0.85, "CONFIRMED", "SEED S3")


class Cap(Knobs):
    """What the hedge may cost (methodology 4.6)."""

    credit_share: Ratio = knob(0.40, "of the condor credit", "SEED S1")
    scope: Literal["strict", "split"] = knob(
        "strict", "small caps inside the cap, or on a budget of their own", "CHOICE"
    )
    premium_max: Ratio = knob(1.00, "premium at risk, of the credit", "CHOICE")
    fin_max: Ratio = knob(0.50, "financing credit counted, of the gross cost", "CHOICE")


class Ladder(Knobs):
    """Contracts of the ladder, as a mix."""

    L1: Ratio = knob(4.0, "about 30 days", "PUB C")
    L3a: Ratio = knob(4.0, "about 110 days", "PUB C")
    L3b: Ratio = knob(2.0, "about 220 days", "PUB C")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.L1 + self.L3a + self.L3b == 0:
            raise ValueError("expected contracts of one leg at least")
        return self


class MixConfirmed(Knobs):
    """Share of the target gain in CONFIRMED."""

    L1: Ratio = knob(0.35, "call spread", "CHOICE")
    L1b: Ratio = knob(0.15, "outright call", "CHOICE")
    L2: Ratio = knob(0.20, "futures calendar", "CHOICE")
    L3a: Ratio = knob(0.20, "structural call", "CHOICE")
    L3b: Ratio = knob(0.10, "longer structural call", "CHOICE")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.L1 + self.L1b + self.L2 + self.L3a + self.L3b == 0:
            raise ValueError("expected a share of one leg at least")
        return self


class Legs(Knobs):
    """Where the legs are looked for: days to expiry as [least, most, target], deltas, strikes in deviations."""

    L1_dte: Window = knob([20, 45, 30], "L1 and L1b", "target PUB A, window CHOICE")
    L3a_dte: Window = knob([100, 130, 110], "L3a", "PUB A")
    L3b_dte: Window = knob([190, 250, 220], "L3b", "PUB A")
    delta: Annotated[float, Field(gt=0, lt=1)] = knob(0.50, "delta of long calls", "PUB C")
    z: Deviations = knob([1.5, 1.75, 2.0], "strike in deviations: least, used, most", "SEED S3")


class Scenario(Knobs):
    """The scenario model (methodology 4.3)."""

    beta_v30: Factor = knob(0.43, "response of a 30-day future to the VIX", "ANCHOR S&P 2011")
    vvix_beta: Annotated[float, Field(ge=-10, le=10)] = knob(
        0.0, "vol points of VIX options per VIX point", "CHOICE: conservative"
    )
    spx_vix: Link = knob([0.00062, -0.1147, 0.4887], "intercept, slope, R2 of SPX on VIX returns", "ANCHOR")
    rvx_elast: Factor = knob(0.85, "elasticity of RVX to the VIX", "CHOICE")
    iv_cap: Factor = knob(1.5, "greatest tenor factor of smile shifts", "CHOICE")


class RollOut(Knobs):
    """Rolling short wings outward (methodology 3.7)."""

    min: Count = knob(7, "days", "SEED S3")
    max: Count = knob(21, "days", "SEED S3")
    default: Count = knob(14, "days", "CHOICE")
    share: Share = knob(0.50, "of the condors per event", "CHOICE")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if not self.min <= self.default <= self.max:
            raise ValueError("expected min <= default <= max")
        return self


class Vxth(Knobs):
    """High-VIX guard (methodology 3.5)."""

    bands: Levels = knob([15, 30, 50], "VX1 levels, points", "ANCHOR VXTH")
    weights: Weights = knob([0, 0.01, 0.005, 0], "weights between them", "ANCHOR VXTH")
    block_above: Number = knob(50.0, "no new outright calls above, points", "ANCHOR VXTH")


class Liquidity(Knobs):
    """The liquidity gate (S34)."""

    max_rel: Ratio = knob(0.10, "(ask - bid) / mid", "CHOICE")
    max_ticks: Count = knob(2, "ticks of an option's spread that always pass", "CHOICE")
    vx: Ratio = knob(0.10, "spread of a VX future, points", "CHOICE")
    vxm: Ratio = knob(0.05, "spread of a Mini VIX future, points", "CHOICE")
    max_age_s: Ratio = knob(60.0, "age of a quote, seconds", "CHOICE")


class Delta(Knobs):
    """Delta limits (methodology 4.7)."""

    book_min: Number = knob(0.0, "least book delta, USD per +1 %", "CHOICE")
    sleeve_max_share: Ratio = knob(0.06, "sleeve delta, of the condors' greatest loss", "CHOICE")


class Irr(Knobs):
    """The hurdle below which no new condors are opened (S30)."""

    hurdle_over_rf: Number = knob(0.05, "per year above the risk-free rate", "CHOICE")


class UpTest(Knobs):
    """What happens when volatility falls."""

    dvix: Number = knob(-3.0, "VIX points", "CHOICE")
    max_loss_share_credit: Ratio = knob(0.80, "loss, of the credit", "CHOICE")


class Edr(Knobs):
    """Expected daily range and the defence line (S40, S41)."""

    source: Sources = knob(["VIX1D", "VIX9D", "VIX"], "the first that is there", "CHOICE")
    defence: Ratio = knob(1.0, "distance to a break-even, in daily ranges", "CHOICE")
    defence_tight: Ratio = knob(1.5, "the same while TIGHTEN is on", "CHOICE")


class Approvals(Knobs):
    """How many different people must agree."""

    FIN: Approvers = knob(2, "to a financing leg", "CHOICE")
    phi_above: Raised = knob([0.60, 2], "to a share above the first number: the second", "CHOICE")
    override: Approvers = knob(2, "to override a gate", "CHOICE")


class SecondEngine(Knobs):
    """The hedge's own ledger."""

    leverage_max: Ratio = knob(1.0, "no borrowing", "CHOICE")


class Methodology(Knobs):
    """All of it; whatever is left out has its default."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)

    schema_: Literal[1] = Field(default=1, alias="schema", description="version of these names")
    move3: Move3 = Move3()
    timer: Timer = Timer()
    rsi: Rsi = Rsi()
    macd: MacdKnobs = MacdKnobs()
    ivx: Ivx = Ivx()
    beta: Beta = Beta()
    ad_div: AdDiv = AdDiv()
    macro: Macro = Macro()
    bigtop: BigTop = BigTop()
    phase: PhaseKnobs = PhaseKnobs()
    phi: Phi = Phi()
    m: VegaMultiplier = VegaMultiplier()
    design_vix: Levels = knob([5, 6, 7], "VIX points of the loss table", "SEED S4")
    cap: Cap = Cap()
    ladder: Ladder = Ladder()
    mix_confirmed: MixConfirmed = MixConfirmed()
    legs: Legs = Legs()
    scenario: Scenario = Scenario()
    roll_out: RollOut = RollOut()
    vxth: Vxth = Vxth()
    liquidity: Liquidity = Liquidity()
    delta: Delta = Delta()
    irr: Irr = Irr()
    up_test: UpTest = UpTest()
    edr: Edr = Edr()
    approvals: Approvals = Approvals()
    second_engine: SecondEngine = SecondEngine()
