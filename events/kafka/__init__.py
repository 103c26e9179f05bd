"""Apache Kafka as the record: one topic of one partition, whose order arbitrates; a verified local copy to read from."""
