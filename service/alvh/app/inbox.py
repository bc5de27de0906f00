"""What subscribers say, turned into events: answers and observations, checked before they are believed."""

import json
import math
from collections.abc import Iterator
from datetime import date
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from alvh.core.events import Answer, Event, Observation
from alvh.core.sessions import et_date
from alvh.errors import InputError
from alvh.messages import Answer as AnswerMessage
from alvh.messages import ObservationInput
from alvh.settings import explain
from alvh.shell.ports import InboundMessage

T = TypeVar("T", bound=BaseModel)
_LONGEST_SERIES: Final = 64
_MAX_DEPTH: Final = 20  # deeper nesting than any answer has; a parser's stack is not a stranger's to fill


def understand(message: InboundMessage, now_ns: int) -> Event:
    """Return the event a message stands for.

    Raises:
        InputError: it is old (retained), no JSON, or not of the schema; names the topic and what was expected.
    """
    if message.retained:
        raise InputError(f"{message.topic}: a retained message is an old one; expected a fresh one")
    *_, owner, kind = message.topic.split("/")
    if kind == "answer":
        return answer(owner, _object(message), now_ns, message.topic)
    return _observation(kind, _object(message), now_ns, message.topic)


def answer(portfolio: str, document: dict[str, Any], now_ns: int, where: str) -> Answer:
    """Return the Answer event of an answer to one of a portfolio's adjustments.

    Raises:
        InputError: it is not of the schema.
    """
    said = _validated(AnswerMessage, document, where)
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


def _object(message: InboundMessage) -> dict[str, Any]:
    """The payload, or the `data` of a CloudEvent."""
    try:
        document = json.loads(message.body)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{message.topic}: expected JSON: {error}") from error
    if isinstance(document, dict) and "specversion" in document:
        document = document.get("data")
    if not isinstance(document, dict) or _depth(document) > _MAX_DEPTH:
        raise InputError(f"{message.topic}: expected a JSON object of at most {_MAX_DEPTH} levels")
    return document


def _depth(value: object) -> int:
    return sum(1 for _ in _levels(value))


def _levels(value: object) -> Iterator[list[object]]:
    """Yield what stands on each level of a JSON value, down to one below the deepest that is allowed."""
    level = [value]
    for _ in range(_MAX_DEPTH + 1):
        if not level:
            return
        yield level
        level = [
            child
            for each in level
            if isinstance(each, dict | list)
            for child in (each.values() if isinstance(each, dict) else each)
        ]


def _is_finite(value: object) -> bool:
    """Whether the log can hold every number of it: JSON has no word for the others, though its parsers take them."""
    return all(math.isfinite(each) for level in _levels(value) for each in level if isinstance(each, float))


def _validated(model: type[T], document: dict[str, Any], where: str) -> T:
    if not _is_finite(document):
        raise InputError(f"{where}: expected finite numbers, got NaN or an infinite value")
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise InputError(explain(where, error)) from error
