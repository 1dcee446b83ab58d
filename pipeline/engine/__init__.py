"""Runs stages in order, delivers what they make, and records what happened; knows nothing of networks."""
