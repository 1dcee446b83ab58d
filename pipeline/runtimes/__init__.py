"""Independent runtimes that can run an artifact: found, never required."""
