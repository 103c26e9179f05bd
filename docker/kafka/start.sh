#!/bin/sh
# Starts one broker of the log: writes its properties, formats its disk once, then becomes the broker, so that a signal
# to the container reaches it. Settings come from the environment; secrets only from files.
set -eu
umask 077

: "${NODE_ID:?the number of this broker}"
: "${NODE_HOST:?the host name under which clients and brokers reach it}"
: "${CONTROLLERS:?every controller, as host:port,host:port}"
shared=${SHARED:-/etc/unbroken}            # server.properties, log4j2.properties
secrets=${SECRETS:-/run/secrets}           # kafka-broker.pem, ca.pem, kafka-cluster-id
data=${DATA:-/var/lib/kafka/data}/log      # a folder of its own: on some volumes the root holds lost+found
run=${RUN:-/tmp}                           # gone with the container
kafka=${KAFKA_HOME:-/opt/kafka}/bin
client=${CLIENT_PORT:-9092} broker=${BROKER_PORT:-9093} controller=${CONTROLLER_PORT:-9094}
replicas=${REPLICAS:-1} in_sync=${MIN_INSYNC:-1}

cat "$shared/server.properties" - >"$run/server.properties" <<PROPERTIES
node.id=$NODE_ID
log.dirs=$data
listeners=CLIENT://:$client,BROKER://:$broker,CONTROLLER://:$controller
advertised.listeners=CLIENT://$NODE_HOST:$client,BROKER://$NODE_HOST:$broker,CONTROLLER://$NODE_HOST:$controller
controller.quorum.bootstrap.servers=$CONTROLLERS
ssl.keystore.location=$secrets/kafka-broker.pem
ssl.truststore.location=$secrets/ca.pem
default.replication.factor=$replicas
min.insync.replicas=$in_sync
offsets.topic.replication.factor=$replicas
transaction.state.log.replication.factor=$replicas
transaction.state.log.min.isr=$in_sync
share.coordinator.state.topic.replication.factor=$replicas
share.coordinator.state.topic.min.isr=$in_sync
PROPERTIES

# For health.sh, which asks this broker as itself.
cat >"$run/client.properties" <<PROPERTIES
security.protocol=SSL
ssl.keystore.type=PEM
ssl.keystore.location=$secrets/kafka-broker.pem
ssl.truststore.type=PEM
ssl.truststore.location=$secrets/ca.pem
PROPERTIES

export KAFKA_LOG4J_OPTS="-Dlog4j2.configurationFile=$shared/log4j2.properties" LOG_DIR="$run"
export EXTRA_ARGS="-name kafkaServer"  # without the image's log of garbage collections, which would fill /tmp
format() {
    KAFKA_HEAP_OPTS=-Xmx128m "$kafka/kafka-storage.sh" format "$1" --cluster-id "$(cat "$secrets/kafka-cluster-id")" \
        --config "$run/server.properties"
}
# An empty disk is not by itself the first day. The cluster is founded by an explicit word, once; without it a broker
# that lost its disk joins the others, and never begins a second, empty log beside the one that they still hold.
if [ "${1:-}" = found ]; then
    if [ -e "$data/meta.properties" ]; then echo "start.sh: founded already; nothing was changed"; else format --standalone; fi
    exit 0
fi
if [ ! -e "$data/meta.properties" ]; then
    case $CONTROLLERS in
        *,*) format --no-initial-controllers ;;
        *)
            echo "start.sh: this broker's disk is empty, and there is no other to join." >&2
            echo "A new installation:  docker compose run --rm found   Otherwise put the disk back; see docs/operations.md." >&2
            exit 78
            ;;
    esac
fi
exec "$kafka/kafka-server-start.sh" "$run/server.properties"
