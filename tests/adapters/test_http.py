"""The HTTP server over real sockets: what it answers, whom it turns away, how it is bound and what it bears."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alvh.adapters.http import HttpServer, Trail
from alvh.adapters.http.guard import Guard
from alvh.adapters.http.server import MAX_CONNECTIONS, PREFERRED_PORT
from alvh.adapters.http.stream import MAX_STREAMS
from alvh.adapters.http.trail import MAX_BUCKETS
from alvh.adapters.http.window import PortfolioView
from alvh.errors import OutageError
from shown import PaperWindow

_TEXT = "text/plain; version=0.0.4; charset=utf-8"


def _exposition(accept: str) -> tuple[bytes, str]:
    return f"alvh_leader 1.0\n# {accept}\n".encode(), _TEXT


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever was sent
        return json.loads(self.body)


@asynccontextmanager
async def _served(window: PaperWindow, token: str | None = None) -> AsyncIterator[HttpServer]:
    server = HttpServer(window, exposition=_exposition, port=0, token=token)
    await server.start()
    try:
        yield server
    finally:
        await server.close()


async def _ask(
    server: HttpServer, path: str, *, method: str = "GET", body: bytes = b"", headers: Mapping[str, str] | None = None
) -> _Answer:
    """Ask over a socket of its own, headers as given."""
    sent = {"Host": f"127.0.0.1:{server.port}", "Connection": "close", **(headers or {})}
    if body:
        sent["Content-Length"] = str(len(body))
    lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body)
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    head, _, content = answer.partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    named = dict(line.split(": ", 1) for line in rest)
    return _Answer(
        status=int(first.split()[1]), headers={name.lower(): text for name, text in named.items()}, body=content
    )


def _said(**fields: object) -> bytes:
    window = PaperWindow()
    answer = {
        "portfolio": "core",
        "event_id": window.views["core"]["open"][0],
        "decision": "accept",
        "by": "Ada",
        **fields,
    }
    return json.dumps(answer).encode()


_ANSWERING = {"Content-Type": "application/json", "X-Alvh-Intent": "answer"}


def test_every_address_answers() -> None:
    async def go() -> None:
        window = PaperWindow(("core", "second"))
        async with _served(window) as server:
            page = await _ask(server, "/")
            assert page.status == 200
            assert page.headers["content-type"].startswith("text/html")
            metrics = await _ask(server, "/metrics", headers={"Accept": "text/plain"})
            assert (metrics.status, metrics.headers["content-type"]) == (200, _TEXT)
            assert metrics.body == b"alvh_leader 1.0\n# text/plain\n"
            assert (await _ask(server, "/healthz")).json == {"alive": True}
            assert (await _ask(server, "/api/status")).json["instance"] == "main"
            assert [row["id"] for row in (await _ask(server, "/api/portfolios")).json] == ["core", "second"]
            assert (await _ask(server, "/api/portfolios/core")).json["phase"] == "INITIAL"
            assert len((await _ask(server, "/api/portfolios/core/chart")).json["lines"]) == 2
            assert (await _ask(server, "/api/signals")).json["flags"]["adv"] is None

    asyncio.run(go())


def test_readiness_names_each_reason() -> None:
    async def go() -> None:
        window = PaperWindow()
        async with _served(window) as server:
            ready = await _ask(server, "/readyz")
            assert (ready.status, ready.json) == (200, {"ready": True, "reasons": []})
            window.not_ready = ["SPX: no quote for 41 s", "mqtt: not connected"]
            ready = await _ask(server, "/readyz")
            assert (ready.status, ready.json) == (503, {"ready": False, "reasons": window.not_ready})
            assert (await _ask(server, "/healthz")).status == 200

    asyncio.run(go())


def test_adjustments_are_those_behind_a_sequence_or_the_newest() -> None:
    async def go() -> None:
        async with _served(PaperWindow(("core", "second"))) as server:

            async def ids(query: str) -> list[str]:
                return [
                    message["id"].rsplit("-", 1)[0] for message in (await _ask(server, f"/api/adjustments{query}")).json
                ]

            assert await ids("?after=2") == [f"core-{3:020d}", f"second-{3:020d}"]
            assert await ids(f"?after={1:020d}&portfolio=core&limit=1") == [f"core-{2:020d}"]
            assert await ids("?portfolio=second&limit=2") == [f"second-{2:020d}", f"second-{3:020d}"]
            assert await ids("?portfolio=nobody") == []
            assert len(await ids("?after=0")) == 6

    asyncio.run(go())


@pytest.mark.parametrize(
    ("path", "status", "word"),
    [
        ("/api/adjustments?after=-1", 400, "after"),
        ("/api/adjustments?after=x", 400, "after"),
        ("/api/adjustments?after=" + "9" * 30, 400, "after"),
        ("/api/adjustments?after=%D9%A3", 400, "after"),
        ("/api/adjustments?limit=0", 400, "limit"),
        ("/api/adjustments?limit=501", 400, "limit"),
        ("/api/portfolios/nobody", 404, "nobody"),
        ("/api/portfolios/nobody/chart", 404, "nobody"),
        ("/api/nothing", 404, "404"),
        ("/../pyproject.toml", 404, "404"),
        ("/%2e%2e/server.py", 404, "404"),
        ("/page.css/..%2froutes.py", 404, "404"),
    ],
)
def test_a_bad_request_gets_a_clear_line(path: str, status: int, word: str) -> None:
    async def go() -> None:
        async with _served(PaperWindow()) as server:
            answer = await _ask(server, path)
            assert answer.status == status
            assert answer.headers["content-type"].startswith("application/json")
            assert word in answer.json["error"]
            assert "\n" not in answer.json["error"]

    asyncio.run(go())


def test_a_method_that_is_not_served_is_named() -> None:
    async def go() -> None:
        async with _served(PaperWindow()) as server:
            answer = await _ask(server, "/api/status", method="DELETE", headers=_ANSWERING)
            assert answer.status == 405
            assert "GET" in answer.headers["allow"]
            assert (await _ask(server, "/api/status", method="HEAD")).status == 200

    asyncio.run(go())


def test_what_is_no_number_becomes_null() -> None:
    async def go() -> None:
        window = PaperWindow()
        window.newest_signals["signals"] = [{"id": "S03", "value": float("nan")}, {"id": "S10", "value": float("inf")}]
        async with _served(window) as server:
            shown = (await _ask(server, "/api/signals")).json["signals"]
            assert [row["value"] for row in shown] == [None, None]

    asyncio.run(go())


def test_a_fault_of_ours_is_a_line_without_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(PaperWindow):
        def portfolio(self, portfolio: str) -> PortfolioView | None:
            raise KeyError(f"secret of {portfolio}")

    async def go() -> None:
        async with _served(Broken()) as server:
            answer = await _ask(server, "/api/portfolios/core")
            assert answer.status == 500
            assert b"secret" not in answer.body
            assert b"Traceback" not in answer.body
            assert (await _ask(server, "/healthz")).status == 200

    asyncio.run(go())
    assert "/api/portfolios/core failed" in caplog.text


def test_a_log_that_is_away_is_the_worlds_fault() -> None:
    async def go() -> None:
        window = PaperWindow()
        window.log_is_away = True
        async with _served(window) as server:
            answer = await _ask(server, "/api/adjustments?after=0")
            assert (answer.status, answer.json) == (503, {"error": "redis is away: connection refused"})
            said = await _ask(server, "/api/answers", method="POST", body=_said(), headers=_ANSWERING)
            assert said.status == 503

    asyncio.run(go())


# Answers


def test_an_answer_reaches_the_window_whole() -> None:
    async def go() -> None:
        window = PaperWindow()
        fills = [{"symbol": "VIX 261222C00022000", "quantity": 4, "price": 2.1, "fee": 4.0}]
        async with _served(window) as server:
            body = _said(decision="executed", fills=fills)
            answer = await _ask(server, "/api/answers", method="POST", body=body, headers=_ANSWERING)
            assert answer.status == 202
            assert answer.json["accepted"] is True
            again = await _ask(server, "/api/answers", method="POST", body=body, headers=_ANSWERING)
            assert again.status == 422
            assert "no adjustment that waits" in again.json["error"]
        ((portfolio, said),) = window.said
        assert (portfolio, said["decision"], said["by"], said["fills"]) == ("core", "executed", "Ada", fills)

    asyncio.run(go())


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        (b"{", 400, "JSON"),
        (b"[" * 10_000, 400, "JSON"),
        (b"\xff\xfe", 400, "JSON"),
        (b"[]", 400, "object"),
        (_said(portfolio=None), 400, "portfolio"),
        (_said(decision="maybe"), 400, "decision"),
        (_said(by=""), 400, "by"),
        (_said(by="x" * 1001), 400, "by"),
        (_said(event_id=7), 400, "event_id"),
        (_said(decision="reject"), 400, "reason"),
        (_said(decision="amend", reason="   "), 400, "reason"),
        (_said(fills=[{"price": 1}] * 2000), 413, "body size"),
        (_said().replace(b'"Ada"', b"NaN"), 400, "JSON"),
        (_said(event_id="core-2"), 422, "core-2"),
    ],
)
def test_an_answer_that_does_not_fit_changes_nothing(body: bytes, status: int, word: str) -> None:
    async def go() -> None:
        window = PaperWindow()
        async with _served(window) as server:
            answer = await _ask(server, "/api/answers", method="POST", body=body, headers=_ANSWERING)
            assert answer.status == status
            assert word in answer.json["error"]
        assert window.said == []

    asyncio.run(go())


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "application/json"}, 403),
        ({**_ANSWERING, "Origin": "https://evil.example"}, 403),
        ({**_ANSWERING, "Origin": "null"}, 403),
        ({**_ANSWERING, "Sec-Fetch-Site": "cross-site"}, 403),
        ({**_ANSWERING, "Sec-Fetch-Site": "same-site"}, 403),
        ({"X-Alvh-Intent": "answer", "Content-Type": "text/plain"}, 415),
        ({**_ANSWERING, "Host": "evil.example"}, 421),
        ({**_ANSWERING, "Host": "[::bad"}, 421),
    ],
)
def test_another_site_cannot_answer(headers: Mapping[str, str], status: int) -> None:
    async def go() -> None:
        window = PaperWindow()
        async with _served(window) as server:
            answer = await _ask(server, "/api/answers", method="POST", body=_said(), headers=headers)
            assert answer.status == status
            own = {**_ANSWERING, "Origin": f"http://127.0.0.1:{server.port}", "Sec-Fetch-Site": "same-origin"}
            assert window.said == []
            assert (await _ask(server, "/api/answers", method="POST", body=_said(), headers=own)).status == 202

    asyncio.run(go())


# Who is let in


def test_a_name_of_another_site_for_this_machine_gets_nothing() -> None:
    async def go() -> None:
        async with _served(PaperWindow()) as server:
            for host in ("evil.example", f"evil.example:{server.port}", ""):
                assert (await _ask(server, "/api/status", headers={"Host": host})).status == 421
            for host in ("localhost", f"[::1]:{server.port}", f"LOCALHOST:{server.port}"):
                assert (await _ask(server, "/api/status", headers={"Host": host})).status == 200

    asyncio.run(go())


def test_the_token_is_asked_for_where_there_is_something_to_see() -> None:
    async def go() -> None:
        window = PaperWindow()
        window.not_ready = ["SPX: no quote"]
        async with _served(window, token="pass word ü") as server:
            for path in ("/metrics", "/api/status", "/api/portfolios/core", "/api/stream", "/api/adjustments"):
                for sent in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic pass word ü"}):
                    refused = await _ask(server, path, headers=sent)
                    assert refused.status == 401
                    assert refused.headers["www-authenticate"].startswith("Bearer")
            known = {"Authorization": "bearer pass word ü", "Host": "alvh.example"}
            assert (await _ask(server, "/api/status", headers=known)).status == 200
            assert (await _ask(server, "/readyz", headers=known)).json == {"ready": False, "reasons": ["SPX: no quote"]}
            # A probe has no token; it learns whether, not why. The page itself holds nothing, and asks for the token.
            assert (await _ask(server, "/readyz")).json == {"ready": False}
            assert (await _ask(server, "/healthz")).status == 200
            assert (await _ask(server, "/")).status == 200

    asyncio.run(go())


def test_beyond_loopback_there_is_no_server_without_a_token() -> None:
    with pytest.raises(AssertionError):
        Guard("0.0.0.0", None)
    assert Guard("0.0.0.0", "t").needs_token


def test_every_answer_carries_the_strict_headers() -> None:
    async def go() -> None:
        async with _served(PaperWindow()) as server:
            for path in ("/", "/page.js", "/metrics", "/api/status", "/readyz", "/nothing"):
                headers = (await _ask(server, path)).headers
                policy = headers["content-security-policy"]
                assert "default-src 'self'" in policy
                assert "unsafe" not in policy
                assert "frame-ancestors 'none'" in policy
                assert headers["x-content-type-options"] == "nosniff"
                assert headers["cache-control"] == "no-store"
                assert "access-control-allow-origin" not in headers

    asyncio.run(go())


# Streams and limits


async def _stream(server: HttpServer) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(f"GET /api/stream HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode())
    async with asyncio.timeout(5):
        await reader.readuntil(b"\r\n\r\n")
    return reader, writer


def test_a_change_is_told_and_a_storm_of_them_is_told_once() -> None:
    async def go() -> None:
        async with _served(PaperWindow()) as server:
            reader, writer = await _stream(server)
            async with asyncio.timeout(5):
                assert b"data: 0" in await reader.readuntil(b"\n\n\r\n")
                for _ in range(10_000):
                    server.changed()
                assert b"event: changed\ndata: 10000" in await reader.readuntil(b"\n\n\r\n")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.8):
                    await reader.readuntil(b"\n\n\r\n")
            writer.close()

    asyncio.run(go())


def test_streams_are_limited_and_their_places_come_free() -> None:
    async def go() -> None:
        async with _served(PaperWindow()) as server:
            streams = [await _stream(server) for _ in range(MAX_STREAMS)]
            refused = await _ask(server, "/api/stream")
            assert refused.status == 503
            assert "pages are open" in refused.json["error"]
            for _, writer in streams:
                writer.close()
            async with asyncio.timeout(5):
                while (await _probe(server)) == 503:
                    server.changed()
                    await asyncio.sleep(0.05)

    async def _probe(server: HttpServer) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(f"GET /api/stream HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode())
        status = int((await reader.readline()).split()[1])
        writer.close()
        return status

    asyncio.run(go())


def test_one_connection_too_many_is_turned_away_and_the_others_go_on() -> None:
    async def go() -> None:
        async with _served(PaperWindow()) as server:
            held = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(MAX_CONNECTIONS)]
            refused = await _ask(server, "/healthz")
            assert refused.status == 503
            assert "too many" in refused.json["error"]
            reader, writer = held[0]
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert b"200 OK" in await reader.readline()
            for _, writer in held:
                writer.close()
            async with asyncio.timeout(5):
                while (await _ask(server, "/healthz")).status != 200:
                    continue

    asyncio.run(go())


def test_who_sends_nothing_or_half_a_request_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alvh.adapters.http.server.IDLE_LIMIT_S", 0.3)
    monkeypatch.setattr("alvh.adapters.http.routes.REQUEST_LIMIT_S", 0.3)

    async def go() -> None:
        async with _served(PaperWindow()) as server:
            begun = f"POST /api/answers HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nX-Alvh-Intent: answer\r\n"
            body = f"{begun}Content-Type: application/json\r\nContent-Length: 500\r\n\r\n{{"
            for sent in (b"", b"GET /api/status HT", begun.encode(), body.encode()):
                reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
                writer.write(sent)
                async with asyncio.timeout(5):
                    with suppress(ConnectionResetError):
                        assert b"200" not in await reader.read()
                writer.close()

    asyncio.run(go())


@pytest.mark.parametrize(
    "sent", [b"\x16\x03\x01\x02\x00\x01", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"y" * 70_000]
)
def test_what_is_not_http_is_turned_away(sent: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    async def go() -> None:
        async with _served(PaperWindow()) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(sent + b"\r\n\r\n")
            async with asyncio.timeout(5):
                answer = await reader.read()
            assert b"Traceback" not in answer
            assert b" 200 " not in answer
            writer.close()
            assert (await _ask(server, "/healthz")).status == 200

    asyncio.run(go())
    assert "Traceback" not in "".join(capfd.readouterr())


def test_a_close_ends_open_streams() -> None:
    async def go() -> None:
        window = PaperWindow()
        server = HttpServer(window, exposition=_exposition, port=0)
        await server.start()
        reader, writer = await _stream(server)
        async with asyncio.timeout(4):
            await server.close()
            await reader.read()
        writer.close()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", server.port)

    asyncio.run(go())


# Where it is bound


def test_a_port_that_was_asked_for_and_is_taken_is_an_outage() -> None:
    async def go() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            server = HttpServer(PaperWindow(), exposition=_exposition, port=port)
            with pytest.raises(OutageError, match=rf"127\.0\.0\.1:{port} is taken.*http\.port"):
                await server.start()

    asyncio.run(go())


def test_without_a_port_8080_is_preferred_and_a_free_one_taken() -> None:
    async def go() -> None:
        first = HttpServer(PaperWindow(), exposition=_exposition)
        second = HttpServer(PaperWindow(), exposition=_exposition)
        urls = [await first.start(), await second.start()]
        try:
            assert urls[0] != urls[1]
            assert second.port != PREFERRED_PORT
            assert (await _ask(second, "/healthz")).status == 200
        finally:
            await first.close()
            await second.close()

    asyncio.run(go())


def test_an_address_of_another_machine_is_an_outage() -> None:
    async def go() -> None:
        server = HttpServer(PaperWindow(), exposition=_exposition, host="192.0.2.1", port=0, token="t")
        with pytest.raises(OutageError, match=r"not an address of this machine"):
            await server.start()

    asyncio.run(go())


# Trail

_QUOTES = st.lists(st.tuples(st.integers(0, 200_000), st.floats(1.0, 10_000.0)), min_size=1, max_size=300)


@given(quotes=_QUOTES, since=st.integers(0, 200_000), limit=st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_a_trail_keeps_every_extreme_whatever_it_is_thinned_to(
    quotes: list[tuple[int, float]], since: int, limit: int
) -> None:
    quotes = sorted(quotes, key=lambda quote: quote[0])
    trail = Trail()
    for second, price in quotes:
        trail.add(second * 1_000_000_000, price)
    points = trail.points(since * 1_000_000_000, limit)
    inside = [price for second, price in quotes if second // 60 >= since // 60]
    assert len(points) <= limit
    assert bool(points) == bool(inside)
    if inside:
        assert (min(p[1] for p in points), max(p[2] for p in points)) == (min(inside), max(inside))
        assert points[-1][3] == inside[-1]
        times = [p[0] for p in points]
        assert times == sorted(set(times))


def test_a_trail_is_bounded_and_takes_nothing_older() -> None:
    trail = Trail()
    for minute in range(MAX_BUCKETS + 100):
        trail.add(minute * 60_000_000_000, float(minute))
    trail.add(0, 1e9)
    points = trail.points(0, MAX_BUCKETS * 2)
    assert len(points) == MAX_BUCKETS
    assert points[-1] == ((MAX_BUCKETS + 99) * 60.0, MAX_BUCKETS + 99, MAX_BUCKETS + 99, MAX_BUCKETS + 99)
