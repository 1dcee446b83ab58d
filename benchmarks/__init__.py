"""Measures what a conversion costs, beside what copying the files costs and what other programs take."""
