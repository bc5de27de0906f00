"""Who may ask: the token, the Host header, requests of other sites; and the headers that every answer carries."""

from collections.abc import Mapping
from hmac import compare_digest
from typing import Final
from urllib.parse import urlsplit

from aiohttp import hdrs

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})

HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}

INTENT_HEADER: Final = "X-Alvh-Intent"
"""What a page of another site cannot send without asking first: its presence shows that our own page asked."""


class Guard:
    """Decides about a request by its headers.

    Args:
        host: where the server is bound.
        token: the bearer token; None lets everybody in who names a loopback host, so that a name that another site
            points at this machine gets nothing.
    """

    def __init__(self, host: str, token: str | None) -> None:
        assert token is not None or host in LOOPBACK, "the configuration asks for a token elsewhere"
        self._names = LOOPBACK | {host}
        self._token = None if token is None else token.encode()

    @property
    def needs_token(self) -> bool:
        """Whether a token is asked for."""
        return self._token is not None

    def is_our_name(self, headers: Mapping[str, str]) -> bool:
        """Whether the Host header names this server."""
        if self._token is not None:
            return True
        try:
            name = urlsplit(f"//{headers.get(hdrs.HOST, '')}").hostname
        except ValueError:
            return False
        return name in self._names

    def is_known(self, headers: Mapping[str, str]) -> bool:
        """Whether the request carries the token, where one is asked for."""
        if self._token is None:
            return True
        scheme, _, token = headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        # Both sides are compared whatever the scheme says, in a time that does not depend on what is wrong.
        is_same = compare_digest(token.strip().encode("utf-8", "surrogateescape"), self._token)
        return is_same and scheme.lower() == "bearer"

    @staticmethod
    def is_own_page(headers: Mapping[str, str]) -> bool:
        """Whether a request that changes something comes from our own page, or from no browser at all."""
        if headers.get(INTENT_HEADER) is None:
            return False
        if headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
            return False
        origin = headers.get(hdrs.ORIGIN)
        try:
            return origin is None or urlsplit(origin).netloc == headers.get(hdrs.HOST)
        except ValueError:  # no address: no browser has sent this
            return False
