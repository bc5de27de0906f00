#!/bin/sh
# Starts Redis with its configuration and the password out of its secret, which no process list shows.
set -eu
secret=${REDIS_SECRET:-/run/secrets/redis_password}
run=${REDIS_RUN:-/run/redis}
configuration=${REDIS_CONFIGURATION:-/usr/local/etc/redis/redis.conf}
umask 077
printf 'include %s\nrequirepass %s\n' "$configuration" "$(head -n 1 "$secret")" >"$run/redis.conf"
exec redis-server "$run/redis.conf" "$@"
