"""Generates the report of a run: one self-contained HTML page.

`gather` collects the data, `layout` and `drawing` compute the geometry, and `render` fills the templates. All names in
a network are untrusted, so nothing reaches the page unescaped.
"""
