"""The market as one decision sees it: chains of the session where there are some, the model surface elsewhere."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import numpy as np

from alvh.core.events import FuturesCurve, OptionChain
from alvh.core.hedge.book import Condor, EtpShare, HedgeLeg, HedgeUnit, VixCall, VixFuture
from alvh.core.hedge.chain import Chain, ChainTerms
from alvh.core.hedge.contracts import MODEL_SLIPPAGE, EtpQuote, SelectionMarket, SelectionRules
from alvh.core.hedge.curve import VixCurve
from alvh.core.hedge.futures_selection import ETPS, at_own_quote
from alvh.core.hedge.holdings import FUTURE, SHARE, Lot, LotPart
from alvh.core.hedge.liquidity import Kind, LiquidityVerdict, Touch, gate, gate_spread
from alvh.core.hedge.model_chain import HALF_SPREAD, CurveNode, model_vix_chain
from alvh.core.hedge.pricing import DAYS_PER_YEAR, black76_greeks, bsm
from alvh.core.hedge.scenario import HedgeMarket
from alvh.core.hedge.settlement import calendar_before
from alvh.core.hedge.surface import (
    Smile,
    VixSurface,
    iwm_model_smile,
    listed_smile,
    spx_model_smile,
    vix_model_surface,
)
from alvh.core.sessions import et_date
from alvh.core.situation import Situation

OLDEST_CURVE: Final = timedelta(days=7)
"""Until then the last curve still values what is held; after that the VIX alone does. Nothing is traded on either."""

_QUOTE_STEP: Final = 0.05
_NS: Final = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class CallQuote:
    """One VIX call now: points, decimals; `listed` where a quoted chain names it."""

    bid: float
    ask: float
    mid: float
    iv: float
    delta: float
    vega: float
    listed: bool


class Snapshot:
    """Prices and chains at one instant, made ready for the book; nothing in it changes but what is cached.

    Attributes:
        session: the session of the decision.
        market: for scenarios and sizing.
        nodes: VIX futures that have not settled, by expiry.
        is_fresh: whether SPX, VIX and the futures' curve are of this session: else nothing is traded.
        pricing: `quotes` where VIX options are quoted in this session, else `model`.
        faults: what is missing, for the message.
    """

    def __init__(self, situation: Situation, methodology: Mapping[str, Any], *, spx_smile: Smile | None = None) -> None:
        """Read the situation.

        Args:
            situation: SPX and VIX must have been seen.
            methodology: of the portfolio.
            spx_smile: of SPX options of expiries without a chain; None takes the model's.
        """
        board, self.session = situation.board, _today(situation)
        spx, vix = board.price("SPX"), board.price("VIX")
        assert spx is not None and vix is not None  # noqa: PT018 - `needs` waits for both
        self._situation = situation
        self.rules = SelectionRules.from_methodology(methodology, calendar_before(situation.calendar))
        self.nodes, is_current = _nodes(situation.curve, situation.session, self.session)
        # Where a feed tells VXM apart, VX's quotes do not stand for it: not even when its own have stopped.
        minis, is_mini_current = _nodes(situation.minis, situation.session, self.session)
        self._minis = None if situation.minis is None else minis if is_mini_current else ()
        self.faults = _faults(situation, is_current=is_current)
        self.is_fresh = not self.faults
        self.surface: VixSurface = vix_model_surface(board.price("VVIX"))
        self._spx, self._vix = spx, vix
        self._smile = spx_smile or spx_model_smile(vix)
        curve = VixCurve(
            vix=vix,
            days=tuple(float((node.expiry - self.session).days) for node in self.nodes),
            prices=tuple(node.settle for node in self.nodes),
            beta_30=float(methodology["scenario"]["beta_v30"]),
        )
        self.terms = ChainTerms(
            session=self.session,
            spot=spx,
            rate=situation.rates["r"],
            dividend=situation.rates["q"],
            futures={node.expiry: node.settle for node in self.nodes},
            curve=curve,
            business_day_before=calendar_before(situation.calendar),
        )
        self.spx_chain = self._quoted("SPX")
        quoted = self._quoted("VIX")
        self.pricing = "model" if quoted is None else "quotes"
        self._vix_chain = quoted
        self._calls: dict[tuple[date, float], CallQuote] = {}
        self.market = self._market(curve)

    def _quoted(self, underlying: str) -> Chain | None:
        """The chain of this session, or None."""
        event = self._event(underlying)
        if event is None:
            return None
        chain = self._situation.reader.read(event, self.terms)
        return chain if chain.slices else None

    def _event(self, underlying: str) -> OptionChain | None:
        event = self._situation.chains.get(underlying)
        return event if event is not None and et_date(event.ts_event) == self.session else None

    def age_of(self, underlying: str) -> float | None:
        """Seconds since a chain of this session was quoted; None where there is none."""
        event = self._event(underlying)
        return None if event is None else max(0.0, (self._situation.ts_event - event.ts_event) / _NS)

    def age_of_future(self, root: str) -> float | None:
        """Seconds since a class of VIX futures was quoted; VX's quotes stand for VXM where nobody tells them apart."""
        situation = self._situation
        curve = situation.minis if root == "VXM" and situation.minis is not None else situation.curve
        return None if curve is None else max(0.0, (situation.ts_event - curve.ts_event) / _NS)

    def etps(self) -> tuple[EtpQuote, ...]:
        """Return the volatility ETPs that have a two-sided quote."""
        board, found = self._situation.board, []
        for symbol in ETPS:
            entry = board.entry(symbol) if board.price(symbol) is not None else None
            if entry is None or not entry.is_live or entry.bid_price is None or entry.ask_price is None:
                continue
            age_s = max(0.0, (self._situation.ts_event - entry.ts_event) / _NS)
            found.append(EtpQuote(symbol=symbol, bid=entry.bid_price, ask=entry.ask_price, age_s=age_s))
        return tuple(found)

    @property
    def is_fresh_for_condors(self) -> bool:
        """Whether SPX and VIX are of this session, the VIX futures aside."""
        return not any(fault.startswith(("SPX", "VIX")) for fault in self.faults)

    @property
    def vix_chain(self) -> Chain:
        """VIX options: quoted, else of the model."""
        if self._vix_chain is None:
            self._vix_chain = model_vix_chain(self.nodes, self.surface, self.terms)
        return self._vix_chain

    def _market(self, curve: VixCurve) -> HedgeMarket:
        board, rates = self._situation.board, self._situation.rates
        rvx = board.price("RVX")
        return HedgeMarket(
            spx=self._spx,
            curve=curve,
            rate=rates["r"],
            dividend=rates["q"],
            spx_smile=self._smile,
            expiry_smiles=_smiles(self.spx_chain, self._spx),
            iwm=board.price("IWM"),
            rvx=rvx,
            iwm_dividend=rates["q_iwm"],
            iwm_smile=None if rvx is None else iwm_model_smile(rvx),
        )

    def selection(self, outright_l1_to: float) -> SelectionMarket:
        """Return what legs may be chosen from.

        Args:
            outright_l1_to: VX1 above which L1 is only a spread (3.5).
        """
        front = self.nodes[0].settle if self.nodes else self._vix
        return SelectionMarket(
            session=self.session,
            vix=self.vix_chain,
            pricing=self.pricing,
            futures=self.nodes,
            minis=self._minis,
            etps=self.etps(),
            quote_age_s=self.age_of("VIX") if self.pricing == "quotes" else 0.0,
            futures_age_s=self.age_of_future("VX") if self.pricing == "quotes" else 0.0,
            minis_age_s=self.age_of_future("VXM"),
            outright_l1=front <= outright_l1_to,
        )

    def call(self, expiry: date, strike: float) -> CallQuote:
        """Return a VIX call, from the quoted chain where it is listed there, else from the model."""
        key = (expiry, strike)
        if key not in self._calls:
            self._calls[key] = self._call(expiry, strike)
        return self._calls[key]

    def _call(self, expiry: date, strike: float) -> CallQuote:
        if self.pricing == "quotes":
            for part in self.vix_chain.slices:
                at = part.calls.index_of(strike) if part.expiry == expiry else None
                if at is not None:
                    side = part.calls
                    return CallQuote(
                        bid=float(side.bid[at]), ask=float(side.ask[at]), mid=float(side.mid[at]),
                        iv=float(side.iv[at]), delta=float(side.delta[at]), vega=float(side.vega[at]), listed=True,
                    )  # fmt: skip
        days = max((expiry - self.session).days, 1)
        forward = float(self.market.curve.level(days))
        iv = float(self.surface.vol(days, strike, forward))
        greeks = black76_greeks(forward, strike, days / DAYS_PER_YEAR, iv, self.market.rate, True)
        mid = float(greeks.price)
        centre = round(mid / _QUOTE_STEP) * _QUOTE_STEP
        return CallQuote(
            bid=max(centre - HALF_SPREAD, 0.0), ask=centre + HALF_SPREAD, mid=mid, iv=iv, delta=float(greeks.delta),
            vega=float(greeks.vega_point), listed=False,
        )  # fmt: skip

    def future(self, expiry: date) -> CurveNode:
        """Return a VIX future; between the curve's nodes where it has none of that day."""
        found = next((node for node in self.nodes if node.expiry == expiry), None)
        if found is not None:
            return found
        days = max((expiry - self.session).days, 1)
        return CurveNode(expiry=expiry, settle=float(self.market.curve.level(days)))

    def quoted_future(self, part: LotPart) -> CurveNode:
        """Return a VIX future at the quote of its own class, where it has one."""
        return at_own_quote(part.trading_class, self.future(part.expiry), self._minis)

    def share(self, symbol: str) -> EtpShare:
        """Return a share of an ETP at its quote, or at its last price where it has none."""
        for etp in self.etps():
            if etp.symbol == symbol:
                return EtpShare(symbol=symbol, bid=etp.bid, ask=etp.ask)
        price = self._situation.board.price(symbol)
        assert price is not None, "a share is held only where it was priced"
        return EtpShare(symbol=symbol, bid=price, ask=price)

    def held(self, lot: Lot, fee_usd: float, *, is_kept: bool = True) -> HedgeLeg:
        """Return a lot as sizing sees it, at today's quotes."""
        unit = self.unit(lot, fee_usd)
        is_tradable = (self.pricing == "model" and not lot.is_stand_in) or self._passes(lot, unit)
        return HedgeLeg(
            unit=unit,
            quantity=lot.quantity,
            entry_price=lot.entry_price,
            # What cannot be sold stays, whatever rule wants it gone: it counts, and is not bought a second time.
            is_kept=is_kept or not is_tradable,
            is_tradable=is_tradable,
        )

    def unit(self, lot: Lot, fee_usd: float) -> HedgeUnit:
        """Return one unit of a lot at today's quotes."""
        if lot.kind == SHARE:
            return HedgeUnit(
                leg=lot.leg, shares=tuple(self.share(part.symbol) for part in lot.parts), multiplier=lot.multiplier,
                fee_usd=fee_usd, per_unit=lot.per_unit,
            )  # fmt: skip
        if lot.kind == FUTURE:
            nodes = [self.quoted_future(part) for part in lot.parts]
            quoted = all(node.bid is not None and node.ask is not None for node in nodes)
            return HedgeUnit(
                leg=lot.leg,
                futures=tuple(
                    VixFuture(
                        days=(part.expiry - self.session).days, price=node.settle, ratio=part.ratio, bid=node.bid,
                        ask=node.ask, expiry=part.expiry, symbol=part.symbol,
                    )
                    for part, node in zip(lot.parts, nodes, strict=True)
                ),
                multiplier=lot.multiplier,
                fee_usd=fee_usd,
                slippage=None if quoted else MODEL_SLIPPAGE,
                per_unit=lot.per_unit,
            )  # fmt: skip
        calls = []
        for part in lot.parts:
            quote = self.call(part.expiry, part.strike or 0.0)
            calls.append(
                VixCall(
                    days=(part.expiry - self.session).days, strike=part.strike or 0.0, vol=quote.iv, bid=quote.bid,
                    ask=quote.ask, ratio=part.ratio, expiry=part.expiry, symbol=part.symbol,
                )
            )  # fmt: skip
        return HedgeUnit(leg=lot.leg, calls=tuple(calls), multiplier=lot.multiplier, fee_usd=fee_usd)

    def _passes(self, lot: Lot, unit: HedgeUnit) -> bool:
        """Whether what is held may be traded: listed today and, as a whole or each by itself, through the gate."""
        age = self.age_of("VIX")
        if lot.leg == "L2":
            return self._calendar_passes(lot)
        if lot.kind in (SHARE, FUTURE):
            return all(map(self.passes, lot.parts))
        listed = all(self.call(part.expiry, part.strike or 0.0).listed for part in lot.parts)
        return listed and all(self.verdict(call, age).passed for call in unit.calls)

    def _calendar_passes(self, lot: Lot) -> bool:
        """Whether a calendar's quotes pass the gate; where nobody quotes futures it trades at model slippage."""
        nodes = [self.quoted_future(part) for part in lot.parts]
        if any(node.bid is None or node.ask is None for node in nodes):
            return self._minis is None or lot.parts[0].trading_class == "VX"
        root = lot.parts[0].trading_class
        near, far = (Touch(bid=node.bid or 0.0, ask=node.ask or 0.0, age_s=self.age_of_future(root)) for node in nodes)
        return gate_spread(Kind.VX if root == "VX" else Kind.VXM, near, far, self.rules.liquidity).passed

    def passes(self, part: LotPart) -> bool:
        """Whether a future or a share is quoted now, and its quote passes the gate."""
        if part.kind == SHARE:
            touches = [Touch(bid=e.bid, ask=e.ask, age_s=e.age_s) for e in self.etps() if e.symbol == part.symbol]
            return any(gate(Kind.OTHER, touch, self.rules.liquidity).passed for touch in touches)
        node = self.quoted_future(part)
        if node.bid is None or node.ask is None:
            return False
        kind = Kind.VX if part.trading_class == "VX" else Kind.VXM
        touch = Touch(bid=node.bid, ask=node.ask, age_s=self.age_of_future(part.trading_class))
        return gate(kind, touch, self.rules.liquidity).passed

    def verdict(self, call: VixCall, age: float | None) -> LiquidityVerdict:
        """Return the gate's verdict on a VIX call."""
        return gate(Kind.VIX_OPTION, Touch(bid=call.bid, ask=call.ask, age_s=age), self.rules.liquidity)

    def unit_mid(self, lot: Lot) -> float:
        """Return what one unit of a lot is worth, points."""
        return sum(part.ratio * self.part_mark(part) for part in lot.parts)

    def part_mark(self, part: LotPart) -> float:
        """Return the mid of a VIX call or a VIX future, points; of an ETP's share, dollars."""
        if part.kind == SHARE:
            return self.share(part.symbol).price
        return self.future(part.expiry).settle if part.strike is None else self.call(part.expiry, part.strike).mid

    def condor_marks(self, condor: Condor) -> tuple[float, float, float, float]:
        """Return the model mids of long put, short put, short call, long call under the smile in force, points."""
        strikes = np.array([condor.long_put, condor.short_put, condor.short_call, condor.long_call])
        smile = self.market.smile_of(condor.days)
        years = max(condor.days, 0) / DAYS_PER_YEAR
        is_call = np.array([False, False, True, True])
        vols = smile.vol(np.log(strikes / self._spx))
        if years == 0.0:
            values = np.where(is_call, np.maximum(self._spx - strikes, 0.0), np.maximum(strikes - self._spx, 0.0))
        else:
            values = bsm(self._spx, strikes, years, vols, self.market.rate, self.market.dividend, is_call)
        one, two, three, four = (float(value) for value in values)
        return one, two, three, four


