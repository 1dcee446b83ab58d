"""Stores artifacts on disk, each published as a whole or not at all, with digests, history and a ledger of runs."""
