"""The servers that other tests lean on do what they say: they come back, they freeze, and they never stay behind."""

from tests.servers.addresses import broker_for_processes
from tests.servers.fixtures import kafka_broker  # noqa: F401  a fixture, named here until conftest names it
from tests.servers.kafka import Broker


def test_a_broker_answers_and_says_where_it_is(kafka_broker: Broker) -> None:  # noqa: F811
    assert broker_for_processes() == kafka_broker.bootstrap
    with kafka_broker.admin() as admin:
        assert [broker["broker_id"] for broker in admin.describe_cluster()["brokers"]] == [1]
