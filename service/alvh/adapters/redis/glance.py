"""A short look at a plain Redis with hiredis alone: the full client takes longer to load than most looks take."""

import socket
from typing import Any, Final, Self
from urllib.parse import parse_qs, unquote, urlsplit

import hiredis

CONNECT_LIMIT_S: Final = 3.0  # as the full client's
ANSWER_LIMIT_S: Final = 5.0
_CHUNK: Final = 1 << 16


class GlanceError(Exception):
    """It did not work this way; the full client finds out why, and says so in its words."""


class Glance:
    """One connection to one Redis, asked one thing at a time."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._reader = hiredis.Reader()

    @classmethod
    def at(cls, url: str, username: str | None = None, password: str | None = None) -> Self:
        """Connect and sign in.

        Args:
            url: `redis://host:port/db` or `unix:///path?db=0`.
            username: ACL user, where the URL names none.
            password: its password, where the URL names none.

        Raises:
            GlanceError: the address asks for more than this can, or Redis does not let us in.
        """
        try:
            parts = urlsplit(url)
            query = parse_qs(parts.query)
            if parts.scheme not in {"redis", "unix"} or not query.keys() <= {"db"}:
                raise GlanceError("an address for the full client")
            user = unquote(parts.username) if parts.username else username
            secret = unquote(parts.password) if parts.password else password
            path = parts.path.strip("/") if parts.scheme == "redis" else ""
            database = int(query["db"][0] if "db" in query else path or 0)
            glance = cls(_connected(parts.scheme, unquote(parts.path), parts.hostname, parts.port))
        except (ValueError, OSError) as error:
            raise GlanceError("no connection") from error
        if secret:
            glance.ask("AUTH", *((user,) if user else ()), secret)
        if database:
            glance.ask("SELECT", database)
        return glance

    def ask(self, *command: str | bytes | int) -> Any:  # noqa: ANN401 - what Redis answers depends on the command
        """Send one command and return its answer.

        Raises:
            GlanceError: no answer in time, or a refusal.
        """
        words = [word if isinstance(word, bytes) else str(word).encode() for word in command]
        request = b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)
        try:
            self._connection.sendall(request)
            while (answer := self._reader.gets()) is False:
                chunk = self._connection.recv(_CHUNK)
                if not chunk:
                    raise GlanceError("the connection has ended")
                self._reader.feed(chunk)
        except (OSError, hiredis.ProtocolError) as error:
            raise GlanceError("no answer") from error
        if isinstance(answer, hiredis.ReplyError):
            raise GlanceError("refused") from answer
        return answer

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def _connected(scheme: str, path: str, host: str | None, port: int | None) -> socket.socket:
    if scheme == "redis":
        connection = socket.create_connection((host or "localhost", port or 6379), timeout=CONNECT_LIMIT_S)
    else:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(CONNECT_LIMIT_S)
        try:
            connection.connect(path)
        except OSError:
            connection.close()
            raise
    connection.settimeout(ANSWER_LIMIT_S)
    return connection
