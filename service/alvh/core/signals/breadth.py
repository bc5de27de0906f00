"""S09: whether fewer small companies rise than large ones, and whether the index rises without its members."""

from typing import Final

from alvh.core.signals.family import Family
from alvh.core.signals.model import Close, Signal, signal
from alvh.core.signals.parameters import BreadthParameters
from alvh.core.statistics import Lag

_LONG: Final = 20
_COUNTS: Final = ("SMALL_ADVANCERS", "SMALL_DECLINERS", "LARGE_ADVANCERS", "LARGE_DECLINERS")
_LINE: Final = "NYSE_AD_LINE"


class BreadthFamily(Family):
    """Advance-decline lines of two universes over the sessions in which all four counts arrived.

    Without counts of the large universe the NYSE line stands in where a sign alone is asked for.
    """

    _STATISTICS = ("_small", "_large", "_large_long", "_line", "_line_long", "_spx", "_spx_long")
    _PLAIN = ("_small_total", "_large_total", "_difference", "_is_large_falling", "_is_large_falling_long",
              "_is_proxy", "_spx_now")  # fmt: skip

    def __init__(self, ad_div: BreadthParameters) -> None:
        self._numbers = ad_div
        self._small = Lag(ad_div.sessions)
        self._large = Lag(ad_div.sessions)
        self._large_long = Lag(_LONG)
        self._line = Lag(ad_div.sessions)
        self._line_long = Lag(_LONG)
        self._spx = Lag(ad_div.sessions)
        self._spx_long = Lag(_LONG)
        self._small_total = 0.0
        self._large_total = 0.0
        self._difference: float | None = None
        self._is_large_falling: bool | None = None
        self._is_large_falling_long: bool | None = None
        self._is_proxy = False
        self._spx_now: float | None = None

    def update(self, close: Close) -> None:
        """Take one session's close."""
        self._difference = self._is_large_falling = self._is_large_falling_long = None
        self._is_proxy = False
        self._spx_now = close.price("SPX")
        if self._spx_now is not None:
            self._spx.update(self._spx_now)
            self._spx_long.update(self._spx_now)
        line = close.news(_LINE)
        if line is not None:
            self._line.update(line.value)
            self._line_long.update(line.value)
            self._is_large_falling = _is_below(line.value, self._line.value)
            self._is_large_falling_long = _is_below(line.value, self._line_long.value)
            self._is_proxy = True
        counts = [close.news(name) for name in _COUNTS]
        values = [count.value for count in counts if count is not None]
        if len(values) == len(_COUNTS):
            self._update_counts(*values)

    def _update_counts(self, small_up: float, small_down: float, large_up: float, large_down: float) -> None:
        self._small_total += small_up - small_down
        self._large_total += large_up - large_down
        self._small.update(self._small_total)
        self._large.update(self._large_total)
        self._large_long.update(self._large_total)
        small, large = self._small.value, self._large.value
        issues_small, issues_large = small_up + small_down, large_up + large_down
        if small is not None and large is not None and issues_small > 0.0 and issues_large > 0.0:
            self._difference = (self._small_total - small) / issues_small - (self._large_total - large) / issues_large
        if large is not None:
            self._is_large_falling = _is_below(self._large_total, large)
            self._is_large_falling_long = _is_below(self._large_total, self._large_long.value)
            self._is_proxy = False

    @property
    def is_diverging(self) -> bool | None:
        """`adv` of 3.2: small caps lose at least the threshold against large caps; None where unknown."""
        return None if self._difference is None else self._difference <= self._numbers.thr

    @property
    def is_classic(self) -> bool | None:
        """Whether large-cap breadth fell over five sessions in which SPX did not; None where unknown."""
        before = self._spx.value
        if self._is_large_falling is None or self._spx_now is None or before is None:
            return None
        return self._is_large_falling and self._spx_now >= before

    @property
    def is_sloping(self) -> bool | None:
        """Whether large-cap breadth fell over twenty sessions in which SPX rose (S32 c2); None where unknown."""
        before = self._spx_long.value
        if self._is_large_falling_long is None or self._spx_now is None or before is None:
            return None
        return self._is_large_falling_long and self._spx_now > before

    def signals(self, close: Close) -> tuple[Signal, ...]:
        """Return S09."""
        classic = self.is_classic
        quiet = "classic" if classic else "off"
        s09 = signal(
            close, "S09", value=self._difference, unit="net advancers per issue",
            state="on" if self.is_diverging else quiet,
            threshold=f"<= {self._numbers.thr:g}", inputs=_COUNTS, is_warm=self._difference is not None,
            parts=(
                ("difference", self._difference),
                ("classic", None if classic is None else float(classic)),
                ("slope20", None if self.is_sloping is None else float(self.is_sloping)),
                ("line_is_proxy", float(self._is_proxy) if classic is not None else None),
            ),
        )  # fmt: skip
        return (s09,)


def _is_below(now: float, before: float | None) -> bool | None:
    return None if before is None else now < before
