"""Runs stages in order, caches what they make, and records what happened; knows nothing of networks."""
