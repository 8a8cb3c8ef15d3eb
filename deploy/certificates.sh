#!/usr/bin/env bash
# Creates certificates for trying mutual TLS, not for production: an authority, a server certificate for localhost, and one
# certificate for each caller of the example policies. Needs bash and openssl. Usage: deploy/certificates.sh FOLDER
set -euo pipefail
folder=${1:?usage: deploy/certificates.sh FOLDER}
mkdir -p "$folder" && chmod 700 "$folder" && cd "$folder"

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj "/CN=Keyway try-out CA" \
  -keyout ca.key -out ca.pem 2>/dev/null

issue() { # NAME SUBJECT_ALTERNATIVE_NAME
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$1" -keyout "$1.key" -out "$1.csr" 2>/dev/null
  openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -out "$1.pem" \
    -extfile <(printf 'subjectAltName=%s\n' "$2") 2>/dev/null
  rm "$1.csr"
}

issue server DNS:localhost,IP:127.0.0.1
for caller in web orders auditor operator; do
  issue "$caller" "URI:spiffe://example.org/$caller"
done
chmod 600 ./*.key
echo "$folder: ca.pem, and NAME.pem with NAME.key for server, web, orders, auditor, operator"
