"""The performance figures, as ratios measured side by side in one run. Never a timed test: a loaded machine is slow, not wrong."""
