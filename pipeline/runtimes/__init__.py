"""Independent runtimes, programs of others that can run artifacts. They are used if found, but never required."""
