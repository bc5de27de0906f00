"""The HTTP server under strain: streams, limits, readers that hang or go; and where it is bound."""

import asyncio
import socket
from contextlib import suppress

import pytest

from alvh.adapters.http import HttpServer
from alvh.adapters.http.server import MAX_CONNECTIONS, PREFERRED_PORT
from alvh.adapters.http.stream import MAX_STREAMS
from alvh.adapters.http.window import Status
from alvh.errors import OutageError
from asking import ask, exposition, served
from shown import PaperWindow


async def _stream(server: HttpServer) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(f"GET /api/stream HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode())
    async with asyncio.timeout(5):
        await reader.readuntil(b"\r\n\r\n")
    return reader, writer


def test_a_change_is_told_and_a_storm_of_them_is_told_once() -> None:
    async def go() -> None:
        async with served(PaperWindow()) as server:
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
        async with served(PaperWindow()) as server:
            streams = [await _stream(server) for _ in range(MAX_STREAMS)]
            refused = await ask(server, "/api/stream")
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
        async with served(PaperWindow()) as server:
            held = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(MAX_CONNECTIONS)]
            refused = await ask(server, "/healthz")
            assert refused.status == 503
            assert "too many" in refused.json["error"]
            reader, writer = held[0]
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert b"200 OK" in await reader.readline()
            for _, writer in held:
                writer.close()
            async with asyncio.timeout(5):
                while (await ask(server, "/healthz")).status != 200:
                    continue

    asyncio.run(go())


def test_who_sends_nothing_or_half_a_request_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alvh.adapters.http.server.IDLE_LIMIT_S", 0.3)
    monkeypatch.setattr("alvh.adapters.http.routes.REQUEST_LIMIT_S", 0.3)

    async def go() -> None:
        async with served(PaperWindow()) as server:
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
        async with served(PaperWindow()) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(sent + b"\r\n\r\n")
            async with asyncio.timeout(5):
                answer = await reader.read()
            assert b"Traceback" not in answer
            assert b" 200 " not in answer
            writer.close()
            assert (await ask(server, "/healthz")).status == 200

    asyncio.run(go())
    assert "Traceback" not in "".join(capfd.readouterr())


def test_a_reader_that_goes_before_its_answer_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    class Gone(PaperWindow):
        """While it is asked, the reader's connection breaks."""

        server: HttpServer

        def status(self) -> Status:
            connections = self.server._runner.server
            assert connections is not None
            for connection in connections.connections:
                assert connection.transport is not None
                connection.transport.abort()
            return super().status()

    async def go() -> None:
        window = Gone()
        async with served(window) as window.server:
            reader, writer = await asyncio.open_connection("127.0.0.1", window.server.port)
            writer.write(b"GET /api/status HTTP/1.1\r\nHost: localhost\r\n\r\n")
            with suppress(ConnectionResetError):
                assert await reader.read() == b""
            writer.close()
            assert (await ask(window.server, "/healthz")).status == 200

    asyncio.run(go())
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_a_close_ends_open_streams() -> None:
    async def go() -> None:
        window = PaperWindow()
        server = HttpServer(window, exposition=exposition, port=0)
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
            server = HttpServer(PaperWindow(), exposition=exposition, port=port)
            with pytest.raises(OutageError, match=rf"127\.0\.0\.1:{port} is taken.*http\.port"):
                await server.start()

    asyncio.run(go())


def test_without_a_port_8080_is_preferred_and_a_free_one_taken() -> None:
    async def go() -> None:
        first = HttpServer(PaperWindow(), exposition=exposition)
        second = HttpServer(PaperWindow(), exposition=exposition)
        urls = [await first.start(), await second.start()]
        try:
            assert urls[0] != urls[1]
            assert second.port != PREFERRED_PORT
            assert (await ask(second, "/healthz")).status == 200
        finally:
            await first.close()
            await second.close()

    asyncio.run(go())


def test_an_address_of_another_machine_is_an_outage() -> None:
    async def go() -> None:
        server = HttpServer(PaperWindow(), exposition=exposition, host="192.0.2.1", port=0, token="t")
        with pytest.raises(OutageError, match=r"not an address of this machine"):
            await server.start()

    asyncio.run(go())
