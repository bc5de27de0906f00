"""The phases of the hedge as a table of (from, to, condition): one step per session close, the first match wins."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from alvh.errors import InputError, JournalError


class Phase(StrEnum):
    """Where a portfolio's hedge stands (methodology 3.3)."""

    OFF = "OFF"
    STANDBY = "STANDBY"
    INITIAL = "INITIAL"
    STAGED = "STAGED"
    CONFIRMED = "CONFIRMED"
    MONETISE = "MONETISE"
    COOLDOWN = "COOLDOWN"


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseInputs:
    """What the machine is told at one close: the booleans of methodology 3.2, windows and hysteresis already applied.

    None means missing. What is missing confirms nothing: it opens no phase, and a close without `ratio_neg`, or
    without what a softening asks for, does not count towards leaving one. A missing `bigtop` never keeps a phase: it
    lacks its ingredients for ever on many feeds.

    Attributes:
        ratio_neg: the MACD line of small caps over SPX is below 0 (S03).
        bigtop: the BIGTOP score is on (S32).
        v_r: RSI14 of the VIX is above 70, and has not been below 60 since.
        v_m: the MACD histogram of the VIX is above 0 (S06).
        v_r_low: RSI14 of the VIX is below 60.
        adv: breadth divergence (S09).
        macro: within the window of a release, or a surprise is valid (S20, S21).
        cap_r: S05 or `v_r` within the last three closes.
        cap_m: S08 or a fresh cross-up of S06 within the last three closes.
        calm: RSI14 of the small-cap index is above 45 and its MACD histogram above 0.
        monet: any of the harvest conditions of 3.2.
        mv: the greatest move of a watched index since the last rebalance (S01), per cent.
        has_exposure: small caps or a condor are held.
        quality_ok: the prices the machine rests on are good.
        kill: a person has switched the hedge off.
        triggers_alone: `hedge: none`; needs no holdings and knows OFF and STANDBY alone.
    """

    ratio_neg: bool | None = False
    bigtop: bool | None = False
    v_r: bool | None = False
    v_m: bool | None = False
    v_r_low: bool | None = False
    adv: bool | None = False
    macro: bool | None = False
    cap_r: bool = False
    cap_m: bool = False
    calm: bool | None = False
    monet: bool = False
    mv: float = 0.0
    has_exposure: bool = True
    quality_ok: bool = True
    kill: bool = False
    triggers_alone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseParameters:
    """The `phase:` section of methodology 11, and the move that waives the cooldown.

    Attributes:
        min_hold: closes since entry before any de-escalation.
        release_n: consecutive closes without `ratio_neg` and `bigtop` that end INITIAL.
        soften_n: consecutive closes that end STAGED or CONFIRMED.
        cooldown: closes that COOLDOWN lasts.
        move_pct: the move of a watched index, per cent, that waives the rest of the cooldown (`move3.threshold`).
    """

    min_hold: int = 5
    release_n: int = 3
    soften_n: int = 2
    cooldown: int = 5
    move_pct: float = 3.0

    @classmethod
    def from_methodology(cls, methodology: Mapping[str, Mapping[str, float]]) -> "PhaseParameters":
        """Return the parameters a `methodology:` mapping says, defaults where it is silent.

        Raises:
            InputError: `phase` has a key this version does not know, or a value that is not a whole number >= 0.
        """
        section = methodology.get("phase", {})
        known = {field.name for field in fields(cls)} - {"move_pct"}
        for key, value in section.items():
            if key not in known or value != int(value) or value < 0:
                raise InputError(f"methodology.phase.{key}: expected a whole number >= 0 for one of {sorted(known)}")
        moved = 100.0 * methodology.get("move3", {}).get("threshold", 0.03)
        return cls(**{key: int(value) for key, value in section.items()}, move_pct=moved)


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseState:
    """All the machine remembers between two closes; plain values.

    Attributes:
        phase: where it stands.
        held: closes since it was entered.
        working: the phase whose target is in force: `phase`, or in MONETISE and COOLDOWN the one they came from.
        by_bigtop: whether INITIAL was entered through `bigtop` alone (its φ is then the lower one).
        released: consecutive closes, up to the newest, with neither `ratio_neg` nor `bigtop`.
        softened: the same with `v_r_low` and not `v_m`.
        calmed: the same with `calm`.
    """

    phase: Phase = Phase.OFF
    held: int = 0
    working: Phase = Phase.OFF
    by_bigtop: bool = False
    released: int = 0
    softened: int = 0
    calmed: int = 0

    def as_plain(self) -> dict[str, str | int | bool]:
        """Return the state as plain values for a checkpoint."""
        return {key: str(value) if isinstance(value, Phase) else value for key, value in asdict(self).items()}

    @classmethod
    def from_plain(cls, plain: Mapping[str, str | int | bool]) -> "PhaseState":
        """Return the state that `as_plain` wrote.

        Raises:
            JournalError: the checkpoint says something else.
        """
        try:
            return cls(
                phase=Phase(str(plain["phase"])),
                held=int(plain["held"]),
                working=Phase(str(plain["working"])),
                by_bigtop=bool(plain["by_bigtop"]),
                released=int(plain["released"]),
                softened=int(plain["softened"]),
                calmed=int(plain["calmed"]),
            )
        except (KeyError, ValueError) as error:
            raise JournalError(f"not a phase state of this version: {dict(plain)!r}") from error


