"""What strangers say over MQTT: an event, or a fault of theirs in one line; never anything else."""

import json
from contextlib import suppress
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alvh.app.inbox import Door, RefusedError
from alvh.core.codec import decode, encode
from alvh.core.events import Answer, Observation
from alvh.core.sessions import et_ns
from alvh.errors import InputError
from alvh.shell.ports import InboundMessage

NOW = et_ns(date(2024, 3, 5), "11:00")
ANSWER = "alvh/main/portfolio/core/answer"
OBSERVATION = "alvh/main/observation/CPI"
understand = Door(base="alvh/main/").understand
SAID = {"event_id": "core-00000000000000000001-1", "decision": "accept", "by": "anna"}


def arrived(topic: str, body: object, *, retained: bool = False) -> InboundMessage:
    """A message as the broker hands it over."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return InboundMessage(topic=topic, body=raw, retained=retained, acknowledge=lambda: None)


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
        (OBSERVATION, {"value": "-inf"}, "finite"),
        (OBSERVATION, {"value": 1.0, "consensus": "nan"}, "finite"),
        (ANSWER, {**SAID, "fills": [{"quantity": 1 << 63}]}, "64 bits"),
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
    with pytest.raises(RefusedError, match="retained") as caught:
        understand(arrived(ANSWER, SAID, retained=True), NOW)
    assert caught.value.reason == "retained"


NAMED = Door(base="a/root/of/levels/main/", allowed_by=frozenset({"anna", "bot"}))


@pytest.mark.parametrize("portfolio", ["core", "answer", "portfolio", "observation"])
def test_where_senders_are_named_each_speaks_under_his_own_topic(portfolio: str) -> None:
    """Which the broker lets nobody else publish to; a name in the body alone is anybody's word."""
    topic = f"a/root/of/levels/main/portfolio/{portfolio}/answer"
    taken = NAMED.understand(arrived(f"{topic}/anna", SAID), NOW)
    assert isinstance(taken, Answer)
    assert (taken.portfolio, taken.by) == (portfolio, "anna")
    for wrong in (topic, f"{topic}/eve", f"{topic}/bot", f"{topic}/"):
        with pytest.raises(RefusedError) as caught:
            NAMED.understand(arrived(wrong, SAID), NOW)
        assert caught.value.reason == "not_allowed"


def test_observations_have_senders_too() -> None:
    """And where nobody is named, a name behind the topic is one more than is expected."""
    topic = "a/root/of/levels/main/observation/CPI"
    assert isinstance(NAMED.understand(arrived(f"{topic}/bot", {"value": 1.0}), NOW), Observation)
    for wrong in (topic, f"{topic}/eve"):
        with pytest.raises(RefusedError) as caught:
            NAMED.understand(arrived(wrong, {"value": 1.0}), NOW)
        assert caught.value.reason == "not_allowed"
    with pytest.raises(RefusedError, match="allowed_by"):
        understand(arrived(f"{OBSERVATION}/bot", {"value": 1.0}), NOW)


@pytest.mark.parametrize("topic", ["alvh/main/x", "alvh/main/portfolio", "alvh/main/portfolio/a/b/c/d", "alvh/main/"])
def test_other_topics_are_refused(topic: str) -> None:
    """The subscription brings none of them; nothing depends on that."""
    with pytest.raises(RefusedError):
        understand(arrived(topic, SAID), NOW)


@pytest.mark.parametrize(
    "longer",
    [{"by": "a" * 1001}, {"reason": "a" * 1001}, {"event_id": "a" * 1001}, {"fills": [{"price": 1.0}] * 101}],
)
def test_what_is_kept_for_ever_is_short(longer: dict[str, Any]) -> None:
    """A message may have 64 kB; what goes into the state may not."""
    with pytest.raises(RefusedError, match="at most") as caught:
        understand(arrived(ANSWER, {**SAID, **longer}), NOW)
    assert caught.value.reason == "malformed"


def test_a_stranger_s_words_stay_on_one_line() -> None:
    """Whatever he puts into a topic or a body."""
    with pytest.raises(RefusedError) as caught:
        understand(arrived("alvh/main/portfolio/a\nlevel=error\x1b[2J/answer", b"[1"), NOW)
    assert str(caught.value).isprintable()


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
