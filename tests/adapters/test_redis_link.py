"""The way to Redis: what can happen to a connection is an outage, and the next command finds another one."""

import asyncio
from typing import Any

import pytest

from alvh.adapters.redis import RedisAddress, RedisLink
from alvh.errors import OutageError
from servers import redis_server


def test_connection_closed_under_a_command_is_an_outage() -> None:
    """So uvloop says in a RuntimeError: found by the chaos suite, where it ended the daemon."""
    uvloop = pytest.importorskip("uvloop", reason="this platform has no uvloop")

    async def run(url: str) -> None:
        link = RedisLink(RedisAddress(url=url))
        try:
            assert await link.call("ECHO", "a") == b"a"
            client: Any = link._client
            (connection,) = client.connection_pool._available_connections

            async def looks_well() -> bool:
                return False

            connection.can_read = connection.can_read_destructive = (
                looks_well  # as between the library's look and its write
            )
            connection._writer.transport.abort()
            await asyncio.sleep(0.05)
            with pytest.raises(OutageError, match="connection was closed"):
                await link.call("ECHO", "a")
            assert await link.call("ECHO", "a") == b"a"
        finally:
            await link.close()

    with redis_server() as redis, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(redis.url))
