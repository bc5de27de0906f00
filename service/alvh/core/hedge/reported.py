"""What fills people report, matched with the packages of a proposal; what does not fit them is refused with a reason.

A fill is {symbol, quantity, price, fee, leg}: one execution of one contract. Executions of one contract are added up.
Quantities count contracts, with or without a sign, 0 where nothing was done; `leg` is needed where two legs of a
proposal trade one contract.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

Fill = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One change of a proposal as it is traded.

    Attributes:
        leg: L1 to L3b, FIN, IWM or COND.
        ratios: contracts per unit by `name_of` the symbol, signed.
        units: proposed, signed.
        most: units that can be traded, as no more are held; None for no such limit.
    """

    leg: str
    ratios: Mapping[str, int]
    units: int
    most: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """Executions of one contract, added up: contracts without a sign, mean price, fees; None where not told."""

    quantity: int | None
    price: float | None
    fee: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What fills say of one package.

    Attributes:
        executed: by symbol.
        own: symbols no other package of its leg trades. A roll's two packages may share a contract, of which only the
            rest is executed, if anything: it says nothing of how many were rolled.
    """

    executed: Mapping[str, Executed]
    own: tuple[str, ...]

    @property
    def is_traded(self) -> bool:
        """Whether fills speak of it."""
        return any(name in self.executed for name in self.own)

    def units(self, package: Package) -> int:
        """Return the units traded, without a sign; as proposed where no fill tells."""
        found = self.executed[self.own[0]].quantity if self.is_traded else None
        return abs(package.units) if found is None else found // abs(package.ratios[self.own[0]])

    def price(self, symbol: str, proposed: float) -> float:
        """Return the price of a contract; as proposed where no fill tells."""
        found = self.executed.get(name_of(symbol))
        return proposed if found is None or found.price is None else found.price

    def fee(self, symbol: str, usual: float) -> float:
        """Return what was paid for a contract's trade; the usual fees where no fill tells."""
        found = self.executed.get(name_of(symbol))
        return usual if found is None or found.fee is None else found.fee


def name_of(symbol: str) -> str:
    """Return a symbol as it is compared: however many blanks a person put into it."""
    return " ".join(symbol.split()).upper()


def fault_of(fills: Sequence[Fill], packages: Sequence[Package]) -> str | None:
    """Return why fills do not fit a proposal, or None.

    Args:
        fills: as reported.
        packages: of the proposal; empty where it is not remembered: the fills are then judged by themselves.
    """
    for fill in fills:
        fault = _own_fault(fill) or (_place_fault(fill, packages) if packages else None)
        if fault is not None:
            return f"fills: {fault}"
    faults = (_package_fault(package, told) for package, told in zip(packages, matched(fills, packages), strict=True))
    return next((f"fills: {fault}" for fault in faults if fault is not None), None)


def matched(fills: Sequence[Fill], packages: Sequence[Package]) -> list[Told]:
    """Return for each package what fills say of it; they must have no fault."""
    return [_told(package, fills, packages) for package in packages]


def _told(package: Package, fills: Sequence[Fill], packages: Sequence[Package]) -> Told:
    rows: dict[str, list[Fill]] = {}
    for fill in fills:
        name = name_of(fill["symbol"])
        if name in package.ratios and fill.get("leg") in (None, package.leg):
            rows.setdefault(name, []).append(fill)
    others = [other for other in packages if other is not package and other.leg == package.leg]
    return Told(
        executed={name: _added(found) for name, found in rows.items()},
        own=tuple(name for name in package.ratios if not any(name in other.ratios for other in others)),
    )


def _own_fault(fill: Fill) -> str | None:
    symbol, quantity, leg = fill.get("symbol"), fill.get("quantity"), fill.get("leg")
    if not isinstance(symbol, str) or not symbol.strip():
        return f"expected the symbol of a contract, got {symbol!r}"
    if leg is not None and not isinstance(leg, str):
        return f"{symbol}: leg: expected the name of a leg, got {leg!r}"
    if quantity is not None and (isinstance(quantity, bool) or not isinstance(quantity, int)):
        return f"{symbol}: quantity: expected whole contracts, got {quantity!r}"
    for name, is_signed in (("price", False), ("fee", True)):
        value = fill.get(name)
        if value is not None and not _is_amount(value, is_signed=is_signed):
            return f"{symbol}: {name}: expected {'an amount' if is_signed else 'a price'}, got {value!r}"
    return None


def _is_amount(value: object, *, is_signed: bool) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return False
    return is_signed or value >= 0


def _place_fault(fill: Fill, packages: Sequence[Package]) -> str | None:
    symbol, leg = fill["symbol"], fill.get("leg")
    legs = {package.leg for package in packages if name_of(symbol) in package.ratios}
    if not legs:
        return f"{symbol}: is no contract of this proposal"
    if leg is None and len(legs) > 1:
        return f"{symbol}: leg: expected one of {', '.join(sorted(legs))}, as each of them trades it"
    return None if leg is None or leg in legs else f"{symbol}: leg: expected {', '.join(sorted(legs))}, got {leg!r}"


def _package_fault(package: Package, told: Told) -> str | None:
    """Return why what was executed of a package is not so many units of it, or None."""
    if not told.is_traded:
        return None
    missing = [name for name in told.own if name not in told.executed]
    if missing:
        return f"{missing[0]}: expected its fill too: {package.leg} is held as a whole"
    counts = {name: told.executed[name].quantity for name in told.own}
    units = {None if count is None else count / abs(package.ratios[name]) for name, count in counts.items()}
    count = units.pop()
    if units or (count is not None and count % 1):
        said = ", ".join(f"{name} {each}" for name, each in counts.items())
        return f"expected the same number of units of each contract of {package.leg}, got {said}"
    if count is not None and package.most is not None and count > package.most:
        return f"{told.own[0]}: quantity: expected at most {package.most}, as no more are held, got {count:g}"
    return None


def _added(fills: Sequence[Fill]) -> Executed:
    counts = [fill.get("quantity") for fill in fills]
    weights = [1 if count is None else abs(count) for count in counts]
    prices, fees = [fill.get("price") for fill in fills], [fill.get("fee") for fill in fills]
    known = [(weight, float(price)) for weight, price in zip(weights, prices, strict=True) if price is not None]
    weight = sum(each for each, _ in known)
    return Executed(
        quantity=None if None in counts else sum(weights),
        price=sum(each * price for each, price in known) / weight if weight else None,
        fee=sum(map(float, filter(None, fees))) if any(fee is not None for fee in fees) else None,
    )
