"""What `alvh size` expects of a portfolio and a market together; a fault is one line: file, field, expectation."""

from pathlib import Path

from pydantic import ValidationError

from alvh.app.market_file import MarketFile
from alvh.errors import InputError
from alvh.settings import Portfolio, read_mapping
from alvh.settings_faults import explain

_FARTHEST = 10.0
"""An SPX strike this many times the index, or a part of it as small, belongs to another index or another year."""


def read_portfolio(path: Path, market_path: Path, market: MarketFile) -> tuple[Portfolio, list[str]]:
    """Return a portfolio that can be sized in this market, and warnings about what of it is left out.

    Raises:
        InputError: it cannot be read, says something unexpected, or does not go with the market.
    """
    try:
        portfolio = Portfolio(**read_mapping(path))
    except ValidationError as error:
        raise InputError(explain(str(path), error)) from error
    if portfolio.hedge != "alvh":
        raise InputError(f"{path}: hedge: expected alvh, as a portfolio of triggers alone has no hedge to size")
    if not portfolio.enabled:
        raise InputError(f"{path}: enabled: expected true, as a hedge that is switched off has no size")
    _check_legs(path, portfolio, market)
    _check_prices(portfolio, market_path, market)
    return _live(path, portfolio, market)


def _live(path: Path, portfolio: Portfolio, market: MarketFile) -> tuple[Portfolio, list[str]]:
    """Leave out condors that have expired, as the daemon does at its start; but where none is left, say so."""
    expired = [at for at, condor in enumerate(portfolio.condors) if condor.expiry <= market.session]
    faults = [f"{path}: condors.{at}.expiry: expected a date behind the session {market.session}" for at in expired]
    if expired and len(expired) == len(portfolio.condors):
        raise InputError(faults[0])
    for at, condor in enumerate(portfolio.condors):
        for name in ("long_put", "short_put", "short_call", "long_call"):
            strike = getattr(condor, name)
            if not market.spx / _FARTHEST <= strike <= market.spx * _FARTHEST:
                raise InputError(
                    f"{path}: condors.{at}.{name}: expected a strike of an SPX at {market.spx:g}, got {strike:g}"
                )
    live = [condor for at, condor in enumerate(portfolio.condors) if at not in expired]
    return portfolio.model_copy(update={"condors": live}), [f"{fault}; it is left out" for fault in faults]


def _check_legs(path: Path, portfolio: Portfolio, market: MarketFile) -> None:
    for at, leg in enumerate(portfolio.legs):
        if leg.expiry is not None and leg.expiry <= market.session:
            raise InputError(f"{path}: legs.{at}.expiry: expected a date behind the session {market.session}")
        if leg.opened is not None and leg.opened > market.session:
            raise InputError(f"{path}: legs.{at}.opened: expected no date behind the session {market.session}")
        if leg.is_share and leg.instrument not in [etp.symbol for etp in market.etps]:
            raise InputError(f"{path}: legs.{at}.instrument: expected a quote of {leg.instrument} in the market's etps")
        most = market.vix * _FARTHEST * _FARTHEST
        for name in () if leg.leg == "FIN" else ("strike", "short_strike"):
            strike = getattr(leg, name)
            if strike is not None and strike > most:
                raise InputError(
                    f"{path}: legs.{at}.{name}: expected a strike of a VIX at {market.vix:g}, got {strike:g}"
                )


def _check_prices(portfolio: Portfolio, market_path: Path, market: MarketFile) -> None:
    prices = {"IWM": market.iwm, "RUT": market.rut}
    for held in portfolio.small_caps:
        if prices[held.symbol] is None:
            raise InputError(f"{market_path}: {held.symbol.lower()}: expected a price, as the portfolio holds it")
