"""The way to Redis: one door for every command, with a time limit, and its faults told in our own words."""

import asyncio
import logging
import secrets
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import redis.asyncio as vendor
from redis import exceptions as faults
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff

from alvh.adapters.redis.scripts import Script
from alvh.errors import InputError, JournalError, OutageError
from alvh.shell.ports import Observer, Silent

_LOGGER: Final = logging.getLogger(__name__)

# A commit under `appendfsync always` on a slow disk takes tens of milliseconds; what takes longer than this is away.
COMMAND_LIMIT_S: Final = 5.0
CONNECT_LIMIT_S: Final = 3.0
# The runner, the relay, the lease and two readers each use one at a time; twice that leaves room for the page, whose
# visitors wait for one another instead of taking the runner's.
MAX_CONNECTIONS: Final = 10

# Answers that pass by themselves or after somebody made room: retried, never a reason to drop what is in memory.
_PASSING: Final = {
    "OOM": "out of memory (maxmemory)",
    "READONLY": "a read-only replica",
    "LOADING": "loading its data",
    "MISCONF": "unable to persist (disk full?)",
    "MASTERDOWN": "a replica without its master",
    "CLUSTERDOWN": "a cluster that is down",
    "TRYAGAIN": "resharding",
    "NOREPLICAS": "without the replicas it must have",
    "BUSY": "busy with a script",
    "NOAUTH": "asking for a password",
    "WRONGPASS": "refusing the password",
    "NOPERM": "refusing this user",
    "ERR max number of clients reached": "out of connections",
    "UNBLOCKED": "changing its role",
}

# uvloop's word, a RuntimeError, for a write to a connection that was closed a moment before.
_CLOSED: Final = "the handler is closed"


class Durability(Enum):
    """When a commit counts as durable.

    `ALWAYS`: Redis has `appendfsync always`, so that its answer comes after the disk's. `WAITAOF`: each commit is
    followed by WAITAOF (Redis 7.2, Valkey). `EVERYSEC`: a failure of the host can take the last second with it.
    """

    ALWAYS = "always"
    WAITAOF = "waitaof"
    EVERYSEC = "everysec"


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisAddress:
    """Where Redis is, and what it takes to get in.

    Attributes:
        url: `redis://host:port/db`, `rediss://...` (TLS), `unix:///path?db=0`; with Sentinel
            `redis+sentinel://host:port,host:port/service/db`, for a cluster `redis+cluster://host:port,host:port`
            (both with `rediss+` for TLS).
        username: ACL user; None for the default user.
        password: its password; None where there is none.
        ca_file: certificates to trust instead of the system's.
        cert_file: our certificate, where Redis asks for one.
        key_file: its key.
        sentinel_password: password of the sentinels themselves.
    """

    url: str
    username: str | None = None
    password: str | None = None
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    sentinel_password: str | None = None

    def __repr__(self) -> str:
        """Show the place alone; a URL may carry a password too."""
        return f"RedisAddress({self.place})"

    @property
    def place(self) -> str:
        """Scheme, host and path of the URL: what may be shown. A password with a slash in it is cut out too."""
        scheme, _, rest = self.url.partition("://")
        return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}"

    @property
    def credentials(self) -> tuple[str | None, str | None]:
        """User and password, from the URL or else from the fields."""
        parts = urlsplit(self.url)
        username = unquote(parts.username) if parts.username else self.username
        password = unquote(parts.password) if parts.password else self.password
        return username, password


