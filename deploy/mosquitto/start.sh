#!/bin/sh
# Starts mosquitto with the passwords out of its secrets, one file a user, hashed into a file that lives in memory.
set -eu
secrets=${MQTT_SECRETS:-/run/secrets}
run=${MQTT_RUN:-/mosquitto/run}
configuration=${MQTT_CONFIGURATION:-/mosquitto/config/mosquitto.conf}
umask 077
: >"$run/passwords"
for user in alvh subscriber answerer observer; do
  printf '%s:%s\n' "$user" "$(head -n 1 "$secrets/mqtt_$user")" >>"$run/passwords"
done
mosquitto_passwd -U "$run/passwords"
exec mosquitto -c "$configuration"
