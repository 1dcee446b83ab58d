"""Selects constant indices along one axis, to reverse, repeat, mirror or gather, and permutes axes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from pipeline.caffe.write import layers
from pipeline.caffe.write.builder import Blob, CaffeBuilder, Parameter

MOST_PIECES = 16  # with more, a matrix of 0 and 1 is shorter than Slice and Concat
LARGEST_MATRIX = 1 << 22  # elements


def runs(places: Sequence[int]) -> list[tuple[int, int]]:
    """Return indices as runs of consecutive ones, each (first, last + 1).

    >>> runs([1, 0, 1, 2, 2])
    [(1, 2), (0, 3), (2, 3)]
    """
    found: list[tuple[int, int]] = []
    for place in places:
        if found and found[-1][1] == place:
            found[-1] = (found[-1][0], place + 1)
        else:
            found.append((place, place + 1))
    return found


def select(net: CaffeBuilder, x: Blob, axis: int, places: Sequence[int]) -> Blob:
    """Return x[..., places, ...] along an axis, by Slice and Concat, or by a matrix if these would be many."""
    size = x.shape[axis]
    if list(places) == list(range(size)):
        return x
    wanted = runs(places)
    edges = sorted({0, size, *(edge for run in wanted for edge in run)})
    if len(wanted) > MOST_PIECES and len(places) * size <= LARGEST_MATRIX:
        matrix = Parameter((len(places), size), lambda: one_hot(places, size))
        return layers.matrix_along(net, x, axis, matrix)
    pieces = layers.sliced(net, x, axis, [last - first for first, last in pairwise(edges)])
    at = {edge: index for index, edge in enumerate(edges)}
    chosen = [piece for first, last in wanted for piece in pieces[at[first] : at[last]]]
    return layers.concat(net, chosen, axis)


def one_hot(places: Sequence[int], size: int) -> np.ndarray:
    """Return the matrix whose row i is 1 at places[i], and 0 elsewhere."""
    matrix = np.zeros((len(places), size), np.float32)
    matrix[np.arange(len(places)), list(places)] = 1
    return matrix


def swap(net: CaffeBuilder, x: Blob, first: int, middle: int, last: int) -> Blob:
    """Return x with two neighbouring blocks of axes, [first, middle) and [middle, last), swapped.

    Caffe has no layer that permutes axes, so x is sliced along the smaller block, and the pieces are concatenated.
    """
    shape = x.shape
    outer, inner = shape[:first], shape[last:]
    a, b = int(np.prod(shape[first:middle])), int(np.prod(shape[middle:last]))
    rest = int(np.prod(inner))
    wanted = (*outer, *shape[middle:last], *shape[first:middle], *inner)
    if a > 1 and b > 1:
        x = layers.reshape(net, x, (*outer, a, b, rest))
        if a <= b:
            x = layers.concat(net, layers.sliced(net, x, first, [1] * a), first + 2)
        else:
            x = layers.concat(net, layers.sliced(net, x, first + 1, [1] * b), first)
    return layers.reshape(net, x, wanted)


def transpose(net: CaffeBuilder, x: Blob, perm: Sequence[int]) -> Blob:
    """Return x with its axes permuted by `perm`, from the front or from the back, whichever needs fewer pieces."""
    moves = min((_moves(x.shape, perm, back) for back in (False, True)), key=lambda found: found[0])[1]
    for first, middle, last in moves:
        x = swap(net, x, first, middle, last)
    return x


def _moves(shape: Sequence[int], perm: Sequence[int], from_back: bool) -> tuple[int, list[tuple[int, int, int]]]:
    """Return the swaps of blocks that move one axis after the other to its place, and the number of pieces."""
    order, cost, moves = list(range(len(perm))), 0, []

    def sizes(first: int, last: int) -> int:
        return int(np.prod([shape[axis] for axis in order[first:last]]))

    for target in reversed(range(len(perm))) if from_back else range(len(perm)):
        at = order.index(perm[target])
        if at == target:
            continue
        if from_back:  # the run of axes whose final places are target, target - 1, ...
            run = 1
            while run <= at and order[at - run] == perm[target - run]:
                run += 1
            first, middle, last = at - run + 1, at + 1, target + 1
        else:
            run = 1
            while at + run < len(order) and order[at + run] == perm[target + run]:
                run += 1
            first, middle, last = target, at, at + run
        cost += min(sizes(first, middle), sizes(middle, last)) + 3
        moves.append((first, middle, last))
        order[first:last] = order[middle:last] + order[first:middle]
    return cost, moves
