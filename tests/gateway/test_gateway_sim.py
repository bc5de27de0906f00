"""`alvh gateway-sim` as a person uses it: the real adapter becomes live on it over TCP; clean ends."""

import asyncio
import contextlib
import re
import socket
import time
from datetime import date, timedelta
from typing import Any

import pytest
from ib_async import IB, LimitOrder, StartupFetchNONE, Stock

from alvh.__main__ import main
from alvh.adapters.ib.feed_settings import IbFeedSettings
from alvh.core.effects import FetchChain
from alvh.core.events import AccountPositions, DailyBar, Event, FuturesCurve, OptionChain, Quote
from alvh.core.sessions import et_date
from gateway.command import simulated
from gateway.now import PATIENCE_S, reading
from servers import free_port
from tapes import daily_rows, weekday_calendar, write_tape


async def told_on(port: int, *names: str, has_chain: bool = False, **more: Any) -> list[Event]:  # noqa: ANN401 - fields
    """Run the adapter until it is ready and every named instrument is live; return what it told."""
    async with reading(IbFeedSettings(port=port, **more)) as run:
        await run.until_live(*names)
        if has_chain:
            await run.feed.perform(FetchChain(request_id="c", underlying="VIX"))
            await run.until(lambda: any(isinstance(event, OptionChain) for event in run.events))
        return run.events


def test_the_adapter_becomes_live_on_the_simulator_with_history_curve_positions_and_chain() -> None:
    with simulated("--holding", "IWM=448", "--speed", "600") as (port, lines):
        events = asyncio.run(told_on(port, "SPX", "RUT", "VIX", "VVIX", has_chain=True, wants_positions=True))
        time.sleep(1.5)  # it looks once a second who is there
    bars = [event for event in events if isinstance(event, DailyBar)]
    assert len({bar.session for bar in bars if bar.instrument_id == "SPX"}) >= 300
    newest = max(bar.session for bar in bars)
    assert newest < et_date(time.time_ns()) + timedelta(days=1)
    last = next(bar.close for bar in reversed(bars) if bar.instrument_id == "SPX")
    quotes = [event for event in events if isinstance(event, Quote) and event.is_live and event.instrument_id == "SPX"]
    assert quotes[0].last_price == pytest.approx(last, rel=0.15), "now goes on where the history ends"
    curves = [event for event in events if isinstance(event, FuturesCurve) and event.symbol == "VX"]
    assert len([curve for curve in curves if curve.nodes[0][2] is None]) > 200, "the curve has a history"
    assert len(curves[-1].nodes) == 8
    (positions,) = [event for event in events if isinstance(event, AccountPositions)]
    assert [(row[0]["symbol"], row[1]) for row in positions.positions] == [("IWM", 448.0)]
    (chain,) = [event for event in events if isinstance(event, OptionChain)]
    expiries = {row[0] for row in chain.rows}
    assert expiries & {node[0] for node in curves[-1].nodes}, "VIX options expire with the futures"
    text = "".join(lines)
    assert "client 17, " in text
    assert "0 order messages" in text


DAYS = weekday_calendar(date(2021, 6, 21), date(2021, 9, 3), date(2021, 7, 5))
CLOSES = [3000.0 + n for n in range(len(DAYS))]


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A summer of three instruments."""
    folder = write_tape(
        tmp_path_factory.mktemp("tape"),
        {
            "SPX.csv": daily_rows(DAYS, CLOSES), "IWM.csv": daily_rows(DAYS, [price / 20 for price in CLOSES]),
            "VIX.csv": daily_rows(DAYS, [20.0 + n % 3 for n in range(len(DAYS))]),
        },
    )  # fmt: skip
    return str(folder)


def test_the_adapter_becomes_live_on_a_tape_from_a_date_on(tape: str) -> None:
    with simulated("--tape", tape, "--begin", "2021-08-16") as (port, _):
        events = asyncio.run(told_on(port, "SPX", "IWM", "VIX", small_cap_patience_s=1.0))
    told = [event.close for event in events if isinstance(event, DailyBar) and event.instrument_id == "SPX"]
    before = len(DAYS.sessions_between(DAYS.first, date(2021, 8, 15)))
    assert told[-30:] == CLOSES[:before][: len(told)][-30:]
    assert len(told) >= before - 1, "the daemon may know a session less that has closed"
    quote = next(event for event in events if isinstance(event, Quote) and event.is_live)
    assert quote.last_price is not None


def test_orders_are_refused_and_counted(tape: str) -> None:
    async def order(port: int) -> list[int]:
        ib, codes = IB(), []
        ib.errorEvent += lambda _req, code, _text, _contract: codes.append(code)
        await ib.connectAsync("127.0.0.1", port, 5, readonly=True, fetchFields=StartupFetchNONE)
        ib.placeOrder(Stock("IWM", "SMART", "USD"), LimitOrder("BUY", 1, 1.0))
        ib.client.reqGlobalCancel()  # type: ignore[no-untyped-call]  # the library has no types here
        async with asyncio.timeout(PATIENCE_S):
            while codes.count(321) < 2:  # noqa: ASYNC110 - what is waited for comes from another program
                await asyncio.sleep(0.05)
        ib.disconnect()
        return codes

    with simulated("--tape", tape) as (port, lines):
        asyncio.run(order(port))
    assert re.search(r"[2-9]\d* order messages \(each refused\)", lines[-1])


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--tape", "/nonesuch"], 2, "/nonesuch"),
        (["--speed", "0"], 2, "--speed"),
        (["--begin", "2020-01-01"], 2, "--begin"),
        (["--begin", "yesterday"], 2, "YYYY-MM-DD"),
        (["--port", "70000"], 2, "--port"),
        (["--holding", "SPX=1"], 2, "--holding"),
        (["--tape", "tape", "--port", "taken"], 1, "is taken by another program"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    tape: str, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, words: str
) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        given = [{"taken": str(port), "tape": tape}.get(argument, argument) for argument in arguments]
        with contextlib.suppress(SystemExit):  # argparse's own way to say 2
            assert main(["gateway-sim", *given]) == code
    assert words in capsys.readouterr().err.splitlines()[-1]
