"""Real servers for tests and for a local demo, from language registries alone: no root, no Docker, no Java installed."""
