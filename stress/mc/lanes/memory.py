"""Where a kernel finds the numbers of a job, and keeps what paths own.

The job's numbers lie one after another in two arrays (float64, int32); large arrays are tables of their own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.pallas import triton

from stress.mc.lanes.cells import Cells, Number, Table, Value, array_of, flatten
from stress.types import Array

LARGE = 64
"""Arrays with more numbers than this are tables."""
FLOAT, INTEGER = 0, 1


def kind_of(dtype: Any) -> int:
    """Which of the two arrays holds numbers of a type."""
    return FLOAT if jnp.issubdtype(dtype, jnp.floating) else INTEGER


def read(memory: Any, place: Number, dtype: Any) -> Number:
    """One number, or one a lane, in its own type."""
    number = triton.load(memory.at[place])
    if dtype == jnp.bool_:
        return number != np.int32(0)
    return jax.lax.bitcast_convert_type(number, jnp.uint32) if dtype == jnp.uint32 else number.astype(dtype)


@dataclass(frozen=True)
class Place:
    """A leaf: which array, from which number on, its shape and type; ``table`` its number among the tables."""

    kind: int
    start: int
    shape: tuple[int, ...]
    dtype: np.dtype
    table: int | None = None

    @property
    def size(self) -> int:
        """Numbers."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Layout:
    """Where the leaves of a tree are."""

    places: tuple[Place, ...]
    structure: Any
    widths: tuple[int, int]  # numbers of either kind


def layout_of(tree: Any, *, tables: bool) -> Layout:
    """The layout of a tree of arrays (or of their shapes)."""
    leaves, structure = jax.tree.flatten(tree)
    places, widths, large = [], [0, 0], 0
    for leaf in leaves:
        kind, size, dtype = kind_of(leaf.dtype), math.prod(leaf.shape), np.dtype(leaf.dtype)
        if tables and size > LARGE:
            places.append(Place(kind, 0, leaf.shape, dtype, large))
            large += 1
            continue
        places.append(Place(kind, widths[kind], leaf.shape, dtype))
        widths[kind] += size
    return Layout(tuple(places), structure, (widths[FLOAT], widths[INTEGER]))


def packed(tree: Any, layout: Layout) -> tuple[list[Array], list[Array]]:
    """The two arrays of a tree's numbers, and its tables [n]."""
    parts: tuple[list[Array], list[Array]] = ([jnp.zeros(1, jnp.float64)], [jnp.zeros(1, jnp.int32)])
    tables = []
    for leaf, place in zip(jax.tree.leaves(tree), layout.places, strict=True):
        if place.table is not None:
            tables.append(leaf.reshape(-1))
        elif place.dtype == jnp.uint32:
            parts[INTEGER].append(jax.lax.bitcast_convert_type(leaf, jnp.int32).reshape(-1))
        else:
            parts[place.kind].append(leaf.reshape(-1).astype((jnp.float64, jnp.int32)[place.kind]))
    return [jnp.concatenate(part) for part in parts], tables


def packed_rows(tree: Any, layout: Layout, rows: int) -> list[Array]:
    """The two arrays of a tree whose leaves have a leading axis, one row after another; ``layout`` is that of a row."""
    parts = [packed(jax.tree.map(lambda leaf, row=row: leaf[row], tree), layout)[0] for row in range(rows)]
    return [jnp.concatenate(part) for part in zip(*parts, strict=True)]


def given(layout: Layout, numbers: Any, tables: list[Any], row: Number) -> Any:
    """The tree of a job's values, read where the kernel stands."""
    values: list[Value] = []
    for place in layout.places:
        if place.table is not None:
            values.append(Table(tables[place.table], place.shape, place.dtype))
            continue
        first = row * np.int32(1 + layout.widths[place.kind])
        at = (first + np.int32(1 + place.start + k) for k in range(place.size))
        cells = array_of(read(numbers[place.kind], where, place.dtype) for where in at)
        values.append(Cells(cells.reshape(place.shape), place.dtype))
    return jax.tree.unflatten(layout.structure, values)


@dataclass(frozen=True)
class Given:
    """The job's numbers, read when the kernel opens, and how to read a venue that is not known by then."""

    values: dict[str, Any]  # trees of model, ladders, prices at time zero, threshold of cascades
    venues: tuple[Any, ...]  # one a variant
    venue: Callable[[Any], Any]  # that of a variant []


@dataclass(frozen=True)
class Lines:
    """What paths own: a line of float64 numbers for every variant and path, [V, P, n] in memory."""

    layout: Layout  # of a line; whole numbers are float64 there, too
    memory: Any
    paths: int  # P

    def _first(self, variant: Number, path: Any) -> Any:
        return (variant * np.int32(self.paths) + path) * np.int32(line_width(self.layout))

    def load(self, variant: Number, path: Any) -> Any:
        """The tree of what a path [] owns under a variant []."""
        first, values, start = self._first(variant, path), [], 0
        for place in self.layout.places:
            numbers = array_of(
                _typed(triton.load(self.memory.at[first + np.int32(start + k)]), place.dtype) for k in range(place.size)
            )
            values.append(Cells(numbers.reshape(place.shape), place.dtype))
            start += place.size
        return jax.tree.unflatten(self.layout.structure, values)

    def store(self, variant: Number, path: Any, tree: Any, before: Any = None) -> None:
        """Keep it, but for numbers that are those of the tree ``before``."""
        first, start = self._first(variant, path), 0
        olds = [None] * len(self.layout.places) if before is None else flatten(before)[0]
        for value, old in zip(flatten(tree)[0], olds, strict=True):
            for k, number in enumerate(value.numbers.flat):
                if old is None or number is not old.numbers.flat[k]:
                    new = jnp.asarray(number).astype(jnp.float64)
                    triton.store(self.memory.at[first + np.int32(start + k)], new)
            start += value.numbers.size


def _typed(number: Any, dtype: Any) -> Any:
    return number != 0.0 if dtype == jnp.bool_ else number.astype(dtype)


def line_width(layout: Layout) -> int:
    """Numbers of a line, rounded up to whole lines of a cache."""
    return -(-sum(layout.widths) // 16) * 16


def lines(tree: Any, layout: Layout, count: int) -> Array:
    """``count`` equal lines one after another."""
    numbers = jnp.concatenate([leaf.reshape(-1).astype(jnp.float64) for leaf in jax.tree.leaves(tree)])
    return jnp.tile(jnp.pad(numbers, (0, line_width(layout) - numbers.shape[0])), count)


def unlined(memory: Array, layout: Layout, shape: tuple[int, ...]) -> Any:
    """The tree of arrays [*shape, ...] in lines."""
    numbers, leaves, start = memory.reshape(*shape, line_width(layout)), [], 0
    for place in layout.places:
        leaves.append(numbers[..., start : start + place.size].reshape(*shape, *place.shape).astype(place.dtype))
        start += place.size
    return jax.tree.unflatten(layout.structure, leaves)
