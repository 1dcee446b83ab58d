"""Whether a network's files compute the same numbers, and the first place where they do not."""
