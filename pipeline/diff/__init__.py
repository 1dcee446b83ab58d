"""Compares two networks: which nodes match, and whether they compute the same."""
