"""The phase machine: the 17 closes of the methodology, every row of the table, hysteresis, and the drawn page."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alvh.core.hedge.phases import (
    CONDITIONS,
    TRANSITIONS,
    Phase,
    PhaseInputs,
    PhaseParameters,
    PhaseState,
    Step,
    advance,
    draw,
    reason_codes,
    ways,
)
from alvh.errors import InputError, JournalError

PARAMETERS = PhaseParameters()
QUIET = PhaseInputs(v_r_low=True, mv=0.5)
STANDBY = PhaseState(phase=Phase.STANDBY, working=Phase.STANDBY)

_FOURTH = replace(QUIET, ratio_neg=True, v_m=True, v_r_low=False)
_FIFTH = replace(_FOURTH, v_r=True)
_SIXTH = replace(_FIFTH, adv=True)
_SEVENTH = replace(_SIXTH, cap_r=True, mv=3.2)
_EIGHTH = replace(_SEVENTH, cap_m=True, mv=0.5)
_NEGATIVE = replace(QUIET, ratio_neg=True)
VECTOR = [
    (QUIET, "STANDBY", ()),
    (_NEGATIVE, "INITIAL", ("STATE",)),
    (_NEGATIVE, "INITIAL", ()),
    (_FOURTH, "INITIAL", ()),
    (_FIFTH, "INITIAL", ()),
    (_SIXTH, "STAGED", ("STATE",)),
    (_SEVENTH, "STAGED", ("MOVE_3",)),
    (_EIGHTH, "CONFIRMED", ("STATE", "IVX")),
    (replace(_EIGHTH, adv=False), "CONFIRMED", ()),
    (replace(_NEGATIVE, monet=True, v_r_low=False), "MONETISE", ("STATE",)),
    (_NEGATIVE, "COOLDOWN", ("STATE",)),
    *[(_NEGATIVE, "COOLDOWN", ())] * 4,
    (_NEGATIVE, "INITIAL", ("STATE",)),
    (_NEGATIVE, "INITIAL", ()),
]
IVX_SWITCHES_ON_AT = 8


def walk(state: PhaseState, closes: list[PhaseInputs], parameters: PhaseParameters = PARAMETERS) -> list[Step]:
    steps = []
    for inputs in closes:
        steps.append(advance(state, inputs, parameters))
        state = steps[-1].after
    return steps


def test_seventeen_closes_of_the_methodology() -> None:
    steps = walk(STANDBY, [inputs for inputs, _, _ in VECTOR])
    assert [str(step.after.phase) for step in steps] == [phase for _, phase, _ in VECTOR]
    events = [
        reason_codes(step, inputs, PARAMETERS, ivx_changed=number == IVX_SWITCHES_ON_AT)
        for number, (step, (inputs, _, _)) in enumerate(zip(steps, VECTOR, strict=True), start=1)
    ]
    assert events == [reasons for _, _, reasons in VECTOR]


@pytest.mark.parametrize("prefix", range(len(VECTOR)))
def test_restoring_at_every_prefix_changes_nothing(prefix: int) -> None:
    closes = [inputs for inputs, _, _ in VECTOR]
    state = STANDBY
    for inputs in closes[:prefix]:
        state = advance(state, inputs, PARAMETERS).after
    restored = PhaseState.from_plain(json.loads(json.dumps(state.as_plain())))
    assert restored == state
    assert walk(restored, closes[prefix:])[-1].after == walk(STANDBY, closes)[-1].after


def test_a_broken_checkpoint_is_refused() -> None:
    with pytest.raises(JournalError, match="phase state"):
        PhaseState.from_plain({**STANDBY.as_plain(), "phase": "ELSEWHERE"})


def test_first_close_leaves_off_only_with_exposure_quality_and_no_kill() -> None:
    def first(**changes: bool) -> Phase:
        return advance(PhaseState(), replace(QUIET, **changes), PARAMETERS).after.phase

    assert first() is Phase.STANDBY
    assert first(has_exposure=False) is Phase.OFF
    assert first(quality_ok=False) is Phase.OFF
    assert first(kill=True) is Phase.OFF
    assert first(has_exposure=False, triggers_alone=True) is Phase.STANDBY


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.OFF])
def test_any_phase_ends_without_exposure_or_by_the_kill_switch(phase: Phase) -> None:
    state = PhaseState(phase=phase, working=phase)
    everything = replace(_EIGHTH, monet=True, calm=True)
    assert advance(state, replace(everything, has_exposure=False), PARAMETERS).after.phase is Phase.OFF
    assert advance(state, replace(everything, kill=True), PARAMETERS).after.phase is Phase.OFF


def test_bad_data_alone_never_switches_the_hedge_off() -> None:
    assert advance(STANDBY, replace(QUIET, quality_ok=False), PARAMETERS).after.phase is Phase.STANDBY


def test_triggers_alone_never_leaves_standby() -> None:
    everything = replace(_EIGHTH, monet=True, has_exposure=False, triggers_alone=True)
    assert {step.after.phase for step in walk(PhaseState(), [everything] * 30)} == {Phase.STANDBY}


def test_first_match_wins_in_table_order() -> None:
    initial = PhaseState(phase=Phase.INITIAL, working=Phase.INITIAL)
    assert advance(initial, replace(_EIGHTH, monet=True), PARAMETERS).after.phase is Phase.MONETISE
    assert advance(initial, _EIGHTH, PARAMETERS).after.phase is Phase.CONFIRMED


def test_release_needs_three_consecutive_closes_and_five_held() -> None:
    entered = advance(STANDBY, _NEGATIVE, PARAMETERS).after
    phases = [step.after.phase for step in walk(entered, [QUIET] * 6)]
    assert phases == [Phase.INITIAL] * 4 + [Phase.STANDBY] * 2
    interrupted = [QUIET, QUIET, QUIET, _NEGATIVE, QUIET, QUIET, QUIET]
    phases = [step.after.phase for step in walk(entered, interrupted)]
    assert phases == [Phase.INITIAL] * 6 + [Phase.STANDBY]


@pytest.mark.parametrize(
    ("phase", "inputs", "lower"),
    [(Phase.STAGED, _NEGATIVE, Phase.INITIAL), (Phase.CONFIRMED, replace(_FOURTH, calm=True), Phase.STAGED)],
)
def test_softening_waits_for_the_minimum_hold(phase: Phase, inputs: PhaseInputs, lower: Phase) -> None:
    state = PhaseState(phase=phase, working=phase)
    assert [step.after.phase for step in walk(state, [inputs] * 5)] == [phase] * 4 + [lower]


def test_escalation_has_no_minimum_hold() -> None:
    steps = walk(PhaseState(), [QUIET, _NEGATIVE, _SIXTH, _EIGHTH])
    assert [step.after.phase for step in steps] == [Phase.STANDBY, Phase.INITIAL, Phase.STAGED, Phase.CONFIRMED]


@pytest.mark.parametrize(
    ("inputs", "after"),
    [
        (_EIGHTH, Phase.CONFIRMED),
        (replace(_NEGATIVE, mv=3.0), Phase.INITIAL),
        (replace(_NEGATIVE, mv=2.999), Phase.COOLDOWN),
        (replace(QUIET, mv=9.0), Phase.COOLDOWN),
    ],
)
def test_ways_out_of_a_fresh_cooldown(inputs: PhaseInputs, after: Phase) -> None:
    assert advance(PhaseState(phase=Phase.COOLDOWN), inputs, PARAMETERS).after.phase is after


def test_cooldown_without_a_flag_ends_in_standby_after_five_closes() -> None:
    phases = [step.after.phase for step in walk(PhaseState(phase=Phase.COOLDOWN), [QUIET] * 5)]
    assert phases == [Phase.COOLDOWN] * 4 + [Phase.STANDBY]


def test_bigtop_alone_is_remembered_until_initial_is_left() -> None:
    by_bigtop = advance(STANDBY, replace(QUIET, bigtop=True), PARAMETERS).after
    assert by_bigtop.by_bigtop
    assert not advance(STANDBY, replace(_NEGATIVE, bigtop=True), PARAMETERS).after.by_bigtop
    staged = advance(by_bigtop, _SIXTH, PARAMETERS).after
    assert walk(staged, [replace(QUIET, bigtop=True)] * 5)[-1].after.by_bigtop is False


def test_harvest_and_cooldown_keep_the_working_phase() -> None:
    confirmed = PhaseState(phase=Phase.CONFIRMED, working=Phase.CONFIRMED)
    steps = walk(confirmed, [replace(QUIET, monet=True), QUIET])
    assert [(step.after.phase, step.after.working) for step in steps] == [
        (Phase.MONETISE, Phase.CONFIRMED),
        (Phase.COOLDOWN, Phase.CONFIRMED),
    ]


def test_what_is_missing_opens_nothing_and_releases_nothing() -> None:
    unknown = PhaseInputs(
        ratio_neg=None, bigtop=None, v_r=None, v_m=None, v_r_low=None, adv=None, macro=None, calm=None
    )
    for phase in (Phase.STANDBY, Phase.INITIAL, Phase.STAGED, Phase.CONFIRMED):
        steps = walk(PhaseState(phase=phase, working=phase), [unknown] * 12)
        assert {step.after.phase for step in steps} == {phase}
    assert walk(PhaseState(phase=Phase.COOLDOWN), [unknown] * 12)[-1].after.phase is Phase.COOLDOWN


def test_a_big_top_that_is_never_known_keeps_no_phase() -> None:
    initial = PhaseState(phase=Phase.INITIAL, working=Phase.INITIAL)
    without = replace(QUIET, bigtop=None)
    assert walk(initial, [without] * 5)[-1].after.phase is Phase.STANDBY
    assert walk(PhaseState(phase=Phase.COOLDOWN), [without] * 5)[-1].after.phase is Phase.STANDBY


def test_parameters_from_the_configuration() -> None:
    read = PhaseParameters.from_methodology({"phase": {"min_hold": 7}, "move3": {"threshold": 0.04}})
    assert read == PhaseParameters(min_hold=7, move_pct=4.0)
    with pytest.raises(InputError, match=r"phase\.hold"):
        PhaseParameters.from_methodology({"phase": {"hold": 7}})
    with pytest.raises(InputError, match="whole number"):
        PhaseParameters.from_methodology({"phase": {"cooldown": 1.5}})


def test_the_page_is_the_table() -> None:
    page = Path(__file__).parents[3] / "docs" / "phases.md"
    assert page.read_text(encoding="utf-8") == draw(), "write alvh.core.hedge.phases.draw() to docs/phases.md"


def test_every_condition_of_the_table_is_known_and_used() -> None:
    assert {row.condition for row in TRANSITIONS} == set(CONDITIONS)


maybe = st.one_of(st.none(), st.booleans())
closes = st.lists(
    st.builds(
        PhaseInputs,
        **dict.fromkeys(("ratio_neg", "bigtop", "v_r", "v_m", "v_r_low", "adv", "macro", "calm"), maybe),
        **dict.fromkeys(("cap_r", "cap_m", "monet", "has_exposure", "quality_ok"), st.booleans()),
        kill=st.sampled_from([False, False, False, True]),
        mv=st.floats(0.0, 10.0),
    ),
    max_size=60,
)


@given(closes)
def test_only_rows_of_the_table_are_walked_and_going_down_takes_its_time(inputs: list[PhaseInputs]) -> None:
    allowed = {(row.source, row.target, row.condition) for row in TRANSITIONS}
    for step in walk(PhaseState(), inputs):
        if not step.changed:
            assert step.after.held == step.before.held + 1
            continue
        before, after = step.before.phase, step.after.phase
        assert {(before, after, step.condition), (None, after, step.condition)} & allowed
        if step.condition in ("released", "softened", "calmed", "ended"):
            assert step.before.held + 1 >= PARAMETERS.min_hold


@given(closes)
def test_harvest_lasts_one_close(inputs: list[PhaseInputs]) -> None:
    for step in walk(PhaseState(), inputs):
        if step.before.phase is Phase.MONETISE:
            assert step.after.phase in (Phase.COOLDOWN, Phase.OFF)


def test_ways_on_are_those_of_the_table() -> None:
    """What the page shows is read off the same rows the machine tries."""
    assert [to for to, _ in ways(Phase.STAGED)] == [Phase.OFF, Phase.MONETISE, Phase.CONFIRMED, Phase.INITIAL]
    assert dict(ways(Phase.STANDBY))[Phase.INITIAL] == "`ratio_neg` or `bigtop`"
