"""The report of a run: one self-contained page that explains it.

`gather` collects the contents of the page as data, `layout` and `drawing` turn it into geometry, and `render` fills the
templates. The names in a network are not to be trusted, so everything on the page is escaped.
"""
