#!/bin/sh
# Starts VictoriaLogs as the central store of audit records (docs/central-audit.md). More flags can follow as arguments.
#
# Environment variables, with their defaults below: VICTORIA_LOGS (the program), VICTORIA_LOGS_SECRETS (a folder with
# server.pem, server.key, and victoria-logs-password), VICTORIA_LOGS_DATA, VICTORIA_LOGS_LISTEN, VICTORIA_LOGS_USERNAME,
# VICTORIA_LOGS_RETENTION.
set -eu
secrets=${VICTORIA_LOGS_SECRETS:-/etc/victoria-logs}

# -inmemoryDataFlushInterval: a crash loses acknowledged records that are not on disk yet. One second is the minimum.
# -search.maxQueryDuration: no less than `audit.query.timeout` of any gateway. Verification uses up to five minutes.
# -search.maxQueryLen: queries name the newest record of every chain. The default is enough for about 80 chains.
exec "${VICTORIA_LOGS:-victoria-logs}" \
    -httpListenAddr="${VICTORIA_LOGS_LISTEN:-:9428}" \
    -storageDataPath="${VICTORIA_LOGS_DATA:-/var/lib/victoria-logs}" \
    -retentionPeriod="${VICTORIA_LOGS_RETENTION:-400d}" \
    -inmemoryDataFlushInterval=1s \
    -search.maxQueryDuration=5m \
    -search.maxQueryLen=4MiB \
    -tls -tlsCertFile="$secrets/server.pem" -tlsKeyFile="$secrets/server.key" -tlsMinVersion=TLS13 \
    -httpAuth.username="${VICTORIA_LOGS_USERNAME:-keyway}" \
    -httpAuth.password="file://$secrets/victoria-logs-password" \
    "$@"
