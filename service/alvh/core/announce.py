"""From a decision to the bytes of its message: a pure function of what caused it."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Final

from alvh.core.effects import Publish
from alvh.core.sessions import et_date
from alvh.core.signals.model import Signal
from alvh.message_parts import Amendment, Approval, Move, SignalPart, TargetLeg
from alvh.messages import (
    ADVICE_STATUS,
    REASON_CODES,
    AdjustmentMessage,
    HedgeAdjustment,
    HedgeTarget,
    SignalsMessage,
    SignalSnapshot,
    TargetMessage,
)

SCHEMA_VERSION: Final = 1
_NS: Final = 1_000_000_000
_TEXT_LINES: Final = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was decided about one portfolio.

    Attributes:
        reasons: why, in the order of `messages.REASON_CODES`; empty: nothing to say.
        phase_before, phase_after: phases around it.
        held: closes since `phase_after` was entered.
        lines: what to do and why, for a person.
        fields: further fields of HedgeAdjustment by name.
        legs: contracts wanted.
        target: further fields of HedgeTarget by name.
        signals: of the portfolio's own book, beside those of the market.
        condition: name of the condition that moved the phase; None where it stayed.
        later: makes these of a decision that says nothing, for whoever asks; to be called before the next event.
    """

    reasons: tuple[str, ...]
    phase_before: str
    phase_after: str
    held: int
    lines: tuple[str, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)
    legs: tuple[TargetLeg, ...] = ()
    target: Mapping[str, Any] = field(default_factory=dict)
    signals: tuple[Signal, ...] = ()
    condition: str | None = None
    later: Callable[[], tuple[Signal, ...]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What all messages of an engine share: who says so, under which configuration, from which feed."""

    instance: str
    engine_version: str
    config_hash: str
    feed: str

    @property
    def source(self) -> str:
        """The CloudEvents source."""
        return f"alvh/{self.instance}"

    @property
    def is_simulated(self) -> bool:
        """Whether no real market stands behind the numbers."""
        return self.feed == "simulated"


class Shown:
    """Signals of one evaluation as messages show them; made once, though many messages may show them."""

    __slots__ = ("_canonical", "is_async", "missing", "parts")

    def __init__(self, signals: Sequence[Signal]) -> None:
        self.parts = [signal_part(signal) for signal in signals]
        self.missing = [signal.id for signal in signals if signal.quality == "missing"]
        self.is_async = any(signal.quality == "async" for signal in signals)
        self._canonical = _canonical([[s.id, s.value, s.state, s.quality, list(s.parts)] for s in signals])

    def snapshot_id(self, prices: Mapping[str, float]) -> str:
        """Return sha256 over what a decision saw: prices and signals, canonical JSON."""
        seen = f'{{"prices":{_canonical(dict(prices))},"signals":{self._canonical}}}'
        return hashlib.sha256(seen.encode()).hexdigest()


def _canonical(plain: object) -> str:
    return json.dumps(plain, sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """When and on what a decision was made.

    Attributes:
        ts_event: time of the quote or close that caused it (ns UTC).
        session: the newest session whose close has been evaluated; None before the first.
        sequence: number of the adjustment.
        prev_event_id: the adjustment before it.
        sessions: closes since the last rebalance.
        moves: both watched indices against their anchors.
        anchors: the anchors from here on.
        prices: newest good prices.
        shown: newest signals.
    """

    ts_event: int
    session: date | None
    sequence: int
    prev_event_id: str | None
    sessions: int
    moves: Sequence[Move]
    anchors: Mapping[str, float]
    prices: Mapping[str, float]
    shown: Shown


def rfc3339(ts: int) -> str:
    """Return a time (ns UTC) as RFC 3339, with as many digits of a second as it needs."""
    seconds, rest = divmod(ts, _NS)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}Z" if rest == 0 else f"{text}.{f'{rest:09d}'.rstrip('0')}Z"


def in_order(reasons: Sequence[str]) -> tuple[str, ...]:
    """Return reason codes once each, in the order in which messages list them."""
    return tuple(code for code in REASON_CODES if code in reasons)


def signal_part(signal: Signal) -> SignalPart:
    """Return a signal as it stands in a message."""
    return SignalPart(
        id=signal.id,
        name=signal.id,
        value=signal.value,
        unit=signal.unit,
        threshold=signal.threshold,
        state=signal.state,
        quality=signal.quality,
        asof=None if signal.asof is None else et_date(signal.asof).isoformat(),
        inputs=list(signal.inputs),
        parts=dict(signal.parts),
    )


def adjustment(origin: Origin, portfolio: str, cause: Cause, decision: Decision) -> tuple[str, tuple[Publish, Publish]]:
    """Return the adjustment's id, and the two messages of a decision: the adjustment and the new target."""
    event_id = f"{portfolio}-{cause.sequence:020d}-{cause.ts_event}"
    asof = cause.session.isoformat() if cause.session else ""
    fields: dict[str, Any] = {"pricing": "none", "executable": False, **decision.fields}
    own = Shown(decision.signals)
    market = {name.lower(): cause.prices.get(name) for name in ("SPX", "RUT", "IWM", "VIX", "RVX")}
    adjusted = HedgeAdjustment(
        event_id=event_id,
        prev_event_id=cause.prev_event_id,
        book_id=portfolio,
        sleeve_id=f"{portfolio}-hedge",
        schema_version=SCHEMA_VERSION,
        engine_version=origin.engine_version,
        config_hash=origin.config_hash,
        created_at=rfc3339(cause.ts_event),
        asof_session=asof,
        snapshot_id=cause.shown.snapshot_id(cause.prices),
        is_async=cause.shown.is_async,
        advice_status=ADVICE_STATUS,
        feed=origin.feed,
        simulated=origin.is_simulated,
        text="\n".join(_text(origin, portfolio, cause, decision)),
        reason_codes=list(decision.reasons),
        phase_before=decision.phase_before,
        phase_after=decision.phase_after,
        held=decision.held,
        sessions_since_rebalance=cause.sessions,
        moves=list(cause.moves),
        signals=sorted((*cause.shown.parts, *own.parts), key=lambda part: part.id),
        missing=sorted((*cause.shown.missing, *own.missing)),
        **{**market, **fields},
    )
    target = HedgeTarget(
        event_id=event_id,
        portfolio=portfolio,
        as_of=rfc3339(cause.ts_event),
        phase=decision.phase_after,
        legs=list(decision.legs),
        anchors=dict(cause.anchors),
        pricing=adjusted.pricing,
        simulated=origin.is_simulated,
        advice_status=ADVICE_STATUS,
        **decision.target,
    )
    shared: dict[str, Any] = {
        "id": event_id,
        "source": origin.source,
        "subject": portfolio,
        "time": rfc3339(cause.ts_event),
        "sequence": f"{cause.sequence:020d}",
    }
    return event_id, (
        _publish("adjustment", portfolio, AdjustmentMessage(**shared, data=adjusted), retained=False),
        _publish("target", portfolio, TargetMessage(**shared, data=target), retained=True),
    )


def target_of(messages: Sequence[Publish]) -> dict[str, Any]:
    """Return the HedgeTarget among the messages of a decision, plain, for `target_again`."""
    (said,) = (message for message in messages if message.kind == "target")
    target: dict[str, Any] = json.loads(said.body)["data"]
    return target


def target_again(
    origin: Origin,
    target: Mapping[str, Any],
    sequence: int,
    ts_event: int,
    legs: Sequence[Mapping[str, Any]],
    *,
    status: str,
    approvals_required: int,
    answers: Sequence[Mapping[str, Any]],
) -> Publish:
    """Return the newest target as it stands behind an answer: who agrees so far, what is wanted and held now.

    Its sequence is still its adjustment's; its time, and with that its id, are those of the answer.
    """
    portfolio = str(target["portfolio"])
    data = HedgeTarget(
        **{
            **target,
            "legs": [TargetLeg(**leg) for leg in legs],
            "as_of": rfc3339(ts_event),
            "status": status,
            "approvals_required": approvals_required,
            "approvals": [
                Approval(user=said["by"], stamp=said["time"], decision=said["decision"], reason=said["reason"])
                for said in answers
            ],
            "amendments": [
                _amendment(amendment, said["reason"]) for said in answers for amendment in said["amendments"]
            ],
        }
    )
    message = TargetMessage(
        id=f"{portfolio}-{sequence:020d}-{ts_event}", source=origin.source, subject=portfolio, time=rfc3339(ts_event),
        sequence=f"{sequence:020d}", data=data,
    )  # fmt: skip
    return _publish("target", portfolio, message, retained=True)


def _amendment(said: Mapping[str, Any], reason: str | None) -> Amendment:
    is_leg = "leg" in said
    field_name = f"{said['leg']}.quantity" if is_leg else str(said.get("field", ""))
    new = said.get("quantity") if is_leg else said.get("new")
    return Amendment(field=field_name, new=new if isinstance(new, int | float | str) else None, reason=reason)


def signals_message(
    origin: Origin,
    count: int,
    ts_event: int,
    session: date,
    prices: Mapping[str, float],
    shown: Shown,
    flags: Mapping[str, bool | None],
) -> Publish:
    """Return the snapshot of all signals at a close; `count` is the number of the evaluation."""
    snapshot = SignalSnapshot(
        snapshot_id=shown.snapshot_id(prices),
        session=session.isoformat(),
        as_of=rfc3339(ts_event),
        signals=shown.parts,
        flags=dict(flags),
        prices=dict(prices),
        simulated=origin.is_simulated,
        advice_status=ADVICE_STATUS,
    )
    message = SignalsMessage(
        id=f"signals-{count:020d}-{ts_event}",
        source=origin.source,
        subject="signals",
        time=rfc3339(ts_event),
        sequence=f"{count:020d}",
        data=snapshot,
    )
    return _publish("signals", None, message, retained=True)


def _publish(
    kind: str, portfolio: str | None, message: AdjustmentMessage | TargetMessage | SignalsMessage, *, retained: bool
) -> Publish:
    body = message.model_dump_json(exclude={"epoch"}).encode()
    return Publish(kind=kind, portfolio=portfolio, retained=retained, body=body)


def _text(origin: Origin, portfolio: str, cause: Cause, decision: Decision) -> list[str]:
    """What a person reads on a phone: why, what moved, what to do; the last line never gives way to the others."""
    head = f"{portfolio} #{cause.sequence}: {', '.join(decision.reasons)} at {rfc3339(cause.ts_event)}"
    lines = [f"SIMULATED MARKET - {head}" if origin.is_simulated else head]
    if decision.phase_before != decision.phase_after:
        lines.append(f"Phase {decision.phase_before} -> {decision.phase_after}")
    else:
        lines.append(f"Phase {decision.phase_after}, {decision.held} closes")
    moved = [_moved(move) for move in cause.moves if move.price is not None]
    lines.append("; ".join(moved) + f"; {cause.sessions} closes since the last rebalance")
    lines.extend(decision.lines)
    return [*lines[: _TEXT_LINES - 1], "Decision support, not advice; no order was sent."]


def _moved(move: Move) -> str:
    if move.move_ratio is None or move.anchor is None:
        return f"{move.index} {move.price:,.2f}"
    return f"{move.index} {move.price:,.2f} ({100 * move.move_ratio:+.2f} % from {move.anchor:,.2f})"
