"""Compares two networks by meaning: matches their nodes, and compares what they compute."""
