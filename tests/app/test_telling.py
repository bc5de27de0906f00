"""What people read in a terminal: colours on one and nowhere else, and never a colour that says more than the words."""

import io
import re
from typing import Any

import pytest

from alvh.app.telling import Style, event_lines, status_lines

STATUS: dict[str, Any] = {
    "instance": "main", "version": "0.1.0", "epoch": 7, "session": "2025-03-03", "pending_messages": 2,
    "not_ready": ["RUT: no live quote for 31 s"],
    "feed": {"kind": "ib", "simulated": False, "note": None},
    "connections": [{"name": "redis", "is_connected": True}, {"name": "mqtt", "is_connected": False}],
    "quotes": [
        {"instrument": "SPX", "price": 6000.0, "time": "2025-03-03T20:00:00Z", "received": None, "quality": "ok",
         "is_live": True},
        {"instrument": "RUT", "price": 2200.5, "time": "2025-03-03T19:59:00Z", "received": None, "quality": "stale",
         "is_live": True},
    ],
    "portfolios": [
        {"id": "core", "phase": "STAGED", "sessions_since_rebalance": 4, "timer": {"soft": 5, "hard": 10},
         "threshold": 0.03, "unanswered": 1,
         "moves": [{"index": "SPX", "move_ratio": -0.0271}, {"index": "RUT", "move_ratio": None}]}
    ],
}  # fmt: skip
EVENT = {
    "id": "core-1-1",
    "data": {"text": "core #1: STATE\nWorst case: hedge -$10, whole book -$20.", "simulated": False},
}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colours_are_for_terminals_and_for_whoever_wants_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert Style.of(Terminal()).is_on
    assert not Style.of(io.StringIO()).is_on
    monkeypatch.setenv("NO_COLOR", "1")
    assert not Style.of(Terminal()).is_on


def test_without_colours_the_same_words_stand() -> None:
    plain, bright = Style(is_on=False), Style(is_on=True)
    for dull, shown in (
        (status_lines(STATUS, plain), status_lines(STATUS, bright)),
        (event_lines(EVENT, plain), event_lines(EVENT, bright)),
    ):
        coloured = "\n".join(shown)
        assert "\x1b" in coloured
        assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == "\n".join(dull)


def test_what_is_wrong_cannot_be_overlooked() -> None:
    plain = "\n".join(status_lines(STATUS, Style(is_on=False)))
    for words in ("NOT READY: RUT: no live quote for 31 s", "mqtt AWAY", "NOT GOOD: stale", "1 unanswered",
                  "SPX -2.71 %, RUT - of 3 %", "unacknowledged messages 2"):  # fmt: skip
        assert words in plain
    assert "\x1b[33mSPX -2.71 %" in "\n".join(status_lines(STATUS, Style(is_on=True)))
