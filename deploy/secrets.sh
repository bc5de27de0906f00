#!/bin/sh
# Makes the secrets that are missing in deploy/secrets, each in a file of its own; those that are there stay.
#
# The folder is closed to others; the files are not, as containers read them under user ids of their own.
set -eu
folder=${1:-$(dirname "$0")/secrets}
mkdir -p "$folder"
chmod 700 "$folder"
for name in redis_password http_token mqtt_alvh mqtt_subscriber mqtt_answerer mqtt_observer grafana_admin; do
  [ -s "$folder/$name" ] || od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"$folder/$name"
  chmod 644 "$folder/$name"
done
