"""The HTTP server over real sockets: what it answers, and whom it turns away."""

import asyncio
import json
from collections.abc import Mapping

import pytest

from alvh.adapters.http.guard import Guard
from alvh.adapters.http.window import PortfolioView
from asking import TEXT, ask, served
from shown import PaperWindow


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
        async with served(window) as server:
            page = await ask(server, "/")
            assert page.status == 200
            assert page.headers["content-type"].startswith("text/html")
            metrics = await ask(server, "/metrics", headers={"Accept": "text/plain"})
            assert (metrics.status, metrics.headers["content-type"]) == (200, TEXT)
            assert metrics.body == b"alvh_leader 1.0\n# text/plain\n"
            assert (await ask(server, "/healthz")).json == {"alive": True}
            assert (await ask(server, "/api/status")).json["instance"] == "main"
            assert [row["id"] for row in (await ask(server, "/api/portfolios")).json] == ["core", "second"]
            assert (await ask(server, "/api/portfolios/core")).json["phase"] == "INITIAL"
            assert len((await ask(server, "/api/portfolios/core/chart")).json["lines"]) == 2
            assert (await ask(server, "/api/signals")).json["flags"]["adv"] is None

    asyncio.run(go())


def test_readiness_names_each_reason() -> None:
    async def go() -> None:
        window = PaperWindow()
        async with served(window) as server:
            ready = await ask(server, "/readyz")
            assert (ready.status, ready.json) == (200, {"ready": True, "reasons": []})
            window.not_ready = ["SPX: no quote for 41 s", "mqtt: not connected"]
            ready = await ask(server, "/readyz")
            assert (ready.status, ready.json) == (503, {"ready": False, "reasons": window.not_ready})
            assert (await ask(server, "/healthz")).status == 200

    asyncio.run(go())


