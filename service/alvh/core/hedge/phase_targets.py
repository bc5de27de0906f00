"""What each phase wants: share of the condor loss to offset (φ), vega multiplier (m), mix of legs (methodology 3.3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from alvh.core.hedge.phases import Phase, PhaseState
from alvh.errors import InputError

LEG_ORDER: Final = ("L1", "L1b", "L2", "L3a", "L3b")
"""The legs of the hedge in the order in which ties are broken (methodology 4.8); FIN is no part of a mix."""


class MixKind(StrEnum):
    """How the weights of a mix are to be read."""

    NONE = "none"  # nothing is bought
    CONTRACTS = "contracts"  # relative numbers of contracts
    GAIN = "gain"  # shares of the target gain
    GAIN_AND_CONTRACTS = "gain_and_contracts"  # L2 a share of the target gain, the rest by contracts


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetParameters:
    """Sections `phi`, `m`, `ladder`, `mix_confirmed` of methodology 11; ratios."""

    standby: float = 0.15
    bigtop: float = 0.40
    initial: float = 0.50
    staged: float = 0.60
    ceiling: float = 0.85
    m_base: float = 0.60
    m_confirmed: float = 0.85
    ladder: tuple[tuple[str, float], ...] = (("L1", 4.0), ("L3a", 4.0), ("L3b", 2.0))
    staged_l2: float = 0.25
    standby_mix: tuple[tuple[str, float], ...] = (("L3a", 2.0 / 3.0), ("L3b", 1.0 / 3.0))
    confirmed_mix: tuple[tuple[str, float], ...] = (
        ("L1", 0.35), ("L1b", 0.15), ("L2", 0.20), ("L3a", 0.20), ("L3b", 0.10),
    )  # fmt: skip

    @classmethod
    def from_methodology(cls, methodology: Mapping[str, Mapping[str, float]]) -> "TargetParameters":
        """Return the parameters a `methodology:` mapping says, defaults where it is silent.

        Raises:
            InputError: a mix names no known leg or holds a negative weight.
        """
        default = cls()
        phi, m = methodology.get("phi", {}), methodology.get("m", {})
        return cls(
            standby=phi.get("standby", default.standby),
            bigtop=phi.get("bigtop", default.bigtop),
            initial=phi.get("initial", default.initial),
            staged=phi.get("staged", default.staged),
            ceiling=phi.get("ceiling", default.ceiling),
            m_base=m.get("base", default.m_base),
            m_confirmed=m.get("confirmed", default.m_confirmed),
            ladder=_weights("ladder", methodology.get("ladder"), default.ladder),
            confirmed_mix=_weights("mix_confirmed", methodology.get("mix_confirmed"), default.confirmed_mix),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseTarget:
    """What the phase in force wants.

    Attributes:
        phase: the phase itself.
        phi0: the base share before S10's addition, ratio.
        m: the vega multiplier, ratio.
        a: the addition of S10 that was applied, ratio (0 where the phase takes none).
        phi: the share of the condor loss to offset, ratio, never above the ceiling.
        ceiling: the greatest offset at the design shock that sizing may reach, ratio.
        over_insured: the offset that even contracts held may not pass, whatever the phase (4.8, priority 4), ratio.
        kind: how `weights` are to be read.
        weights: leg to weight, in `LEG_ORDER`.
        adds_allowed: whether contracts may be added at all.
        harvests: whether this close is for the harvest (3.5).
        allows_fin: whether the FIN leg may be held.
    """

    phase: Phase
    phi0: float
    m: float
    a: float
    phi: float
    ceiling: float
    over_insured: float
    kind: MixKind
    weights: Mapping[str, float]
    adds_allowed: bool
    harvests: bool
    allows_fin: bool


def phase_target(state: PhaseState, a: float, parameters: TargetParameters) -> PhaseTarget:
    """Return the target of the phase in force.

    MONETISE keeps the target of the phase it came from, COOLDOWN shows it and adds nothing.

    Args:
        state: where the machine stands.
        a: the addition of S10, ratio in [0, 0.20].
        parameters: of methodology 11.
    """
    working = state.working
    phi0, m = _base(state, parameters)
    applied = a if working in (Phase.INITIAL, Phase.STAGED, Phase.CONFIRMED) else 0.0
    kind, weights = _mix(working, parameters)
    return PhaseTarget(
        phase=state.phase,
        phi0=phi0,
        m=m,
        a=applied,
        phi=min(parameters.ceiling, phi0 * (1.0 + applied)),
        ceiling=min(parameters.staged, parameters.ceiling) if working is Phase.INITIAL else parameters.ceiling,
        over_insured=parameters.ceiling,
        kind=kind,
        weights=weights,
        adds_allowed=state.phase in (Phase.STANDBY, Phase.INITIAL, Phase.STAGED, Phase.CONFIRMED),
        harvests=state.phase is Phase.MONETISE,
        allows_fin=state.phase is Phase.CONFIRMED,
    )


def _base(state: PhaseState, p: TargetParameters) -> tuple[float, float]:
    """φ before S10 and m: φ = φ_initial·m/m_base in every phase but INITIAL through `bigtop`."""
    if state.working is Phase.STANDBY:
        return p.standby, p.m_base * p.standby / p.initial
    if state.working is Phase.INITIAL:
        return (p.bigtop if state.by_bigtop else p.initial), p.m_base
    if state.working is Phase.STAGED:
        return p.staged, p.m_base * p.staged / p.initial
    if state.working is Phase.CONFIRMED:
        return p.initial * (p.m_confirmed / p.m_base), p.m_confirmed
    return 0.0, 0.0


def _mix(working: Phase, p: TargetParameters) -> tuple[MixKind, Mapping[str, float]]:
    if working is Phase.STANDBY:
        return MixKind.GAIN, MappingProxyType(dict(p.standby_mix))
    if working is Phase.INITIAL:
        return MixKind.CONTRACTS, MappingProxyType(dict(p.ladder))
    if working is Phase.STAGED:
        return MixKind.GAIN_AND_CONTRACTS, MappingProxyType({"L2": p.staged_l2, **dict(p.ladder)})
    if working is Phase.CONFIRMED:
        return MixKind.GAIN, MappingProxyType(dict(p.confirmed_mix))
    return MixKind.NONE, MappingProxyType({})


def _weights(
    name: str, said: Mapping[str, float] | None, default: tuple[tuple[str, float], ...]
) -> tuple[tuple[str, float], ...]:
    if said is None:
        return default
    merged = {**dict(default), **said}
    for leg, weight in merged.items():
        if leg not in LEG_ORDER or not weight >= 0.0:
            raise InputError(f"methodology.{name}.{leg}: expected one of {', '.join(LEG_ORDER)} with a weight >= 0")
    return tuple((leg, float(merged[leg])) for leg in LEG_ORDER if leg in merged)
