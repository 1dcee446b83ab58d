"""Breaks the program in one place at a time and lists what no test notices; run by `make mutants`."""