def test_adjustments_are_those_behind_a_sequence_or_the_newest() -> None:
    async def go() -> None:
        async with served(PaperWindow(("core", "second"))) as server:

            async def ids(query: str) -> list[str]:
                return [
                    message["id"].rsplit("-", 1)[0] for message in (await ask(server, f"/api/adjustments{query}")).json
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
        async with served(PaperWindow()) as server:
            answer = await ask(server, path)
            assert answer.status == status
            assert answer.headers["content-type"].startswith("application/json")
            assert word in answer.json["error"]
            assert "\n" not in answer.json["error"]

    asyncio.run(go())


def test_a_method_that_is_not_served_is_named() -> None:
    async def go() -> None:
        async with served(PaperWindow()) as server:
            answer = await ask(server, "/api/status", method="DELETE", headers=_ANSWERING)
            assert answer.status == 405
            assert "GET" in answer.headers["allow"]
            assert (await ask(server, "/api/status", method="HEAD")).status == 200

    asyncio.run(go())


def test_what_is_no_number_becomes_null() -> None:
    async def go() -> None:
        window = PaperWindow()
        window.newest_signals["signals"] = [{"id": "S03", "value": float("nan")}, {"id": "S10", "value": float("inf")}]
        async with served(window) as server:
            shown = (await ask(server, "/api/signals")).json["signals"]
            assert [row["value"] for row in shown] == [None, None]

    asyncio.run(go())


def test_a_fault_of_ours_is_a_line_without_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(PaperWindow):
        def portfolio(self, portfolio: str) -> PortfolioView | None:
            raise KeyError(f"secret of {portfolio}")

    async def go() -> None:
        async with served(Broken()) as server:
            answer = await ask(server, "/api/portfolios/core")
            assert answer.status == 500
            assert b"secret" not in answer.body
            assert b"Traceback" not in answer.body
            assert (await ask(server, "/healthz")).status == 200

    asyncio.run(go())
    assert "/api/portfolios/core failed" in caplog.text


def test_a_log_that_is_away_is_the_worlds_fault() -> None:
    async def go() -> None:
        window = PaperWindow()
        window.log_is_away = True
        async with served(window) as server:
            answer = await ask(server, "/api/adjustments?after=0")
            assert (answer.status, answer.json) == (503, {"error": "redis is away: connection refused"})
            said = await ask(server, "/api/answers", method="POST", body=_said(), headers=_ANSWERING)
            assert said.status == 503

    asyncio.run(go())


# Answers


def test_an_answer_reaches_the_window_whole() -> None:
    async def go() -> None:
        window = PaperWindow()
        fills = [{"symbol": "VIX 261222C00022000", "quantity": 4, "price": 2.1, "fee": 4.0}]
        async with served(window) as server:
            body = _said(decision="executed", fills=fills)
            answer = await ask(server, "/api/answers", method="POST", body=body, headers=_ANSWERING)
            assert answer.status == 202
            assert answer.json["accepted"] is True
            again = await ask(server, "/api/answers", method="POST", body=body, headers=_ANSWERING)
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
        async with served(window) as server:
            answer = await ask(server, "/api/answers", method="POST", body=body, headers=_ANSWERING)
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
        async with served(window) as server:
            answer = await ask(server, "/api/answers", method="POST", body=_said(), headers=headers)
            assert answer.status == status
            own = {**_ANSWERING, "Origin": f"http://127.0.0.1:{server.port}", "Sec-Fetch-Site": "same-origin"}
            assert window.said == []
            assert (await ask(server, "/api/answers", method="POST", body=_said(), headers=own)).status == 202

    asyncio.run(go())


# Who is let in


def test_a_name_of_another_site_for_this_machine_gets_nothing() -> None:
    async def go() -> None:
        async with served(PaperWindow()) as server:
            for host in ("evil.example", f"evil.example:{server.port}", ""):
                assert (await ask(server, "/api/status", headers={"Host": host})).status == 421
            for host in ("localhost", f"[::1]:{server.port}", f"LOCALHOST:{server.port}"):
                assert (await ask(server, "/api/status", headers={"Host": host})).status == 200

    asyncio.run(go())


def test_the_token_is_asked_for_where_there_is_something_to_see() -> None:
    async def go() -> None:
        window = PaperWindow()
        window.not_ready = ["SPX: no quote"]
        async with served(window, token="pass word ü") as server:
            for path in ("/metrics", "/api/status", "/api/portfolios/core", "/api/stream", "/api/adjustments"):
                for sent in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic pass word ü"}):
                    refused = await ask(server, path, headers=sent)
                    assert refused.status == 401
                    assert refused.headers["www-authenticate"].startswith("Bearer")
            known = {"Authorization": "bearer pass word ü", "Host": "alvh.example"}
            assert (await ask(server, "/api/status", headers=known)).status == 200
            assert (await ask(server, "/readyz", headers=known)).json == {"ready": False, "reasons": ["SPX: no quote"]}
            # A probe has no token; it learns whether, not why. The page itself holds nothing, and asks for the token.
            assert (await ask(server, "/readyz")).json == {"ready": False}
            assert (await ask(server, "/healthz")).status == 200
            assert (await ask(server, "/")).status == 200

    asyncio.run(go())


def test_beyond_loopback_there_is_no_server_without_a_token() -> None:
    with pytest.raises(AssertionError):
        Guard("0.0.0.0", None)
    assert Guard("0.0.0.0", "t").needs_token


def test_every_answer_carries_the_strict_headers() -> None:
    async def go() -> None:
        async with served(PaperWindow()) as server:
            for path in ("/", "/page.js", "/metrics", "/api/status", "/readyz", "/nothing"):
                headers = (await ask(server, path)).headers
                policy = headers["content-security-policy"]
                assert "default-src 'self'" in policy
                assert "unsafe" not in policy
                assert "frame-ancestors 'none'" in policy
                assert headers["x-content-type-options"] == "nosniff"
                assert headers["cache-control"] == "no-store"
                assert "access-control-allow-origin" not in headers

    asyncio.run(go())
