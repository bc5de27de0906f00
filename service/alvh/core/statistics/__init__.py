"""Incremental statistics: constant work per value, bounded memory, a state that survives JSON."""  # noqa: A005 - the architecture's name

from alvh.core.statistics.beta import DownsideCapture, RollingBeta
from alvh.core.statistics.extremes import Lag, RollingMax, RollingRank
from alvh.core.statistics.macd import Macd
from alvh.core.statistics.moving_average import Ema, Sma
from alvh.core.statistics.rolling_mean import RealisedVolatility, RollingMean
from alvh.core.statistics.rsi import WilderRsi
from alvh.core.statistics.state import State

__all__ = [
    "DownsideCapture",
    "Ema",
    "Lag",
    "Macd",
    "RealisedVolatility",
    "RollingBeta",
    "RollingMax",
    "RollingMean",
    "RollingRank",
    "Sma",
    "State",
    "WilderRsi",
]
