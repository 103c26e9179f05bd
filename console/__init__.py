"""ROOF: the command line. It asks, shows and hands over to `protocol.desk`; no rule lives here."""
