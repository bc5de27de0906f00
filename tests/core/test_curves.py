"""Two curves beside one another: VX decides, VXM says what its own contracts are quoted at."""

from datetime import date

import pytest

from alvh.core.curves import Curves, believed
from alvh.core.events import FuturesCurve

DAYS = [date(2026, 6, 17), date(2026, 7, 22), date(2026, 8, 19)]


def curve(ts: int, symbol: str, months: int) -> FuturesCurve:
    nodes = tuple((day, 18.0 + at, 17.9 + at, 18.1 + at) for at, day in enumerate(DAYS[:months]))
    return FuturesCurve(ts_event=ts, ts_recv=ts, symbol=symbol, nodes=nodes)


def test_mini_futures_never_take_the_place_of_the_whole_curve() -> None:
    curves = Curves()
    assert curves.take(curve(1, "VX", 3))
    assert curves.take(curve(2, "VXM", 2))
    assert curves.newest == curve(1, "VX", 3)
    assert curves.minis == curve(2, "VXM", 2)


def test_an_older_curve_is_refused_by_its_own_symbol_alone() -> None:
    curves = Curves()
    assert curves.take(curve(5, "VXM", 2))
    assert curves.newest == curve(5, "VXM", 2), "what a feed has alone stands for the curve"
    assert curves.take(curve(4, "VX", 3))
    assert not curves.take(curve(3, "VX", 3))
    assert not curves.take(curve(4, "VXM", 1))
    assert (curves.newest, curves.minis) == (curve(4, "VX", 3), curve(5, "VXM", 2))


def test_curves_come_back_from_a_checkpoint_of_this_version_and_of_the_one_before() -> None:
    curves, again, earlier = Curves(), Curves(), Curves()
    curves.take(curve(1, "VX", 3))
    curves.take(curve(2, "VXM", 2))
    again.restore(curves.state())
    assert (again.newest, again.minis) == (curves.newest, curves.minis)
    earlier.restore(curves.state()[0])
    assert (earlier.newest, earlier.minis) == (curves.newest, None)


@pytest.mark.parametrize("odd", [0.0, -1.0, 1e15, 5e-324])
def test_a_contract_at_what_can_be_no_price_leaves_the_curve(odd: float) -> None:
    whole = curve(1, "VX", 3)
    first, second, third = whole.nodes
    spoilt = FuturesCurve(
        ts_event=1, ts_recv=1, symbol="VX", nodes=(first, (second[0], odd, None, None), (*third[:2], odd, third[3]))
    )
    kept, refused = believed(spoilt)
    assert kept.nodes == (first, (*third[:2], None, third[3]))
    assert [(each.subject, each.reason) for each in refused] == [("VX", "invalid")]
    assert believed(whole) == (whole, ())
