"""Torch7: the .t7 file, and what the modules in it mean."""
