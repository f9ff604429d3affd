#!/bin/bash
# instructions.sh BINARY [json|big|lines|stream|lone] [MAX]: the instructions that the gateway needs in user space, counted by
# callgrind, so that the figure depends on neither the speed of the machine nor its load; two runs agree within about 1 %.
#   json           a request of 1 KB and its answer of 1 KB
#   big, lines     a request of 110 KB, in one line and with an escape in every 58 bytes
#   stream, lone   a chunk of 50 that come at once, and of 50 that come one by one
# Prints the functions that cost most (TOP=25 of them) and the count; exits with 1 if it is above MAX.
# STRATEGY=adaptive, LOG=true (the access log) and KEYS=1 (callers' keys) change the configuration, CONFIG=file replaces it.
# PORT and PROVIDER_PORT say where the gateway and its provider listen. A copy by `rep movsb` counts for each of its bytes.
set -euo pipefail
binary=$(readlink -f "$1") what=${2:-json} max=${3:-0} requests=${N:-400}
port=${PORT:-18095} provider=${PROVIDER_PORT:-19055}
cd "$(dirname "$0")"
../../../scripts/install.sh valgrind binutils curl gcc
[ -x fakeup ] || gcc -O2 -o fakeup fakeup.c
work=$(mktemp -d)

configuration() {
    cat <<YAML
server: { host: 127.0.0.1, port: $port, threads: 1 }
logging: { level: $([ "${LOG:-}" = true ] && echo info || echo warning), access: ${LOG:-false} }
providers:
  fake: { kind: openai, base_url: "http://127.0.0.1:$provider/v1", api_key: sk-fake }
models:
YAML
    for model in fake-0 fake-20-0-50 fake-20-20-50; do
        echo "  $model: { strategy: ${STRATEGY:-priority}, targets: [ { provider: fake, model: $model } ] }"
    done
    [ -z "${KEYS:-}" ] || cat <<'YAML'
auth:
  admin_key: admin-0123456789abcdef0123456789abcdef
  keys: [ { name: caller, key: sk-test-0123456789abcdef0123456789abcdef } ]
YAML
}
if [ -n "${CONFIG:-}" ]; then cp "$CONFIG" "$work/holdfast.yaml"; else configuration > "$work/holdfast.yaml"; fi

if curl -fs "127.0.0.1:$port/readyz" > /dev/null; then echo "port $port is taken" >&2 && exit 2; fi
# Valgrind cannot read Swift's debug information.
objcopy --strip-debug "$binary" "$work/holdfast"
./fakeup "$provider" > /dev/null 2>&1 & upstream=$!
HOME=$work valgrind --tool=callgrind --callgrind-out-file="$work/counts" --instr-atstart=no \
    "$work/holdfast" serve --config "$work/holdfast.yaml" > "$work/log" 2>&1 & gateway=$!
trap 'kill $gateway $upstream 2> /dev/null; wait $gateway $upstream 2> /dev/null || true; rm -rf "$work"' EXIT
for _ in $(seq 120); do curl -fs "127.0.0.1:$port/readyz" > /dev/null && break; sleep 0.5; done

units=$(python3 instructions-load.py "$what" "$requests" "$port" "$gateway")
counts=$(find "$work" -name 'counts*.1' | head -n 1)
callgrind_annotate --threshold=100 "$counts" 2> /dev/null |
    { swift demangle --simplified 2> /dev/null || cat; } | sed -E 's/ \[[^]]*\]//; s/\?\?\?://' > "$work/table"
total=$(grep -m1 'PROGRAM TOTALS' "$work/table" | awk '{ gsub(",", "", $1); print $1 }')
grep -E '^ *[0-9,]+ \(' "$work/table" | sed 1d | sed -n "1,${TOP:-25}p" | awk -v units="$units" \
    '{ count = $1; gsub(",", "", count); $1 = ""; printf "%9.0f %s\n", count / units, substr($0, 1, 150) }'
each=$((total / units))
if [ "$max" = 0 ]; then echo "$what: $each instructions each"; else echo "$what: $each instructions each (at most $max)"; fi
[ "$max" = 0 ] || [ "$each" -le "$max" ]
