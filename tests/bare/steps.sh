#!/usr/bin/env bash
# The steps of check.sh that run inside the minimal root.
set -euo pipefail
cd /keyway
report() { printf '%s: %s seconds\n' "$1" "$((SECONDS - began))"; }

began=$SECONDS
make run >build-run.log 2>&1 &
server=$!
until grep -q '^keyway: serving on' build-run.log; do
    kill -0 "$server" 2>/dev/null || { cat build-run.log; exit 1; }
    sleep 0.2
done
.venv/bin/keyway certs list >/dev/null
report "make run, until it answers 'keyway certs list'"
echo "environment of make run: $(du -sm .venv | cut -f1) MB"
# make forwards no signal that it gets alone, so the signal goes to the gateway.
kill -TERM "$(cat /proc/"$server"/task/"$server"/children)" || true
wait "$server" || true
rm build-run.log

began=$SECONDS
make setup
report "make setup"
echo "environment of make test: $(du -sm .venv | cut -f1) MB"
began=$SECONDS
make unit ARGS="--quiet --junitxml=build/unit.xml"
report "make unit"
began=$SECONDS
make test ARGS="--quiet --junitxml=build/test.xml"
report "make test"
.venv/bin/python -m tests.bare.skipped build/test.xml docs/testing.md
