"""The Lua that runs inside Redis: every write to the log goes through one of these, and each checks the token."""

from hashlib import sha1
from typing import Final, NamedTuple


class Script(NamedTuple):
    """A script and the name Redis knows it by."""

    text: str
    digest: str


def _script(text: str) -> Script:
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest())


# A script does not roll back, so everything that could refuse stands before the first write. Memory running out is
# checked by Redis itself before the first write of a script, never after it.
# ARGV: epoch, first seq, number of events, of messages, of snapshots, cap of the history, 1 and position or 0 and '',
# 1 and checkpoint or 0 and '', then the events, the messages (id, topic, body, retained), the snapshots (seq, number
# of fields and values, fields and values).
COMMIT: Final = _script("""
local journal, outbox, meta, checkpoint, signals, history = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local epoch, first = ARGV[1], tonumber(ARGV[2])
local events, messages, snapshots = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local FIRST_EVENT = 11
local FIRST_MESSAGE = FIRST_EVENT + events
local FIRST_SNAPSHOT = FIRST_MESSAGE + 4 * messages
local last = first + events - 1

local function newest(stream)
  local entry = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
  return entry and tonumber(string.match(entry[1], '^(%d+)')) or 0
end

local stored = redis.call('HMGET', meta, 'epoch', 'tail')
if stored[1] ~= epoch then return {'fenced', stored[1] or ''} end
local tail = tonumber(stored[2] or '0')
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
  redis.call('XADD', journal, (first + i - 1) .. '-1', 'e', ARGV[FIRST_EVENT + i - 1])
end
for i = 1, messages do
  local at = FIRST_MESSAGE + 4 * (i - 1)
  redis.call('XADD', outbox, ARGV[at], 't', ARGV[at + 1], 'b', ARGV[at + 2], 'r', ARGV[at + 3])
end
if ARGV[7] == '1' then
  redis.call('HSET', meta, 'tail', tostring(last), 'position', ARGV[8])
else
  redis.call('HSET', meta, 'tail', tostring(last))
end
if ARGV[9] == '1' then redis.call('HSET', checkpoint, 'seq', tostring(last), 'state', ARGV[10]) end
local at = FIRST_SNAPSHOT
for i = 1, snapshots do
  local size = tonumber(ARGV[at + 1])
  local pairs_of_it = {}
  for j = 1, size do pairs_of_it[j] = ARGV[at + 1 + j] end
  redis.call('XADD', history, 'MAXLEN', '~', ARGV[6], ARGV[at] .. '-1', unpack(pairs_of_it))
  if i == snapshots then
    redis.call('DEL', signals)
    redis.call('HSET', signals, unpack(pairs_of_it))
  end
  at = at + 2 + size
end
return {'ok'}
""")

# ARGV: epoch, message id, then topic and `<message id> <body>` of each retained message among the acknowledged.
ACKNOWLEDGE: Final = _script("""
local stored = redis.call('HMGET', KEYS[1], 'epoch', 'relay')
if stored[1] ~= ARGV[1] then return {'fenced', stored[1] or ''} end
local function parts(id)
  local seq, n = string.match(id, '^(%d+)%-(%d+)$')
  return tonumber(seq), tonumber(n)
end
local seq, n = parts(ARGV[2])
local old_seq, old_n = parts(stored[2] or '0-0')
if seq > old_seq or (seq == old_seq and n > old_n) then redis.call('HSET', KEYS[1], 'relay', ARGV[2]) end
for i = 3, #ARGV, 2 do redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
return {'ok'}
""")

# ARGV: our holder name, time to live in ms, the holder known to be dead or ''. The clock is Redis' own, so that nodes
# whose clocks differ still agree on the order of their epochs.
ACQUIRE: Final = _script("""
local held = redis.call('GET', KEYS[1])
if held then
  local holder = string.match(held, '^%d+|(.*)$') or held
  if holder ~= ARGV[3] and holder ~= ARGV[1] then return {'held', holder, tostring(redis.call('PTTL', KEYS[1]))} end
end
local previous = tonumber(redis.call('HGET', KEYS[2], 'epoch') or '0')
local now = tonumber(redis.call('TIME')[1])
local epoch = string.format('%.0f', math.max(previous + 1, now))
redis.call('HSET', KEYS[2], 'epoch', epoch)
redis.call('SET', KEYS[1], epoch .. '|' .. ARGV[1], 'PX', ARGV[2])
return {'ok', epoch}
""")

# ARGV: epoch, holder, time to live in ms. An expired lease that nobody took is ours again.
RENEW: Final = _script("""
local epoch = redis.call('HGET', KEYS[2], 'epoch')
if epoch ~= ARGV[1] then return {'fenced', epoch or ''} end
redis.call('SET', KEYS[1], ARGV[1] .. '|' .. ARGV[2], 'PX', ARGV[3])
return {'ok'}
""")

# ARGV: epoch, holder.
RELEASE: Final = _script("""
if redis.call('GET', KEYS[1]) == ARGV[1] .. '|' .. ARGV[2] then redis.call('DEL', KEYS[1]) end
return {'ok'}
""")
