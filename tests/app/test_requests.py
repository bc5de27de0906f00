"""What the engine asks of the shell: chains asked for before the feed is there, and what is said of what is refused."""

import asyncio
import logging

import pytest

from alvh.app.clock import WallClock
from alvh.app.requests import Errands
from alvh.core.effects import FetchChain, Refused
from alvh.shell.ports import Silent, Sourced


class Chains:
    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def fetch_chain(self, request_id: str, underlying: str) -> None:
        self.asked.append((request_id, underlying))


async def taken(sourced: Sourced) -> None:
    await asyncio.sleep(0)


def errands() -> Errands:
    return Errands(taken, clock=WallClock(), observer=Silent())


def test_what_is_pending_at_a_take_over_is_fetched_once_the_feed_is_there() -> None:
    made, chains = errands(), Chains()
    made.perform(FetchChain(request_id="3-SPX", underlying="SPX"))
    assert chains.asked == []
    made.fetch_from(chains)
    made.perform(FetchChain(request_id="3-VIX", underlying="VIX"))
    made.fetch_from(chains)
    assert chains.asked == [("3-SPX", "SPX"), ("3-VIX", "VIX")]


@pytest.mark.parametrize(
    ("subject", "is_said"), [("observation", True), ("chain", True), ("answer", True), ("SPX", False)]
)
def test_what_somebody_sent_on_purpose_is_answered_with_a_line(
    subject: str, is_said: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="alvh"):
        errands().perform(Refused(subject=subject, reason="unknown", detail="CPI_OF_MARS of 2026-05-12: unknown"))
    assert ("CPI_OF_MARS" in caplog.text) is is_said
