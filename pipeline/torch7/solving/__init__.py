"""Infers the shape of a network's input: what its modules require, what they remember, and what is left open."""
