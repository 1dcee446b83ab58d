"""The report of a run: one page that explains it, self-contained.

`gather` collects what the page tells as data, `layout` and `drawing` turn it into geometry, `render` fills the
templates. Every name in a network is somebody else's: nothing reaches the page unescaped.
"""
