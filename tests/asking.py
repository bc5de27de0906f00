"""Asks an HTTP server over a socket of its own, headers exactly as given."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from alvh.adapters.http import HttpServer
from shown import PaperWindow

TEXT = "text/plain; version=0.0.4; charset=utf-8"


def exposition(accept: str) -> tuple[bytes, str]:
    return f"alvh_leader 1.0\n# {accept}\n".encode(), TEXT


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever was sent
        return json.loads(self.body)


@asynccontextmanager
async def served(window: PaperWindow, token: str | None = None) -> AsyncIterator[HttpServer]:
    server = HttpServer(window, exposition=exposition, port=0, token=token)
    await server.start()
    try:
        yield server
    finally:
        await server.close()


async def ask(
    server: HttpServer, path: str, *, method: str = "GET", body: bytes = b"", headers: Mapping[str, str] | None = None
) -> Given:
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
    return Given(
        status=int(first.split()[1]), headers={name.lower(): text for name, text in named.items()}, body=content
    )
