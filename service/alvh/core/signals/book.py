"""All signals of one set of parameters: takes session closes, shows signals, flags and rows, can be written down."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from operator import attrgetter
from typing import Any, Final

from alvh.core.events import FuturesCurve, MacroCalendar, Observation
from alvh.core.signals import observations
from alvh.core.signals.basis import BasisClock
from alvh.core.signals.bigtop import BigTopFamily, TopSigns
from alvh.core.signals.breadth import BreadthFamily
from alvh.core.signals.exposure import ExposureFamily
from alvh.core.signals.family import Family
from alvh.core.signals.fear import FearFamily
from alvh.core.signals.flows import FlowFamily
from alvh.core.signals.fundamentals import FundamentalsFamily
from alvh.core.signals.leadership import LeadershipFamily
from alvh.core.signals.macro import MacroFamily
from alvh.core.signals.model import Bar, Close, Signal
from alvh.core.signals.observations import ObservationBoard
from alvh.core.signals.option_prices import OptionPriceFamily
from alvh.core.signals.parameters import SignalParameters
from alvh.core.signals.rates import RatesFamily
from alvh.core.signals.ratio import RatioFamily
from alvh.core.signals.realised import RealisedFamily
from alvh.core.signals.small_caps import SmallCapFamily
from alvh.core.signals.spread import SpreadFamily
from alvh.core.signals.term_structure import TermStructureFamily

_CAPITULATION_CLOSES: Final = 3  # methodology, 3.2: "within the last 3 closes"
_SATURDAY: Final = 5
_ID: Final = attrgetter("id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """Boolean inputs of the phase machine that signals give (methodology, 3.2); None means missing.

    What is missing neither confirms nor vetoes: it opens no phase, and a close at which it is missing does not count
    towards leaving one. `cap_r` and `cap_m` already look back three closes; there a missing part counts as False.

    Attributes:
        ratio_neg: S03, RUT's twin deciding.
        bigtop: S32, with its hysteresis.
        adv: S09.
        macro: S20's window, or a valid surprise of S21.
        hot: a print above expectations is valid (S21).
        weak: a print below expectations is valid (S21).
        v_r: RSI of the VIX above 70, on until below 60.
        v_m: MACD histogram of the VIX above 0.
        v_r_low: RSI of the VIX below 60.
        cap_r: S05 or `v_r` at one of the last three closes.
        cap_m: S08 or a fresh cross-up of S06 at one of the last three closes.
        calm: RSI of the small-cap index above 45 and its histogram above 0.
        monet_curve: VX1 above VX2, RSI of the VIX fell back below 70, its histogram below 0.
    """

    ratio_neg: bool | None
    bigtop: bool | None
    adv: bool | None
    macro: bool | None
    hot: bool
    weak: bool
    v_r: bool | None
    v_m: bool | None
    v_r_low: bool | None
    cap_r: bool
    cap_m: bool
    calm: bool | None
    monet_curve: bool


_NOTHING_KNOWN: Final = Flags(
    ratio_neg=None, bigtop=None, adv=None, macro=None, hot=False, weak=False, v_r=None, v_m=None, v_r_low=None,
    cap_r=False, cap_m=False, calm=None, monet_curve=False,
)  # fmt: skip


class SignalBook:
    """Signals S03 to S48 as far as prices and observations give them, at the newest session close.

    `basis` takes the samples of S37 inside a session. The families are public, for whoever needs more than a signal
    shows (beta*, `a`, the expected move, ...).
    """

    def __init__(self, methodology: Mapping[str, Any] | None = None, *, small_cap: str = "RUT") -> None:
        """Start without history.

        Args:
            methodology: overrides of methodology section 11, in its shape.
            small_cap: the watched small-cap index, RUT or IWM.

        Raises:
            InputError: a parameter that is not known.
        """
        parameters = SignalParameters.of(methodology or {})
        self.ratio = RatioFamily(parameters.macd)
        self.small_caps = SmallCapFamily(parameters.rsi, parameters.macd)
        self.fear = FearFamily(parameters.rsi, parameters.macd)
        self.spread = SpreadFamily(parameters.ivx, parameters.phase.min_hold)
        self.exposure = ExposureFamily(parameters.beta)
        self.term_structure = TermStructureFamily()
        self.realised = RealisedFamily(parameters.edr)
        self.leadership = LeadershipFamily()
        self.breadth = BreadthFamily(parameters.ad_div)
        self.macro_prints = MacroFamily(parameters.macro)
        self.fundamentals = FundamentalsFamily()
        self.rates = RatesFamily()
        self.option_prices = OptionPriceFamily()
        self.flows = FlowFamily()
        self.bigtop = BigTopFamily(parameters.bigtop)
        self._families: dict[str, Family] = {
            "ratio": self.ratio,
            "small_caps": self.small_caps,
            "fear": self.fear,
            "spread": self.spread,
            "exposure": self.exposure,
            "term_structure": self.term_structure,
            "realised": self.realised,
            "leadership": self.leadership,
            "breadth": self.breadth,
            "macro_prints": self.macro_prints,
            "fundamentals": self.fundamentals,
            "rates": self.rates,
            "option_prices": self.option_prices,
            "flows": self.flows,
            "bigtop": self.bigtop,
        }
        self.basis = BasisClock()
        self._observations = ObservationBoard()
        self._small_cap = small_cap
        self._close: Close | None = None
        self._cap_r: list[bool] = []
        self._cap_m: list[bool] = []
        self._signals: tuple[Signal, ...] | None = None
        self.columns: tuple[str, ...] = _columns(self._evaluated(Close(session=date.min, ts_event=0, bars={})))

    def watch(self, small_cap: str) -> None:
        """Say which small-cap index is watched; to be told before the first close."""
        self._small_cap = small_cap

    def observe(self, event: Observation) -> str | None:
        """Take an observation, which counts from the next close on; return None, or why it is refused.

        Refusals are `unknown` (no such series in `observations.SERIES`) and `out_of_order` (older than the newest).
        """
        return self._observations.take(event)

    def macro(self, event: MacroCalendar) -> None:
        """Take the calendar of releases, replacing what was known."""
        self.macro_prints.schedule(event.releases)

    def close(
        self,
        session: date,
        ts_event: int,
        bars: Mapping[str, Bar],
        curve: FuturesCurve | None = None,
        *,
        sessions_to: Callable[[date], int] | None = None,
        skew25: float | None = None,
        premium: float | None = None,
    ) -> None:
        """Take one session's close, once, in order.

        Args:
            session: the exchange's date.
            ts_event: the session's close, ns UTC.
            bars: good prices of this session alone; what had none is absent and its signals are missing today.
            curve: the VIX futures curve of this session, or None.
            sessions_to: business days from this session to a date, negative for earlier ones; weekdays are counted
                where it is None.
            skew25: see `option_prices.skew_25`; None without a chain.
            premium: credit over width of the reference condor; None without a chain.
        """
        count = sessions_to or _weekdays_from(session)
        nodes = [] if curve is None else sorted((node[0], node[1]) for node in curve.nodes if node[0] > session)
        close = Close(
            session=session, ts_event=ts_event, bars=dict(bars), small_cap=self._small_cap,
            curve=tuple(((expiry - session).days, price) for expiry, price in nodes),
            curve_ts_event=curve.ts_event if curve is not None and nodes else None,
            sessions_to_vx1=count(nodes[0][0]) if nodes else None, sessions_to=count,
            seen=self._observations.at_close(), skew25=skew25, premium=premium,
        )  # fmt: skip
        self._update(close)

    def _update(self, close: Close) -> None:
        for family in self._families.values():
            if family is self.rates:
                self.rates.weigh(self.exposure.beta_star)
            family.update(close)
        fear, small_caps = self.fear, self.small_caps
        self.spread.confirm(
            (
                small_caps.is_diverging,
                self.ratio.is_negative is True,
                self.rates.is_stressed,
                self.fundamentals.is_contracting is True,
            )
        )
        self.bigtop.judge(close, self._signs(close))
        is_cap_r = small_caps.is_rsi_capitulating(close) or fear.is_hot(close) is True
        is_cap_m = small_caps.is_macd_capitulating(close) or fear.is_fresh_cross_up(close)
        self._cap_r = [*self._cap_r[1 - _CAPITULATION_CLOSES :], is_cap_r]
        self._cap_m = [*self._cap_m[1 - _CAPITULATION_CLOSES :], is_cap_m]
        self._close = close
        self._signals = None

    def _signs(self, close: Close) -> TopSigns:
        breadth = (self.breadth.is_classic, self.breadth.is_sloping)
        return TopSigns(
            is_breadth_failing=None if breadth == (None, None) else True in breadth,
            is_narrowing=self.leadership.is_narrowing,
            rsi_spx=self.small_caps.rsi_spx(close),
            is_expensive=self.fundamentals.is_expensive,
            premium_percentile=self.realised.premium_percentile,
            implied_percentile=self.fundamentals.premium_percentile,
            slope=self.term_structure.slope,
            is_ratio_negative=self.ratio.is_negative,
        )

    @property
    def newest(self) -> Close | None:
        """The newest close taken; None before the first."""
        return self._close

    @property
    def signals(self) -> tuple[Signal, ...]:
        """Signals at the newest close, by id; empty before the first."""
        if self._close is None:
            return ()
        if self._signals is None:
            self._signals = self._evaluated(self._close)
        return self._signals

    @property
    def flags(self) -> Flags:
        """Inputs of the phase machine at the newest close; all missing before the first."""
        close = self._close
        if close is None:
            return _NOTHING_KNOWN
        return Flags(
            ratio_neg=self.ratio.is_negative,
            bigtop=self.bigtop.is_on,
            adv=self.breadth.is_diverging,
            macro=self.macro_prints.is_on,
            hot=self.macro_prints.is_hot,
            weak=self.macro_prints.is_weak,
            v_r=self.fear.is_hot(close),
            v_m=self.fear.is_rising(close),
            v_r_low=self.fear.is_low(close),
            cap_r=any(self._cap_r),
            cap_m=any(self._cap_m),
            calm=self.small_caps.is_calm(close),
            monet_curve=self.term_structure.is_inverted and self.fear.is_receding(close),
        )

    def row(self) -> tuple[float | None, ...]:
        """Return the numbers of the newest close in the order of `columns`; None where not ready or missing."""
        row: list[float | None] = []
        for item in self.signals:
            row.append(item.value)
            row += [value for _, value in item.parts]
        return tuple(row)

    def checkpoint(self) -> dict[str, Any]:
        """Return plain JSON data from which `restore` makes a book with the same future outputs."""
        return {
            "small_cap": self._small_cap,
            "cap_r": self._cap_r,
            "cap_m": self._cap_m,
            "basis": self.basis.state(),
            "observations": self._observations.state(),
            "close": None if self._close is None else _written(self._close),
            "families": {name: family.state() for name, family in self._families.items()},
        }

    def restore(self, data: Mapping[str, Any]) -> None:
        """Take over what `checkpoint` returned, of a book with the same parameters."""
        self._small_cap = data["small_cap"]
        self._cap_r = data["cap_r"]
        self._cap_m = data["cap_m"]
        self.basis.restore(data["basis"])
        self._observations.restore(data["observations"])
        self._close = None if data["close"] is None else _read(data["close"])
        for name, family in self._families.items():
            family.restore(data["families"][name])
        self._signals = None

    def _evaluated(self, close: Close) -> tuple[Signal, ...]:
        found = [item for family in self._families.values() for item in family.signals(close)]
        found.append(self.basis.signal(close.session.toordinal()))
        found.sort(key=_ID)
        return tuple(found)


def _columns(signals: tuple[Signal, ...]) -> tuple[str, ...]:
    return tuple(name for item in signals for name in (item.id, *(f"{item.id}_{part}" for part, _ in item.parts)))


def _weekdays_from(session: date) -> Callable[[date], int]:
    """Return a count of the weekdays from `session` to a date, negative for earlier dates."""

    def count(day: date) -> int:
        first, last = min(session, day), max(session, day)
        between = (first + timedelta(days=n) for n in range(1, (last - first).days + 1))
        weekdays = sum(one.weekday() < _SATURDAY for one in between)
        return weekdays if day >= session else -weekdays

    return count


def _written(close: Close) -> dict[str, Any]:
    return {
        "session": close.session.isoformat(),
        "ts_event": close.ts_event,
        "bars": {name: [bar.price, bar.ts_event] for name, bar in close.bars.items()},
        "small_cap": close.small_cap,
        "curve": [list(node) for node in close.curve],
        "curve_ts_event": close.curve_ts_event,
        "sessions_to_vx1": close.sessions_to_vx1,
        "seen": observations.written(close.seen),
        "skew25": close.skew25,
        "premium": close.premium,
    }


def _read(data: Mapping[str, Any]) -> Close:
    return Close(
        session=date.fromisoformat(data["session"]),
        ts_event=data["ts_event"],
        bars={name: Bar(price=price, ts_event=stamp) for name, (price, stamp) in data["bars"].items()},
        small_cap=data["small_cap"],
        curve=tuple((days, price) for days, price in data["curve"]),
        curve_ts_event=data["curve_ts_event"],
        sessions_to_vx1=data["sessions_to_vx1"],
        seen=observations.read(data["seen"]),
        skew25=data["skew25"],
        premium=data["premium"],
    )
