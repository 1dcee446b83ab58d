"""Independent runtimes, which run the files of an artifact to check it. They are used if they are installed."""
