"""What a portfolio holds between two decisions: condors, lots of hedge legs, two ledgers; written as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Final

from alvh.core.hedge.book import Condor
from alvh.core.hedge.bookings import FOR_EVER, Line
from alvh.core.hedge.ledger import Contract, Ledger

OVERLAYS: Final = ("FIN", "IWM")
"""Legs no sizing solves for: SPX call spreads sold beside the hedge, IWM puts bought for small caps."""

OPTION: Final = "option"
FUTURE: Final = "future"
SHARE: Final = "share"
"""What a contract of a lot is."""

Terms = tuple[tuple[date, float | None, int, str], ...]
"""What one unit is made of, whatever an option's class: (expiry, strike, ratio, size or ticker) of each part."""


def origin_of(key: str) -> str:
    """Return the key of the condors a piece was sold as."""
    return key.split(" | ", maxsplit=1)[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldCondor:
    """Condors of one kind, as sold.

    Attributes:
        key: names them for as long as they live.
        condor: strikes, quantity, credit, class, expiry; its `days` are those at the sale.
        opened: session of the sale, or in which they were first seen.
        is_program: sold by the portfolio's program; otherwise named in its configuration.
    """

    key: str
    condor: Condor
    opened: date
    is_program: bool

    @property
    def origin(self) -> str:
        """The key of the condors they were sold as, whatever was moved or rolled since."""
        return origin_of(self.key)

    @property
    def expiry(self) -> date:
        """The day they settle."""
        assert self.condor.expiry is not None
        return self.condor.expiry

    def at(self, session: date) -> Condor:
        """Return them as they stand at a session."""
        return replace(self.condor, days=(self.expiry - session).days)


@dataclass(frozen=True, slots=True, kw_only=True)
class LotPart:
    """One contract of a lot; per unit `ratio` of it, negative sold."""

    symbol: str
    trading_class: str
    strike: float | None
    expiry: date
    ratio: int

    @property
    def kind(self) -> str:
        """An option has a strike, a future an expiry, a share neither."""
        return OPTION if self.strike is not None else SHARE if self.expiry == FOR_EVER else FUTURE


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """Units of one hedge leg, of one make.

    Attributes:
        leg: L1, L1b, L2, L3a, L3b, FIN or IWM.
        parts: what one unit is made of; of FIN the bought call first, then the sold one.
        multiplier: dollars per point.
        quantity: units, above 0.
        entry_price: mean net price paid per unit, points; negative where it was received (FIN).
        extrinsic: at entry, points; None where it is not known.
        armed: whether its harvest may still fire (3.2).
        opened: session of its first purchase.
        phase: of FIN, the phase it was sold in: it is bought back when the hedge falls below that.
        per_unit: contracts or shares that stand for one of the leg's own where these stand in for options (L-F).
    """

    leg: str
    parts: tuple[LotPart, ...]
    multiplier: float
    quantity: int
    entry_price: float
    extrinsic: float | None
    armed: bool
    opened: date
    phase: str = ""
    per_unit: float = 1.0

    @property
    def kind(self) -> str:
        """What it is made of: options, futures or shares."""
        return self.parts[0].kind

    @property
    def is_premium(self) -> bool:
        """Whether its price is paid when it is bought; of futures only changes of it are."""
        return self.kind != FUTURE

    @property
    def is_stand_in(self) -> bool:
        """Whether it is held in place of options that could not be had (L-F)."""
        return self.leg != "L2" and self.kind != OPTION

    @property
    def key(self) -> str:
        """Its name where rules speak of it: its symbols; of a stand-in, which two legs may share, the leg too."""
        symbols = " ".join(self.symbols)
        return f"{self.leg} {symbols}" if self.is_stand_in else symbols

    @property
    def symbols(self) -> tuple[str, ...]:
        """What one unit is made of, by name."""
        return tuple(part.symbol for part in self.parts)

    @property
    def terms(self) -> Terms:
        """The same by expiry, strike, ratio and size: what sizing takes for one line is one lot."""
        return tuple((part.expiry, part.strike, part.ratio, self._make(part)) for part in self.parts)

    def _make(self, part: LotPart) -> str:
        return {OPTION: "", FUTURE: f"x{self.multiplier:g}"}.get(part.kind, part.symbol)

    @property
    def lines(self) -> tuple[Line, ...]:
        """Its contracts as the ledger books them."""
        return tuple(
            Line(
                contract=Contract(
                    symbol=part.symbol,
                    leg=self.leg,
                    multiplier=self.multiplier,
                    premium=part.kind != FUTURE,
                    expiry=part.expiry,
                ),
                ratio=part.ratio,
            )
            for part in self.parts
        )


@dataclass(slots=True, kw_only=True)
class Holdings:
    """All that is held, and the ledgers: condors and hedge never pay for one another (1.1, Second Engine).

    Attributes:
        condors: by the order of their sale.
        lots: of the legs a sizing solves for.
        overlays: lots beside them: SPX options sold (FIN), IWM puts bought (IWM).
        condor_ledger: of the condors.
        sleeve: of the hedge legs.
        financing: of the hedge's FIN spreads; apart, because only a part of what they earn may pay for cost (4.6).
        puts: of the IWM puts.
        named: keys of the condors the configuration names.
    """

    condors: list[HeldCondor] = field(default_factory=list)
    lots: list[Lot] = field(default_factory=list)
    overlays: list[Lot] = field(default_factory=list)
    condor_ledger: Ledger = field(default_factory=Ledger)
    sleeve: Ledger = field(default_factory=Ledger)
    financing: Ledger = field(default_factory=Ledger)
    puts: Ledger = field(default_factory=Ledger)
    named: list[str] = field(default_factory=list)

    @property
    def everything(self) -> list[Lot]:
        """All lots: of the hedge legs, then the overlays."""
        return [*self.lots, *self.overlays]

    def contracts(self) -> dict[tuple[str, str], int]:
        """Return the contracts held by leg and symbol, signed."""
        found: dict[tuple[str, str], int] = {}
        for lot in self.everything:
            for part in lot.parts:
                key = (lot.leg, part.symbol)
                found[key] = found.get(key, 0) + lot.quantity * part.ratio
        return found

    def ledger_of(self, leg: str) -> Ledger:
        """Return the ledger a leg is booked in."""
        return {"FIN": self.financing, "IWM": self.puts}.get(leg, self.sleeve)

    def _row_of(self, leg: str) -> list[Lot]:
        return self.overlays if leg in OVERLAYS else self.lots

    def find(self, leg: str, terms: Terms) -> Lot | None:
        """Return the lot of a leg on these terms."""
        return next((lot for lot in self._row_of(leg) if lot.leg == leg and lot.terms == terms), None)

    def put(self, lot: Lot) -> None:
        """Add a lot to what is held of its make, at the mean of the entry prices; or take the place of what was."""
        held = self.find(lot.leg, lot.terms)
        if held is None:
            self._row_of(lot.leg).append(lot)
            return
        count = held.quantity + lot.quantity
        price = (held.quantity * held.entry_price + lot.quantity * lot.entry_price) / count
        extrinsic = None
        if held.extrinsic is not None and lot.extrinsic is not None:
            extrinsic = (held.quantity * held.extrinsic + lot.quantity * lot.extrinsic) / count
        stands_for = held.quantity / held.per_unit + lot.quantity / lot.per_unit
        per_unit = held.per_unit if held.per_unit == lot.per_unit else count / stands_for
        self.swap(held, replace(held, quantity=count, entry_price=price, extrinsic=extrinsic, per_unit=per_unit))

    def swap(self, lot: Lot, becomes: Lot | None) -> None:
        """Let a lot become another, or nothing."""
        row = self._row_of(lot.leg)
        at = row.index(lot)
        row[at : at + 1] = [] if becomes is None or becomes.quantity == 0 else [becomes]

    def as_plain(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "condors": [_condor_row(held) for held in self.condors],
            "lots": [_lot_row(lot) for lot in self.lots],
            "overlays": [_lot_row(lot) for lot in self.overlays],
            "condor_ledger": self.condor_ledger.as_plain(),
            "sleeve": self.sleeve.as_plain(),
            "financing": self.financing.as_plain(),
            "puts": self.puts.as_plain(),
            "named": list(self.named),
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "Holdings":
        """Return what `as_plain` wrote."""
        return cls(
            condors=[_condor(row) for row in plain["condors"]],
            lots=[_lot(row) for row in plain["lots"]],
            # Checkpoints of version 0.1 know no overlays.
            overlays=[_lot(row) for row in plain.get("overlays", ())],
            condor_ledger=Ledger.from_plain(plain["condor_ledger"]),
            sleeve=Ledger.from_plain(plain["sleeve"]),
            financing=Ledger.from_plain(plain["financing"]) if "financing" in plain else Ledger(),
            puts=Ledger.from_plain(plain["puts"]) if "puts" in plain else Ledger(),
            named=list(plain["named"]),
        )


def _condor_row(held: HeldCondor) -> list[Any]:
    made = held.condor
    return [
        held.key, made.long_put, made.short_put, made.short_call, made.long_call, made.quantity, made.credit,
        made.days, made.trading_class, held.expiry.isoformat(), made.days_at_entry, held.opened.isoformat(),
        held.is_program,
    ]  # fmt: skip


def _condor(row: list[Any]) -> HeldCondor:
    key, long_put, short_put, short_call, long_call, quantity, credit, *rest = row
    days, name, expiry, at_entry, opened, program = rest
    return HeldCondor(
        key=key,
        condor=Condor(
            long_put=long_put, short_put=short_put, short_call=short_call, long_call=long_call, quantity=quantity,
            credit=credit, days=days, trading_class=name, expiry=date.fromisoformat(expiry), days_at_entry=at_entry,
        ),
        opened=date.fromisoformat(opened),
        is_program=program,
    )  # fmt: skip


def _lot_row(lot: Lot) -> list[Any]:
    parts = [[p.symbol, p.trading_class, p.strike, p.expiry.isoformat(), p.ratio] for p in lot.parts]
    return [
        lot.leg, parts, lot.multiplier, lot.quantity, lot.entry_price, lot.extrinsic, lot.armed, lot.opened.isoformat(),
        lot.phase, lot.per_unit,
    ]  # fmt: skip


def _lot(row: list[Any]) -> Lot:
    # Rows of earlier versions end before the phase, or before what a contract stands for.
    leg, parts, multiplier, quantity, entry_price, extrinsic, armed, opened, *rest = row
    phase = str(rest[0]) if rest else ""
    per_unit = float(rest[1]) if len(rest) > 1 else 1.0
    return Lot(
        leg=leg,
        parts=tuple(
            LotPart(symbol=symbol, trading_class=name, strike=strike, expiry=date.fromisoformat(expiry), ratio=ratio)
            for symbol, name, strike, expiry, ratio in parts
        ),
        multiplier=multiplier,
        quantity=quantity,
        entry_price=entry_price,
        extrinsic=extrinsic,
        armed=armed,
        opened=date.fromisoformat(opened),
        phase=phase,
        per_unit=per_unit,
    )
