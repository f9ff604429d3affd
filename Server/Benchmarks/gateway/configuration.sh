#!/bin/sh
# Prints the configuration with which holdfast is measured: pass-through to the fake provider, no access log.
cat <<'Y'
server: { host: 127.0.0.1, port: 18090 }
logging: { level: warning, access: false }
providers:
  fake: { kind: openai, base_url: "http://127.0.0.1:19001/v1", api_key: sk-fake, concurrency: { limit: 4096, queue: 4096 } }
models:
  fake-0: { targets: [ { provider: fake, model: fake-0 } ] }
  fake-50: { targets: [ { provider: fake, model: fake-50 } ] }
  fake-20-20-50: { targets: [ { provider: fake, model: fake-20-20-50 } ] }
  fake-20-50-600: { targets: [ { provider: fake, model: fake-20-50-600 } ] }
Y
