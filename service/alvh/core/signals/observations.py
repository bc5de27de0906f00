"""The observation series signals know, and the newest of each: what no quote carries (breadth, prints, yields)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from alvh.core.events import Observation
from alvh.core.statistics import State

_DAILY: Final = 5  # a long weekend and a day; an older daily figure is stale
_MONTHLY: Final = 75  # a month, its publication lag of up to six weeks included
_QUARTERLY: Final = 200
_MANUAL: Final = 400  # entered by a person about once a year

# Ranges far beyond what has been seen: they stop a slip of the pen, and what no arithmetic should be asked to bear.
_ISSUES: Final = (0.0, 1e5)
_LINE: Final = (-1e9, 1e9)
_LEVEL: Final = (-1e5, 1e5)
_SCORE: Final = (-100.0, 100.0)
_MULTIPLE: Final = (-1e5, 1e5)  # below 0 where earnings are
_QUOTIENT: Final = (0.0, 1e3)
_INDEX: Final = (1.0, 1e4)
_PERCENT: Final = (-50.0, 1e3)
_DOLLARS: Final = (0.0, 1e13)
_CONTRACTS: Final = (0.0, 1e9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One series: its name on tapes and topics, the unit of its values, and the signal it feeds.

    Attributes:
        max_age_days: calendar days after which a value is stale: shown, but confirming nothing.
        among: least and greatest value that can be one, in its unit; what lies outside is a slip.
        alias: another name it is taken under (FRED's identifier).
    """

    name: str
    unit: str
    max_age_days: int
    feeds: str
    among: tuple[float, float]
    alias: str | None = None


def _series(
    name: str, unit: str, max_age_days: int, feeds: str, among: tuple[float, float], alias: str | None = None
) -> Series:
    return Series(name=name, unit=unit, max_age_days=max_age_days, feeds=feeds, among=among, alias=alias)


SERIES: Final[Mapping[str, Series]] = {
    series.name: series
    for series in (
        _series("LARGE_ADVANCERS", "issues up today, large caps", _DAILY, "S09", _ISSUES),
        _series("LARGE_DECLINERS", "issues down today, large caps", _DAILY, "S09", _ISSUES),
        _series("SMALL_ADVANCERS", "issues up today, small caps", _DAILY, "S09", _ISSUES),
        _series("SMALL_DECLINERS", "issues down today, small caps", _DAILY, "S09", _ISSUES),
        _series("NYSE_AD_LINE", "advance-decline line, a vendor's scale", _DAILY, "S09 (sign only)", _LINE),
        _series("CPI", "index level or % as its consensus is", _MONTHLY, "S21", _LEVEL, "CPIAUCSL"),
        _series("PPI", "index level or % as its consensus is", _MONTHLY, "S21", _LEVEL, "PPIACO"),
        _series("CPI_SURPRISE_Z", "deviations, by hand where there is no consensus", _MONTHLY, "S21", _SCORE),
        _series("PPI_SURPRISE_Z", "deviations, by hand where there is no consensus", _MONTHLY, "S21", _SCORE),
        _series("SMALL_PCF", "price / cash flow, small caps", _MONTHLY, "S22, S24", _MULTIPLE),
        _series("SMALL_VALUE_PCF", "price / cash flow, small value", _MONTHLY, "S22", _MULTIPLE),
        _series("REIT_PCF", "price / cash flow, REITs", _MONTHLY, "S22", _MULTIPLE),
        _series("SMALL_PE", "price / earnings, small caps", _MONTHLY, "S23, S24", _MULTIPLE),
        _series("SMALL_QUICK_RATIO", "cap-weighted median, ex-financial small caps", _QUARTERLY, "S25", _QUOTIENT),
        _series("REER", "index, 2020 = 100", _MONTHLY, "S26", _INDEX, "RBUSBIS"),
        _series("US2Y", "% a year", _DAILY, "S27", _PERCENT, "DGS2"),
        _series("DE2Y", "% a year", _DAILY, "S27", _PERCENT),
        _series("US10Y_REAL", "% a year", _DAILY, "S27", _PERCENT, "DFII10"),
        _series("US10Y", "% a year", _DAILY, "S28, S29", _PERCENT, "DGS10"),
        _series("HY_YIELD", "% a year", _DAILY, "S28", _PERCENT, "BAMLH0A0HYM2EY"),
        _series("DDM_DIVIDEND_YIELD", "D1/P, %", _MANUAL, "S29", _PERCENT),
        _series("DDM_GROWTH", "g, % a year", _MANUAL, "S29", _PERCENT),
        _series("HY_OAS", "percentage points", _DAILY, "S42", _PERCENT, "BAMLH0A0HYM2"),
        _series("AUM_UVXY", "assets in dollars, 1.5x VIX futures", _DAILY, "S38", _DOLLARS),
        _series("AUM_UVIX", "assets in dollars, 2x VIX futures", _DAILY, "S38", _DOLLARS),
        _series("AUM_SVIX", "assets in dollars, -1x VIX futures", _DAILY, "S38", _DOLLARS),
        _series("AUM_SVXY", "assets in dollars, -0.5x VIX futures", _DAILY, "S38", _DOLLARS),
        _series("VX_VOLUME", "contracts of VX1 and VX2 traded in the session", _DAILY, "S38", _CONTRACTS),
        _series("FEDFUNDS", "% a year", _DAILY, "rates of the message", _PERCENT, "DFF"),
    )
}
_NAMES: Final = {series.alias or name: name for name, series in SERIES.items()} | {name: name for name in SERIES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The newest value of a series, at one close.

    Attributes:
        observed: the date it stands under.
        is_new: whether it arrived since the close before.
    """

    value: float
    consensus: float | None
    observed: date
    ts_event: int
    is_new: bool


class ObservationBoard:
    """The newest value of every known series; bounded by the table above."""

    def __init__(self) -> None:
        self._seen: dict[str, Seen] = {}

    def take(self, event: Observation) -> str | None:
        """Take an observation; return None, or why it is refused: `unknown`, `invalid` or `out_of_order`."""
        name = _NAMES.get(event.series)
        if name is None:
            return "unknown"
        least, greatest = SERIES[name].among
        if any(value is not None and not least <= value <= greatest for value in (event.value, event.consensus)):
            return "invalid"
        before = self._seen.get(name)
        if before is not None and event.observed < before.observed:
            return "out_of_order"
        self._seen[name] = Seen(
            value=event.value, consensus=event.consensus, observed=event.observed, ts_event=event.ts_event, is_new=True
        )
        return None

    def at_close(self) -> dict[str, Seen]:
        """Return what stands at a close; from here on none of it is new."""
        seen = dict(self._seen)
        for name, one in seen.items():
            if one.is_new:
                self._seen[name] = Seen(
                    value=one.value, consensus=one.consensus, observed=one.observed, ts_event=one.ts_event, is_new=False
                )
        return seen

    def state(self) -> State:
        """Return all that future closes depend on."""
        return written(self._seen)

    def restore(self, state: State) -> None:
        """Take over what `state` returned."""
        self._seen = read(state)


def written(seen: Mapping[str, Seen]) -> State:
    """Return the values as plain JSON rows."""
    return [
        [name, one.value, one.consensus, one.observed.isoformat(), one.ts_event, one.is_new]
        for name, one in seen.items()
    ]


def read(rows: State) -> dict[str, Seen]:
    """Return the values that `written` made rows of."""
    return {
        name: Seen(value=value, consensus=consensus, observed=date.fromisoformat(observed), ts_event=ts, is_new=is_new)
        for name, value, consensus, observed, ts, is_new in rows
    }
