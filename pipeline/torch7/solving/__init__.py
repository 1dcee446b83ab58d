"""Finding the shape of a network's input: what its modules ask for, what they remember, and what is left open."""
