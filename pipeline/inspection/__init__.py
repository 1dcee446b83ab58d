"""Looking at networks: what a file holds, as tables and data, and what of it can be converted."""
