"""Looking at networks: summaries, verification, reports."""
