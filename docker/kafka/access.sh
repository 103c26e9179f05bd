#!/bin/sh
# What only the administrator may do, once the brokers are up: the topic, the writer's password, what the writer may.
# May be run at any time and changes only what differs: after a new password, a new topic name, or new brokers.
set -eu
umask 077

: "${BROKERS:?a broker's own door, as host:port}"
: "${TOPIC:?the name of the log's topic}"
: "${BROKER_IDS:?the numbers of the brokers that hold it, as 1 or 1,2,3}"
secrets=${SECRETS:-/run/secrets}           # kafka-admin.pem, ca.pem, kafka-writer-password
run=${RUN:-/tmp}
kafka=${KAFKA_HOME:-/opt/kafka}/bin
writer=${WRITER:-unbroken}
in_sync=${MIN_INSYNC:-1}
export KAFKA_HEAP_OPTS="-Xmx128m -XX:TieredStopAtLevel=1" KAFKA_LOG4J_OPTS=-Dlog4j2.level=ERROR LOG_DIR="$run"

cat >"$run/admin.properties" <<PROPERTIES
security.protocol=SSL
ssl.keystore.type=PEM
ssl.keystore.location=$secrets/kafka-admin.pem
ssl.truststore.type=PEM
ssl.truststore.location=$secrets/ca.pem
PROPERTIES
# From a file, not as an argument: arguments are seen by whoever lists processes.
printf 'SCRAM-SHA-512=iterations=8192,password=%s\n' "$(cat "$secrets/kafka-writer-password")" >"$run/writer.properties"

as_admin() { tool=$1; shift; "$kafka/$tool" --bootstrap-server "$BROKERS" --command-config "$run/admin.properties" "$@"; }

echo "access.sh: the topic $TOPIC"
as_admin kafka-topics.sh --create --if-not-exists --topic "$TOPIC" --replica-assignment "$(echo "$BROKER_IDS" | tr , :)"
described=$(as_admin kafka-topics.sh --describe --topic "$TOPIC")
case $described in
    *"PartitionCount: 1"[!0-9]*) ;;
    *) echo "access.sh: the topic $TOPIC has not exactly one partition, so it is not a log of ours:" >&2; echo "$described" >&2; exit 65 ;;
esac

# The first column that follows "Replicas:"; another order of the same brokers is as good.
sorted() { tr , '\n' | sort -n | tr '\n' ' '; }
held=$(echo "$described" | sed -n 's/.*[[:space:]]Replicas: \([0-9,]*\).*/\1/p' | sorted)
if [ "$held" != "$(echo "$BROKER_IDS" | sorted)" ]; then
    echo "access.sh: moving $TOPIC from brokers $held to $BROKER_IDS"
    printf '{"version":1,"partitions":[{"topic":"%s","partition":0,"replicas":[%s]}]}\n' "$TOPIC" "$BROKER_IDS" >"$run/move.json"
    as_admin kafka-reassign-partitions.sh --reassignment-json-file "$run/move.json" --execute
    until as_admin kafka-reassign-partitions.sh --reassignment-json-file "$run/move.json" --verify | grep -q "is completed"; do sleep 1; done
fi
settings="cleanup.policy=delete,retention.ms=-1,retention.bytes=-1,message.timestamp.type=LogAppendTime"
settings="$settings,max.message.bytes=1048576,unclean.leader.election.enable=false,min.insync.replicas=$in_sync"
settings="$settings,compression.type=uncompressed,flush.messages=1"
# Last: two in sync can be asked for only once three hold it.
as_admin kafka-configs.sh --alter --entity-type topics --entity-name "$TOPIC" --add-config "$settings"

echo "access.sh: the writer $writer"
as_admin kafka-configs.sh --alter --entity-type users --entity-name "$writer" --add-config-file "$run/writer.properties"
as_admin kafka-acls.sh --add --allow-principal "User:$writer" --topic "$TOPIC" \
    --operation Write --operation Read --operation Describe --operation DescribeConfigs
echo "access.sh: done"
