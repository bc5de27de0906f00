"""What each phase wants: φ, m and mix against the table of methodology 3.3 and vector B."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alvh.core.hedge.phase_targets import LEG_ORDER, MixKind, TargetParameters, phase_target
from alvh.core.hedge.phases import Phase, PhaseState
from alvh.errors import InputError

DEFAULTS = TargetParameters()


def at(phase: Phase, working: Phase | None = None, *, by_bigtop: bool = False) -> PhaseState:
    return PhaseState(phase=phase, working=working or phase, by_bigtop=by_bigtop)


@pytest.mark.parametrize(
    ("state", "a", "phi", "m", "kind"),
    [
        (at(Phase.OFF), 0.15, 0.0, 0.0, MixKind.NONE),
        (at(Phase.STANDBY), 0.15, 0.15, 0.18, MixKind.GAIN),
        (at(Phase.INITIAL), 0.0, 0.50, 0.60, MixKind.CONTRACTS),
        (at(Phase.INITIAL), 0.20, 0.60, 0.60, MixKind.CONTRACTS),
        (at(Phase.INITIAL, by_bigtop=True), 0.0, 0.40, 0.60, MixKind.CONTRACTS),
        (at(Phase.STAGED), 0.0, 0.60, 0.72, MixKind.GAIN_AND_CONTRACTS),
        (at(Phase.STAGED), 0.10, 0.66, 0.72, MixKind.GAIN_AND_CONTRACTS),
        (at(Phase.CONFIRMED), 0.15, 0.814583333, 0.85, MixKind.GAIN),
        (at(Phase.CONFIRMED), 0.20, 0.85, 0.85, MixKind.GAIN),
        (at(Phase.MONETISE, Phase.STAGED), 0.0, 0.60, 0.72, MixKind.GAIN_AND_CONTRACTS),
        (at(Phase.COOLDOWN, Phase.INITIAL), 0.0, 0.50, 0.60, MixKind.CONTRACTS),
    ],
)
def test_table_of_phases(state: PhaseState, a: float, phi: float, m: float, kind: MixKind) -> None:
    target = phase_target(state, a, DEFAULTS)
    assert target.phi == pytest.approx(phi, abs=1e-9)
    assert target.m == pytest.approx(m, abs=1e-12)
    assert target.kind is kind


def test_ceiling_is_the_band_in_initial_and_the_hard_one_elsewhere() -> None:
    assert phase_target(at(Phase.INITIAL), 0.0, DEFAULTS).ceiling == 0.60
    assert phase_target(at(Phase.STAGED), 0.0, DEFAULTS).ceiling == 0.85


def test_only_the_working_phases_add_and_only_confirmed_takes_fin() -> None:
    adds = {phase for phase in Phase if phase_target(at(phase, Phase.CONFIRMED), 0.0, DEFAULTS).adds_allowed}
    assert adds == {Phase.STANDBY, Phase.INITIAL, Phase.STAGED, Phase.CONFIRMED}
    assert [phase for phase in Phase if phase_target(at(phase), 0.0, DEFAULTS).allows_fin] == [Phase.CONFIRMED]


def test_overrides_and_their_refusal() -> None:
    read = TargetParameters.from_methodology({"phi": {"initial": 0.45}, "m": {"confirmed": 0.8}, "ladder": {"L3b": 3}})
    assert dict(read.ladder) == {"L1": 4.0, "L3a": 4.0, "L3b": 3.0}
    assert phase_target(at(Phase.CONFIRMED), 0.0, read).phi == pytest.approx(0.45 * 0.8 / 0.6)
    with pytest.raises(InputError, match="ladder"):
        TargetParameters.from_methodology({"ladder": {"L9": 1}})


@given(st.sampled_from(list(Phase)), st.sampled_from(list(Phase)), st.floats(0.0, 0.5), st.booleans())
def test_never_above_the_ceiling_and_gain_shares_sum_to_one(p: Phase, working: Phase, a: float, top: bool) -> None:
    target = phase_target(at(p, working, by_bigtop=top), a, DEFAULTS)
    assert 0.0 <= target.phi <= 0.85
    assert list(target.weights) == [leg for leg in LEG_ORDER if leg in target.weights] or "L2" in target.weights
    if target.kind is MixKind.GAIN:
        assert sum(target.weights.values()) == pytest.approx(1.0)
