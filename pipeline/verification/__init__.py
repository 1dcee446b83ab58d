"""Verifies that all files of a network compute the same numbers, and finds the first place where they differ."""
