"""The Lua that runs inside Redis: every write to the log goes through one of these, and each checks the token."""

from hashlib import sha1
from typing import Final, NamedTuple


class Script(NamedTuple):
    """A script and the name Redis knows it by."""

    text: str
    digest: str


def _script(text: str) -> Script:
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest())


# The token is the epoch and the leader's identity: after a failover that lost an epoch, the same number can be given
# away for a second time, and then only the identity tells the two leaders apart.
#
# A script does not roll back, so everything that could refuse stands before the first write. Memory running out is
# checked by Redis itself before the first write of a script, never after it.
# ARGV: epoch, identity, first seq, number of events, of messages, of snapshots, cap of the history, 1 and position or
# 0 and '', 1 and checkpoint or 0 and '', then the events, the messages (id, topic, body, retained), the snapshots
# (seq, number of fields and values, fields and values).
COMMIT: Final = _script("""
local journal, outbox, meta, checkpoint, signals, history = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local epoch, first = ARGV[1], tonumber(ARGV[3])
local events, messages, snapshots = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local FIRST_EVENT = 12
local FIRST_MESSAGE = FIRST_EVENT + events
local FIRST_SNAPSHOT = FIRST_MESSAGE + 4 * messages
local last = first + events - 1

local function newest(stream)
  local entry = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
  return entry and tonumber(string.match(entry[1], '^(%d+)')) or 0
end

local stored = redis.call('HMGET', meta, 'epoch', 'leader', 'tail')
if stored[1] ~= epoch or stored[2] ~= ARGV[2] then return {'fenced', stored[1] or ''} end
local tail = tonumber(stored[3] or '0')
local written = newest(journal)
if written ~= tail then return {'torn', tostring(tail), tostring(written)} end
if tail < first - 1 then return {'short', tostring(tail)} end

if tail >= first then
  local found = redis.call('XRANGE', journal, first .. '-0', last .. '-1')
  if #found ~= events then return {'differs', first .. '-1'} end
  for i = 1, events do
    if found[i][2][2] ~= ARGV[FIRST_EVENT + i - 1] then return {'differs', found[i][1]} end
  end
  found = redis.call('XRANGE', outbox, first .. '-0', last .. '-18446744073709551615')
  if #found ~= messages then return {'differs', first .. '-1'} end
  for i = 1, messages do
    local at, fields = FIRST_MESSAGE + 4 * (i - 1), found[i][2]
    if found[i][1] ~= ARGV[at] or fields[2] ~= ARGV[at + 1] or fields[4] ~= ARGV[at + 2] or fields[6] ~= ARGV[at + 3]
    then return {'differs', found[i][1]} end
  end
  redis.call('HSET', meta, 'confirmed', tostring(last))
  return {'done'}
end
if newest(outbox) > tail then return {'torn', tostring(tail), tostring(newest(outbox))} end

for i = 1, events do
  redis.call('XADD', journal, (first + i - 1) .. '-1', 'e', ARGV[FIRST_EVENT + i - 1], 'p', epoch)
end
for i = 1, messages do
  local at = FIRST_MESSAGE + 4 * (i - 1)
  redis.call('XADD', outbox, ARGV[at], 't', ARGV[at + 1], 'b', ARGV[at + 2], 'r', ARGV[at + 3])
end
if ARGV[8] == '1' then
  redis.call('HSET', meta, 'tail', tostring(last), 'position', ARGV[9])
else
  redis.call('HSET', meta, 'tail', tostring(last))
end
if ARGV[10] == '1' then redis.call('HSET', checkpoint, 'seq', tostring(last), 'state', ARGV[11]) end
local at = FIRST_SNAPSHOT
for i = 1, snapshots do
  local size = tonumber(ARGV[at + 1])
  local pairs_of_it = {}
  for j = 1, size do pairs_of_it[j] = ARGV[at + 1 + j] end
  redis.call('XADD', history, 'MAXLEN', '~', ARGV[7], ARGV[at] .. '-1', unpack(pairs_of_it))
  if i == snapshots then
    redis.call('DEL', signals)
    redis.call('HSET', signals, unpack(pairs_of_it))
  end
  at = at + 2 + size
end
return {'ok'}
""")

