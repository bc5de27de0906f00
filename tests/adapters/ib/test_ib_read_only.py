"""The adapter is a reader: no name, call or message of an order is within its reach, and none is ever received."""

import ast
import asyncio
import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

import ib_async.client
import ib_async.ib
from ib_async import IB, LimitOrder, StartupFetchNONE, Stock

import alvh
import alvh.adapters.ib
from alvh.adapters.ib.gateway.requests import ORDER_MESSAGES
from gateway.harness import IN_SESSION, bench
from gateway.virtual import VirtualClock, run_virtually

SOURCES = sorted(Path(alvh.adapters.ib.__file__).parent.glob("*.py"))
# What a reader sends: requests for details, ticks, history, option parameters, positions and the time; and their ends.
READING = frozenset({1, 2, 9, 20, 25, 49, 59, 61, 78})


def names(tree: ast.AST) -> set[str]:
    """Every name and attribute in a piece of source."""
    found = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    found |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return found | {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}


def test_no_name_of_an_order_appears_in_the_adapter() -> None:
    forbidden = (
        "placeorder", "cancelorder", "order", "bracketorder", "whatiforder", "reqglobalcancel", "exerciseoptions",
        "reqopenorders", "reqallopenorders", "reqautoopenorders", "reqcompletedorders", "trade", "trades", "limitorder",
        "marketorder", "stoporder", "reqids",
    )  # fmt: skip
    for source in SOURCES:
        tree = ast.parse(source.read_text(encoding="utf-8"))
        assert not {name for name in names(tree) if name.lower() in forbidden}, source.name


def test_nothing_else_of_the_package_knows_the_library() -> None:
    for source in Path(alvh.__file__).parent.rglob("*.py"):
        if source not in SOURCES:
            text = source.read_text(encoding="utf-8")
            assert "import ib_async" not in text, source
            assert "from ib_async" not in text, source


def _methods(module: ModuleType, name: str) -> dict[str, ast.AST]:
    tree = ast.parse(inspect.getsource(module))
    (found,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name]
    return {node.name: node for node in found.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def _ids(method: ast.AST) -> set[int]:
    """Message ids that a method of the library's client sends: the first of what it hands to `send`."""
    found: set[int] = set()
    for node in ast.walk(method):
        first: Any = None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "send":
            first = node.args[0] if node.args else None
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.List) and node.value.elts:
            first = node.value.elts[0]
        if isinstance(first, ast.Constant) and isinstance(first.value, int):
            found.add(first.value)
    return found


def test_no_message_of_an_order_is_within_reach_of_what_the_adapter_calls() -> None:
    """By name, through the library's own source: whatever a name of ours could mean there, and what that calls."""
    client, desk = _methods(ib_async.client, "Client"), _methods(ib_async.ib, "IB")
    assert _ids(client["placeOrder"]) == {3}, "the library is read as this test thinks"
    assert _ids(client["cancelOrder"]) == {4}
    assert _ids(client["exerciseOptions"]) == {21}
    used = set().union(*(names(ast.parse(source.read_text(encoding="utf-8"))) for source in SOURCES))
    assert not used & {"send", "sendMsg"}, "nothing is sent but by the library's requests"
    # The log-in can fetch orders; that it does not is a matter of its arguments, and of the test below.
    left, seen = (used & (client.keys() | desk.keys())) - {"connectAsync"}, set[str]()
    reached: set[int] = set()
    while left:
        name = left.pop()
        seen.add(name)
        for method in (client.get(name), desk.get(name)):
            if method is not None:
                reached |= _ids(method)
                left |= (names(method) & (client.keys() | desk.keys())) - seen - {"connectAsync", "send", "sendMsg"}
    assert reached & ORDER_MESSAGES == set()
    assert {1, 2, 9, 20, 49, 59, 61, 78} <= reached


def test_the_log_in_is_read_only_and_fetches_nothing() -> None:
    calls = [
        node
        for source in SOURCES
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "connectAsync"
    ]
    (call,) = calls
    given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
    assert (given["readonly"], given["fetchFields"]) == ("True", "StartupFetchNONE")


def test_from_start_through_outages_the_gateway_receives_a_readers_messages_alone() -> None:
    async def main(clock: VirtualClock) -> None:
        async with bench(clock) as b:
            await b.until_ready(30)
            b.gateway.reset()
            await b.until_live("SPX", limit_s=20)
            b.gateway.lose_broker()
            await asyncio.sleep(40)
            b.gateway.find_broker(keeps_data=False)
            await b.until_ready(20)
            assert {received.message for received in b.gateway.received} <= READING | {71}
            assert not b.gateway.orders

    run_virtually(IN_SESSION, main)


def test_the_gateway_refuses_and_records_what_is_no_readers() -> None:
    async def main(clock: VirtualClock) -> None:
        async with bench(clock) as b:
            other, codes = IB(), []
            other.errorEvent += lambda request, code, _text, _contract: codes.append((request, code))
            await other.connectAsync("127.0.0.1", b.gateway.port, 9, readonly=True, fetchFields=StartupFetchNONE)
            trade = other.placeOrder(Stock("IWM", "SMART", "USD"), LimitOrder("BUY", 1, 1.0))
            other.cancelOrder(trade.order)
            other.client.reqGlobalCancel()  # type: ignore[no-untyped-call]  # the library has no types here
            other.client.reqOpenOrders()  # type: ignore[no-untyped-call]  # the library has no types here
            await asyncio.sleep(1)
            other.disconnect()
            assert [received.message for received in b.gateway.orders] == [3, 4, 58, 5]
            order = trade.order.orderId
            assert [code for code in codes if code[1] == 321] == [(order, 321), (order, 321), (-1, 321), (-1, 321)]
            b.gateway._orders.clear()

    run_virtually(IN_SESSION, main)
