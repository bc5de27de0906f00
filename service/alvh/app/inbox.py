"""What subscribers say, turned into events: answers and observations, checked before they are believed."""

import json
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from alvh.core.event_types import is_plain
from alvh.core.events import Answer, Event, Observation
from alvh.core.sessions import et_date
from alvh.errors import InputError
from alvh.messages import Answer as AnswerMessage
from alvh.messages import ObservationInput
from alvh.settings_faults import explain
from alvh.shell.ports import InboundMessage

T = TypeVar("T", bound=BaseModel)
MAX_TEXT: Final = 1000  # characters of a name or a reason: they are kept for ever
MAX_ROWS: Final = 100  # amendments or fills: an adjustment has some dozen orders
_LONGEST_SERIES: Final = 64
_MAX_DEPTH: Final = 20  # deeper nesting than any answer has; a parser's stack is not a stranger's to fill


class RefusedError(InputError):
    """What somebody said is not taken; `reason` is for counting."""

    def __init__(self, reason: str, words: str) -> None:
        super().__init__(words)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Who may say something, and where.

    A subscriber is not told who has published a message: a name in its body or its properties is anybody's word. What
    a broker does enforce is who may publish to which topic. So where senders are named, each says what he says under a
    topic that ends in his name, which the broker lets nobody else publish to.

    Attributes:
        base: the levels in front of all topics of the instance, `<root>/<instance>/`.
        allowed_by: who may say something; None: whoever the broker lets publish.
    """

    base: str
    allowed_by: frozenset[str] | None = None

    def understand(self, message: InboundMessage, now_ns: int) -> Event:
        """Return the event a message stands for.

        Raises:
            RefusedError: it is old (retained), its sender may not say it, it is no JSON, or not of the schema; names
                the topic and what was expected.
        """
        where = _printable(message.topic)
        if message.retained:
            raise RefusedError("retained", f"{where}: a retained message is an old one; expected a fresh one")
        kind, named, sender = self._read(message.topic, where)
        try:
            document = _object(message.body, where)
            if kind == "observation":
                return _observation(named, document, now_ns, where)
            said = answer(named, document, now_ns, where)
        except RefusedError:
            raise
        except InputError as error:
            raise RefusedError("malformed", _printable(str(error))) from error
        if sender is not None and said.by != sender:
            words = f"{where}: by: expected {sender}, whose topic this is, got {said.by!r}"
            raise RefusedError("not_allowed", _printable(words))
        return said

    def _read(self, topic: str, where: str) -> tuple[str, str, str | None]:
        """Answer or observation, the portfolio or series it is of, and who says so where that is enforced."""
        kind, *levels = topic.removeprefix(self.base).split("/")
        match kind, *levels:
            case "portfolio", named, "answer", *senders if len(senders) <= 1:
                pass
            case "observation", named, *senders if len(senders) <= 1:
                pass
            case _:
                raise RefusedError("malformed", f"{where}: expected the topic of an answer or an observation")
        if self.allowed_by is None:
            if senders:
                raise RefusedError(
                    "not_allowed", f"{where}: expected no name behind it, as mqtt.allowed_by names nobody"
                )
            return kind, named, None
        if not senders or senders[0] not in self.allowed_by:
            raise RefusedError("not_allowed", f"{where}: expected one of mqtt.allowed_by as its last level")
        return kind, named, senders[0]


def _printable(text: str) -> str:
    """A stranger's words on one line of ours."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def answer(portfolio: str, document: dict[str, Any], now_ns: int, where: str) -> Answer:
    """Return the Answer event of an answer to one of a portfolio's adjustments.

    Raises:
        InputError: it is not of the schema.
    """
    said = _validated(AnswerMessage, document, where)
    for name, text in (("by", said.by), ("reason", said.reason or ""), ("event_id", said.event_id)):
        if len(text) > MAX_TEXT:
            raise InputError(f"{where}: {name}: expected at most {MAX_TEXT} characters")
    if max(len(said.amendments), len(said.fills)) > MAX_ROWS:
        raise InputError(f"{where}: expected at most {MAX_ROWS} amendments or fills")
    if said.decision in {"amend", "reject"} and not said.reason:
        raise InputError(f"{where}: reason: expected why, for {said.decision}")
    return Answer(
        ts_event=now_ns,
        ts_recv=now_ns,
        portfolio=portfolio,
        event_id=said.event_id,
        decision=said.decision,
        by=said.by,
        reason=said.reason,
        amendments=tuple(said.amendments),
        fills=tuple(said.fills),
    )


def _observation(series: str, document: dict[str, Any], now_ns: int, where: str) -> Observation:
    if not series.replace("_", "").replace(".", "").isalnum() or len(series) > _LONGEST_SERIES:
        raise InputError(f"{where}: expected a series name of letters, digits, _ and .")
    said = _validated(ObservationInput, document, where)
    try:
        observed = et_date(now_ns) if said.date is None else date.fromisoformat(said.date)
    except ValueError as error:
        raise InputError(f"{where}: date: expected YYYY-MM-DD, got {said.date!r}") from error
    return Observation(
        ts_event=now_ns, ts_recv=now_ns, series=series, observed=observed, value=said.value, consensus=said.consensus
    )


def _object(body: bytes, where: str) -> dict[str, Any]:
    """The payload, or the `data` of a CloudEvent."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: expected JSON: {error}") from error
    if isinstance(document, dict) and "specversion" in document:
        document = document.get("data")
    if not isinstance(document, dict) or _is_deep(document):
        raise InputError(f"{where}: expected a JSON object of at most {_MAX_DEPTH} levels")
    return document


def _is_deep(value: object) -> bool:
    """Whether a JSON value has more levels than are allowed; looks no deeper than that."""
    level = [value]
    for _ in range(_MAX_DEPTH):
        level = [
            child
            for each in level
            if isinstance(each, dict | list)
            for child in (each.values() if isinstance(each, dict) else each)
        ]
    return bool(level)


def _validated(model: type[T], document: dict[str, Any], where: str) -> T:
    if not is_plain(document):  # JSON's parsers take numbers that the log has no word for
        raise InputError(f"{where}: expected finite numbers, integers of at most 64 bits")
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise InputError(explain(where, error)) from error
