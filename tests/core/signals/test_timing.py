"""Closing flows give the numbers of methodology 9.3; the windows close where S39 says."""

import pytest

from alvh.core.signals.timing import closed_window, closing_flow, flow_contracts, is_crowded

MINUTE = 60 * 10**9
OPEN, CLOSE = 1000 * MINUTE, 1390 * MINUTE


def test_published_flows() -> None:
    assert closing_flow([(500e6, 1.5)], 0.08) == pytest.approx(30.0e6)
    assert closing_flow([(300e6, -1.0)], 0.08) == pytest.approx(48.0e6)
    assert closing_flow([(100e6, 2.0), (100e6, -0.5)], -0.1) == pytest.approx(-27.5e6)
    assert closing_flow([(100e6, 1.0)], 0.2) == 0.0


def test_crowding_is_strictly_above_five_per_cent() -> None:
    contracts = flow_contracts(30.0e6, 20.0)
    assert contracts == pytest.approx(1500.0)
    assert not is_crowded(contracts, 30_000.0)
    assert is_crowded(-contracts, 29_999.0)


@pytest.mark.parametrize(
    ("minute", "expected"),
    [
        (-1, "closed"), (0, "first_10_minutes"), (9.9, "first_10_minutes"), (10, None), (94.9, None), (95, "release"),
        (100, "release"), (100.1, None), (380, None), (380.1, "last_10_minutes"),
        (390, "last_10_minutes"), (391, "closed"),
    ],
)  # fmt: skip
def test_windows_of_a_session(minute: float, expected: str | None) -> None:
    now = OPEN + int(minute * MINUTE)
    assert closed_window(now, OPEN, CLOSE, releases=[OPEN + 100 * MINUTE]) == expected


def test_settlement_morning_is_closed_to_its_auction() -> None:
    for minute, expected in ((-61, "closed"), (-60, "vro"), (29, "vro"), (30, None)):
        assert closed_window(OPEN + minute * MINUTE, OPEN, CLOSE, is_vix_settlement=True) == expected
