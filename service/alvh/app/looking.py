"""`alvh status`, `events`, `answer`, `record`: a running instance seen, and spoken to, from outside."""

import asyncio
import json
import logging
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from alvh.adapters.redis.glance import Glance, GlanceError
from alvh.adapters.redis.keys import Keys
from alvh.app.addresses import archive_folder, redis_address, redis_url
from alvh.app.telling import Style, event_lines, status_lines
from alvh.errors import InputError, OutageError
from alvh.settings import Settings
from alvh.settings_servers import EMBEDDED

if TYPE_CHECKING:
    from alvh.adapters.redis import RedisLink

T = TypeVar("T")
PAGE: Final = 256
AWAY_FOR_S: Final = 1.0  # between two attempts while Redis is away
FOLLOW_EVERY_S: Final = 0.2  # a person at a terminal takes this for at once
STATUS_EXPIRES_S: Final = 10  # a leader writes its status every second; what is this old is no leader's any more


class _Log:
    """The log of an instance, asked one thing at a time: at a glance where that works, else through the full client.

    Raises:
        OutageError: no daemon of this instance runs here.
    """

    def __init__(self, settings: Settings) -> None:
        logging.getLogger("alvh").setLevel(logging.CRITICAL)  # what is wrong is said once, by the command itself
        url = _place_of(settings)
        self._settings = settings
        self._client: _Client | None = None
        self._glance: Glance | None = None
        with suppress(GlanceError):
            self._glance = Glance.at(url, settings.redis.username, settings.redis.secret())

    def ask(self, *command: str | bytes | int) -> Any:  # noqa: ANN401 - what Redis answers depends on the command
        """Send one command and return its answer.

        Raises:
            OutageError: Redis is away.
        """
        if self._glance is not None:
            try:
                return self._glance.ask(*command)
            except GlanceError:
                self._glance.close()
                self._glance = None
        if self._client is None:
            self._client = _Client(self._settings)
        return self._client.ask(*command)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._glance is not None:
            self._glance.close()
        if self._client is not None:
            self._client.close()


class _Client:
    """The full client, with a loop of its own."""

    def __init__(self, settings: Settings) -> None:
        from alvh.adapters.redis import RedisLink  # noqa: PLC0415 - TLS and outages alone need it

        self._runner = asyncio.Runner()
        self._link = RedisLink(redis_address(settings))

    def ask(self, *command: str | bytes | int) -> Any:  # noqa: ANN401 - what Redis answers depends on the command
        return self._runner.run(self._link.call(*command))

    def close(self) -> None:
        self._runner.run(self._link.close())
        self._runner.close()


def _place_of(settings: Settings) -> str:
    url = redis_url(settings)
    if settings.redis.url == EMBEDDED and not Path(url.removeprefix("unix://")).exists():
        raise OutageError(f"no daemon of instance {settings.instance} runs in {settings.var}; start one with: alvh run")
    return url


def run(work: "Callable[[RedisLink, Keys], Coroutine[Any, Any, T]]", settings: Settings) -> T:
    """Run `work` against the log of an instance.

    Raises:
        OutageError: no daemon of this instance runs here, or its Redis is away.
    """
    from alvh.adapters.redis import RedisLink  # noqa: PLC0415 - loads the client of Redis

    logging.getLogger("alvh").setLevel(logging.CRITICAL)
    _place_of(settings)

    async def linked() -> T:
        link = RedisLink(redis_address(settings))
        try:
            return await work(link, Keys(settings.instance))
        finally:
            await link.close()

    return asyncio.run(linked())


def status(settings: Settings, *, as_json: bool) -> int:
    """Print what a person asks first.

    Raises:
        OutageError: no leader has said anything lately, or Redis is away.
    """
    with _Log(settings) as log:
        said = log.ask("GET", Keys(settings.instance).status)
    if said is None:
        raise OutageError(f"no leader of instance {settings.instance} has said anything for {STATUS_EXPIRES_S} s")
    found = json.loads(said)
    if as_json:
        _print(json.dumps(found, indent=2))
        return 0
    for line in status_lines(found, Style.of(sys.stdout)):
        _print(line)
    return 0


