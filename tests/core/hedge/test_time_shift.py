"""Which tenor the hedge should centre on, and calls that are dearer than put and future."""

from types import SimpleNamespace
from typing import Any

import pytest

from alvh.core.hedge.time_shift import CENTROIDS, shift_of
from core.hedge.quoted_desk import PROGRAM, engine, market, told


def look(ratio: float | None, slope: float | None, ahead: int | None) -> Any:  # noqa: ANN401 - what the rule looks at
    signals = (
        SimpleNamespace(id="S16", value=ratio, parts=()),
        SimpleNamespace(id="S14", value=slope, parts=(("slope", slope),)),
    )  # fmt: skip
    book = SimpleNamespace(signals=signals, macro_prints=SimpleNamespace(sessions_to_next=ahead))
    return SimpleNamespace(situation=SimpleNamespace(book=book))


@pytest.mark.parametrize(
    ("ratio", "slope", "ahead", "shift"),
    [
        (None, None, None, "neutral"), (1.0, 0.0799, 11, "neutral"), (1.001, None, None, "front"),
        (0.9, 0.0, 10, "front"),
        (0.9, 0.08, None, "back"), (1.2, 0.10, None, "front"),
    ],
)  # fmt: skip
def test_shift(ratio: float | None, slope: float | None, ahead: int | None, shift: str) -> None:
    assert shift_of(look(ratio, slope, ahead)) == shift


def test_the_message_says_where_the_tenor_lies_and_should() -> None:
    (first,) = told(engine(PROGRAM), market(0, 5000.0, 15.0))
    assert first["tenor_target"] == CENTROIDS[first["tenor_shift"]]
    assert first["tenor_centroid"] > 60.0
    assert not [note for note in first["notes"] if note.startswith("synthetic_call")]
