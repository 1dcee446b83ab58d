"""Tracks which tensors share memory, so that what a module writes in place is seen through all of them.

A value of the graph never changes, but a Torch tensor does. `Sharing` maps each value that stands for a tensor to the
value that is the current content of its memory. Views (a reshape, a slice) are followed in both directions, and only
when they are read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.graph.values import Value

Read = Callable[[Value], Value]  # the base's content -> the view's content
Write = Callable[[Value, Value], Value]  # the base's content, the view's new content -> the base's new content


@dataclass(frozen=True, slots=True)
class View:
    """A tensor in the memory of another one."""

    base: Value
    read: Read
    write: Write


class Sharing:
    """The tensors of a network, and what has been written into their memory."""

    def __init__(self) -> None:
        self._views: dict[str, View] = {}
        self._writes: dict[str, list[tuple[Value, Value]]] = {}
        self._known: dict[str, tuple[int, Value]] = {}
        self._same: dict[str, Value] = {}  # by content: the tensor that it was written to
        self.writes = 0  # the number of writes so far

    def view(self, tensor: Value, base: Value, read: Read, write: Write) -> None:
        """Note that `tensor` is a view of `base`, unless they are the same tensor."""
        if tensor.name == base.name or tensor.name in self._views:
            return
        self._views[tensor.name] = View(base, read, write)
        self._known[tensor.name] = (len(self._history(tensor)), tensor)

    def is_view(self, tensor: Value) -> bool:
        """Return whether a tensor is in the memory of another one."""
        return tensor.name in self._views

    def overwrite(self, tensor: Value, content: Value) -> None:
        """Note that the memory of `tensor` now holds `content`. From now on, `content` stands for that tensor, too."""
        tensor = self._same.get(tensor.name, tensor)  # so that no chain grows with the number of writes
        if tensor.name == content.name:
            return
        self._same[content.name] = tensor
        self.writes += 1
        history = self._history(tensor)
        self._views[content.name] = View(tensor, lambda base: base, lambda _, new: new)
        history.append((tensor, content))
        for name in (tensor.name, content.name):
            self._known[name] = (len(history), content)

    def current(self, tensor: Value) -> Value:
        """Return the current content of the memory of `tensor`."""
        history = self._history(tensor)
        count, content = self._known.get(tensor.name, (0, tensor))
        if count == len(history):
            return content
        view = self._views.get(tensor.name)
        if view is not None:
            content = view.read(self.current(view.base))
        else:
            for target, new in history[count:]:
                content = self._put(target, content, new)
        self._known[tensor.name] = (len(history), content)
        return content

    def _put(self, target: Value, root: Value, new: Value) -> Value:
        """Return the content of the root after `new` is written to its view `target`. Before, it was `root`."""
        view = self._views.get(target.name)
        if view is None:
            return new
        return self._put(view.base, root, view.write(self._get(view.base, root), new))

    def _get(self, target: Value, root: Value) -> Value:
        view = self._views.get(target.name)
        return root if view is None else view.read(self._get(view.base, root))

    def _history(self, tensor: Value) -> list[tuple[Value, Value]]:
        root = tensor.name
        while root in self._views:
            root = self._views[root].base.name
        return self._writes.setdefault(root, [])
