"""The twenty faults: brokers, writers, disks, networks and people do their worst, and one checker says what came of it."""
