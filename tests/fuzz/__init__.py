"""Damaged and hostile files of every format, thousands a minute, through the real command line."""
