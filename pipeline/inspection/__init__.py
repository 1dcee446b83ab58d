"""Shows the contents of files as tables and data, and which parts of them are supported."""
