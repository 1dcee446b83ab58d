"""Shows networks: the contents of a file, as tables and data, and what of it can be converted."""
