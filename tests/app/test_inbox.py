"""What strangers say over MQTT: an event, or a fault of theirs in one line; never anything else."""

import json
from contextlib import suppress
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alvh.app.inbox import understand
from alvh.core.codec import decode, encode
from alvh.core.events import Answer, Observation
from alvh.core.sessions import et_ns
from alvh.errors import InputError
from alvh.shell.ports import InboundMessage

NOW = et_ns(date(2024, 3, 5), "11:00")
ANSWER = "alvh/main/portfolio/core/answer"
OBSERVATION = "alvh/main/observation/CPI"
SAID = {"event_id": "core-00000000000000000001-1", "decision": "accept", "by": "anna"}


def arrived(topic: str, body: object, *, retained: bool = False) -> InboundMessage:
    """A message as the broker hands it over."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return InboundMessage(topic=topic, body=raw, retained=retained, properties={})


def test_an_answer_is_understood_bare_and_as_a_cloud_event() -> None:
    """Its time is ours, its portfolio the topic's."""
    expected = Answer(
        ts_event=NOW, ts_recv=NOW, portfolio="core", event_id=SAID["event_id"], decision="accept", by="anna"
    )
    for body in (SAID, {"specversion": "1.0", "type": "x", "data": SAID}):
        assert understand(arrived(ANSWER, body), NOW) == expected


def test_an_observation_is_understood_with_and_without_its_date() -> None:
    """Without one it is of the exchange's day."""
    for body, observed in (
        ({"value": 3.2, "consensus": 3.1, "date": "2024-03-01"}, date(2024, 3, 1)),
        ({"value": 3.2, "consensus": 3.1}, date(2024, 3, 5)),
    ):
        assert understand(arrived(OBSERVATION, body), NOW) == Observation(
            ts_event=NOW, ts_recv=NOW, series="CPI", observed=observed, value=3.2, consensus=3.1
        )


@pytest.mark.parametrize(
    ("topic", "body", "word"),
    [
        (ANSWER, b"", "JSON"),
        (ANSWER, b"\xff\xfe", "JSON"),
        (ANSWER, b"[" * 100_000, "JSON"),
        (ANSWER, [], "object"),
        (ANSWER, {"specversion": "1.0"}, "object"),
        (ANSWER, {**SAID, "decision": "perhaps"}, "decision"),
        (ANSWER, {**SAID, "decision": "reject"}, "reason"),
        (ANSWER, {"decision": "accept", "by": "anna"}, "event_id"),
        (OBSERVATION, {"value": "high"}, "value"),
        (OBSERVATION, b'{"value": NaN}', "finite"),
        (OBSERVATION, b'{"value": 1e999}', "finite"),
        (OBSERVATION, b'{"value": 1.0, "consensus": -Infinity}', "finite"),
        (ANSWER, b'{"event_id": "core-1-1", "decision": "accept", "by": "a", "fills": [{"price": NaN}]}', "finite"),
        (ANSWER, {**SAID, "fills": [json.loads("[" * 30 + "]" * 30)]}, "levels"),
        (OBSERVATION, {"value": 1.0, "date": "yesterday"}, "date"),
        ("alvh/main/observation/a b", {"value": 1.0}, "series"),
        (f"alvh/main/observation/{'A' * 65}", {"value": 1.0}, "series"),
    ],
)
def test_what_does_not_fit_is_the_sender_s_fault(topic: str, body: object, word: str) -> None:
    """The topic is named, and what was expected."""
    with pytest.raises(InputError, match=word) as caught:
        understand(arrived(topic, body), NOW)
    assert str(caught.value).startswith(topic)


def test_a_retained_message_is_an_old_one() -> None:
    """It was said to somebody else, some time."""
    with pytest.raises(InputError, match="retained"):
        understand(arrived(ANSWER, SAID, retained=True), NOW)


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
_NEARLY = st.dictionaries(
    st.sampled_from(["event_id", "decision", "by", "reason", "amendments", "fills", "value", "date", "consensus"]),
    _JSON | st.sampled_from(["accept", "core-1-1", 1.5, "2024-03-05"]),
)


@given(topic=st.sampled_from([ANSWER, OBSERVATION]), body=st.binary(max_size=200) | _JSON | _NEARLY)
def test_whatever_is_said_is_an_event_or_an_input_error(topic: str, body: Any) -> None:  # noqa: ANN401 - any JSON
    """A stranger cannot end the daemon: what is believed can be written to the log and read back."""
    with suppress(InputError):
        event = understand(arrived(topic, body), NOW)
        assert isinstance(event, Answer | Observation)
        assert decode(encode(event)) == event