class RedisLink:
    """A client of one Redis whose every fault is an OutageError (it will pass) or a JournalError (it will not).

    Attributes:
        identity: who asks through it: part of the fencing token, and of no other link's.
        fails_over: whether a replica may take the place of the Redis we talk to.
        highest_epoch: the highest epoch it was ever given or told of, whatever Redis has forgotten since.
    """

    def __init__(self, address: RedisAddress, *, observer: Observer | None = None) -> None:
        """Prepare the client; nothing is sent before the first command.

        Raises:
            InputError: the URL is not one.
        """
        self.identity = secrets.token_hex(8)
        self.highest_epoch = 0
        self.fails_over = urlsplit(address.url).scheme.endswith(("+sentinel", "+cluster"))
        self._client = _client(address)
        self._place = address.place
        self._observer = observer or Silent()
        self._is_up: bool | None = None
        self._turn = asyncio.Semaphore(MAX_CONNECTIONS)  # first come, first served; the pool itself would refuse

    async def call(self, *command: str | bytes | int) -> Any:  # noqa: ANN401 - what Redis answers depends on the command
        """Send one command and return its answer.

        Raises:
            OutageError: Redis is away, or refuses for now.
            JournalError: Redis answers what it never should (a key of another type, a broken script).
        """
        try:
            async with asyncio.timeout(COMMAND_LIMIT_S), self._turn:
                answer = await self._client.execute_command(*command)
        except faults.NoScriptError:
            raise
        except (faults.RedisError, OSError, TimeoutError, RuntimeError) as fault:
            raise self._told(fault, str(command[0])) from fault
        self._note(None)
        return answer

    async def run(self, script: Script, keys: Sequence[str], *arguments: str | bytes | int) -> list[bytes]:
        """Run a script, loading it where Redis does not know it (a restart forgets scripts)."""
        command = ("EVALSHA", script.digest, len(keys), *keys, *arguments)
        try:
            answer = await self.call(*command)
        except faults.NoScriptError:
            answer = await self.call("EVAL", script.text, len(keys), *keys, *arguments)
        assert isinstance(answer, list), answer
        return answer

    async def run_durably(
        self, script: Script, keys: Sequence[str], arguments: Sequence[str | bytes | int], replicas: int
    ) -> list[bytes]:
        """Run a script and WAITAOF behind it on the same connection.

        Raises:
            OutageError: also where too few disks have it in time; the script may have run all the same.
            InputError: the server is too old for it.
        """
        limit_ms = int(COMMAND_LIMIT_S * 1000 / 2)  # ours must be the longer one, or we would leave before the answer
        try:
            async with (
                asyncio.timeout(COMMAND_LIMIT_S),
                self._turn,
                self._client.pipeline(transaction=False) as pipeline,
            ):
                there = await self._node_of(keys[0])
                pipeline.execute_command("EVAL", script.text, len(keys), *keys, *arguments, **there)
                pipeline.execute_command("WAITAOF", 1, replicas, limit_ms, **there)
                answer, disks = await pipeline.execute()
        except (faults.RedisError, OSError, TimeoutError, RuntimeError) as fault:
            if isinstance(fault, faults.ResponseError) and "unknown command 'WAITAOF'" in str(fault):
                raise InputError(
                    f"redis.durability: {self._place} knows no WAITAOF: expected Redis 7.2, or Valkey"
                ) from fault
            raise self._told(fault, "EVAL and WAITAOF") from fault
        if answer[0] in {b"ok", b"done"} and (disks[0] < 1 or disks[1] < replicas):
            raise OutageError(f"redis {self._place}: only {disks[0]}+{disks[1]} of 1+{replicas} disks have the commit")
        self._note(None)
        assert isinstance(answer, list), answer
        return answer

    async def configuration(self, name: str, key: str) -> str | None:
        """Return one setting of the server that holds `key`, or None where it does not tell."""
        try:
            async with asyncio.timeout(COMMAND_LIMIT_S), self._turn:
                answer = await self._client.execute_command("CONFIG GET", name, **await self._node_of(key))
        except (faults.RedisError, OSError, TimeoutError):
            return None
        except RuntimeError as fault:
            if _CLOSED not in str(fault):
                raise
            return None
        return {_text(word): _text(value) for word, value in answer.items()}.get(name)

    async def _node_of(self, key: str) -> dict[str, Any]:
        """What a command without a key must be told in a cluster; nothing elsewhere."""
        if not isinstance(self._client, vendor.RedisCluster):
            return {}
        await self._client.initialize()
        return {"target_nodes": [self._client.get_node_from_key(key)]}

    async def close(self) -> None:
        """Give the connections back."""
        await self._client.aclose()

    def _told(self, fault: Exception, command: str) -> OutageError | JournalError:
        text = str(fault)
        if isinstance(fault, RuntimeError):
            if _CLOSED not in text:
                raise fault  # a bug: ours or the library's
            text = "the connection was closed"
        reason = next((words for sign, words in _PASSING.items() if text.startswith(sign)), None)
        if reason is None and isinstance(fault, faults.OutOfMemoryError):
            reason = _PASSING["OOM"]
        if reason is None and isinstance(fault, faults.ReadOnlyError):
            reason = _PASSING["READONLY"]
        if reason is None and isinstance(fault, faults.ResponseError):
            # a command that fails inside a script is told with words around it
            reason = next((words for sign, words in _PASSING.items() if f" -{sign} " in f" {text}"), None)
            if reason is None:
                return JournalError(f"redis {self._place}: {command} was refused: {text}")
        away = reason or (f"no answer within {COMMAND_LIMIT_S:g} s" if isinstance(fault, TimeoutError) else text)
        self._note(away)
        return OutageError(f"redis {self._place} is {away}" if reason else f"redis {self._place} is away: {away}")

    def _note(self, fault: str | None) -> None:
        is_up = fault is None
        if is_up == self._is_up:
            return
        if not is_up:
            _LOGGER.warning("redis %s: %s", self._place, fault)
        elif self._is_up is False:
            _LOGGER.info("redis %s is back", self._place)
        self._is_up = is_up
        self._observer.connected("redis", is_up)