def _today(situation: Situation) -> date:
    """The session of the decision: at a quote the one it lies in, which has not closed yet."""
    return situation.session if situation.is_close else et_date(situation.ts_event)


def _nodes(curve: FuturesCurve | None, last: date, session: date) -> tuple[tuple[CurveNode, ...], bool]:
    """The futures that have not settled, and whether they are of this session (or, inside one, of the `last` close)."""
    if curve is None:
        return (), False
    day = et_date(curve.ts_event)
    if session - day > OLDEST_CURVE:
        return (), False
    nodes = {
        row[0]: CurveNode(expiry=row[0], settle=row[1], bid=row[2], ask=row[3])
        for row in curve.nodes
        if row[0] > session and math.isfinite(row[1]) and row[1] > 0.0
    }
    return tuple(nodes[expiry] for expiry in sorted(nodes)), bool(nodes) and day >= last


def _faults(situation: Situation, *, is_current: bool) -> tuple[str, ...]:
    newest = situation.book.newest
    faults = []
    for name in ("SPX", "VIX"):
        seen = newest is not None and name in newest.bars
        if situation.board.price_for_decisions(name, situation.ts_event) is None or (situation.is_close and not seen):
            faults.append(f"{name}_not_of_this_session")
    if not is_current:
        faults.append("vx_curve_not_of_this_session")
    return tuple(faults)


def _smiles(chain: Chain | None, spot: float) -> tuple[tuple[float, Smile], ...]:
    """A smile for each quoted expiry, from what is out of the money; of two classes of one day the first."""
    if chain is None:
        return ()
    found: dict[float, Smile] = {}
    for part in chain.slices:
        puts, calls = part.puts, part.calls
        low, high = puts.strike < part.forward, calls.strike >= part.forward
        strikes = [*puts.strike[low].tolist(), *calls.strike[high].tolist()]
        vols = [*puts.iv[low].tolist(), *calls.iv[high].tolist()]
        if strikes and float(part.dte) not in found:
            found[float(part.dte)] = listed_smile(spot, strikes, vols)
    return tuple(found.items())