@dataclass(frozen=True, slots=True)
class Situation:
    """One close as the conditions see it: the inputs, the counters up to this close, and the parameters."""

    inputs: PhaseInputs
    state: PhaseState
    parameters: PhaseParameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A named condition: its text for a person, and the same as a function."""

    text: str
    holds: Callable[[Situation], bool]


def _flagged(at: Situation) -> bool:
    return at.inputs.ratio_neg is True or at.inputs.bigtop is True


def _is_quiet(inputs: PhaseInputs) -> bool:
    return inputs.ratio_neg is False and inputs.bigtop is not True


def _present(at: Situation) -> bool:
    return at.inputs.has_exposure or at.inputs.triggers_alone


def _may_soften(at: Situation) -> bool:
    return at.state.held >= at.parameters.min_hold


def _cooled(at: Situation) -> bool:
    return at.state.held >= at.parameters.cooldown


CONDITIONS: Final[Mapping[str, Condition]] = MappingProxyType({
    "nothing_to_hedge": Condition(
        text="neither exposure nor condor (except `hedge: none`), or the kill switch",
        holds=lambda at: at.inputs.kill or not _present(at),
    ),
    "present": Condition(
        text="exposure or condor present (or `hedge: none`), data quality ok, no kill switch",
        holds=lambda at: _present(at) and at.inputs.quality_ok and not at.inputs.kill,
    ),
    "flagged": Condition(text="`ratio_neg` or `bigtop`", holds=_flagged),
    "monet": Condition(text="`monet`", holds=lambda at: at.inputs.monet),
    "capitulation": Condition(text="`capR` and `capM`", holds=lambda at: at.inputs.cap_r and at.inputs.cap_m),
    "stressed": Condition(
        text="`vR` and `vM` and (`adv` or `macro`)",
        holds=lambda at: bool(at.inputs.v_r and at.inputs.v_m and (at.inputs.adv or at.inputs.macro)),
    ),
    "released": Condition(
        text="not (`ratio_neg` or `bigtop`) on `release_n` consecutive closes and held >= `min_hold`",
        holds=lambda at: at.state.released >= at.parameters.release_n and _may_soften(at),
    ),
    "softened": Condition(
        text="(`vRlow` and not `vM`) on `soften_n` consecutive closes and held >= `min_hold`",
        holds=lambda at: at.state.softened >= at.parameters.soften_n and _may_soften(at),
    ),
    "calmed": Condition(
        text="`calm` on `soften_n` consecutive closes and held >= `min_hold`",
        holds=lambda at: at.state.calmed >= at.parameters.soften_n and _may_soften(at),
    ),
    "next_close": Condition(text="the next close (actions done or rejected)", holds=lambda _: True),
    "resumed": Condition(
        text="(`ratio_neg` or `bigtop`) and (`cooldown` closes passed or `mv` >= 3 %)",
        holds=lambda at: _flagged(at) and (_cooled(at) or at.inputs.mv >= at.parameters.move_pct),
    ),
    "ended": Condition(
        text="`cooldown` closes passed and neither `ratio_neg` nor `bigtop`",
        holds=lambda at: _cooled(at) and _is_quiet(at.inputs),
    ),
})  # fmt: skip
"""Every condition of the table, by its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One row: in `source` (None: in any phase but the target itself), if `condition` holds, go to `target`."""

    source: Phase | None
    target: Phase
    condition: str


def _row(source: Phase | None, target: Phase, condition: str) -> Transition:
    return Transition(source=source, target=target, condition=condition)


TRANSITIONS: Final = (
    _row(Phase.OFF, Phase.STANDBY, "present"),
    _row(None, Phase.OFF, "nothing_to_hedge"),
    _row(Phase.STANDBY, Phase.INITIAL, "flagged"),
    _row(Phase.INITIAL, Phase.MONETISE, "monet"),
    _row(Phase.INITIAL, Phase.CONFIRMED, "capitulation"),
    _row(Phase.INITIAL, Phase.STAGED, "stressed"),
    _row(Phase.INITIAL, Phase.STANDBY, "released"),
    _row(Phase.STAGED, Phase.MONETISE, "monet"),
    _row(Phase.STAGED, Phase.CONFIRMED, "capitulation"),
    _row(Phase.STAGED, Phase.INITIAL, "softened"),
    _row(Phase.CONFIRMED, Phase.MONETISE, "monet"),
    _row(Phase.CONFIRMED, Phase.STAGED, "calmed"),
    _row(Phase.MONETISE, Phase.COOLDOWN, "next_close"),
    _row(Phase.COOLDOWN, Phase.CONFIRMED, "capitulation"),
    _row(Phase.COOLDOWN, Phase.INITIAL, "resumed"),
    _row(Phase.COOLDOWN, Phase.STANDBY, "ended"),
)
"""The machine (methodology 3.4), in the order in which its rows are tried."""

_TRANSIENT: Final = (Phase.MONETISE, Phase.COOLDOWN)


def ways(phase: Phase) -> list[tuple[Phase, str]]:
    """Return where the machine can go from a phase, in the order in which it tries, each with its condition's text."""
    rows = [row for row in TRANSITIONS if row.source is phase or (row.source is None and row.target is not phase)]
    return [(row.target, CONDITIONS[row.condition].text) for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one close did: the states around it, and the name of the condition that moved it (None: it stayed)."""

    before: PhaseState
    after: PhaseState
    condition: str | None

    @property
    def changed(self) -> bool:
        """Whether the phase is another one than before."""
        return self.before.phase is not self.after.phase


def advance(state: PhaseState, inputs: PhaseInputs, parameters: PhaseParameters) -> Step:
    """Evaluate one session close.

    Args:
        state: where the machine stands; `PhaseState()` at the start of a portfolio.
        inputs: the booleans of this close.
        parameters: of methodology 11.

    Returns:
        The step; its `after` goes into the next call.
    """
    if inputs.triggers_alone:
        inputs = PhaseInputs(
            quality_ok=inputs.quality_ok, kill=inputs.kill, has_exposure=inputs.has_exposure, triggers_alone=True
        )
    counted = _counted(state, inputs)
    at = Situation(inputs=inputs, state=counted, parameters=parameters)
    for row in TRANSITIONS:
        applies = row.source is counted.phase or (row.source is None and row.target is not counted.phase)
        if applies and CONDITIONS[row.condition].holds(at):
            return Step(before=state, after=_entered(counted, row.target, inputs), condition=row.condition)
    return Step(before=state, after=counted, condition=None)


def _counted(state: PhaseState, inputs: PhaseInputs) -> PhaseState:
    soft = inputs.v_r_low is True and inputs.v_m is False
    return replace(
        state,
        held=state.held + 1,
        released=state.released + 1 if _is_quiet(inputs) else 0,
        softened=state.softened + 1 if soft else 0,
        calmed=state.calmed + 1 if inputs.calm else 0,
    )


def _entered(state: PhaseState, target: Phase, inputs: PhaseInputs) -> PhaseState:
    if target in _TRANSIENT:
        return replace(state, phase=target, held=0)
    by_bigtop = target is Phase.INITIAL and state.phase is not Phase.STAGED and not inputs.ratio_neg
    return replace(state, phase=target, held=0, working=target, by_bigtop=by_bigtop)


def reason_codes(step: Step, inputs: PhaseInputs, parameters: PhaseParameters, *, ivx_changed: bool) -> tuple[str, ...]:
    """Return why this close alone asks for an adjustment (methodology 3.4): STATE, MOVE_3, IVX; timers count elsewhere.

    Args:
        step: what the machine did.
        inputs: the same that made it.
        parameters: the same.
        ivx_changed: S10 switched on or off, or its k changed, since the last close.
    """
    found = (("STATE", step.changed), ("MOVE_3", inputs.mv >= parameters.move_pct), ("IVX", ivx_changed))
    return tuple(code for code, applies in found if applies)


def draw(transitions: Sequence[Transition] = TRANSITIONS) -> str:
    """Return the page `docs/phases.md`: the table as a Mermaid diagram and as rows, generated from nothing else."""
    used = dict.fromkeys(row.condition for row in transitions)
    arrows = []
    for row in transitions:
        sources = [row.source] if row.source else [phase for phase in Phase if phase is not row.target]
        arrows += [f"    {source} --> {row.target}: {row.condition}" for source in sources]
    rows = [
        f"| {number} | {row.source or 'any other'} | {row.target} | {row.condition} |"
        for number, row in enumerate(transitions, start=1)
    ]
    return "\n".join([
        "# The phases of the hedge",
        "",
        "Generated by `alvh.core.hedge.phases.draw()` from the table the engine uses; a test holds the two equal.",
        "Evaluated once per session close; rows are tried in this order and the first match wins.",
        "`held` counts the closes since the phase was entered. Going up has no minimum hold, going down always has.",
        "",
        "```mermaid",
        "stateDiagram-v2",
        f"    [*] --> {Phase.OFF}",
        *arrows,
        "```",
        "",
        "| # | from | to | condition |",
        "|---|---|---|---|",
        *rows,
        "",
        "| condition | holds when |",
        "|---|---|",
        *[f"| {name} | {CONDITIONS[name].text} |" for name in used],
        "",
    ])  # fmt: skip
