#!/bin/sh
# Is this broker well? It must answer a real question over its own door, not only hold a port open.
set -eu
run=${RUN:-/tmp}
export KAFKA_HEAP_OPTS="-Xmx64m -XX:TieredStopAtLevel=1" KAFKA_LOG4J_OPTS=-Dlog4j2.level=OFF LOG_DIR="$run"
exec "${KAFKA_HOME:-/opt/kafka}/bin/kafka-broker-api-versions.sh" --bootstrap-server "localhost:${BROKER_PORT:-9093}" \
    --command-config "$run/client.properties" >/dev/null