def events(settings: Settings, *, portfolio: str | None, start: int | None, follow: bool, as_json: bool) -> int:
    """Print adjustments from the outbox's history, then, if asked to, live ones until Ctrl-C.

    Raises:
        OutageError: Redis is away.
    """
    style = Style.of(sys.stdout)
    with _Log(settings) as log, suppress(KeyboardInterrupt) if follow else nullcontext():
        for document in _adjustments(log, Keys(settings.instance), follow=follow):
            if portfolio is not None and document["subject"] != portfolio:
                continue
            if start is not None and int(document["sequence"]) < start:
                continue
            if as_json:
                _print(json.dumps(document))
            else:
                for line in event_lines(document, style):
                    _print(line)
    return 0


def _adjustments(log: _Log, keys: Keys, *, follow: bool) -> Iterator[dict[str, Any]]:
    place = "0-0"
    for message_id, topic, body in _kept(log, keys):
        place = message_id
        if topic.endswith("/adjustment"):
            yield json.loads(body)
    while True:
        try:
            page = log.ask("XRANGE", keys.outbox, f"({place}", "+", "COUNT", PAGE)
        except OutageError:
            if not follow:
                raise
            time.sleep(AWAY_FOR_S)
            continue
        for entry_id, listed in page:
            place = entry_id.decode()
            # The full client makes a mapping of what Redis answers as a list.
            fields = listed if isinstance(listed, dict) else dict(zip(listed[::2], listed[1::2], strict=True))
            if fields[b"t"].endswith(b"/adjustment"):
                yield json.loads(fields[b"b"])
        if len(page) < PAGE:
            if not follow:
                return
            time.sleep(FOLLOW_EVERY_S)


def _kept(log: _Log, keys: Keys) -> Iterator[tuple[str, str, bytes]]:
    """Messages that have left Redis for the leader's archive, where that is on this machine."""
    (named,) = log.ask("HMGET", keys.meta, "archive")
    if named and Path(named.decode()).is_dir():
        from alvh.adapters.redis import archived_messages  # noqa: PLC0415 - loads the client of Redis

        for message in archived_messages(Path(named.decode())):
            yield message.message_id, message.topic, message.body


def archive(settings: Settings, out: Path | None) -> int:
    """Add to the archive what it lacks of the log, up to now; say what was written.

    Raises:
        InputError: no folder is named, or it holds another log's archive.
        OutageError: Redis is away, or the daemon adds to the archive at this moment.
    """
    from alvh.adapters.redis import archive_log  # noqa: PLC0415 - loads the client of Redis

    folder = out or archive_folder(settings)
    if folder is None:
        raise InputError("archive: expected a folder, by --out or in the configuration")
    done = run(lambda link, keys: archive_log(link, keys, folder), settings)
    for path in done.files:
        _print(str(path))
    _print(f"{done.events} events added, up to event {done.last_seq}")
    return 0


def answer(settings: Settings, message_id: str, decision: str, *, by: str, reason: str | None) -> None:
    """Answer an adjustment, and wait until the leader has taken it.

    Raises:
        InputError: the answer would not count, with the reason.
        OutageError: no leader takes it.
    """
    from alvh.app.answering import answer_and_wait  # noqa: PLC0415 - loads the engine

    run(lambda link, keys: answer_and_wait(settings, link, keys, message_id, decision, by, reason), settings)


def record(settings: Settings, out: Path, *, start: int, once: bool) -> int:
    """Write the log of a running instance as a tape, and beside it as a journal, until interrupted."""
    from alvh.app.recording import record_log  # noqa: PLC0415 - loads the engine's events

    run(lambda link, keys: record_log(link, keys, out, start=start, once=once), settings)
    return 0


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
