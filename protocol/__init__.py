"""STAIRS: the study protocol as data, and the pure rulebook over it. Only `protocol.desk` touches the log."""
