"""The log in Redis or Valkey: journal, outbox and checkpoint behind one script, and the lease that fences it."""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from alvh.adapters.redis.archive import (
        Archived,
        archive_log,
        archived_events,
        archived_lines,
        archived_messages,
        is_archive,
        known_archive,
    )
    from alvh.adapters.redis.journal import RedisJournal
    from alvh.adapters.redis.keys import Keys
    from alvh.adapters.redis.lease import RedisLease
    from alvh.adapters.redis.link import Durability, RedisAddress, RedisLink
    from alvh.adapters.redis.outbox import RedisOutbox
    from alvh.adapters.redis.retention import RedisRetention

__all__ = [
    "Archived",
    "Durability",
    "Keys",
    "RedisAddress",
    "RedisJournal",
    "RedisLease",
    "RedisLink",
    "RedisOutbox",
    "RedisRetention",
    "archive_log",
    "archived_events",
    "archived_lines",
    "archived_messages",
    "is_archive",
    "known_archive",
]

_HOMES: Final = {
    "Archived": "archive",
    "Durability": "link",
    "Keys": "keys",
    "RedisAddress": "link",
    "RedisJournal": "journal",
    "RedisLease": "lease",
    "RedisLink": "link",
    "RedisOutbox": "outbox",
    "RedisRetention": "retention",
    "archive_log": "archive",
    "archived_events": "archive",
    "archived_lines": "archive",
    "archived_messages": "archive",
    "is_archive": "archive",
    "known_archive": "archive",
}


def __getattr__(name: str) -> object:
    """Load what is asked for: the client of Redis takes longer to load than a look at the log takes."""
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