# ARGV: epoch, identity, message id, then topic and `<message id> <body>` of each retained message among the
# acknowledged. Nothing moves back: a request that was given up as lost may arrive long after its successors. Nothing
# moves ahead of the log either: after a failover that lost messages the next ones would count as said already.
ACKNOWLEDGE: Final = _script("""
local stored = redis.call('HMGET', KEYS[1], 'epoch', 'leader', 'relay', 'tail')
if stored[1] ~= ARGV[1] or stored[2] ~= ARGV[2] then return {'fenced', stored[1] or ''} end
local tail = stored[4] or '0'
if tonumber(string.match(ARGV[3], '^%d+')) > tonumber(tail) then return {'short', tail} end
local function parts(id)
  local seq, n = string.match(id, '^(%d+)%-(%d+)$')
  return tonumber(seq), tonumber(n)
end
local function is_newer(id, old)
  local seq, n = parts(id)
  local old_seq, old_n = parts(old)
  return seq > old_seq or (seq == old_seq and n > old_n)
end
if is_newer(ARGV[3], stored[3] or '0-0') then redis.call('HSET', KEYS[1], 'relay', ARGV[3]) end
for i = 4, #ARGV, 2 do
  local old = redis.call('HGET', KEYS[2], ARGV[i]) or '0-0 '
  if is_newer(string.match(ARGV[i + 1], '^%S+'), string.match(old, '^%S+')) then
    redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
  end
end
return {'ok'}
""")

# ARGV: our holder name, time to live in ms, the holder known to be dead or '', our identity, the highest epoch we know
# of (a failover may have forgotten it). Who has to wait is told the epoch of who holds it, and so knows of it too. Who
# knows of a higher one does not wait: an older leader, whom a failover has brought back, says what subscribers drop as
# known. The clock is Redis' own, so that nodes whose clocks differ still agree on the order of their epochs.
ACQUIRE: Final = _script("""
local held = redis.call('GET', KEYS[1])
if held then
  local under, holder = string.match(held, '^(%d+)|(.*)$')
  holder = holder or held
  if holder ~= ARGV[3] and holder ~= ARGV[1] and tonumber(under or '0') >= tonumber(ARGV[5]) then
    return {'held', holder, tostring(redis.call('PTTL', KEYS[1])), under or '0'}
  end
end
local previous = math.max(tonumber(redis.call('HGET', KEYS[2], 'epoch') or '0'), tonumber(ARGV[5]))
local now = tonumber(redis.call('TIME')[1])
local epoch = string.format('%.0f', math.max(previous + 1, now))
redis.call('HSET', KEYS[2], 'epoch', epoch, 'leader', ARGV[4])
redis.call('SET', KEYS[1], epoch .. '|' .. ARGV[1], 'PX', ARGV[2])
return {'ok', epoch}
""")

# ARGV: epoch, holder, time to live in ms, identity. An expired lease that nobody took is ours again.
RENEW: Final = _script("""
local stored = redis.call('HMGET', KEYS[2], 'epoch', 'leader')
if stored[1] ~= ARGV[1] or stored[2] ~= ARGV[4] then return {'fenced', stored[1] or ''} end
redis.call('SET', KEYS[1], ARGV[1] .. '|' .. ARGV[2], 'PX', ARGV[3])
return {'ok'}
""")

# ARGV: epoch, holder.
RELEASE: Final = _script("""
if redis.call('GET', KEYS[1]) == ARGV[1] .. '|' .. ARGV[2] then redis.call('DEL', KEYS[1]) end
return {'ok'}
""")

# ARGV: epoch, identity, 1 where nothing may go before it is archived, the first event that is young enough to stay.
# What goes lies behind the state, the relay's cursor and the archive. The last event of all stays in any case: the
# stream's end is the log's tail.
TRIM: Final = _script("""
local journal, outbox, meta, checkpoint = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local stored = redis.call('HMGET', meta, 'epoch', 'leader', 'tail', 'relay', 'archived')
if stored[1] ~= ARGV[1] or stored[2] ~= ARGV[2] then return {'fenced', stored[1] or ''} end
local state = tonumber(redis.call('HGET', checkpoint, 'seq') or '0')
local first = math.min(tonumber(ARGV[4]), state, tonumber(stored[3] or '0'))
if ARGV[3] == '1' then first = math.min(first, tonumber(stored[5] or '0') + 1) end
local said = tonumber(string.match(stored[4] or '0-0', '^(%d+)'))
local events = redis.call('XTRIM', journal, 'MINID', '=', string.format('%.0f-0', first))
local messages = redis.call('XTRIM', outbox, 'MINID', '=', string.format('%.0f-0', math.min(first, said)))
return {'ok', tostring(events), tostring(messages)}
""")

# ARGV: epoch, identity, the last event that stands in the archive, and where that is.
ARCHIVED: Final = _script("""
local stored = redis.call('HMGET', KEYS[1], 'epoch', 'leader', 'archived')
if stored[1] ~= ARGV[1] or stored[2] ~= ARGV[2] then return {'fenced', stored[1] or ''} end
if tonumber(ARGV[3]) > tonumber(stored[3] or '0') then
  redis.call('HSET', KEYS[1], 'archived', ARGV[3], 'archive', ARGV[4])
end
return {'ok'}
""")