def _client(address: RedisAddress) -> vendor.Redis | vendor.RedisCluster:
    # The time limit is ours (`asyncio.timeout` around each command), so the library's own is off: it would start a
    # task per command. It retries nothing: the runner does, knowing what it retries. Health checks stay off
    # (redis-py 3745: they can recurse); every use of the connection is one.
    options: dict[str, Any] = {
        "socket_timeout": None,
        "retry": Retry(NoBackoff(), 0),
        "health_check_interval": 0,
        "protocol": 2,
        "max_connections": MAX_CONNECTIONS,
    }
    options["username"], options["password"] = address.credentials
    scheme = urlsplit(address.url).scheme
    if scheme.startswith("rediss"):
        _check_certificates(address)
    if scheme != "unix":
        options |= {"socket_connect_timeout": CONNECT_LIMIT_S, "socket_keepalive": True}
    if scheme.startswith("rediss"):
        options |= {
            "ssl_ca_certs": address.ca_file,
            "ssl_certfile": address.cert_file,
            "ssl_keyfile": address.key_file,
        }
    options = {name: value for name, value in options.items() if value is not None or name == "socket_timeout"}
    try:
        if scheme in {"redis+sentinel", "rediss+sentinel"}:
            return _through_sentinel(address, options)
        if scheme in {"redis+cluster", "rediss+cluster"}:
            return _of_cluster(address, options)
        if scheme not in {"redis", "rediss", "unix"}:
            known = "redis://, rediss://, unix://, redis+sentinel:// or redis+cluster://"
            raise InputError(f"redis.url: {address.place} must begin with {known}")
        return vendor.Redis.from_url(address.url, **options)
    except ValueError:  # its words may quote a password
        raise InputError(f"redis.url: {address.place} is not the address of a Redis") from None


def _check_certificates(address: RedisAddress) -> None:
    """See that the files can be used: the client would look at them with each connection, and wait for ever."""
    try:
        context = ssl.create_default_context(cafile=address.ca_file)
        if address.cert_file is not None:
            context.load_cert_chain(address.cert_file, address.key_file)
    except (OSError, ssl.SSLError) as error:
        raise InputError(f"redis: certificate or key cannot be used: {error}") from error


def _through_sentinel(address: RedisAddress, options: dict[str, Any]) -> vendor.Redis:
    service, _, database = urlsplit(address.url).path.strip("/").partition("/")
    if not service:
        raise InputError(f"redis.url: {address.place} must be redis+sentinel://host:port,host:port/service/db")
    guards: dict[str, Any] = {"socket_timeout": CONNECT_LIMIT_S, "socket_connect_timeout": CONNECT_LIMIT_S}
    if address.sentinel_password is not None:
        guards["password"] = address.sentinel_password
    if urlsplit(address.url).scheme == "rediss+sentinel":
        options = options | {"ssl": True}
        guards |= {name: value for name, value in options.items() if name.startswith("ssl")}
    sentinel = Sentinel(_places(address), sentinel_kwargs=guards)  # type: ignore[no-untyped-call]  # the library's
    master: vendor.Redis = sentinel.master_for(service, db=int(database or 0), **options)
    return master


def _of_cluster(address: RedisAddress, options: dict[str, Any]) -> vendor.RedisCluster:
    nodes = [ClusterNode(host, port) for host, port in _places(address)]
    # One more attempt: the first one may only have learned that the slot has another master now.
    options = options | {"retry": Retry(NoBackoff(), 1), "ssl": urlsplit(address.url).scheme == "rediss+cluster"}
    return vendor.RedisCluster(startup_nodes=nodes, **options)


def _places(address: RedisAddress) -> list[tuple[str, int]]:
    places = [place.rpartition(":") for place in urlsplit(address.url).netloc.rpartition("@")[2].split(",")]
    if not all(host and port.isdigit() for host, _, port in places):
        raise InputError(f"redis.url: {address.place} must name host:port,host:port")
    return [(host, int(port)) for host, _, port in places]


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
