#!/usr/bin/env bash
# Creates the passwords of a central store, and names its certificates as the collector and VictoriaLogs expect them: in a
# folder of deploy/certificates.sh, for trying it on one machine. Usage: deploy/central/secrets.sh FOLDER
set -euo pipefail
folder=${1:?usage: deploy/central/secrets.sh FOLDER}
cd "$folder" && umask 077

random() { head -c 24 /dev/urandom | base64 | tr -d '\n'; }

# Between a gateway and the collector: a bearer token. The gateway sends it as a header.
random > audit-token
printf 'Bearer %s' "$(cat audit-token)" > audit-authorization
# Between the collector or a gateway and VictoriaLogs: a user name and a password. The collector needs both in base64.
random > victoria-logs-password
printf 'keyway:%s' "$(cat victoria-logs-password)" | base64 | tr -d '\n' > victoria-logs-credentials
cp ca.pem clients-ca.pem
cp ca.pem victoria-logs-ca.pem
echo "$folder: audit-token, audit-authorization, victoria-logs-password, victoria-logs-credentials"
