"""What is answered at which address, and how a request is turned down."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from importlib.resources import files
from typing import Any, Final

from aiohttp import hdrs, web
from pydantic import ValidationError
from pydantic_core import from_json, to_json

from alvh.adapters.http.guard import HEADERS, INTENT_HEADER, Guard
from alvh.adapters.http.stream import Changes
from alvh.adapters.http.window import Window
from alvh.errors import FencedError, InputError, OutageError
from alvh.messages import Answer

_LOGGER: Final = logging.getLogger(__name__)

MAX_BODY_BYTES: Final = 16 * 1024  # an answer with the fills of every leg has about 2 kB
MAX_TEXT: Final = 1000  # characters of a name or a reason: they are kept for ever
MAX_ADJUSTMENTS: Final = 500  # a message has some 20 kB
DEFAULT_ADJUSTMENTS: Final = 100
REQUEST_LIMIT_S: Final = 15.0  # Redis waits 5 s at most; the rest is for a slow reader

PAGE: Final[Mapping[str, tuple[str, str]]] = {
    "/": ("index.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
    "/live.js": ("live.js", "text/javascript"),
    "/book.js": ("book.js", "text/javascript"),
    "/draw.js": ("draw.js", "text/javascript"),
    "/words.js": ("words.js", "text/javascript"),
    "/answer.js": ("answer.js", "text/javascript"),
    "/favicon.svg": ("favicon.svg", "image/svg+xml"),
}
"""The files of the page, by address; no other file can be asked for."""

_OPEN: Final = frozenset({*PAGE, "/healthz", "/readyz"})  # they hold nothing of a portfolio

Exposition = Callable[[str], tuple[bytes, str]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Routes:
    """Answers requests out of a window."""

    def __init__(self, window: Window, exposition: Exposition, guard: Guard, changes: Changes) -> None:
        self._window = window
        self._exposition = exposition
        self._guard = guard
        self._changes = changes
        folder = files("alvh.adapters.http") / "page"
        self._files = {path: (folder / name).read_bytes() for path, (name, _) in PAGE.items()}

    def application(self) -> web.Application:
        """Return the routes as an application."""
        application = web.Application(middlewares=[self._answered], client_max_size=MAX_BODY_BYTES)
        for path in PAGE:
            application.router.add_get(path, self._file)
        application.router.add_get("/metrics", self._metrics)
        application.router.add_get("/healthz", self._alive)
        application.router.add_get("/readyz", self._ready)
        application.router.add_get("/api/status", self._status)
        application.router.add_get("/api/portfolios", self._portfolios)
        application.router.add_get("/api/portfolios/{id}", self._portfolio)
        application.router.add_get("/api/portfolios/{id}/chart", self._chart)
        application.router.add_get("/api/adjustments", self._adjustments)
        application.router.add_get("/api/signals", self._signals)
        application.router.add_get("/api/stream", self._changes.serve)
        application.router.add_post("/api/answers", self._answer)
        return application

    # Around every request

    @web.middleware
    async def _answered(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer whatever happens; a response is written here, so that a reader who takes nothing is let go."""
        response: web.StreamResponse = _error(500, "nothing was answered")
        try:
            if request.path == "/api/stream":
                return await self._handled(request, handler)
            async with asyncio.timeout(REQUEST_LIMIT_S):
                response = await self._handled(request, handler)
                await response.prepare(request)
                await response.write_eof()
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
            response = _error(504, "this took too long")
        except ConnectionError as gone:
            _LOGGER.debug("%s: the reader has gone: %s", request.path, gone)
        return response

    async def _handled(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            self._admit(request)
            return await handler(request)
        except web.HTTPException as refusal:
            response = _error(refusal.status, refusal.text)
            for name in (hdrs.ALLOW, hdrs.WWW_AUTHENTICATE):
                if name in refusal.headers:
                    response.headers[name] = refusal.headers[name]
            return response
        except InputError as error:
            return _error(422, str(error))
        except (OutageError, FencedError) as error:
            return _error(503, str(error))
        except (ConnectionError, TimeoutError):
            raise
        except (
            Exception
        ):  # a fault of ours in one answer must not end the daemon; it is told, with its place, in the log
            _LOGGER.exception("%s %s failed", request.method, request.path)
            return _error(500, "the service failed to answer; its log says why")

    def _admit(self, request: web.Request) -> None:
        if not self._guard.is_our_name(request.headers):
            raise web.HTTPMisdirectedRequest(text="the Host header does not name this server")
        if request.path not in _OPEN and not self._guard.is_known(request.headers):
            raise web.HTTPUnauthorized(
                text="expected the configured token as: Authorization: Bearer ...",
                headers={hdrs.WWW_AUTHENTICATE: 'Bearer realm="alvh"'},
            )
        if request.method not in {hdrs.METH_GET, hdrs.METH_HEAD} and not self._guard.is_own_page(request.headers):
            raise web.HTTPForbidden(text=f"expected the header {INTENT_HEADER}: answer, and no other site's origin")

    # Page, metrics, health

    async def _file(self, request: web.Request) -> web.Response:
        _, kind = PAGE[request.path]
        return web.Response(body=self._files[request.path], content_type=kind, charset="utf-8", headers=HEADERS)

    async def _metrics(self, request: web.Request) -> web.Response:
        body, content_type = self._exposition(request.headers.get(hdrs.ACCEPT, ""))
        return web.Response(body=body, headers={**HEADERS, hdrs.CONTENT_TYPE: content_type})

    async def _alive(self, _: web.Request) -> web.Response:
        return _json({"alive": True})

    async def _ready(self, request: web.Request) -> web.Response:
        reasons = list(self._window.ready())
        body: dict[str, object] = {"ready": not reasons}
        if self._guard.is_known(request.headers):
            body["reasons"] = reasons
        return _json(body, status=503 if reasons else 200)

    # What is shown

    async def _status(self, _: web.Request) -> web.Response:
        return _json(self._window.status())

    async def _portfolios(self, _: web.Request) -> web.Response:
        return _json(self._window.portfolios())

    async def _portfolio(self, request: web.Request) -> web.Response:
        return _json(_found(self._window.portfolio(request.match_info["id"]), request))

    async def _chart(self, request: web.Request) -> web.Response:
        return _json(_found(self._window.chart(request.match_info["id"]), request))

    async def _signals(self, _: web.Request) -> web.Response:
        return _json(self._window.signals())

    async def _adjustments(self, request: web.Request) -> web.Response:
        after = _whole(request, "after", least=0, most=10**20 - 1)
        limit = _whole(request, "limit", least=1, most=MAX_ADJUSTMENTS)
        portfolio = request.query.get("portfolio")
        return _json(await self._window.adjustments(after, portfolio, limit or DEFAULT_ADJUSTMENTS))

    # What is said

    async def _answer(self, request: web.Request) -> web.Response:
        if request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType(text="expected Content-Type: application/json")
        body = _understood(await request.read())
        portfolio = body.get("portfolio")
        if not isinstance(portfolio, str) or not portfolio:
            raise web.HTTPBadRequest(text="portfolio: expected its id")
        try:
            answer = Answer.model_validate(body)
        except ValidationError as error:
            raise web.HTTPBadRequest(text=_first_fault(error)) from error
        _check(answer)
        result = await self._window.answer(portfolio, answer.model_dump(mode="json"))
        self._changes.changed()
        return _json(result, status=202)


def _json(content: object, *, status: int = 200) -> web.Response:
    # What is not a number has no word in JSON: it becomes null, as where it is missing.
    body = to_json(content, inf_nan_mode="null")
    return web.Response(body=body, status=status, content_type="application/json", headers=HEADERS)


def _error(status: int, text: str | None) -> web.Response:
    body = json.dumps({"error": text or "no reason given"}).encode()
    return web.Response(body=body, status=status, content_type="application/json", headers=HEADERS)


def _found(content: object | None, request: web.Request) -> object:
    if content is None:
        raise web.HTTPNotFound(text=f"there is no portfolio {request.match_info['id']!r}")
    return content


def _whole(request: web.Request, name: str, *, least: int, most: int) -> int | None:
    text = request.query.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most)) and least <= int(text) <= most):
        raise web.HTTPBadRequest(text=f"{name}: expected a whole number from {least} to {most}")
    return int(text)


def _understood(body: bytes) -> dict[str, Any]:
    try:
        content = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"the body is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise web.HTTPBadRequest(text="the body: expected a JSON object")
    return content


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"


def _check(answer: Answer) -> None:
    for name, text in (("by", answer.by), ("reason", answer.reason or ""), ("event_id", answer.event_id)):
        if len(text) > MAX_TEXT:
            raise web.HTTPBadRequest(text=f"{name}: expected at most {MAX_TEXT} characters")
    if not answer.by.strip():
        raise web.HTTPBadRequest(text="by: expected the name of who answers")
    if answer.decision in {"amend", "reject"} and not (answer.reason or "").strip():
        raise web.HTTPBadRequest(text=f"reason: expected one, as the decision is {answer.decision}")
