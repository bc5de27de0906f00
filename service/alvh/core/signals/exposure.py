"""S11, S12, S43: how small caps answer SPX - beta, downside capture, correlation."""

from typing import Final

from alvh.core.signals.family import Family
from alvh.core.signals.model import Close, Signal, signal
from alvh.core.signals.parameters import BetaParameters
from alvh.core.statistics import DownsideCapture, RollingBeta, RollingRank

_LEAST_DOWN: Final = 15  # down sessions below which capture is noise (2.2, remark 4)
_CORRELATION: Final = 20
_HIGH_CORRELATION: Final = 0.95
_FIVE_YEARS: Final = 1260  # sessions of 90-day betas whose median may replace the prior (S11)


def vasicek(slope: float, stderr: float, prior_mean: float, prior_sd: float) -> float:
    """Return the slope shrunk towards the prior: weight of the prior = se^2 / (se^2 + sd^2) (methodology, 9.3)."""
    variance = stderr * stderr
    both = variance + prior_sd * prior_sd
    weight = variance / both if both > 0.0 else 0.0
    return (1.0 - weight) * slope + weight * prior_mean


class ExposureFamily(Family):
    """Regressions of small-cap returns on SPX returns, between sessions in which both closed.

    Returns are simple and daily; the risk-free rate is not taken off (methodology, 0.5: below 1e-4 in beta).
    """

    _STATISTICS = ("_short", "_long", "_correlation", "_capture", "_long_betas")
    _PLAIN = ("_small", "_spx", "_count")

    def __init__(self, beta: BetaParameters) -> None:
        self._numbers = beta
        self._short = RollingBeta(beta.w1)
        self._long = RollingBeta(beta.w2)
        self._correlation = RollingBeta(_CORRELATION)
        self._capture = DownsideCapture(beta.dcap_win, _LEAST_DOWN)
        self._long_betas = RollingRank(_FIVE_YEARS)
        self._small: float | None = None
        self._spx: float | None = None
        self._count = 0

    def update(self, close: Close) -> None:
        """Take one session's close."""
        small, spx = close.price(close.small_cap), close.price("SPX")
        if small is None or spx is None:
            return
        if self._small is not None and self._spx is not None:
            market, own = spx / self._spx - 1.0, small / self._small - 1.0
            for statistic in (self._short, self._long, self._correlation, self._capture):
                statistic.update(market, own)
            if self._long.value is not None:
                self._long_betas.update(self._long.value)
        self._small, self._spx = small, spx
        self._count += 1

    @property
    def beta_star(self) -> float | None:
        """Mean of the two shrunk slopes (S11), as of the newest session that had both prices; None before it is."""
        numbers = self._numbers
        shrunk = [
            vasicek(beta.value, beta.stderr, numbers.prior_mean, numbers.prior_sd)
            for beta in (self._short, self._long)
            if beta.value is not None and beta.stderr is not None
        ]
        return 0.5 * (shrunk[0] + shrunk[1]) if len(shrunk) == len((self._short, self._long)) else None

    @property
    def capture(self) -> float | None:
        """Downside capture, or beta* where there are too few down sessions (S12); None before either is there."""
        return self.beta_star if self._capture.value is None else self._capture.value

    @property
    def beta_stress(self) -> float | None:
        """max(beta*, min(capture, 2.0)) (S12); None before beta* is there."""
        star, capture = self.beta_star, self.capture
        return None if star is None or capture is None else max(star, min(capture, self._numbers.dcap_hi))

    def signals(self, close: Close) -> tuple[Signal, ...]:
        """Return S11, S12 and S43."""
        is_here = close.small_cap in close.bars and "SPX" in close.bars
        is_proxy = close.small_cap != "RUT"
        return (
            self._beta(close, is_here=is_here, is_proxy=is_proxy),
            self._downside(close, is_here=is_here, is_proxy=is_proxy),
            self._together(close, is_here=is_here, is_proxy=is_proxy),
        )

    def _beta(self, close: Close, *, is_here: bool, is_proxy: bool) -> Signal:
        short, long = self._short, self._long
        star = self.beta_star if is_here else None
        parts: tuple[tuple[str, float | None], ...] = (
            ("b30", short.value), ("b90", long.value), ("beta", star), ("se30", short.stderr), ("se90", long.stderr),
            ("rho2_30", _square(short.correlation)), ("rho2_90", _square(long.correlation)),
            ("prior_median", self._long_betas.median),
        )  # fmt: skip
        return signal(
            close, "S11", value=star, unit="ratio", state="ready", threshold="none", inputs=(close.small_cap, "SPX"),
            is_warm=self._count > self._numbers.w2, is_proxy=is_proxy,
            parts=parts if is_here else tuple((name, None) for name, _ in parts),
        )  # fmt: skip

    def _downside(self, close: Close, *, is_here: bool, is_proxy: bool) -> Signal:
        value = self.capture if is_here and self._count > self._numbers.dcap_win else None
        asymmetric = value is not None and value >= self._numbers.dcap_lo
        return signal(
            close, "S12", value=value, unit="ratio", state="asymmetric" if asymmetric else "symmetric",
            threshold=f">= {self._numbers.dcap_lo:g}, used up to {self._numbers.dcap_hi:g}",
            inputs=(close.small_cap, "SPX"), is_warm=self._count > self._numbers.dcap_win,
            is_proxy=is_proxy or self._capture.value is None,
            parts=(
                ("capture", self._capture.value if is_here else None),
                ("stress", self.beta_stress if is_here else None),
                ("down_sessions", float(self._capture.down_count) if is_here else None),
            ),
        )  # fmt: skip

    def _together(self, close: Close, *, is_here: bool, is_proxy: bool) -> Signal:
        value = self._correlation.correlation if is_here else None
        long = self._long.correlation if is_here else None
        return signal(
            close, "S43", value=value, unit="correlation",
            state="high" if value is not None and value >= _HIGH_CORRELATION else "normal",
            threshold=f">= {_HIGH_CORRELATION:g}", inputs=(close.small_cap, "SPX"),
            is_warm=self._count > self._numbers.w2, is_proxy=is_proxy,
            parts=(
                ("rho20", value), ("rho90", long),
                ("change", None if value is None or long is None else value - long),
            ),
        )  # fmt: skip


def _square(x: float | None) -> float | None:
    return None if x is None else x * x
