"""The command line: one file per command, which parses options, calls the engine, and prints the result."""
