"""The log in Redis or Valkey: journal, outbox and checkpoint behind one script, and the lease that fences it."""

from alvh.adapters.redis.journal import RedisJournal
from alvh.adapters.redis.keys import Keys
from alvh.adapters.redis.lease import RedisLease
from alvh.adapters.redis.link import Durability, RedisAddress, RedisLink
from alvh.adapters.redis.outbox import RedisOutbox

__all__ = ["Durability", "Keys", "RedisAddress", "RedisJournal", "RedisLease", "RedisLink", "RedisOutbox"]
