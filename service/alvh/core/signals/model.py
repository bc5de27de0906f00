"""What a signal is, and what a session's close brings to those that compute it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from alvh.core.signals.observations import SERIES, Seen

# Stamps further apart than this make a signal asynchronous (methodology, 0.5): SPX closes at 16:00 and the VIX family
# at 16:15, which is still together.
ASYNC_NS: Final = 20 * 60 * 1_000_000_000

CURVE: Final = "VX"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """The newest good price of an instrument in one session, in points, and the source's time of it (ns UTC)."""

    price: float
    ts_event: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One signal at one evaluation (methodology, section 2).

    Attributes:
        id: `S03` to `S48`.
        value: in `unit`; None where it is not defined or an input is missing.
        state: one word for what it says (`negative`, `on`, `warming`, `missing`, ...).
        threshold: what `value` is held against, as text.
        asof: newest source time among its inputs, ns UTC; None where there is none.
        inputs: instruments and series it was computed from.
        quality: `ok`, `async`, `stale`, `proxy` or `missing`. Until the warm-up the methodology asks for is over it is
            `missing`, even where `value` is defined: such a signal neither confirms nor vetoes.
        parts: further numbers by name, each in the unit its name or the methodology says.
    """

    id: str
    value: float | None
    unit: str
    state: str
    threshold: str
    asof: int | None
    inputs: tuple[str, ...]
    quality: str
    parts: tuple[tuple[str, float | None], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """One session's close: good prices of that session alone.

    Attributes:
        session: the exchange's date.
        ts_event: the session's close, ns UTC.
        bars: by instrument; what had no good price in the session is absent.
        small_cap: the watched small-cap index, `RUT`, or `IWM` where that is missing.
        curve: VIX futures not yet at their settlement day, as (days to expiry, points), by expiry.
        curve_ts_event: the curve's stamp; None without a curve.
        sessions_to_vx1: business days to the settlement of the nearest future; None without a curve.
        sessions_to: counts business days from this session to a date, negative for earlier dates.
        seen: the newest value of each observed series.
        skew25: implied volatility of the 25-delta put less that of the call, SPX at 30 days, points; None if unknown.
        premium: credit over width of the condor of fixed delta and days, ratio; None if unknown.
    """

    session: date
    ts_event: int
    bars: Mapping[str, Bar]
    small_cap: str = "RUT"
    curve: tuple[tuple[int, float], ...] = ()
    curve_ts_event: int | None = None
    sessions_to_vx1: int | None = None
    sessions_to: Callable[[date], int] = lambda _: 0
    seen: Mapping[str, Seen] = field(default_factory=dict)
    skew25: float | None = None
    premium: float | None = None
    stamps: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        stamps = {name: bar.ts_event for name, bar in self.bars.items()}
        if self.curve_ts_event is not None:
            stamps[CURVE] = self.curve_ts_event
        object.__setattr__(self, "stamps", stamps)

    def price(self, instrument_id: str) -> float | None:
        """Return the instrument's good price of this session, in points, or None."""
        bar = self.bars.get(instrument_id)
        return None if bar is None else bar.price

    def fresh(self, series: str) -> float | None:
        """Return the newest value of an observed series; None where there is none or it is stale."""
        one = self.seen.get(series)
        return None if one is None or self._is_stale(series, one) else one.value

    def news(self, series: str) -> Seen | None:
        """Return what arrived of a series since the close before; None where nothing did."""
        one = self.seen.get(series)
        return one if one is not None and one.is_new else None

    def _is_stale(self, series: str, one: Seen) -> bool:
        return (self.session - one.observed).days > SERIES[series].max_age_days

    def standing(self, inputs: Iterable[str]) -> tuple[str, int | None]:
        """Return `missing`, `stale`, `async` or `ok` for a signal of these inputs, and the newest of their stamps.

        Observations have no stamp of the session's to compare with those of prices; they are stale by their age.
        """
        first: int | None = None
        last = newest = 0
        quality = "ok"
        for name in inputs:
            stamp = self.stamps.get(name)
            if stamp is not None:
                first = stamp if first is None or stamp < first else first
                last = max(last, stamp)
                continue
            one = self.seen.get(name)
            if one is None:
                quality = "missing"
                continue
            newest = max(newest, one.ts_event)
            if quality == "ok" and self._is_stale(name, one):
                quality = "stale"
        if quality == "ok" and first is not None and last - first > ASYNC_NS:
            quality = "async"
        return quality, (max(last, newest) or None)

    def constant_maturity(self, days: int) -> float | None:
        """Return the curve at `days` days: linear through (0, VIX) and the futures, flat beyond the last (4.3)."""
        vix = self.price("VIX")
        nodes = self.curve if vix is None else ((0, vix), *self.curve)
        if not self.curve or nodes[0][0] > days:
            return None
        earlier_days, earlier = nodes[0]
        for later_days, later in nodes[1:]:
            if later_days >= days:
                return earlier + (later - earlier) * (days - earlier_days) / (later_days - earlier_days)
            earlier_days, earlier = later_days, later
        return earlier


def signal(  # noqa: PLR0913 - one argument per field of what it returns, all by name
    close: Close,
    signal_id: str,
    *,
    value: float | None,
    unit: str,
    state: str,
    threshold: str,
    inputs: tuple[str, ...],
    is_warm: bool = True,
    is_proxy: bool = False,
    parts: tuple[tuple[str, float | None], ...] = (),
) -> Signal:
    """Return the signal with its quality, as-of time, and `missing` or `warming` for a state where that is so.

    The arguments are the fields of `Signal`; `state` is what it says when it is warm and its inputs are there.
    `is_warm` tells whether the methodology's warm-up is over, `is_proxy` whether an input stands in for the one
    the methodology names.
    """
    quality, asof = close.standing(inputs)
    if quality in ("missing", "stale"):
        state = quality
    elif not is_warm or value is None:
        quality, state = "missing", "warming"
    elif is_proxy and quality == "ok":
        quality = "proxy"
    return Signal(
        id=signal_id, value=value, unit=unit, state=state, threshold=threshold, asof=asof,
        inputs=inputs, quality=quality, parts=parts,
    )  # fmt: skip
