#!/bin/sh
# Applies everything to the cluster kubectl points at: secrets made by deploy/secrets.sh, files of deploy/ as they are.
set -eu
cd "$(dirname "$0")"
../secrets.sh
kubectl apply -f namespace.yaml
for secret in ../secrets/*; do
  [ ! -f "$secret" ] || set -- "$@" "--from-file=$secret"
done
kubectl -n alvh create secret generic alvh "$@" --dry-run=client -o yaml | kubectl apply -f -
kubectl -n alvh create configmap redis --from-file=../redis --dry-run=client -o yaml | kubectl apply -f -
kubectl -n alvh create configmap mosquitto --from-file=../mosquitto/mosquitto.conf --from-file=../mosquitto/acl \
  --from-file=../mosquitto/start.sh --from-literal=keep= --dry-run=client -o yaml | kubectl apply -f -
kubectl apply -f configuration.yaml -f redis.yaml -f mosquitto.yaml -f network.yaml -f alvh.yaml
kubectl -n alvh rollout status deployment/alvh --timeout=180s
